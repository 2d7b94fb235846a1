//! What else should be known of a probe: what hid something, what was in doubt.
//! Leaves to `verdict.rs`: what it comes to.

use std::time::Duration;

use super::{
    judgement::Known,
    record::{Fate, Habit, Record},
};

/// Nobody pings so often on purpose.
const ABSURD: Duration = Duration::from_millis(100);

impl Known<'_> {
    pub(super) fn notes(&self) -> Vec<String> {
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
        if self.findings.period.is_some_and(|period| period < ABSURD) {
            notes.push(
                "the server pings many times a second, which costs both sides and helps nobody"
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
