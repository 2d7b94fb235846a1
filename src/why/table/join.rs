//! Joining the logs of a whole day: what waits for another log's word is held, in bounds.
//! Leaves to `table.rs`: counting.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    io,
};

use super::{
    Table, Tally,
    complaints::Complaints,
    others::{Others, Waiting},
};
use crate::why::{
    Logs, Unread,
    access::Access,
    cause::Cause,
    error::{Fault, Kind},
    evidence::{Ended, Evidence, Given, Opened},
    own::Own,
    verdict::{self, Verdict},
};

/// How many ends, and how many lines of the error log, wait to be joined, and a tenth of how many ends
/// are known to be counted: some 400 MB at most.
pub(super) const HELD_MAX: usize = 500_000;

/// A connection in our log that the gateway may know more about.
struct Held {
    id: Box<str>,
    opened: Option<Opened>,
    ended: Option<Ended>,
    refused: Option<String>,
}

pub(super) struct Join {
    tally: Tally,
    given: Given,
    hasher: RandomState,
    /// The bound of each of the following, [`HELD_MAX`] but in tests.
    held_max: usize,
    /// By the hash of the request id.
    held: HashMap<u64, Held>,
    /// What needs no other log's word, by the same hash: the gateway's line of it counts nothing.
    told: HashSet<u64>,
    /// What nginx said about connections, and about itself.
    complaints: Complaints,
    /// What may have been no handshake.
    others: Others,
    other_requests: u64,
    /// By how much the gateway's clock is ahead of UTC.
    ahead: i64,
    /// Whether the access log has lines without a request id, that nobody can join exactly.
    nameless: bool,
    unjoined: u64,
    /// Ends that were counted and not held: so many of the gateway's lines count nothing either.
    forgotten: u64,
    unread: Unread,
}

impl Join {
    /// Reads each log once: ours, the error log, then the access log, whose lines join the two.
    pub(super) fn run(logs: &Logs) -> io::Result<Self> {
        Self::within(HELD_MAX, logs)
    }

    fn within(held_max: usize, logs: &Logs) -> io::Result<Self> {
        let mut join = Self {
            tally: Tally::default(),
            given: Given {
                own: !logs.own.is_empty(),
                access: !logs.access.is_empty(),
                error: !logs.error.is_empty(),
                info: false,
            },
            hasher: RandomState::new(),
            held_max,
            held: HashMap::new(),
            told: HashSet::new(),
            complaints: Complaints::new(),
            others: Others::default(),
            other_requests: 0,
            ahead: 0,
            nameless: false,
            unjoined: 0,
            forgotten: 0,
            unread: Unread::default(),
        };
        for path in &logs.own {
            logs.read(path, |place, line| match Own::parse(line) {
                Some(own) => join.own(&own),
                None => join.unread.other(place, line),
            })?;
        }
        for path in &logs.error {
            logs.read(path, |place, line| match Fault::parse(line) {
                Some(fault) => join.error(fault),
                None => join.unread.other(place, line),
            })?;
        }
        join.complaints.sort();
        for path in &logs.access {
            let (before, mut lines) = (join.unread.count, 0);
            logs.read(path, |place, line| {
                lines += 1;
                match Access::parse(line, logs.access_format.as_ref()) {
                    Some(access) => join.access(access),
                    None => join.unread.other(place, line),
                }
            })?;
            join.unread.access(logs, path, lines, before);
        }
        join.tell_the_rest();
        Ok(join)
    }

    pub(super) fn table(self) -> Table {
        let Self { tally, nameless, unjoined, unread, other_requests, .. } = self;
        let mut table = Table { unjoined, unread, other_requests, ..tally.table() };
        if nameless {
            table.missing.push(
                "the access log has no request ids, so its lines are joined by address, path and second at \
                 best: add $request_id, $connection and $pid to its log_format",
            );
        }
        table
    }

    fn own(&mut self, own: &Own) {
        let (open, end, refused) = (own.is_open(), own.is_end(), own.words == "refused");
        if !open && !end && !refused {
            return;
        }
        if let Some(route) = own.get("route").filter(|_| open) {
            self.others.connected(route, self.held_max);
        }
        // Without a gateway there may be no request id; the connection's own is as good.
        let Some(id) = own.get("request").or_else(|| own.get("id")) else { return };
        let key = self.hasher.hash_one(id);
        if end {
            let ended = Ended::of(own);
            let held = self.held.remove(&key);
            if ended.cause != Cause::PeerGone || !self.given.access && !self.given.error {
                let missing = None;
                let told = match ended.cause {
                    Cause::PeerGone => verdict::judge(&Evidence {
                        given: self.given,
                        ended: Some(ended.clone()),
                        ..Evidence::default()
                    }),
                    cause => Verdict { cause, or: None, missing },
                };
                self.tally.add(told, ended.age, Some(id));
                if self.told.len() < self.held_max * 10 {
                    self.told.insert(key);
                } else {
                    self.forgotten += 1;
                }
                return;
            }
            let opened = held.and_then(|held| held.opened);
            self.hold(key, Held { id: id.into(), opened, ended: Some(ended), refused: None });
        } else {
            let refused = own.get("reason").filter(|_| refused).map(str::to_owned);
            let opened = open.then(|| Opened::of(own));
            self.hold(key, Held { id: id.into(), opened, ended: None, refused });
        }
    }

    fn hold(&mut self, key: u64, held: Held) {
        if self.held.len() < self.held_max {
            self.held.insert(key, held);
        } else if held.ended.is_some() {
            self.unjoined += 1;
            self.forgotten += 1;
            let verdict = Verdict { cause: Cause::PeerGone, or: None, missing: None };
            self.tally.add(verdict, held.ended.and_then(|ended| ended.age), Some(&held.id));
        }
    }

