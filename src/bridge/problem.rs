//! What went wrong with a request, as RFC 9457 problem details.
//! Leaves to `routes.rs` and `send.rs`: when to say it.

use std::{fmt, time::SystemTime};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, RETRY_AFTER},
    },
};
use serde::Serialize;

use super::links::{Held, Refused};
use crate::link::{Failure, State};

/// Whether a message may have reached its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sent {
    /// It has not: it is safe to send it again.
    No,
    /// Nobody here can know.
    Maybe,
}

/// A problem. Boxed, because what goes well should not have to carry the room for it.
#[derive(Debug)]
pub(super) struct Problem(Box<Details>);

/// What is known of it.
#[derive(Debug, Serialize)]
struct Details {
    /// `urn:holdline:problem:` and a word that stays the same, for programs.
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip)]
    retry_after: Option<u64>,
    #[serde(skip)]
    allow: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(
        status: u16,
        word: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            r#type: format!("urn:holdline:problem:{word}"),
            title,
            status,
            detail: detail.into(),
            sent: None,
            server: None,
            state: None,
            retry_after: None,
            allow: None,
        }))
    }

    /// A request that cannot be understood.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad_request", "The request cannot be understood", detail)
    }

    /// A body over its limit.
    pub(super) fn too_big(detail: impl Into<String>) -> Self {
        Self::new(413, "too_big", "The message is too big", detail)
    }

    /// A bridge that takes no requests any more.
    pub(super) fn draining() -> Self {
        let detail = "this process is shutting down and takes no further requests";
        Self::new(503, "shutdown", "Shutting down", detail).retry_after(1)
    }

    /// A method that this route does not have.
    pub(super) fn method(allow: &'static str) -> Self {
        let detail = format!("this route takes {allow}");
        let mut problem = Self::new(405, "method", "This route does not have this method", detail);
        problem.0.allow = Some(allow);
        problem
    }

    /// Why there is no link for a request.
    pub(super) fn refused(refused: Refused) -> Self {
        match refused {
            Refused::Unnamed(links) if links.is_empty() => Self::bad_request(
                "no server is named: name one by ?server=ws://host:port/path, by POST /connect, \
                 or by --server at start",
            ),
            Refused::Unnamed(links) => Self::bad_request(format!(
                "no server is named, and there is more than one link: name one by ?server=, of {}",
                links.join(", ")
            )),
            Refused::BadUrl(why) => {
                Self::new(400, "bad_url", "This is no WebSocket server", why.to_string())
            }
            Refused::Credentials => Self::bad_request(
                "a server is named here without credentials: those belong to --server, --header \
                 or --token-file at start",
            ),
            Refused::NotAllowed(server) => {
                let detail = format!(
                    "{server} is neither a --server nor within the allow list (--allow) of this \
                     process"
                );
                Self::new(403, "not_allowed", "This server is not allowed", detail)
            }
            Refused::Full(max) => {
                let detail = format!("there are {max} links, which is the limit (--links-max)");
                Self::new(503, "links_max", "Too many links", detail)
            }
            Refused::Over => Self::draining(),
        }
    }

    /// Why a message has no reply.
    pub(super) fn failed(failure: &Failure, held: &Held) -> Self {
        let state = held.link.state();
        let (status, title) = match failure {
            Failure::NotSentInTime(..) => (504, "The message could not be sent in time"),
            Failure::NoReplyInTime(_) => (504, "No reply came in time"),
            Failure::Lost(_) => (502, "The connection was lost before a reply came"),
            Failure::Down(None) => (503, "The link is closed"),
            Failure::Down(Some(_)) => (502, "The server does not want this link"),
            Failure::QueueFull(_) => (503, "Too many requests are waiting"),
            Failure::TooBig(..) => (413, "The message is too big"),
            Failure::Shutdown(_) => (503, "Shutting down"),
        };
        let hint = match failure {
            Failure::Down(None) => "; POST /reconnect opens it again",
            Failure::Down(Some(_)) => "; POST /reconnect tries again",
            Failure::NoReplyInTime(_) | Failure::Lost(_) | Failure::Shutdown(true) => {
                "; the message may have arrived"
            }
            _ => "",
        };
        let sent = if failure.maybe_sent() { Sent::Maybe } else { Sent::No };
        let detail = format!("{failure}{hint}");
        let mut problem = Self::new(status, failure.label(), title, detail).sent(sent);
        problem.0.server = Some(held.name.to_string());
        problem.0.state = Some(state.name());
        match failure {
            Failure::QueueFull(_) => problem.retry_after(next_try(state)),
            _ => problem,
        }
    }

    /// Says what became of the message, unless that is said already.
    pub(super) fn sent(mut self, sent: Sent) -> Self {
        self.0.sent.get_or_insert(sent);
        self
    }

    /// Says when to try again, in seconds.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The answer that tells it.
    pub(super) fn answer(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut answer = HttpResponseBuilder::new(status);
        answer.insert_header((CACHE_CONTROL, "no-store")).content_type("application/problem+json");
        if let Some(seconds) = self.0.retry_after {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = self.0.allow {
            answer.insert_header((ALLOW, allow));
        }
        answer.json(&self.0)
    }
}

/// In words, for people.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for Problem {
    fn error_response(&self) -> HttpResponse {
        self.answer()
    }
}

/// Seconds until the link tries again, at least 1: a queue is not empty before that.
fn next_try(state: State) -> u64 {
    match state {
        State::Reconnecting(at) => {
            let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
            wait.as_secs() + 1
        }
        _ => 1,
    }
}
