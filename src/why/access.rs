//! A line of the gateway's access log, written when a request ends: ours as shipped, nginx's default,
//! or any format that is told. Leaves to `error.rs`: what nginx complained about.

use std::net::IpAddr;

use serde_json::Value;

use super::{
    format::Format,
    moment::{self, Moment},
};

/// What the gateway wrote about one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Access {
    /// When it ended.
    pub(super) time: Moment,
    /// By how many milliseconds the gateway's clock is ahead of UTC, for the error log.
    pub(super) ahead: i64,
    pub(super) request: Option<String>,
    /// nginx's number of the connection, and the process that held it.
    pub(super) serial: Option<u64>,
    pub(super) worker: Option<u64>,
    pub(super) peer: Option<IpAddr>,
    pub(super) method: Option<String>,
    /// Without the query.
    pub(super) uri: Option<String>,
    pub(super) status: u16,
    /// Milliseconds from the first byte to the end.
    pub(super) life: Option<i64>,
    /// Whether nginx saw it through; none where the format does not say.
    pub(super) completed: Option<bool>,
    /// The backend that was asked last.
    pub(super) upstream: Option<String>,
    /// Whether a backend's answer came, where the format says so.
    answered: Option<bool>,
    /// Whether its client asked for a WebSocket, where the format has `$http_upgrade`.
    pub(super) upgrade: Option<bool>,
    /// Whether one of nginx's own limits refused it.
    pub(super) limited: Option<&'static str>,
}

impl Access {
    /// Takes a line apart; none when it is of another form, or says neither time nor status.
    pub(super) fn parse(line: &str, format: Option<&Format>) -> Option<Self> {
        let mut access = Self::default();
        let mut timed = false;
        if let Some(format) = format {
            format
                .read(line)?
                .into_iter()
                .for_each(|(key, value)| access.set(key, value, &mut timed));
        } else if let Some(json) = line.find('{').and_then(|start| object(&line[start..])) {
            json.iter().for_each(|(key, value)| access.set(key, &plain(value), &mut timed));
        } else {
            let combined = Format::combined();
            let values = combined.read(line)?;
            values.into_iter().for_each(|(key, value)| access.set(key, value, &mut timed));
        }
        (timed && access.status != 0).then_some(access)
    }

    /// Whether the backend made a WebSocket of it.
    pub(super) fn is_upgraded(&self) -> bool {
        self.status == 101
    }

    /// Whether it was the backend that refused it. Where it could not be asked, nginx counts its own 502
    /// or 504 as the backend's status; the time of the answer tells.
    pub(super) fn is_answered_by_backend(&self) -> Option<bool> {
        self.upstream.as_ref()?;
        self.answered.or_else(|| (!matches!(self.status, 502 | 504)).then_some(true))
    }