    fn error(&mut self, fault: Fault) {
        self.given.info |= fault.is_info;
        if matches!(fault.kind, Kind::Other | Kind::BadRequest) {
            return;
        }
        if !self.complaints.hold(fault, self.held_max) {
            self.unjoined += 1;
        }
    }

    fn access(&mut self, access: Access) {
        self.ahead = access.ahead;
        if let Some(uri) = access.uri.as_deref().filter(|_| access.is_upgraded()) {
            self.others.connected(uri, self.held_max);
        }
        let request = access.request.clone();
        let key = request.as_deref().map(|request| self.hasher.hash_one(request));
        if key.is_some_and(|key| self.told.remove(&key)) {
            return;
        }
        // Our log counts these, and without ids nobody knows which line is whose.
        if key.is_none() && self.given.own && access.is_upgraded() {
            self.nameless = true;
            return;
        }
        let held = key.and_then(|key| self.held.remove(&key));
        if held.is_none() && self.forgotten > 0 && access.is_upgraded() {
            self.forgotten -= 1;
            return;
        }
        let (opened, ended, refused) =
            held.map(|held| (held.opened, held.ended, held.refused)).unwrap_or_default();
        let ahead = access.ahead;
        let access = Some(access);
        let given = self.given;
        let evidence =
            Evidence { given, opened, ended, refused, access, ahead, ..Evidence::default() };
        self.tell(evidence, request.as_deref());
    }

    /// Counts who is left without a line in the access log.
    fn tell_the_rest(&mut self) {
        // Where its lines have no ids, the access log proves nothing by not having one.
        let given = Given { access: self.given.access && !self.nameless, ..self.given };
        for (_, held) in std::mem::take(&mut self.held) {
            let (Held { id, opened, ended, refused }, ahead) = (held, self.ahead);
            let evidence = Evidence { given, opened, ended, refused, ahead, ..Evidence::default() };
            self.tell(evidence, Some(&id));
        }
        let (handshakes, others) = std::mem::take(&mut self.others).settle();
        self.other_requests = others;
        for Waiting { verdict, count, example } in handshakes {
            (0..count).for_each(|_| self.tally.add(verdict, None, example.as_deref()));
        }
    }

    fn tell(&mut self, mut evidence: Evidence, id: Option<&str>) {
        self.complaints.tell(&mut evidence);
        let verdict = verdict::judge(&evidence);
        let upgraded = evidence.access.as_ref().is_none_or(Access::is_upgraded);
        let ours =
            evidence.opened.is_some() || evidence.ended.is_some() || evidence.refused.is_some();
        let doubtful = !upgraded && !ours && verdict.cause != Cause::NotAWebsocket;
        if let Some(access) = evidence.access.as_ref().filter(|_| doubtful) {
            match self.others.was_handshake(access) {
                Some(true) => {}
                Some(false) => return self.others.is_another(),
                None => {
                    let uri = access.uri.as_deref();
                    return self.others.wait(uri, verdict, id, self.held_max);
                }
            }
        }
        self.tally.add(verdict, evidence.life().filter(|_| upgraded), id);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Ten ends of which the gateway knows why, and ten others.
    fn logs(folder: &tempfile::TempDir) -> Logs {
        let [mut own, mut access, mut error] = [const { String::new() }; 3];
        for number in 0..20 {
            let reason = if number < 10 { "peer_gone code=-" } else { "no_pong code=1011" };
            own += &format!(
                "2026-11-21T20:31:38.000Z INFO  end id={number:016x} request=r{number} reason={reason} age=1.000 \
                 in=0 out=0\n"
            );
            access += &format!(
                "{{\"time\":\"2026-11-21T20:31:38+00:00\",\"request\":\"r{number}\",\"serial\":\"{number}\",\
                 \"worker\":\"41\",\"status\":\"101\",\"life\":1.000,\"completion\":\"OK\"}}\n"
            );
            error += &format!(
                "2026/11/21 20:31:38 [info] 41#41: *{number} upstream timed out (110: Connection timed out) \
                 while proxying upgraded connection, client: 203.0.113.7, request: \"GET / HTTP/1.1\"\n"
            );
        }
        let file = |name: &str, text: String| {
            let file = folder.path().join(name);
            fs::write(&file, text).expect("a writable folder");
            vec![file]
        };
        Logs {
            access: file("access", access),
            error: file("error", error),
            own: file("own", own),
            access_format: None,
        }
    }

    fn counts(held_max: usize) -> (Vec<(&'static str, u64)>, u64) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = Join::within(held_max, &logs(&folder)).expect("they can be read").table();
        let mut counts: Vec<_> = table.rows.iter().map(|row| (row.cause, row.count)).collect();
        counts.sort_unstable();
        (counts, table.unjoined)
    }

    #[test]
    fn each_end_counts_once_whichever_logs_have_it() {
        assert_eq!(counts(100), (vec![("gateway_read_timeout", 10), ("no_pong", 10)], 0));
    }

    #[test]
    fn what_cannot_be_held_still_counts_once_and_is_told() {
        let (counts, unjoined) = counts(1);
        let all: u64 = counts.iter().map(|(_, count)| count).sum();
        assert_eq!(all, 20, "{counts:?}");
        assert!(counts.contains(&("no_pong", 10)), "{counts:?}");
        // One end waits and finds the gateway's word; nine do not, and of the error log's 20 lines 19.
        assert_eq!(unjoined, 9 + 19, "{counts:?}");
    }
}
