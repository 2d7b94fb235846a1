//! Refused requests of which nobody knows yet whether they were handshakes: they wait, counted by address,
//! until one address is known to have connections. Leaves to `join.rs`: what is known at once.

use std::collections::{HashMap, HashSet};

use crate::why::{access::Access, verdict::Verdict};

/// Every route of ours begins so; a gateway that names them otherwise is learned from its connections.
const ROUTES: &str = "/ws/";

/// How many of one address were refused in one way, and the id of one of them.
pub(super) struct Waiting {
    pub(super) verdict: Verdict,
    pub(super) count: u64,
    pub(super) example: Option<String>,
}

#[derive(Default)]
pub(super) struct Others {
    /// Addresses with connections.
    connected: HashSet<Box<str>>,
    waiting: HashMap<Box<str>, Vec<Waiting>>,
    /// Those that cannot wait: they have no address, or there are too many.
    count: u64,
}

impl Others {
    /// Notes that there are connections at this address; of more than `held_max` some are forgotten.
    pub(super) fn connected(&mut self, uri: &str, held_max: usize) {
        if self.connected.len() < held_max && !self.connected.contains(uri) {
            self.connected.insert(uri.into());
        }
    }

    /// Whether this refused request was a handshake, as far as its line says; none when only others can.
    pub(super) fn was_handshake(&self, access: &Access) -> Option<bool> {
        let uri = access.uri.as_deref().unwrap_or_default();
        let known = uri.starts_with(ROUTES) || self.connected.contains(uri);
        access.upgrade.or_else(|| known.then_some(true))
    }

    /// Has a refused request wait; of more than `held_max` addresses it is taken for another request.
    pub(super) fn wait(
        &mut self,
        uri: Option<&str>,
        verdict: Verdict,
        id: Option<&str>,
        held_max: usize,
    ) {
        let Some(uri) =
            uri.filter(|uri| self.waiting.len() < held_max || self.waiting.contains_key(*uri))
        else {
            self.count += 1;
            return;
        };
        let waiting = self.waiting.entry(uri.into()).or_default();
        match waiting.iter_mut().find(|known| known.verdict == verdict) {
            Some(known) => known.count += 1,
            None => waiting.push(Waiting { verdict, count: 1, example: id.map(str::to_owned) }),
        }
    }

    pub(super) fn is_another(&mut self) {
        self.count += 1;
    }

    /// Once all is read: the handshakes among those that waited, and how many others there were.
    pub(super) fn settle(self) -> (Vec<Waiting>, u64) {
        let Self { connected, waiting, mut count } = self;
        let mut handshakes = Vec::new();
        for (uri, mut refused) in waiting {
            if connected.contains(&uri) {
                handshakes.append(&mut refused);
            } else {
                count += refused.iter().map(|waiting| waiting.count).sum::<u64>();
            }
        }
        (handshakes, count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Table, tabulate};
    use crate::why::{Format, Logs};

    /// The table of an access log with these requests: status, address, and what `$http_upgrade` was.
    fn table(requests: &[(u16, &str, &str)], format: &str) -> Table {
        let line = |(status, uri, upgrade): &(u16, &str, &str)| {
            format!("1795293097.000 {status} {upgrade} \"GET {uri} HTTP/1.1\"\n")
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("access");
        fs::write(&file, requests.iter().map(line).collect::<String>()).expect("it is ours");
        let access_format = Some(format.parse::<Format>().expect("a format"));
        let logs = Logs { access: vec![file], access_format, ..Logs::default() };
        tabulate(&logs).expect("it can be read")
    }

    #[test]
    fn a_refused_request_is_an_end_where_its_address_has_connections_or_is_a_route_of_ours() {
        let requests = [
            (404, "/wp-login.php", "-"),
            (502, "/chat", "-"),
            (502, "/chat?t=1", "-"),
            (404, "/ws/nowhere", "-"),
            (101, "/chat", "-"),
            (200, "/", "-"),
        ];
        let table = table(&requests, "$msec $status $ignored \"$request\"");
        let mut rows: Vec<_> = table.rows.iter().map(|row| (row.cause, row.count)).collect();
        rows.sort_unstable();
        assert_eq!(rows, [("client_hung_up", 1), ("no_backend", 2), ("refused_by_gateway", 1)]);
        assert_eq!((table.ends, table.other_requests, table.plain_requests), (4, 1, 1));
    }

    #[test]
    fn what_a_client_asked_for_decides_where_the_format_has_it() {
        let requests = [(404, "/ws/echo", "-"), (404, "/other", "websocket"), (404, "/x", "h2c")];
        let table = table(&requests, "$msec $status $http_upgrade \"$request\"");
        assert_eq!((table.ends, table.other_requests), (1, 2), "{table}");
    }

    #[test]
    fn requests_of_scanners_are_neither_ends_nor_the_worst() {
        let requests = [(404, "/wp-login.php", "-"), (404, "/.env", "-")];
        let table = table(&requests, "$msec $status $ignored \"$request\"");
        assert_eq!((table.ends, table.worst, table.other_requests), (0, None, 2));
        let text = table.to_string();
        assert!(text.contains("other requests: 2 (") && !text.contains("Worst"), "{text}");
    }
}
