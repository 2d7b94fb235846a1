//! What nginx complained of, found by whose it is and when: a look-up costs the same however long the
//! error log is. Leaves to `join.rs`: whose end is asked about; to `evidence.rs`: what belongs to it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

use crate::why::{
    error::{Fault, Kind},
    evidence::{Evidence, SLACK},
    moment::{Moment, SECOND},
};

/// How many lines about the gateway's own processes are kept.
const AROUND_MAX: usize = 10_000;

/// The lines of the error log that may explain an end.
pub(super) struct Complaints {
    hasher: RandomState,
    /// By the connection's serial number, which all workers of a gateway share.
    by_serial: HashMap<u64, Vec<Fault>>,
    /// For a format without serial numbers: by the hash of client and address, and the second; of each
    /// kind one, since nothing more is asked of several.
    by_request: HashMap<(u64, i64), Vec<Fault>>,
    held: usize,
    /// What the gateway said about itself, each in order of time once all is read.
    shutting_down: Vec<Fault>,
    ended: Vec<Fault>,
    /// `shutting_down` by process, to find a worker's own.
    by_process: HashMap<u64, Vec<Fault>>,
}

impl Complaints {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            by_serial: HashMap::new(),
            by_request: HashMap::new(),
            held: 0,
            shutting_down: Vec::new(),
            ended: Vec::new(),
            by_process: HashMap::new(),
        }
    }

    /// Keeps a line; false when `held_max` lines about connections are kept already.
    pub(super) fn hold(&mut self, fault: Fault, held_max: usize) -> bool {
        let Some(serial) = fault.serial else {
            self.hold_around(fault);
            return true;
        };
        if self.held >= held_max {
            return false;
        }
        self.held += 1;
        let request = (self.request(fault.client, fault.uri.as_deref()), second(fault.time));
        let alike = self.by_request.entry(request).or_default();
        if alike.iter().all(|known| known.kind != fault.kind) {
            alike.push(fault.clone());
        }
        // A connection that is kept alive may have many requests refused in one second.
        let mine = self.by_serial.entry(serial).or_default();
        let said = |it: &Fault| (it.kind, it.time, it.process);
        if mine.last().is_none_or(|last| said(last) != said(&fault)) {
            mine.push(fault);
        }
        true
    }

    fn hold_around(&mut self, fault: Fault) {
        if self.shutting_down.len() + self.ended.len() >= AROUND_MAX {
            return;
        }
        if fault.kind == Kind::ShuttingDown {
            self.by_process.entry(fault.process).or_default().push(fault.clone());
            self.shutting_down.push(fault);
        } else {
            self.ended.push(fault);
        }
    }

    /// Several error logs are read one after the other: puts their lines in order.
    pub(super) fn sort(&mut self) {
        self.shutting_down.sort_by_key(|fault| fault.time);
        self.ended.sort_by_key(|fault| fault.time);
        self.by_process.values_mut().for_each(|faults| faults.sort_by_key(|fault| fault.time));
    }

    /// Adds to the evidence what nginx said of it.
    pub(super) fn tell(&self, evidence: &mut Evidence) {
        let faults = self.about(evidence).filter(|fault| evidence.is_about(fault));
        let faults = faults.cloned().collect();
        evidence.around = self.around(evidence).cloned().collect();
        evidence.faults = faults;
    }

    /// The lines that may be about this connection, a handful.
    fn about(&self, evidence: &Evidence) -> impl Iterator<Item = &Fault> {
        let serial = evidence.access.as_ref().and_then(|access| access.serial);
        let seconds = evidence.end().filter(|_| serial.is_none()).map(|end| {
            let end = end + evidence.ahead;
            second(end - SLACK)..=second(end + SLACK)
        });
        let request = self.request(evidence.peer(), evidence.uri());
        let of_request = seconds.into_iter().flatten();
        let of_request = of_request.filter_map(move |at| self.by_request.get(&(request, at)));
        let of_serial = serial.and_then(|serial| self.by_serial.get(&serial));
        of_serial.into_iter().chain(of_request).flatten()
    }

    /// Of the gateway's own lines those that say something of this connection's life: one that a worker
    /// was shutting down, and one that it, or the whole gateway, ended.
    fn around(&self, evidence: &Evidence) -> impl Iterator<Item = &Fault> {
        let worker = evidence.access.as_ref().and_then(|access| access.worker);
        let (from, ends) = (evidence.first_moment(), evidence.first_gateway_end());
        let old = match worker {
            Some(worker) => self.by_process.get(&worker).map_or(&[][..], Vec::as_slice),
            None => since(&self.shutting_down, from),
        };
        // The first that is not too early decides; a worker has one such line, a process id perhaps two.
        let shutting = old.iter().find(|fault| from.is_some_and(|from| fault.time >= from));
        let shutting = shutting.filter(|fault| evidence.lived_at(fault.time));
        let ended = since(&self.ended, ends).first();
        shutting.into_iter().chain(ended.filter(|fault| evidence.gateway_ended_at(fault.time)))
    }

    fn request(&self, client: Option<IpAddr>, uri: Option<&str>) -> u64 {
        self.hasher.hash_one((client, uri))
    }
}

