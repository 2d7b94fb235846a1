//! How a bridge is to behave: where it listens, which servers it knows, and every limit.
//! Leaves to `cli/link.rs`: where the values come from.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    dial::{Dial, Invalid, ServerUrl},
    link::{self, Patience},
    metrics::LinkMetrics,
};

/// What a bridge needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Default: 127.0.0.1:7456. Whoever reaches this address may send: there is
    /// no other protection.
    pub listen: SocketAddr,
    /// Servers to be linked to from the start. A request that names none goes to the first.
    pub servers: Vec<Dial>,
    /// What else a request may name. Default: nothing.
    pub allowed: Vec<Allowed>,
    /// The time that a request has which does not say itself. Default: 10 s.
    pub timeout: Duration,
    /// The most that a request may ask for. Default: 60 s.
    pub timeout_max: Duration,
    /// See [`link::Options::ping_interval`]. Default: 20 s.
    pub ping_interval: Option<Duration>,
    /// See [`link::Options::pong_timeout`]. Default: 10 s.
    pub pong_timeout: Duration,
    /// See [`link::Options::patience`].
    pub patience: Patience,
    /// The most requests waiting to be sent, per link. Default: 1,024.
    pub queue_max: usize,
    /// The most bytes of their messages, per link. Default: 16 MiB.
    pub queue_bytes_max: usize,
    /// The most requests sent and not answered, per link. Default: 64.
    pub in_flight_max: usize,
    /// The largest message taken from a program, in bytes. Default: 16 MiB.
    pub message_bytes_max: usize,
    /// The most requests being served at once. Default: 1,024.
    pub requests_max: usize,
    /// The most bytes of their bodies together. Default: 64 MiB.
    pub requests_bytes_max: usize,
    /// The most links. Default: 64.
    pub links_max: usize,
    /// The most messages that nobody asked for kept for readers. Default: 1,024.
    pub messages_max: usize,
    /// The most bytes of them, as they are sent to readers; the latest message is kept whatever
    /// its size. Default: 4 MiB.
    pub messages_bytes_max: usize,
    /// The most readers of these at once. Default: 64.
    pub readers_max: usize,
    /// How long a shutdown waits for requests that are being served. Default: 10 s.
    pub drain_timeout: Duration,
}

/// A server that requests may name, and all that lie below it
/// ([`contains`](ServerUrl::contains)).
#[derive(Clone)]
pub struct Allowed {
    /// Where it leads says what is allowed.
    dial: Dial,
    /// Sent to each of these servers, credentials included: [`Dial::to`] takes none along.
    fields: Vec<(String, String)>,
}

impl Allowed {
    /// Whatever lies within the dial's URL, dialled in the same way with these header fields.
    ///
    /// # Errors
    /// When one of them is no field of HTTP, or one that the handshake writes itself.
    ///
    /// ```
    /// use holdline::{bridge::Allowed, dial::Dial};
    ///
    /// let dial = Dial::new("wss://example.com/ws".parse()?);
    /// let token = ("Authorization".to_owned(), "Bearer some-token".to_owned());
    /// assert!(Allowed::within(dial.clone(), vec![token]).is_ok());
    /// let own = ("Upgrade".to_owned(), "h2c".to_owned());
    /// assert!(Allowed::within(dial, vec![own]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(dial: Dial, fields: Vec<(String, String)>) -> Result<Self, Invalid> {
        let allowed = Self { dial, fields };
        allowed.dial_to(allowed.url().clone())?;
        Ok(allowed)
    }

    /// What is allowed.
    ///
    /// ```
    /// # use holdline::{bridge::Allowed, dial::Dial};
    /// let allowed = Allowed::within(Dial::new("wss://example.com/ws".parse()?), vec![])?;
    /// assert!(allowed.url().contains(&"wss://example.com/ws/rooms/lobby".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn url(&self) -> &ServerUrl {
        self.dial.url()
    }

    /// The way to one of these servers.
    pub(super) fn dial_to(&self, url: ServerUrl) -> Result<Dial, Invalid> {
        let mut fields = self.fields.iter();
        fields.try_fold(self.dial.to(url), |dial, (name, value)| dial.header(name, value))
    }
}

/// Without the values of header fields, which may be secrets.
impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Allowed").field(&self.dial).finish()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 7456).into(),
            servers: Vec::new(),
            allowed: Vec::new(),
            timeout: Duration::from_secs(10),
            timeout_max: Duration::from_secs(60),
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Duration::from_secs(10),
            patience: Patience::default(),
            queue_max: 1024,
            queue_bytes_max: 16 * 1024 * 1024,
            in_flight_max: 64,
            message_bytes_max: 16 * 1024 * 1024,
            requests_max: 1024,
            requests_bytes_max: 64 * 1024 * 1024,
            links_max: 64,
            messages_max: 1024,
            messages_bytes_max: 4 * 1024 * 1024,
            readers_max: 64,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// What a link to this server is told.
    pub(super) fn link(&self, dial: Dial, metrics: &Arc<LinkMetrics>) -> link::Options {
        link::Options {
            request_timeout: self.timeout,
            ping_interval: self.ping_interval,
            pong_timeout: self.pong_timeout,
            patience: self.patience,
            queue_max: self.queue_max,
            queue_bytes_max: self.queue_bytes_max,
            in_flight_max: self.in_flight_max,
            message_bytes_max: self.message_bytes_max,
            // What is kept afterwards is no more.
            unasked_max: self.messages_max,
            unasked_bytes_max: self.messages_bytes_max,
            metrics: Some(Arc::clone(metrics)),
            ..link::Options::new(dial)
        }
    }
}
