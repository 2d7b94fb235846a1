//! How a link is to behave.
//! Leaves to `dial.rs`: how its connections are opened.

use std::{sync::Arc, time::Duration};

use super::retry::Patience;
use crate::{dial::Dial, metrics::LinkMetrics};

/// What a link needs to know. Every queue's limit is here.
///
/// No time is longer than a year, which the clock could not express; pings are never closer than
/// 10 ms; and the limits of [`in_flight_max`](Self::in_flight_max) and
/// [`unasked_max`](Self::unasked_max) are at least 1. Other values are read as these.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to open, again and again.
    pub dial: Dial,
    /// The time a request has, from the call to its reply. Default: 10 s.
    pub request_timeout: Duration,
    /// A ping is due so long after the one before, less 0-10 %. `None` switches pings off, and
    /// with them the notice of connections that died in silence. Default: 20 s.
    pub ping_interval: Option<Duration>,
    /// How long the server may take to show, after a ping, that it lives. Only whole frames show
    /// it: more than the largest message takes on the slowest line. Default: 10 s.
    pub pong_timeout: Duration,
    /// How long nothing may be written before the connection is given up. Default: 10 s.
    pub write_timeout: Duration,
    /// How long the closing handshake may take. Default: 2 s.
    pub close_timeout: Duration,
    /// When to try again.
    pub patience: Patience,
    /// The most requests waiting to be sent. Default: 1,024.
    pub queue_max: usize,
    /// The most bytes of their messages. Default: 16 MiB.
    pub queue_bytes_max: usize,
    /// The most requests sent and not answered; 1 is strict question and answer. Default: 64.
    pub in_flight_max: usize,
    /// The largest message sent, in bytes. Default: 16 MiB.
    pub message_bytes_max: usize,
    /// The most messages kept for each subscriber that is behind. Default: 256.
    pub unasked_max: usize,
    /// The most bytes of them; the latest is kept whatever its size. Default: 16 MiB.
    pub unasked_bytes_max: usize,
    /// Where to count; links may share it.
    pub metrics: Option<Arc<LinkMetrics>>,
}

impl Options {
    /// The longest time there is.
    pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// Without values that the clock cannot express, or that would keep a processor busy.
    pub(super) fn within_reason(mut self) -> Self {
        for time in [
            &mut self.request_timeout,
            &mut self.pong_timeout,
            &mut self.write_timeout,
            &mut self.close_timeout,
            &mut self.patience.backoff_first,
            &mut self.patience.backoff_max,
        ] {
            *time = (*time).min(Self::LONGEST);
        }
        let shortest = Duration::from_millis(10);
        self.ping_interval = self.ping_interval.map(|time| time.clamp(shortest, Self::LONGEST));
        self.in_flight_max = self.in_flight_max.max(1);
        self
    }

    /// The defaults, for this dial.
    ///
    /// ```
    /// use std::time::Duration;
    /// use holdline::{dial::Dial, link::Options};
    ///
    /// let dial = Dial::new("wss://example.com/ws".parse()?);
    /// let options = Options { request_timeout: Duration::from_secs(3), ..Options::new(dial) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(dial: Dial) -> Self {
        Self {
            dial,
            request_timeout: Duration::from_secs(10),
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            patience: Patience::default(),
            queue_max: 1024,
            queue_bytes_max: 16 * 1024 * 1024,
            in_flight_max: 64,
            message_bytes_max: 16 * 1024 * 1024,
            unasked_max: 256,
            unasked_bytes_max: 16 * 1024 * 1024,
            metrics: None,
        }
    }
}
