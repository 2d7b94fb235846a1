//! What the ends of a probe's connections mean together: idle timeout, age, pong deadline. Pure.
//! Leaves to `report.rs`: telling it; to `lane.rs`: seeing it.

use std::time::Duration;

use super::{
    cut::Cut,
    record::{Fate, Habit, Record},
};

/// Two ends within this time of each other are one event. Measured lateness of timers and machines:
/// nginx's lazy timers differ by 0.3 s.
const TOGETHER: Duration = Duration::from_millis(700);
/// Who is not older than this at its end was not wanted: no timer is so short.
const AT_ONCE: Duration = Duration::from_secs(1);
/// So many messages make a heartbeat.
const BEATS: usize = 3;

/// A timer that cuts silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Idle {
    /// Its length, as well as it is known.
    pub(super) timeout: Duration,
    /// A silence this long was survived, beside that of the connections that were cut.
    pub(super) at_least: Duration,
    /// No silence longer than this was survived.
    pub(super) at_most: Duration,
    pub(super) cut: Cut,
    /// So many connections showed it.
    pub(super) seen: usize,
}

impl Idle {
    /// The cut is seen when it happens, and not only by what follows when somebody speaks.
    pub(super) fn is_visible(&self) -> bool {
        !matches!(self.cut, Cut::BlackHole | Cut::WhenSpokenTo(_))
    }

    /// What is still unknown of its length.
    pub(super) fn uncertainty(&self) -> Duration {
        self.at_most.saturating_sub(self.at_least)
    }
}

/// What makes an idle timer begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetBy {
    Pings,
    Data,
}

/// What all records say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) idle: Option<Idle>,
    pub(super) reset_by: Option<ResetBy>,
    /// Every connection ended at this age, whatever it did; and how.
    pub(super) age: Option<(Duration, Cut)>,
    /// Who answers no ping is ended this long after the first one, in this way.
    pub(super) unanswered: Option<(Duration, Cut)>,
    /// Every connection was ended as soon as it was open; and how.
    pub(super) at_once: Option<Cut>,
    /// All connections ended at this moment, whatever they did and however old they were.
    pub(super) together: Option<Duration>,
    /// The server's heartbeats: how many came, and the middle of the gaps between them.
    pub(super) pings: u64,
    pub(super) unasked_pongs: u64,
    pub(super) period: Option<Duration>,
    /// The middle of the gaps between messages that the server sent by itself, where it sent several.
    pub(super) speaks_every: Option<Duration>,
    /// The first one's age.
    pub(super) first_ping: Option<Duration>,
    /// The longest silence that a connection survived.
    pub(super) survived: Duration,
    /// The passive connection was cut.
    pub(super) passive_cut: bool,
}

impl Findings {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut findings = Self::default();
        findings.hear(records);
        findings.together = together(records);
        findings.at_once = at_once(records);
        if findings.together.is_none() && findings.at_once.is_none() {
            findings.age = age(records);
            findings.idle = findings.idle_of(records);
            findings.reset_by = findings.idle.as_ref().and_then(|idle| reset_by(records, idle));
            findings.unanswered = findings.unanswered_of(records);
        }
        findings
    }

    fn hear(&mut self, records: &[Record]) {
        let mut gaps: Vec<Duration> =
            records.iter().flat_map(|record| record.gaps.iter().copied()).collect();
        gaps.sort_unstable();
        self.period = gaps.get(gaps.len() / 2).copied();
        let heard = records.iter().max_by_key(|record| record.pings);
        self.pings = heard.map_or(0, |record| record.pings);
        self.unasked_pongs = heard.map_or(0, |record| record.pongs);
        self.first_ping =
            records.iter().filter_map(|record| record.pinged).map(|(first, _)| first).min();
        let mut said = passive(records).map_or_else(Vec::new, |record| record.message_gaps.clone());
        said.sort_unstable();
        self.speaks_every = said.get(said.len() / 2).copied().filter(|_| said.len() >= BEATS);
        self.survived = records.iter().map(|record| record.survived).max().unwrap_or_default();
        self.passive_cut = passive(records).is_some_and(|record| record.cut().is_some());
    }

    /// The timer that cut those which were idle, unless what they were cut for was their age.
    fn idle_of(&self, records: &[Record]) -> Option<Idle> {
        let by_age =
            |record: &Record| self.age.as_ref().is_some_and(|(age, _)| near(record.age, *age));
        let passive = passive(records).filter(|record| record.cut().is_some());
        let mut cuts: Vec<_> = records
            .iter()
            .filter(|record| !record.is_active() && !record.spoke && record.cut().is_some())
            // Who heard a ping and did not answer was ended for that, unless who answers was, too.
            .filter(|record| {
                record.habit != Habit::Silent
                    || record.pings == 0
                    || passive.is_some_and(|passive| near(passive.silence, record.silence))
            })
            .filter(|record| !by_age(record))
            .collect();
        cuts.sort_by_key(|record| record.silence);
        // Where no ping has ever been answered, an unanswered one says nothing of silence.
        let answers = records.iter().any(|it| !it.trips.is_empty());
        let asked = records.iter().filter(|record| answers && !by_age(record));
        let spoken: Vec<_> = asked.filter_map(spoken_in_vain).collect();
        let vain = spoken.iter().min_by_key(|(silence, _)| *silence);
        let survived = records
            .iter()
            .filter(|record| record.fate == Fate::Answered)
            .map(|record| record.silence);
        match (cuts.first().zip(cuts.last()), vain) {
            // Who spoke when the timer was about to cut met the cut itself.
            (Some((first, last)), vain)
                if vain.is_none_or(|(at, _)| *at >= first.silence || near(*at, first.silence)) =>
            {
                let below = survived.filter(|silence| *silence <= last.silence).max();
                Some(Idle {
                    timeout: first.silence,
                    at_least: below.unwrap_or_default().min(first.silence),
                    at_most: last.silence,
                    cut: Cut::of(first.cut()?),
                    seen: cuts.len(),
                })
            }
            (_, Some((silence, cut))) => {
                let below = survived.filter(|below| below < silence).max().unwrap_or_default();
                Some(Idle {
                    timeout: below + (*silence - below) / 2,
                    at_least: below,
                    at_most: *silence,
                    cut: cut.clone(),
                    seen: spoken.len(),
                })
            }
            _ => None,
        }
    }

    /// The server's deadline for an answer to its pings, where those who answered lived on.
    fn unanswered_of(&self, records: &[Record]) -> Option<(Duration, Cut)> {
        let silent = records
            .iter()
            .find(|record| record.habit == Habit::Silent && record.cut().is_some())?;
        let (first, _) = silent.pinged?;
        let outlived = passive(records).is_some_and(|passive| {
            passive.cut().is_none() && passive.age > silent.age
                || passive.age > silent.age + TOGETHER && !near(passive.silence, silent.silence)
        });
        outlived.then(|| Some((silent.age.saturating_sub(first), Cut::of(silent.cut()?))))?
    }

    /// The deepest that is known of the timer: the shortest time after which somebody was cut.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.idle.as_ref().map(|idle| idle.timeout)
    }
}

