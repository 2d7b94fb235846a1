//! A line of nginx's error log: about one connection, or about the gateway itself.
//! Leaves to `verdict.rs`: what follows from it.

use std::net::IpAddr;

use super::moment::{self, Moment};

/// How nginx words what a line is about. Measured on 1.28 and 1.30; the texts are those of
/// `ngx_http_upstream.c`, `ngx_connection.c` and `ngx_process.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `proxy_read_timeout` of an upgraded connection.
    ReadTimeout,
    /// `send_timeout` of an upgraded connection.
    SendTimeout,
    /// TCP was torn, by the client or by the backend.
    ClientReset,
    BackendReset,
    /// A handshake found no backend that answers.
    NoBackend,
    BackendSilent,
    /// The client left before its handshake was answered.
    ClientGaveUp,
    /// `limit_req` or `limit_conn`.
    Limited,
    /// The request itself was no good.
    BadRequest,
    /// An old worker that only sees its connections out: the line's process.
    ShuttingDown,
    /// The gateway was told to stop at once, or to quit when its connections are done.
    Stopped,
    /// A worker died: its process.
    WorkerDied(u64),
    /// Anything else about one connection.
    Other,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// The gateway's local time, as if it were UTC.
    pub(super) time: Moment,
    pub(super) kind: Kind,
    /// `[info]`: the level at which cuts are told.
    pub(super) is_info: bool,
    pub(super) process: u64,
    /// The connection's `*serial`; none when it is about the gateway itself.
    pub(super) serial: Option<u64>,
    pub(super) client: Option<IpAddr>,
    /// Without the query.
    pub(super) uri: Option<String>,
}

impl Fault {
    /// Takes a line apart; none when it is of another form.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let level = line.find(" [").filter(|level| *level >= 19)?;
        let time = moment::zoneless(line.get(level - 19..level)?)?;
        let (name, rest) = line[level + 2..].split_once("] ")?;
        let (process, rest) = rest.split_once('#')?;
        let (_, message) = rest.split_once(": ")?;
        let (serial, message) = match message.strip_prefix('*').and_then(|it| it.split_once(' ')) {
            Some((serial, message)) => (serial.parse().ok(), message),
            None => (None, message),
        };
        let is_info = name == "info";
        let kind = match serial {
            Some(_) => of_connection(message, is_info),
            None => of_gateway(message),
        };
        let client = after(message, "client: ").and_then(|it| it.split([',', ' ']).next());
        let request = after(message, "request: \"").and_then(|it| it.split('"').next());
        let uri = request.and_then(|it| it.split(' ').nth(1)?.split('?').next());
        Some(Self {
            time,
            kind,
            is_info,
            process: process.parse().ok()?,
            serial,
            client: client.and_then(|it| it.parse().ok()),
            uri: uri.map(str::to_owned),
        })
    }
}

/// What follows `key`. The last of several: what a client wrote stands in the request, and the
/// client's address in front of it.
fn after<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    Some(&message[message.find(key)? + key.len()..])
}

fn of_connection(message: &str, is_info: bool) -> Kind {
    // Only nginx's own words, in front of what a client wrote.
    let words = message.split(", client: ").next().unwrap_or(message);
    let upgraded = words.contains("while proxying upgraded connection");
    let torn = ["(104: ", "(32: "].iter().any(|code| words.contains(code));
    if words.starts_with("client timed out") && upgraded {
        Kind::SendTimeout
    } else if words.starts_with("upstream timed out") {
        if upgraded { Kind::ReadTimeout } else { Kind::BackendSilent }
    } else if torn && upgraded {
        // nginx complains louder about backends than about clients.
        if is_info { Kind::ClientReset } else { Kind::BackendReset }
    } else if words.contains("client prematurely closed connection") {
        Kind::ClientGaveUp
    } else if words.starts_with("limiting ") {
        Kind::Limited
    } else if words.starts_with("client sent ") || words.starts_with("client intended ") {
        Kind::BadRequest
    } else if ["connect() failed", "no live upstreams", "upstream prematurely closed connection"]
        .iter()
        .any(|start| words.starts_with(start))
        || torn && words.contains("from upstream")
    {
        Kind::NoBackend
    } else {
        Kind::Other
    }
}

