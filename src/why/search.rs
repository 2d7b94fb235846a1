//! Looking for one connection in the logs: ours first, which has both its ids, then the gateway's
//! access log, which has its serial number, then the error log. Leaves to `evidence.rs`: what belongs.

use std::{io, path::Path};

use super::{
    Logs, Unread,
    access::Access,
    error::{Fault, Kind},
    evidence::{Ended, Evidence, Given, Opened, SLACK},
    lines::{self, Place},
    moment::{Moment, SECOND},
    own::Own,
    sieve::{self, Sieve},
};

/// More lines than one connection has; a client without a gateway may give many the same id.
const CITED_MAX: usize = 100;

/// One line, as it stands in its file.
#[derive(Clone, Debug)]
pub(super) struct Cited {
    pub(super) time: Moment,
    pub(super) place: Place,
    pub(super) text: String,
}

/// What was found of one connection.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) evidence: Evidence,
    pub(super) cited: Vec<Cited>,
    pub(super) unread: Unread,
    pub(super) request: Option<String>,
    pub(super) connection: Option<String>,
    /// How many lines of access logs were read, and whether one had a request id.
    requests: u64,
    named: bool,
    sieve: Sieve,
    /// Why the join may be wrong.
    pub(super) doubt: Option<String>,
}

impl Search {
    /// Reads each log once, so that each may be a pipe.
    pub(super) fn run(logs: &Logs, id: &str) -> io::Result<Self> {
        let mut search = Self::default();
        search.evidence.given = Given {
            own: !logs.own.is_empty(),
            access: !logs.access.is_empty(),
            error: !logs.error.is_empty(),
            info: false,
        };
        search.sieve.add(id);
        for path in &logs.own {
            logs.read(path, |place, line| search.own(id, place, line))?;
        }
        let mut alike = Vec::new();
        for path in &logs.access {
            let (before, mut lines) = (search.unread.count, 0);
            search.sieve.is_nameless = true;
            logs.read(path, |place, line| {
                lines += 1;
                search.access(id, logs, place, line, &mut alike);
            })?;
            search.unread.access(logs, path, lines, before);
        }
        search.take_closest(alike);
        let mut serials = Vec::new();
        for path in &logs.error {
            logs.read(path, |place, line| search.error(place, line, &mut serials))?;
        }
        serials.dedup();
        if search.evidence.access.as_ref().is_none_or(|access| access.serial.is_none())
            && serials.len() > 1
        {
            search.doubt = Some(format!(
                "{} connections of this client ended in the same second, and the access log does not say \
                 which serial number was whose: add $connection to its log_format",
                serials.len()
            ));
        }
        // nginx writes whole seconds, and what it says of a connection comes after our open.
        let opened = search.cited.iter().find(|cited| Own::parse(&cited.text).is_some());
        let opened = opened.map_or(Moment::MIN, |cited| cited.time);
        search.cited.sort_by_key(|cited| match cited.time.div_euclid(SECOND) {
            second if second == opened.div_euclid(SECOND) => cited.time.max(opened),
            _ => cited.time,
        });
        Ok(search)
    }

    /// Whether there are lines of an access log, and none with a request id.
    pub(super) fn is_nameless(&self) -> bool {
        self.requests > 0 && !self.named
    }

    fn own(&mut self, id: &str, place: &Place, line: &str) {
        if !self.sieve.passes(place, line) {
            return;
        }
        let Some(own) = Own::parse(line) else { return self.unread.other(place, line) };
        let is = |key, known: &Option<String>| {
            own.get(key).is_some_and(|value| {
                value.eq_ignore_ascii_case(id) || known.as_deref() == Some(value)
            })
        };
        if !is("request", &None) && !is("id", &self.connection) {
            return;
        }
        let text = |key| own.get(key).map(str::to_owned);
        if own.is_open() || own.is_end() {
            (self.request, self.connection) = (text("request"), text("id"));
            let ids = [&self.request, &self.connection].into_iter().flatten();
            ids.for_each(|id| self.sieve.add(id));
        }
        let evidence = &mut self.evidence;
        if own.is_open() {
            evidence.opened = Some(Opened::of(&own));
        } else if own.is_end() {
            evidence.ended = Some(Ended::of(&own));
        } else if own.words == "refused" {
            (self.request, evidence.refused) = (text("request"), text("reason"));
        }
        self.cite(own.time, place, line);
    }