fn passive(records: &[Record]) -> Option<&Record> {
    records.iter().find(|record| record.habit == Habit::Passive)
}

/// The same length, as timers and machines are late: by [`TOGETHER`], or 2 %.
fn near(one: Duration, other: Duration) -> bool {
    one.abs_diff(other) <= TOGETHER.max(one.max(other) / 50)
}

/// Which silence a sounding broke without an answer, and what it met.
fn spoken_in_vain(record: &Record) -> Option<(Duration, Cut)> {
    if !matches!(record.habit, Habit::Sounding(_)) || !record.spoke {
        return None;
    }
    match &record.fate {
        Fate::NoAnswer(_) => Some((record.silence, Cut::BlackHole)),
        Fate::Ended(end) => Some((record.silence, Cut::WhenSpokenTo(end.clone()))),
        _ => None,
    }
}

/// Everybody ended at one moment, who had begun at different ones: that is no timer of a connection.
fn together(records: &[Record]) -> Option<Duration> {
    let ends = || records.iter().filter(|record| record.cut().is_some());
    let at = |record: &Record| record.opened + record.age;
    let active: Vec<_> = ends().filter(|record| record.is_active()).collect();
    let (first, last) = (active.iter().min_by_key(|it| it.opened)?, active.last()?);
    let apart = last.opened.abs_diff(first.opened) > 2 * TOGETHER;
    let then = |record: &Record| at(record).abs_diff(at(first)) <= TOGETHER;
    let all = ends().filter(|record| then(record)).count();
    // Where silence had been cut before, those that are left may well end side by side.
    let passive = passive(records).is_some_and(|it| it.cut().is_some() && then(it));
    let living = records.iter().filter(|record| record.lives()).count();
    (apart && then(last) && passive && all > 2 && living == 0).then(|| at(first))
}

/// Nobody got older than a moment.
fn at_once(records: &[Record]) -> Option<Cut> {
    let opened = || records.iter().filter(|record| !matches!(record.fate, Fate::Refused(_)));
    let young = |record: &Record| record.age <= AT_ONCE;
    let cut = Cut::of(passive(records)?.cut()?);
    let all = opened().all(|record| record.cut().is_some() && young(record));
    (all && opened().count() > 2).then_some(cut)
}

/// The age at which those were cut that had given no cause: they pinged, or talked.
fn age(records: &[Record]) -> Option<(Duration, Cut)> {
    let mut active: Vec<_> = records.iter().filter(|record| record.is_active()).collect();
    active.sort_by_key(|record| record.age);
    // Who talks and lives has shown that age is no cause; pings alone may not count.
    let oldest = active.last()?;
    let cut = Cut::of(oldest.cut()?);
    let same = active.iter().all(|record| record.cut().is_some() && near(record.age, oldest.age));
    let one_of_several = active.len() > 1;
    (same && one_of_several).then_some((oldest.age, cut))
}

/// Who lived on beyond the timer, and by which means.
fn reset_by(records: &[Record], idle: &Idle) -> Option<ResetBy> {
    let beyond = idle.at_most.max(idle.timeout) + 2 * TOGETHER;
    let outlived = |record: &&Record| record.age > beyond;
    let by = |wanted: fn(&Habit) -> bool| {
        records.iter().filter(|record| wanted(&record.habit)).any(|record| outlived(&record))
    };
    if by(|habit| matches!(habit, Habit::Pinging(_))) {
        Some(ResetBy::Pings)
    } else if by(|habit| matches!(habit, Habit::Talking(..))) {
        Some(ResetBy::Data)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
