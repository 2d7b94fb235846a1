//! How links are told of as JSON.
//! Leaves to `link.rs`: what there is to tell.

use serde::Serialize;

use super::{links::Held, time::rfc3339};
use crate::link::State;

/// `{"links": […]}`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    links: Vec<Entry>,
}

/// One link. A member that there is nothing to say of is left out.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    server: String,
    state: &'static str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<String>,
    attempts: u32,
    opened: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trip_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subprotocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_disconnect: Option<LastDisconnect>,
    queued: usize,
    in_flight: usize,
}

#[derive(Debug, Serialize)]
struct LastDisconnect {
    words: String,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    at: String,
}

impl Report {
    /// Of these links, as they are now.
    pub(super) fn of<'a>(held: impl IntoIterator<Item = &'a std::sync::Arc<Held>>) -> Self {
        Self { links: held.into_iter().map(|held| Entry::of(held)).collect() }
    }
}

impl Entry {
    /// Of this link, as it is now.
    pub(super) fn of(held: &Held) -> Self {
        let status = held.link.status();
        let next_try = match status.state {
            State::Reconnecting(at) => Some(rfc3339(at)),
            _ => None,
        };
        let last_disconnect = status.last_loss.map(|(loss, at)| LastDisconnect {
            words: loss.to_string(),
            reason: loss.label(),
            code: loss.code(),
            status: loss.http_status(),
            at: rfc3339(at),
        });
        Self {
            server: held.name.to_string(),
            state: status.state.name(),
            since: rfc3339(status.since),
            next_try,
            attempts: status.attempts,
            opened: status.opened,
            // To the microsecond; more digits would only seem to say something.
            round_trip_ms: status.rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3),
            subprotocol: status.subprotocol,
            last_disconnect,
            queued: status.queued,
            in_flight: status.in_flight,
        }
    }
}
