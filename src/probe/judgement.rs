//! From the findings of a probe to its report: the verdict, who cut, the safe interval, as sentences.
//! Leaves to `text.rs`: how the report is laid out for people.

use std::time::Duration;

use super::{
    findings::{Cut, Findings, Idle, ResetBy},
    known::{KnownKind, near},
    plan::Plan,
    record::{Fate, Habit, Record},
    report::{
        Connection, CutSeen, Finished, Handshake, IdleTimeout, Report, RoundTrip, ServerPings,
        Took, Unanswered, Verdict,
    },
};
use crate::{
    dial::{Opened, Refusal},
    probe::diagnosis::hops,
};

/// What to ping at where no timer showed: a third of the 60 s at which nginx cuts by default.
const USUAL: Duration = Duration::from_secs(20);
/// A ping that may come later than this share of the idle timeout will be too late one day: measured,
/// pings at exactly the timeout survived one of ten.
const SHARE_MAX: f64 = 0.9;
/// And so much earlier at least: nginx's timers may fire 0.3 s early, and networks delay.
const MARGIN: Duration = Duration::from_secs(1);

/// All that a run knows at its end.
pub(super) struct Known<'a> {
    pub(super) url: String,
    pub(super) plan: &'a Plan,
    pub(super) opened: Option<&'a Opened>,
    pub(super) extensions: Option<String>,
    pub(super) records: &'a [Record],
    pub(super) findings: Findings,
    pub(super) elapsed: Duration,
    pub(super) finished: Finished,
}

/// The report of a run.
pub(super) fn judge(known: Known<'_>) -> Report {
    let (verdict, words) = known.verdict();
    let Known { plan, records, findings, elapsed, .. } = &known;
    let idle = findings.idle.as_ref();
    let cut = idle.map(|idle| &idle.cut).or(findings.age.as_ref().map(|(_, cut)| cut));
    let (interval, reason) = known.interval();
    Report {
        verdict,
        words,
        elapsed_seconds: seconds(*elapsed),
        finished: known.finished,
        handshake: known.handshake(),
        round_trip_ms: round_trip(records),
        server_pings: known.server_pings(),
        idle_timeout: idle.map(|idle| idle_timeout(idle, plan.precision)),
        longest_silence_survived_seconds: seconds(findings.survived),
        cut: cut.map(cut_seen),
        reset_by: known.reset_by(),
        unanswered_pings: findings.unanswered.as_ref().map(|(after, cut)| Unanswered {
            after_seconds: seconds(*after),
            how: cut.label(),
            code: cut.code(),
        }),
        maximum_age_seconds: findings.age.as_ref().map(|(age, _)| seconds(*age)),
        safe_ping_interval_seconds: Some(seconds(interval)),
        reason,
        known: known.alike(),
        notes: known.notes(),
        connections: records.iter().map(connection).collect(),
        url: known.url,
    }
}

/// The report where the first connection could not be opened.
pub(super) fn refused(
    url: String,
    refusal: &Refusal,
    diagnosis: Vec<String>,
    elapsed: Duration,
) -> Report {
    let answer = refusal.answer();
    let handshake = Handshake {
        status: refusal.status(),
        hops: answer.map(hops).unwrap_or_default(),
        server: answer.and_then(|answer| answer.header("server")).map(str::to_owned),
        refused: Some(refusal.label()),
        words: Some(refusal.to_string()),
        diagnosis,
        ..Handshake::default()
    };
    Report {
        url,
        verdict: Verdict::Bad,
        words: format!("there is no WebSocket: {refusal}"),
        elapsed_seconds: seconds(elapsed),
        finished: Finished::Refused,
        handshake,
        round_trip_ms: None,
        server_pings: ServerPings {
            seen: 0,
            unasked_pongs: 0,
            period_seconds: None,
            first_after_seconds: None,
            watched_seconds: 0.0,
        },
        idle_timeout: None,
        longest_silence_survived_seconds: 0.0,
        cut: None,
        reset_by: None,
        unanswered_pings: None,
        maximum_age_seconds: None,
        safe_ping_interval_seconds: None,
        reason: String::new(),
        known: Vec::new(),
        notes: Vec::new(),
        connections: Vec::new(),
    }
}

