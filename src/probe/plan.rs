//! Which connections a probe opens, when, and when it has seen enough. Pure: time is an argument.
//! Leaves to `lane.rs`: opening them; to `findings.rs`: what they showed.

use std::time::Duration;

use super::{
    findings::Findings,
    lane::PONG_TIMEOUT,
    record::{Habit, Record},
};
use crate::message::Message;

/// After how long a silence soundings speak: close enough together for a black hole to be told in
/// steps, and clear of the seconds at which gateways cut (50, 55, 60, 100, 240, 300, 350, …): over a
/// long way a ping and the cut would pass each other.
const LADDER: [u64; 14] = [2, 4, 8, 14, 23, 38, 53, 72, 97, 132, 176, 233, 290, 342];
/// Between one opening and the next: a probe is no storm.
const OPENING_PAUSE: Duration = Duration::from_millis(60);
/// Connections of one habit are opened this far apart, so that what ends both at one moment can be
/// told from what ends each at one age.
const APART: Duration = Duration::from_millis(2500);
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// So many soundings at once narrow a black hole.
const ABREAST: u32 = 6;
/// A cut that can be seen is narrowed by one sounding after the other, this often: a server that
/// looks around now and then never gives a sharper answer.
const TRIES: usize = 3;
/// A hole is narrowed this often, each time to a seventh: a server that refuses or contradicts what is
/// asked must not be asked again and again.
const ROUNDS: usize = 4;

/// What the caller asked for.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) max: Duration,
    pub(super) precision: Duration,
    pub(super) send: Option<(Message, Duration)>,
}

/// What to do about the idle timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// Soundings are on their way, or nothing is known yet.
    Wait,
    /// Sound these silences.
    Sound(Vec<Duration>),
    /// It is as narrow as it can be.
    Done,
}

impl Plan {
    /// The connections beside the first, which is the passive one: how long after it each is opened.
    pub(super) fn openings(&self) -> Vec<(Duration, Habit)> {
        let mut habits = vec![Habit::Silent, Habit::Pinging(PING_INTERVAL)];
        habits.extend(self.send.clone().map(|(message, pause)| Habit::Talking(message, pause)));
        let rungs = LADDER.map(Duration::from_secs).into_iter();
        habits.extend(rungs.filter(|rung| *rung < self.max).map(Habit::Sounding));
        let mut openings: Vec<_> = (1..).map(|n| n * OPENING_PAUSE).zip(habits).collect();
        openings.push((APART, Habit::Silent));
        openings.push((APART + OPENING_PAUSE, Habit::Pinging(PING_INTERVAL)));
        openings.sort_by_key(|(after, _)| *after);
        openings
    }

    /// How to learn more of the timer that was found. `tried`: so many soundings went out for it.
    pub(super) fn narrow(
        &self,
        records: &[Record],
        findings: &Findings,
        tried: usize,
        elapsed: Duration,
    ) -> Narrowing {
        let Some(idle) = &findings.idle else { return Narrowing::Wait };
        let between = |record: &&Record| match record.habit {
            Habit::Sounding(rung) => record.lives() && rung > idle.at_least && rung < idle.at_most,
            _ => false,
        };
        if records.iter().any(|record| between(&record)) {
            return Narrowing::Wait;
        }
        let next: Vec<_> = if idle.is_visible() {
            let wanted = idle.timeout.saturating_sub(self.precision.mul_f64(0.9));
            let known = wanted <= idle.at_least || tried >= TRIES;
            (!known).then_some(wanted).into_iter().collect()
        } else if idle.uncertainty() > self.precision && tried < ROUNDS {
            let step = idle.uncertainty() / (ABREAST + 1);
            (1..=ABREAST).map(|n| idle.at_least + step * n).collect()
        } else {
            Vec::new()
        };
        let in_time = |rung: &Duration| elapsed + *rung + PONG_TIMEOUT < self.max;
        match next.iter().all(in_time) && !next.is_empty() {
            true => Narrowing::Sound(next),
            false => Narrowing::Done,
        }
    }

    /// Whether more time would show nothing more, but an age beyond all that was seen.
    pub(super) fn is_complete(&self, records: &[Record], findings: &Findings) -> bool {
        if records.iter().all(|record| !record.lives()) {
            return true;
        }
        let Some(idle) = &findings.idle else { return false };
        let beyond = idle.at_most + idle.at_most / 2;
        let known = |habit: fn(&Habit) -> bool| {
            let mut alike = records.iter().filter(|record| habit(&record.habit));
            alike.all(|record| !record.lives() || record.age > beyond)
        };
        let silent = !idle.is_visible() || known(|habit| *habit == Habit::Silent);
        silent
            && known(|habit| *habit == Habit::Passive)
            && known(|habit| matches!(habit, Habit::Pinging(_)))
            && known(|habit| matches!(habit, Habit::Talking(..)))
    }
}

#[cfg(test)]
mod tests;
