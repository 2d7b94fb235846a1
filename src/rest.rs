//! WebSocket to REST: each message becomes one HTTP request, its answer a message with the same id.
//! Leaves to `connection.rs`: how many at once; to `upstream.rs`: the exchange itself.

mod answer;
mod base;
mod fields;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod path;
mod request;

use std::{io, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::{sync::Semaphore, time::timeout};

use self::request::{Asked, Refused, Rules};
use crate::{
    callback::{Action, Answer, Caller, Failure, Reaction},
    config::Config,
    frame,
    message::Message,
    metrics::{Metrics, RestMetrics},
    upstream::{self, Bounds, Upstream},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CONNECTION: HeaderName = HeaderName::from_static("x-holdline-connection");
const USER: HeaderName = HeaderName::from_static("x-holdline-user");

/// What a user's name cannot be written with in a header, and the sign that says so.
const NOT_IN_A_HEADER: &AsciiSet = &CONTROLS.add(b'%');

/// What `/ws/rest` does with messages. Cheap to clone; clones share connections to the application.
#[derive(Clone, Debug)]
pub struct Rest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Arc<Rules>,
    upstream: Upstream,
    bounds: Bounds,
    /// The longest message that an answer may become.
    message_bytes_max: usize,
    /// Places for requests, of all connections together (`rest.in_flight_total`).
    places: Arc<Semaphore>,
    metrics: RestMetrics,
}

impl Rest {
    /// None while there is no `rest.base_url`.
    ///
    /// # Errors
    /// When that is `https` and the system has no certificates to trust.
    pub fn new(config: &Config, metrics: &Metrics) -> io::Result<Option<Self>> {
        let rest = &config.rest;
        let (Some(rules), Some(base)) = (Rules::new(config), &rest.base_url) else {
            return Ok(None);
        };
        let idle_max = rest.in_flight_total.div_ceil(config.server.workers.max(1));
        let upstream = Upstream::new(base, idle_max).map_err(|error| {
            io::Error::new(error.kind(), format!("rest.base_url = {base}: {error}"))
        })?;
        Ok(Some(Self(Arc::new(Inner {
            rules: Arc::new(rules),
            upstream,
            bounds: Bounds { timeout: rest.timeout, answer_bytes_max: rest.answer_bytes_max },
            // Half of the outbox: an answer is let in while no more than the other half is taken,
            // so it always fits.
            message_bytes_max: (config.limits.outbox_bytes_max / 2)
                .saturating_sub(frame::HEADER_BYTES_MAX),
            places: Arc::new(Semaphore::new(rest.in_flight_total)),
            metrics: metrics.rest.clone(),
        }))))
    }

    /// The same for another worker: with connections of its own to the application.
    #[must_use]
    pub fn own_pool(&self) -> Self {
        let Inner { rules, upstream, bounds, message_bytes_max, places, metrics } = &*self.0;
        Self(Arc::new(Inner {
            rules: Arc::clone(rules),
            upstream: upstream.own_pool(),
            bounds: *bounds,
            message_bytes_max: *message_bytes_max,
            places: Arc::clone(places),
            metrics: metrics.clone(),
        }))
    }

    /// Asks the application what `message` says, and replies with its answer or with why there is
    /// none: a failure is the peer's to read and no reason to end its connection.
    ///
    /// Dropped before its end, the request that is under way is cut.
    pub fn answer(&self, message: &Message, caller: &Caller) -> Answer<Reaction> {
        let began = Instant::now();
        match self.0.rules.read(message) {
            Ok(Asked { id, mut request }) => {
                sign(request.headers_mut(), caller);
                let inner = Arc::clone(&self.0);
                Answer::later(async move {
                    let mut account = Account::open(&inner.metrics, began);
                    let asked = inner.ask(request).await;
                    let bytes_max = inner.message_bytes_max;
                    let told = asked.and_then(|response| {
                        answer::answered(&id, &response, bytes_max)
                            .ok_or_else(|| too_big(bytes_max))
                    });
                    account.outcome =
                        told.as_ref().map_or_else(|(label, _)| *label, |_| "answered");
                    reply(told.unwrap_or_else(|(_, failure)| answer::failed(Some(&id), &failure)))
                })
            }
            Err(Refused { id, failure }) => {
                self.0.metrics.ended("refused", began);
                Answer::Now(reply(answer::failed(id.as_deref(), &failure)))
            }
        }
    }
}

impl Inner {
    /// One exchange; a failure comes with its label.
    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failed> {
        let deadline = Instant::now() + self.bounds.timeout;
        // Without a place nothing was sent. The semaphore is never closed.
        let Ok(Ok(_place)) = timeout(self.bounds.timeout, self.places.acquire()).await else {
            return Err(busy());
        };
        let timeout = deadline.saturating_duration_since(Instant::now());
        let bounds = Bounds { timeout, ..self.bounds };
        self.upstream.ask(request, bounds).await.map_err(|failure| {
            log::debug!("a request of /ws/rest failed: {failure}");
            self.told(&failure)
        })
    }

    /// A failure in words for a peer: nothing of what the network behind this node looks like.
    fn told(&self, failure: &upstream::Failure) -> Failed {
        let Bounds { timeout, answer_bytes_max } = self.bounds;
        let (title, detail) = match failure {
            upstream::Failure::Timeout(_) => (
                "The application did not answer in time",
                format!(
                    "no whole answer within {timeout:?}; the request may have been carried out"
                ),
            ),
            upstream::Failure::Unreachable(_) => (
                "The application cannot be reached",
                "no connection; the request was not sent".to_owned(),
            ),
            upstream::Failure::Broken(_) => (
                "The application's answer broke off",
                "no whole answer; the request may have been carried out".to_owned(),
            ),
            upstream::Failure::TooBig(_) => return too_big(answer_bytes_max),
        };
        (failure.label(), Failure::new(failure.label(), title).detail(detail))
    }
}

/// Why there is no answer: the label in the metrics, and what the peer is told.
type Failed = (&'static str, Failure);

fn too_big(bytes_max: usize) -> Failed {
    let detail = format!("it is longer than {bytes_max} bytes; the request was carried out");
    ("answer_too_big", Failure::new("answer_too_big", "The answer is too big").detail(detail))
}

fn busy() -> Failed {
    let detail = "no place became free in time; the request was not sent";
    ("busy", Failure::new("busy", "Too many requests are under way").detail(detail))
}

fn reply(message: Message) -> Reaction {
    Ok(vec![Action::Reply(message)])
}

/// Says who asks. A message cannot set these: `config/rules` refuses to allow it.
fn sign(headers: &mut HeaderMap, caller: &Caller) {
    let mut put = |name, value: &str| {
        // Nothing here can fail to be a header: the request's name is checked by `server/peer`.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    put(CONNECTION, &caller.id.to_string());
    put(FORWARDED_FOR, &caller.peer.to_string());
    if caller.request != "-" {
        put(REQUEST_ID, &caller.request);
    }
    if let Some(user) = &caller.user {
        put(USER, &utf8_percent_encode(user, NOT_IN_A_HEADER).to_string());
    }
}

/// One request's entry in the metrics, written when it ends, however it ends.
struct Account<'a> {
    metrics: &'a RestMetrics,
    began: Instant,
    outcome: &'static str,
}

impl<'a> Account<'a> {
    fn open(metrics: &'a RestMetrics, began: Instant) -> Self {
        metrics.in_flight.inc();
        Self { metrics, began, outcome: "abandoned" }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.ended(self.outcome, self.began);
    }
}

#[cfg(test)]
mod tests;