impl Known<'_> {
    fn verdict(&self) -> (Verdict, String) {
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
            (None, None) if *pings == 0 => {
                let words = format!(
                    "the server sent no ping within {watched:.1} s: nothing was cut so far, and nothing \
                     keeps a longer silence from being cut"
                );
                (Verdict::Bad, words)
            }
            (None, _) if *pings < 2 && self.finished == Finished::Interrupted => {
                (Verdict::Unknown, "one ping came; whether more do was not waited for".to_owned())
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
    fn watched(&self) -> Duration {
        let passive = self.records.iter().filter(|record| record.habit == Habit::Passive);
        passive.map(|record| record.age).max().unwrap_or_default()
    }

    fn handshake(&self) -> Handshake {
        let Some(opened) = self.opened else { return Handshake::default() };
        let [resolve, connect, tls, upgrade] = opened.took.map(milliseconds);
        Handshake {
            address: Some(opened.address.to_string()),
            took_ms: Some(Took { resolve, connect, tls, upgrade }),
            status: Some(opened.answer.status),
            hops: hops(&opened.answer),
            server: opened.answer.header("server").map(str::to_owned),
            subprotocol: opened.subprotocol.clone(),
            extensions: self.extensions.clone(),
            ..Handshake::default()
        }
    }

    fn server_pings(&self) -> ServerPings {
        let Findings { pings, unasked_pongs, period, first_ping, .. } = &self.findings;
        ServerPings {
            seen: *pings,
            unasked_pongs: *unasked_pongs,
            period_seconds: period.map(seconds),
            first_after_seconds: first_ping.map(seconds),
            watched_seconds: seconds(self.watched()),
        }
    }

    fn reset_by(&self) -> Option<&'static str> {
        self.findings.idle.as_ref()?;
        Some(match self.findings.reset_by {
            Some(ResetBy::Pings) => "pings",
            Some(ResetBy::Data) => "data",
            None => "unknown",
        })
    }

    fn interval(&self) -> (Duration, String) {
        let Some(timeout) = self.findings.limit() else {
            let longest = self.findings.survived.as_secs_f64();
            let reason =
                "a third of the 60 s at which nginx cuts by default, as no idle timeout showed";
            return (USUAL, format!("{reason}; {longest:.1} s of silence were survived"));
        };
        let reason =
            "a third of the idle timeout: one may be lost and one late before silence is cut";
        let reason = match self.findings.reset_by {
            Some(ResetBy::Pings) => reason.to_owned(),
            Some(ResetBy::Data) => format!("{reason}; send messages, pings do not count here"),
            None => format!("{reason}; whether pings reset it was not seen"),
        };
        (round_down(timeout / 3), reason)
    }

    fn alike(&self) -> Vec<String> {
        let timeouts = self.findings.limit().into_iter();
        let ages = self.findings.age.iter().map(|(age, _)| *age);
        let idle = timeouts.flat_map(|timeout| near(KnownKind::Idle, timeout));
        let old = ages.flat_map(|age| near(KnownKind::Age, age));
        idle.chain(old).map(ToString::to_string).collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let refused: Vec<_> = self
            .records
            .iter()
            .filter_map(|record| match &record.fate {
                Fate::Refused(refusal) => Some(refusal),
                _ => None,
            })
            .collect();
        if let Some(first) = refused.first() {
            let (count, all) = (refused.len(), self.records.len());
            notes.push(format!(
                "{count} of {all} connections were refused, so less was seen: {first}"
            ));
        }
        let deaf = |record: &&Record| {
            matches!(record.habit, Habit::Pinging(_)) && matches!(record.fate, Fate::NoAnswer(_))
        };
        if self.records.iter().any(|record| deaf(&record) && record.trips.is_empty()) {
            notes.push(
                "the server answers no pings, which RFC 6455 section 5.5.2 demands: a black hole could \
                 not be told from silence"
                    .to_owned(),
            );
        }
        if self.findings.age.is_some() && self.plan.send.is_none() {
            notes.push(
                "pings did not keep connections from ending: a maximum age, or a timer that only \
                 messages reset; --send tells the two apart"
                    .to_owned(),
            );
        }
        let talkative = self.records.iter().filter(|record| !record.is_active());
        let most = talkative.map(|record| record.messages).max().unwrap_or_default();
        if most > 1 {
            notes.push(format!(
                "the server sends messages by itself ({most} on one connection), which keep silence \
                 from being seen"
            ));
        }
        if self.findings.idle.is_none() && self.findings.pings > 0 && self.findings.age.is_none() {
            notes.push(
                "the idle timeout of the path does not show while the server pings: it is longer than \
                 the longest silence seen"
                    .to_owned(),
            );
        }
        notes
    }
}

