//! What may be wrong with a request to a bridge, beyond what may be with any.
//! Leaves to `crate::problem`: how that is answered; to `routes.rs` and `send.rs`: when to say it.

use std::time::SystemTime;

use super::links::{Held, Refused};
use crate::link::{Failure, State};
pub(super) use crate::problem::Problem;

/// Whether a message may have reached its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has not: it is safe to send it again.
    No,
    /// Nobody here can know.
    Maybe,
}

impl Problem {
    /// A bridge that takes no requests any more.
    pub(super) fn draining() -> Self {
        let detail = "this process is shutting down and takes no further requests";
        Self::new(503, "shutdown", "Shutting down", detail).retry_after(1)
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
        let problem = Self::new(status, failure.label(), title, detail).sent(sent);
        let problem = problem.member("server", &*held.name).member("state", state.name());
        match failure {
            Failure::QueueFull(_) => problem.retry_after(next_try(state)),
            _ => problem,
        }
    }

    /// Says what became of the message, unless that is said already.
    pub(super) fn sent(self, sent: Sent) -> Self {
        self.member("sent", if sent == Sent::No { "no" } else { "maybe" })
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
