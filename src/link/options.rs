//! How a link is to behave.
//! Leaves to `dial.rs`: how its connections are opened.

use std::{sync::Arc, time::Duration};

use super::retry::Patience;
use crate::{dial::Dial, metrics::LinkMetrics};

/// What a link needs to know. Every queue's limit is here.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to open, again and again.
    pub dial: Dial,
    /// The time a request has, from the call to its reply. Default: 10 s.
    pub request_timeout: Duration,
    /// A ping is due so long after the one before, less 0-10 %. `None` switches pings off, and
    /// with them the notice of connections that died in silence. Default: 20 s.
    pub ping_interval: Option<Duration>,
    /// How long the server may take to show, after a ping, that it lives. Default: 10 s.
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
    /// Where to count; links may share it.
    pub metrics: Option<Arc<LinkMetrics>>,
}

impl Options {
    /// The defaults, for this dial.
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
            metrics: None,
        }
    }
}
