//! Whether a server's own pings hold the path, as a word and a sentence.
//! Leaves to `findings.rs`: what was measured; to `judgement.rs`: the rest of the report.

use std::time::Duration;

use super::{
    findings::{Findings, Idle},
    judgement::Known,
    record::{Habit, Record},
    report::{Finished, Verdict},
};

/// A ping that may come later than this share of the idle timeout will be too late one day: measured,
/// pings at exactly the timeout survived one of ten.
const SHARE_MAX: f64 = 0.9;
/// And so much earlier at least: nginx's timers may fire 0.3 s early, and networks delay.
const MARGIN: Duration = Duration::from_secs(1);

impl Known<'_> {
    pub(super) fn verdict(&self) -> (Verdict, String) {
        let Findings { idle, age, together, pings, .. } = &self.findings;
        let watched = self.watched().as_secs_f64();
        if self.opened.is_none() {
            return (Verdict::Unknown, "no connection was opened in time".to_owned());
        }
        if let Some(at) = together {
            let at = at.as_secs_f64();
            let words = format!(
                "all connections ended at once after {at:.1} s, however old they were: a restart or a \
                 failure, no timer; probe again"
            );
            return (Verdict::Unknown, words);
        }
        if let Some(cut) = &self.findings.at_once {
            let how = cut.words();
            let words = format!(
                "the server accepts, and ends every connection at once ({how}): the application does not \
                 want it (token, Origin, subprotocol), or what a gateway leads to is down"
            );
            return (Verdict::Bad, words);
        }
        match (idle, age) {
            (Some(idle), _) => self.held(idle),
            (None, None) if self.findings.passive_cut => {
                let end = self.records.first().and_then(Record::cut).map(ToString::to_string);
                let end = end.unwrap_or_default();
                (Verdict::Bad, format!("a peer that only answers pings was {end}"))
            }
            (None, _) if *pings == 0 && self.finished == Finished::Interrupted => (
                Verdict::Unknown,
                format!("within {watched:.1} s no ping came, and nothing was cut"),
            ),
            (None, Some((age, _))) if *pings == 0 => {
                let age = age.as_secs_f64();
                let words = format!(
                    "the server sends no pings, and every connection ended at the age of {age:.1} s"
                );
                (Verdict::Bad, words)
            }
            (None, None) if *pings == 0 && self.findings.speaks_every.is_some() => {
                let every = self.findings.speaks_every.unwrap_or_default().as_secs_f64();
                let words = format!(
                    "the server sends no pings; its messages, about every {every:.1} s, held the path for \
                     {watched:.1} s, and nothing does when it has nothing to say"
                );
                (Verdict::Bad, words)
            }
            (None, None) if *pings == 0 => {
                let words = format!(
                    "the server sent no ping within {watched:.1} s: nothing was cut so far, and nothing \
                     keeps a longer silence from being cut"
                );
                (Verdict::Bad, words)
            }
            (None, _) if *pings < 2 => {
                let words = format!(
                    "one ping came, and no other within {watched:.1} s: whether that is the first of \
                     many was not seen"
                );
                (Verdict::Unknown, words)
            }
            (None, _) => {
                let every = self.every();
                let words = format!(
                    "the server pings{every}: a peer that says nothing stayed for {watched:.1} s"
                );
                (Verdict::Good, words)
            }
        }
    }

    /// Whether the server's pings hold a path with this timer.
    fn held(&self, idle: &Idle) -> (Verdict, String) {
        let timeout = idle.timeout;
        let cut = format!("silence is cut after {:.1} s", timeout.as_secs_f64());
        let Findings { pings, period, first_ping, passive_cut, .. } = &self.findings;
        let period = period.or(*first_ping).unwrap_or_default();
        let close = period.as_secs_f64() > timeout.as_secs_f64() * SHARE_MAX
            || period + MARGIN.min(timeout / 4) > timeout;
        if *pings == 0 {
            (Verdict::Bad, format!("the server sends no pings, and {cut}"))
        } else if *passive_cut || close {
            let every = self.every();
            (Verdict::Bad, format!("the server pings{every}, too slowly: {cut}"))
        } else {
            (Verdict::Good, format!("the server pings{}, and {cut}", self.every()))
        }
    }

    fn every(&self) -> String {
        let period = self.findings.period;
        period.map_or_else(String::new, |gap| format!(" every {:.1} s", gap.as_secs_f64()))
    }

    /// The longest life of a peer that only answered pings.
    pub(super) fn watched(&self) -> Duration {
        let passive = self.records.iter().filter(|record| record.habit == Habit::Passive);
        passive.map(|record| record.age).max().unwrap_or_default()
    }
}