    /// Takes one value: by the name of nginx's variable, ours, or one that is usual in JSON.
    fn set(&mut self, key: &str, value: &str, timed: &mut bool) {
        if matches!(value, "" | "-") {
            // Nothing was there to be logged; only of the completion that says something.
            if matches!(key, "completion" | "request_completion") {
                self.completed = Some(false);
            }
            if matches!(key, "upgrade" | "http_upgrade") {
                self.upgrade = Some(false);
            }
            if value == "-" && matches!(key, "handshake" | "upstream_header_time") {
                self.answered = Some(false);
            }
            return;
        }
        let some = || Some(value.to_owned());
        match key {
            "time" | "time_iso8601" | "time_local" | "timestamp" | "@timestamp" | "msec" | "ts" => {
                let zoned = moment::rfc3339(value).or_else(|| moment::local(value));
                let zoned = zoned.or_else(|| Some((moment::msec(value)?, 0)));
                // The first that is one: of several only $msec says no zone.
                if let Some((time, ahead)) = zoned.filter(|_| !*timed || key != "msec") {
                    (self.time, self.ahead, *timed) = (time, ahead, true);
                }
            }
            "request" if value.contains(' ') => self.request_line(value),
            "request_line" => self.request_line(value),
            "request"
            | "request_id"
            | "requestId"
            | "req_id"
            | "x_request_id"
            | "http_x_request_id"
            | "sent_http_x_request_id"
            | "upstream_http_x_request_id" => {
                self.request = some();
            }
            "serial" | "connection" | "connection_serial" => self.serial = value.parse().ok(),
            "worker" | "pid" => self.worker = value.parse().ok(),
            "peer" | "remote_addr" | "client" | "client_ip" | "remote_ip" => {
                self.peer = value.parse().ok();
            }
            "method" | "request_method" => self.method = some(),
            "uri" | "request_uri" | "path" | "url" => self.uri = Some(path(value)),
            "status" => self.status = value.parse().unwrap_or(0),
            "life" | "request_time" | "duration" => {
                let seconds = value.parse::<f64>().ok();
                self.life = seconds.map(|seconds| (seconds * 1000.0).round() as i64);
            }
            "completion" | "request_completion" => self.completed = Some(value == "OK"),
            "handshake" | "upstream_header_time" => self.answered = Some(last(value) != "-"),
            "upstream" | "upstream_addr" => self.upstream = Some(last(value)),
            "upgrade" | "http_upgrade" => {
                self.upgrade = Some(value.eq_ignore_ascii_case("websocket"));
            }
            "limit_req" | "limit_req_status" if value.starts_with("REJECTED") => {
                self.limited = Some("limit_req");
            }
            "limit_conn" | "limit_conn_status" if value.starts_with("REJECTED") => {
                self.limited = Some("limit_conn");
            }
            _ => {}
        }
    }

    fn request_line(&mut self, line: &str) {
        let mut words = line.split(' ');
        self.method = words.next().map(str::to_owned);
        self.uri = words.next().map(path);
    }
}

fn object(text: &str) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_str(text).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn path(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}

/// Of several backends, separated by commas, or by colons between upstream groups, the last.
fn last(several: &str) -> String {
    let last = several.rsplit([',', ' ']).find(|part| !part.is_empty() && *part != ":");
    last.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_shipped_gateway_is_read() {
        let line = r#"{"time":"2026-11-21T21:31:37+01:00","request":"c1d0","serial":"7","worker":"41","peer":"203.0.113.7","method":"GET","uri":"/ws/echo","status":"101","life":3.014,"bytes_down":300,"bytes_up":"500","completion":"","upstream":"127.0.0.1:1, 127.0.0.1:9000","upstream_status":"503, 101","handshake":"0.001","limit_req":"PASSED","limit_conn":"PASSED","user_agent":""}"#;
        for line in [line.to_owned(), format!("gateway-1  | {line}")] {
            let access = Access::parse(&line, None).expect("a line");
            assert_eq!((access.time, access.ahead), (1_795_293_097_000, 3_600_000));
            assert_eq!(
                (access.serial, access.worker, access.life),
                (Some(7), Some(41), Some(3014))
            );
            assert_eq!((access.completed, access.limited), (Some(false), None));
            assert_eq!(access.request.as_deref(), Some("c1d0"));
            assert_eq!(access.upstream.as_deref(), Some("127.0.0.1:9000"));
            assert!(access.is_upgraded());
        }
    }

    #[test]
    fn other_formats_are_read_as_far_as_they_go() {
        let combined = r#"203.0.113.7 - - [21/Nov/2026:20:31:37 +0000] "GET /ws/echo?t=1 HTTP/1.1" 101 4 "-" "x""#;
        let access = Access::parse(combined, None).expect("a line");
        assert_eq!((access.request, access.completed, access.status), (None, None, 101));
        assert_eq!((access.uri.as_deref(), access.time), (Some("/ws/echo"), 1_795_293_097_000));
        let format = "$msec $status $request_id $connection".parse().expect("a format");
        let access = Access::parse("1795293097.250 101 c1d0 12", Some(&format)).expect("a line");
        assert_eq!((access.time, access.serial), (1_795_293_097_250, Some(12)));
        assert_eq!(access.request.as_deref(), Some("c1d0"));
    }

    #[test]
    fn what_is_no_line_of_an_access_log_is_none() {
        for line in ["", "{}", "{\"status\":101}", "2026/11/21 20:31:37 [info] 7#7: *5 x"] {
            assert_eq!(Access::parse(line, None), None, "{line}");
        }
    }
}