fn second(moment: Moment) -> i64 {
    moment.div_euclid(SECOND)
}

/// What is not earlier, of lines in order of time.
fn since(sorted: &[Fault], from: Option<Moment>) -> &[Fault] {
    let Some(from) = from else { return &[] };
    &sorted[sorted.partition_point(|fault| fault.time < from)..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::why::access::Access;

    /// A gateway that for so many seconds cuts one connection of one client in each, and reloads.
    fn complaints(seconds: i64) -> Complaints {
        let mut complaints = Complaints::new();
        for serial in 0..seconds {
            let line = format!(
                "2026/11/21 20:31:37 [info] 41#41: *{serial} upstream timed out (110: x) while proxying \
                 upgraded connection, client: 203.0.113.7, request: \"GET /ws/echo HTTP/1.1\""
            );
            let cut = Fault::parse(&line).expect("a line");
            let time = cut.time + serial * SECOND;
            let process = 100 + serial.cast_unsigned();
            let reload = Fault { kind: Kind::ShuttingDown, serial: None, process, ..cut.clone() };
            let died = Fault { kind: Kind::WorkerDied(7), ..reload.clone() };
            for fault in [cut, reload, died] {
                assert!(complaints.hold(Fault { time, ..fault }, usize::MAX));
            }
        }
        complaints.sort();
        complaints
    }

    /// What the gateway's line of the connection that ended in this second finds.
    fn evidence(second: i64) -> Evidence {
        let line =
            r#"203.0.113.7 - - [21/Nov/2026:20:31:37 +0000] "GET /ws/echo HTTP/1.1" 101 4 "-" "x""#;
        let mut access = Access::parse(line, None).expect("a line");
        access.time += second * SECOND;
        access.life = Some(second * SECOND);
        Evidence { access: Some(access), ..Evidence::default() }
    }

    #[test]
    fn without_serial_numbers_a_look_up_costs_no_more_in_a_longer_log() {
        let steps = |seconds: i64| {
            let complaints = complaints(seconds);
            let looks = (0..seconds).map(evidence);
            let looked =
                |it: Evidence| complaints.about(&it).count() + complaints.around(&it).count();
            looks.map(looked).sum::<usize>()
        };
        let (short, long) = (steps(100), steps(1000));
        assert!(long <= 11 * short, "{short} steps for 100 lines, {long} for 1000");
    }

    #[test]
    fn what_is_found_without_serial_numbers_is_what_was_said_at_that_second() {
        let complaints = complaints(10);
        let told = |second: i64| {
            let mut evidence = evidence(second);
            complaints.tell(&mut evidence);
            (evidence.has(Kind::ReadTimeout), evidence.gateway_ended().is_some())
        };
        assert_eq!((told(0), told(11), told(13)), ((true, true), (true, true), (false, true)));
        assert_eq!(told(30), (false, false));
        let mut other = evidence(5);
        other.access.as_mut().expect("one").peer = "203.0.113.8".parse().ok();
        complaints.tell(&mut other);
        assert!(!other.has(Kind::ReadTimeout), "it is another client's");
    }

    #[test]
    fn many_complaints_of_one_second_are_looked_at_as_one() {
        let mut complaints = complaints(1);
        let cut = complaints.by_serial[&0][0].clone();
        for serial in 1..1000 {
            complaints.hold(Fault { serial: Some(serial), ..cut.clone() }, usize::MAX);
        }
        assert_eq!(complaints.about(&evidence(0)).count(), 1);
    }
}
