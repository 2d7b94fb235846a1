//! What happens to a connection, in words for people and as a record for programs.
//! Leaves to `screen.rs`: where it is shown.

use std::time::Duration;

use bytes::Bytes;
use holdline::{
    dial::{End, Opened, Refusal},
    message::Message,
};
use serde::Serialize;

use super::order::hex;
use crate::cli::moment;

/// Something to show.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// A connection was opened; true: not the first.
    Opened(Opened, bool),
    Message(Message),
    Ping(Bytes),
    Pong(Bytes),
    Ended(End),
    /// The server did not answer our close frame within this time.
    Unanswered(Duration),
    Refused(Refusal),
    /// The next try is after this wait; its number since the last good connection.
    Reconnecting(Duration, u32),
    /// There will be no other try: the server does not want us.
    Unwanted,
    /// Something that a person would want to know.
    Note(String),
    /// Something that was asked for and is not done.
    Trouble(String),
}

/// Which of a reader's interests it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server said it.
    Incoming,
    /// About the connection.
    Notice,
    /// Something went wrong.
    Trouble,
}

/// One line of `--json`. The names are an interface: `--help` lists them.
#[derive(Debug, Default, Serialize)]
struct Record<'a> {
    time: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subprotocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<f64>,
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
}

impl Happening {
    /// Which kind it is of.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Message(_) | Self::Ping(_) | Self::Pong(_) => Kind::Incoming,
            Self::Opened(..) | Self::Ended(_) | Self::Reconnecting(..) | Self::Note(_) => {
                Kind::Notice
            }
            Self::Unanswered(_) | Self::Refused(_) | Self::Unwanted | Self::Trouble(_) => {
                Kind::Trouble
            }
        }
    }

    /// In words; a text message is its own.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Opened(_, true) => "Connected again".to_owned(),
            Self::Opened(Opened { subprotocol: Some(name), .. }, false) => {
                format!("Connected, subprotocol {name} (press CTRL+C to quit)")
            }
            Self::Opened(_, false) => "Connected (press CTRL+C to quit)".to_owned(),
            Self::Message(Message::Text(text)) => text.to_string(),
            Self::Message(Message::Binary(bytes)) => {
                format!("binary {} bytes: {}", bytes.len(), hex(bytes))
            }
            Self::Ping(payload) => received("ping", payload),
            Self::Pong(payload) => received("pong", payload),
            Self::Ended(end) => format!("Disconnected: {end}"),
            Self::Unanswered(limit) => {
                format!("the server did not answer the close within {limit:?}")
            }
            Self::Refused(refusal) => format!("not connected: {refusal}"),
            Self::Reconnecting(Duration::ZERO, _) => "Reconnecting now".to_owned(),
            Self::Reconnecting(wait, attempt) => {
                format!("Reconnecting in {:.1}s (try {attempt})", wait.as_secs_f64())
            }
            Self::Unwanted => {
                "the server does not want this connection: not trying again".to_owned()
            }
            Self::Note(words) | Self::Trouble(words) => words.clone(),
        }
    }

    /// As a line of JSON.
    pub(super) fn json(&self) -> String {
        let record = Record { time: moment::now(), ..self.record() };
        // Nothing in a record can fail to be written.
        serde_json::to_string(&record).unwrap_or_default()
    }

    fn record(&self) -> Record<'_> {
        let words = Some(self.words());
        match self {
            Self::Opened(opened, _) => Record {
                event: "open",
                address: Some(opened.address.to_string()),
                subprotocol: opened.subprotocol.as_deref(),
                took_ms: Some(milliseconds(opened.took.iter().sum())),
                ..Record::default()
            },
            Self::Message(Message::Text(text)) => {
                Record { event: "message", text: Some(text), ..Record::default() }
            }
            Self::Message(Message::Binary(bytes)) => bytes_of("message", bytes),
            Self::Ping(payload) => payload_of("ping", payload),
            Self::Pong(payload) => payload_of("pong", payload),
            Self::Ended(end) => Record {
                event: if end.code().is_some() { "close" } else { "lost" },
                reason: Some(end.label()),
                code: end.code(),
                text: match end {
                    End::ClosedByServer(_, text) => Some(text),
                    _ => None,
                },
                words: Some(end.to_string()),
                ..Record::default()
            },
            Self::Refused(refusal) => Record {
                event: "refused",
                reason: Some(refusal.label()),
                status: refusal.status(),
                words: Some(refusal.to_string()),
                ..Record::default()
            },
            Self::Reconnecting(wait, attempt) => Record {
                event: "reconnecting",
                wait_ms: Some(milliseconds(*wait)),
                attempt: Some(*attempt),
                ..Record::default()
            },
            Self::Unanswered(_) => Record { event: "unanswered", words, ..Record::default() },
            Self::Unwanted => Record { event: "unwanted", words, ..Record::default() },
            Self::Note(_) => Record { event: "note", words, ..Record::default() },
            Self::Trouble(_) => Record { event: "trouble", words, ..Record::default() },
        }
    }
}