impl Cut {
    fn code(&self) -> Option<u16> {
        match self {
            Self::CloseFrame(code, _) => Some(*code),
            _ => None,
        }
    }

    fn who(&self) -> &'static str {
        match self {
            Self::CloseFrame(1000 | 1001, _) => {
                "who speaks WebSocket: the server, or a gateway that ends WebSockets itself, by a timer \
                 of its own; no plain proxy sends a close frame"
            }
            Self::CloseFrame(..) => {
                "who speaks WebSocket: the server, or a gateway that ends WebSockets itself; no plain \
                 proxy sends a close frame"
            }
            Self::Fin => {
                "a proxy's idle timer looks like this (nginx: proxy_read_timeout), and a server that \
                 hangs up without a close frame"
            }
            Self::Reset => {
                "a proxy or server that tears the connection: a timer set to reset (nginx: \
                 reset_timedout_connection), a process that was killed, a firewall that rejects"
            }
            Self::BlackHole => {
                "something below HTTP that forgets silent connections without a word: NAT, a firewall, a \
                 load balancer for TCP"
            }
            Self::WhenSpokenTo(_) => {
                "something below HTTP that had forgotten the connection and says so only when it is used \
                 again: a load balancer for TCP, a firewall, a server that restarted"
            }
            Self::Other(_) => "the network between",
        }
    }
}

fn cut_seen(cut: &Cut) -> CutSeen {
    let text = match cut {
        Cut::CloseFrame(_, text) => Some(text.clone()),
        Cut::Other(end) => Some(end.to_string()),
        _ => None,
    };
    CutSeen { how: cut.label(), code: cut.code(), text, who: cut.who().to_owned() }
}

fn idle_timeout(idle: &Idle, precision: Duration) -> IdleTimeout {
    // What is seen when it happens is known as sharply as clocks are; what is unknown is whether a
    // little less would have been survived.
    let narrowed = idle.uncertainty() <= precision.max(Duration::from_millis(1)) + precision / 10;
    IdleTimeout {
        seconds: seconds(idle.timeout),
        at_least: seconds(idle.at_least),
        at_most: seconds(idle.at_most),
        narrowed,
        seen: idle.seen,
    }
}

fn round_trip(records: &[Record]) -> Option<RoundTrip> {
    let mut trips: Vec<_> =
        records.iter().flat_map(|record| record.trips.iter().copied()).collect();
    trips.sort_unstable();
    let at = |share: usize| milliseconds(trips[(trips.len() - 1) * share / 100]);
    (!trips.is_empty()).then(|| RoundTrip {
        count: trips.len(),
        min: at(0),
        median: at(50),
        p99: at(99),
        max: at(100),
    })
}

fn connection(record: &Record) -> Connection {
    let cut = record.cut().map(Cut::of);
    let how = match &record.fate {
        Fate::Opening | Fate::Open | Fate::Closed => "open",
        Fate::Refused(_) => "refused",
        Fate::Answered => "answered",
        Fate::NoAnswer(_) => "no_answer",
        Fate::Disturbed => "disturbed",
        Fate::Ended(end) => end.label(),
    };
    Connection {
        kind: record.habit.label(),
        opened_seconds: seconds(record.opened),
        age_seconds: seconds(record.age),
        silence_seconds: seconds(record.silence),
        how: cut.as_ref().map_or(how, Cut::label),
        code: cut.as_ref().and_then(Cut::code),
    }
}

/// To whole seconds, or to tenths where there is not even one.
fn round_down(length: Duration) -> Duration {
    match length.as_secs() {
        0 => Duration::from_millis(u64::try_from(length.as_millis() / 100 * 100).unwrap_or(0))
            .max(Duration::from_millis(100)),
        whole => Duration::from_secs(whole),
    }
}

/// To the millisecond.
fn seconds(length: Duration) -> f64 {
    length.as_millis() as f64 / 1e3
}

fn milliseconds(length: Duration) -> f64 {
    length.as_micros() as f64 / 1e3
}