    fn access(
        &mut self,
        id: &str,
        logs: &Logs,
        place: &Place,
        line: &str,
        alike: &mut Vec<(Access, Cited)>,
    ) {
        if !self.sieve.passes(place, line) {
            return;
        }
        let Some(access) = Access::parse(line, logs.access_format.as_ref()) else {
            return self.unread.other(place, line);
        };
        // The gateway's own line of it knows best: clocks are put back in autumn.
        if self.evidence.access.is_none() {
            self.evidence.ahead = access.ahead;
        }
        let request = access.request.as_deref();
        self.sieve.is_nameless &= request.is_none();
        (self.requests, self.named) = (self.requests + 1, self.named || request.is_some());
        let is = |known: &str| request.is_some_and(|request| request.eq_ignore_ascii_case(known));
        if is(id) || self.request.as_deref().is_some_and(is) {
            self.request = access.request.clone();
            self.cite(access.time, place, line);
            // A handshake and an internal redirect of it have one id: what was upgraded counts.
            if self.evidence.access.as_ref().is_none_or(|known| !known.is_upgraded()) {
                self.evidence.access = Some(access);
            }
        } else if request.is_none() && alike.len() < CITED_MAX && self.could_be(&access) {
            let cited = Cited { time: access.time, place: place.clone(), text: line.to_owned() };
            alike.push((access, cited));
        }
    }

    /// Whether a line without a request id could be about this connection.
    fn could_be(&self, access: &Access) -> bool {
        let Evidence { opened: Some(opened), ended: Some(ended), .. } = &self.evidence else {
            return false;
        };
        (access.time - ended.time).abs() <= SLACK
            && access.peer.is_some_and(|peer| opened.peer == Some(peer))
            && access.uri.as_deref() == Some(&*opened.route)
    }

    /// Takes the line that is most like our account of the connection, and says so.
    fn take_closest(&mut self, alike: Vec<(Access, Cited)>) {
        if self.evidence.access.is_some() {
            return;
        }
        let (count, life) = (alike.len(), self.evidence.life().unwrap_or(0));
        let distance = |access: &Access| access.life.unwrap_or(life).abs_diff(life);
        let closest = alike.into_iter().min_by_key(|(access, _)| distance(access));
        let Some((access, cited)) = closest else { return };
        if count > 1 {
            self.doubt = Some(format!(
                "the access log has no request ids, and {count} of its lines fit: the one whose life is \
                 closest was taken; add $request_id to its log_format"
            ));
        }
        self.evidence.ahead = access.ahead;
        self.evidence.access = Some(access);
        self.cited.push(cited);
    }

    fn error(&mut self, place: &Place, line: &str, serials: &mut Vec<u64>) {
        let serial = self.evidence.access.as_ref().and_then(|access| access.serial);
        if sieve::is_anothers(place, line, serial) {
            self.evidence.given.info |= line.contains(" [info] ");
            return;
        }
        let Some(fault) = Fault::parse(line) else { return self.unread.other(place, line) };
        let evidence = &mut self.evidence;
        evidence.given.info |= fault.is_info;
        let time = fault.time - evidence.ahead;
        if evidence.is_about(&fault) {
            serials.extend(fault.serial.filter(|_| serials.len() < CITED_MAX));
            if evidence.faults.len() < CITED_MAX {
                evidence.faults.push(fault);
            }
        } else if fault.serial.is_none() && tells(&fault, evidence) {
            if evidence.around.len() < CITED_MAX {
                evidence.around.push(fault);
            }
        } else {
            return;
        }
        self.cite(time, place, line);
    }

    fn cite(&mut self, time: Moment, place: &Place, line: &str) {
        if self.cited.len() < CITED_MAX {
            self.cited.push(Cited { time, place: place.clone(), text: line.to_owned() });
        }
    }
}

/// Whether a line about the gateway itself tells something about this connection.
fn tells(fault: &Fault, evidence: &Evidence) -> bool {
    let worker = evidence.access.as_ref().and_then(|access| access.worker);
    match fault.kind {
        Kind::ShuttingDown => {
            worker.is_none_or(|worker| worker == fault.process) && evidence.lived_at(fault.time)
        }
        Kind::Stopped | Kind::WorkerDied(_) => evidence.gateway_ended_at(fault.time),
        _ => false,
    }
}

impl Unread {
    /// Counts a line that is none of the log it stands in; of the two other logs it may be, since
    /// collectors mix them.
    pub(super) fn other(&mut self, place: &Place, line: &str) {
        let known = Own::parse(line).is_some()
            || Fault::parse(line).is_some()
            || Access::parse(line, None).is_some();
        if !known {
            self.count += 1;
            self.first.get_or_insert_with(|| place.to_string());
        }
    }

    /// After an access log of so many lines: says so when none of them could be read, `before` being what
    /// was unread before it.
    pub(super) fn access(&mut self, logs: &Logs, path: &Path, lines: u64, before: u64) {
        if lines == 0 || self.count - before < lines {
            return;
        }
        let path = path.display();
        self.foreign.get_or_insert_with(|| match logs.access_format {
            Some(_) => format!("{path} has no line of the format that --access-format names"),
            None => format!(
                "{path} is no access log of nginx in a format that is known: if nginx wrote it, name its \
                 log_format with --access-format"
            ),
        });
    }
}

impl Logs {
    /// Reads one file; an error names it.
    pub(super) fn read(&self, path: &Path, take: impl FnMut(&Place, &str)) -> io::Result<()> {
        lines::each(path, take)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }
}