/// wscat's words.
fn received(what: &str, payload: &[u8]) -> String {
    format!("Received {what} (data: \"{}\")", String::from_utf8_lossy(payload))
}

/// A payload as text where it is text.
fn payload_of<'a>(event: &'static str, payload: &'a [u8]) -> Record<'a> {
    match std::str::from_utf8(payload) {
        Ok(text) => Record { event, text: Some(text), ..Record::default() },
        Err(_) => bytes_of(event, payload),
    }
}

fn bytes_of(event: &'static str, bytes: &[u8]) -> Record<'static> {
    Record { event, binary: Some(hex(bytes)), ..Record::default() }
}

/// Microseconds are as fine as anybody reads these.
fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(happening: Happening) -> serde_json::Value {
        serde_json::from_str(&happening.json()).unwrap()
    }

    #[test]
    fn every_record_has_its_time_and_event_and_only_what_belongs_to_it() {
        let line = Happening::Message(Message::Text("a\nb".into())).json();
        assert!(line.starts_with("{\"time\":\"2"), "{line}");
        assert!(line.ends_with("\",\"event\":\"message\",\"text\":\"a\\nb\"}"), "{line}");
    }

    #[test]
    fn bytes_are_hexadecimal_and_a_payload_is_text_where_it_can_be() {
        let message = json(Happening::Message(Message::Binary(Bytes::from_static(b"hello"))));
        assert_eq!(message["binary"], "68656c6c6f");
        assert_eq!(json(Happening::Ping(Bytes::from_static(b"x")))["text"], "x");
        assert_eq!(json(Happening::Pong(Bytes::from_static(b"\xff")))["binary"], "ff");
    }

    #[test]
    fn an_end_is_a_close_or_a_loss_with_its_label_and_words() {
        let close = json(Happening::Ended(End::ClosedByServer(1012, "deploy".to_owned())));
        assert_eq!(
            (&close["event"], &close["reason"]),
            (&"close".into(), &"closed_by_server".into())
        );
        assert_eq!((&close["code"], &close["text"]), (&1012.into(), &"deploy".into()));
        let lost = json(Happening::Ended(End::Reset));
        assert_eq!((&lost["event"], &lost["reason"]), (&"lost".into(), &"reset".into()));
        assert!(lost["words"].as_str().unwrap().contains("RST") && lost.get("code").is_none());
    }

    #[test]
    fn a_refusal_has_its_status_and_a_wait_its_length() {
        let answer = holdline::dial::Answer { status: 503, ..Default::default() };
        let refused = json(Happening::Refused(Refusal::Status(answer)));
        assert_eq!((&refused["reason"], &refused["status"]), (&"status".into(), &503.into()));
        let wait = json(Happening::Reconnecting(Duration::from_millis(1500), 3));
        assert_eq!((&wait["wait_ms"], &wait["try"]), (&1500.0.into(), &3.into()));
    }
}