fn of_gateway(message: &str) -> Kind {
    if let Some(died) = message.strip_prefix("worker process ") {
        let process = died.split(' ').next().and_then(|process| process.parse().ok());
        return match process {
            Some(process) if died.contains("exited on signal") => Kind::WorkerDied(process),
            _ => Kind::Other,
        };
    }
    let stop = ["signal 15 (SIGTERM)", "signal 2 (SIGINT)"];
    if message == "gracefully shutting down" {
        Kind::ShuttingDown
    } else if stop.iter().any(|stop| message.starts_with(stop)) {
        Kind::Stopped
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "client: 203.0.113.7, server: , request: \"GET /ws/echo?t=1 HTTP/1.1\", \
                        upstream: \"http://127.0.0.1:9000/ws/echo\", host: \"x\"";

    fn kind(level: &str, words: &str) -> Kind {
        let line = format!("2026/11/21 20:31:37 [{level}] 41#41: *7 {words}, {TAIL}");
        Fault::parse(&line).expect("a line").kind
    }

    #[test]
    fn a_line_about_a_connection_says_whose() {
        let words =
            "upstream timed out (110: Connection timed out) while proxying upgraded connection";
        for prefix in ["", "gateway-1  | "] {
            let line = format!("{prefix}2026/11/21 20:31:37 [info] 41#41: *7 {words}, {TAIL}");
            let fault = Fault::parse(&line).expect("a line");
            assert_eq!((fault.kind, fault.is_info), (Kind::ReadTimeout, true));
            assert_eq!((fault.process, fault.serial), (41, Some(7)));
            assert_eq!((fault.time, fault.uri.as_deref()), (1_795_293_097_000, Some("/ws/echo")));
            assert_eq!(fault.client, "203.0.113.7".parse().ok());
        }
    }

    /// The words as nginx has them; each was seen in a log.
    #[test]
    fn what_nginx_says_about_a_connection_is_understood() {
        let upgraded = "while proxying upgraded connection";
        let header = "while reading response header from upstream";
        let reset = "recv() failed (104: Connection reset by peer)";
        let late = "upstream timed out (110: Connection timed out)";
        for (level, words, meant) in [
            ("info", &*format!("{late} {upgraded}"), Kind::ReadTimeout),
            (
                "info",
                &format!("client timed out (110: Connection timed out) {upgraded}"),
                Kind::SendTimeout,
            ),
            ("error", &format!("{reset} {upgraded}"), Kind::BackendReset),
            ("info", &format!("{reset} {upgraded}"), Kind::ClientReset),
            ("error", &format!("{reset} {header}"), Kind::NoBackend),
            ("error", &format!("{late} {header}"), Kind::BackendSilent),
            ("error", &format!("upstream prematurely closed connection {header}"), Kind::NoBackend),
            (
                "error",
                "connect() failed (111: Connection refused) while connecting to upstream",
                Kind::NoBackend,
            ),
            (
                "info",
                "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream",
                Kind::ClientGaveUp,
            ),
            ("notice", "limiting connections by zone \"address_connections\"", Kind::Limited),
            ("notice", "limiting requests, excess: 1.0 by zone \"address\"", Kind::Limited),
            ("error", "client intended to send too large body: 5000 bytes", Kind::BadRequest),
            (
                "info",
                "client sent invalid method while reading client request line",
                Kind::BadRequest,
            ),
            ("info", "client 127.0.0.1 closed keepalive connection", Kind::Other),
        ] {
            assert_eq!(kind(level, words), meant, "{words}");
        }
    }

    #[test]
    fn what_nginx_says_about_itself_is_understood() {
        for (words, meant) in [
            ("worker process 41 exited on signal 9", Kind::WorkerDied(41)),
            ("worker process 41 exited with code 0", Kind::Other),
            ("gracefully shutting down", Kind::ShuttingDown),
            ("signal 15 (SIGTERM) received from 15194, exiting", Kind::Stopped),
            ("signal 1 (SIGHUP) received from 16829, reconfiguring", Kind::Other),
        ] {
            let line = format!("2026/11/21 20:31:37 [notice] 40#40: {words}");
            let fault = Fault::parse(&line).expect("a line");
            assert_eq!((fault.kind, fault.serial), (meant, None), "{words}");
        }
    }

    #[test]
    fn a_request_cannot_pretend_to_be_a_cause() {
        let line = "2026/11/21 20:31:37 [info] 41#41: *7 client closed connection, client: 203.0.113.7, \
                    request: \"GET /(104: while proxying upgraded connection HTTP/1.1\"";
        assert_eq!(Fault::parse(line).expect("a line").kind, Kind::Other);
        for line in ["", "[info]", "{\"time\":1}", "2026-11-21T20:31:37.000Z INFO  open id=1"] {
            assert_eq!(Fault::parse(line), None, "{line}");
        }
    }
}
