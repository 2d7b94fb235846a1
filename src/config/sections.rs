//! The sections of the configuration as plain values, with the documented defaults.
//! Reading and checking them is left to the files beside this one.

mod application;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub use self::application::{Auth, Callback, Rest};
use super::secret::Secret;

/// What a publication on its way to another worker counts in `limits.mailbox_bytes_max` beside its
/// frame: its place in the queue, the room's name and the frame's allocation. Without it a mailbox
/// could hold millions of empty messages.
pub const LETTER_BYTES: usize = 256;

/// The most workers a node can have: a room knows which of them have members by one word's bits.
pub const WORKERS_MAX: usize = 64;

/// `server`: the public listener and what it admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where the gateway reaches this node. Port 0 lets the system choose; the log tells which.
    pub listen: SocketAddr,
    /// Threads that serve connections, 1 to [`WORKERS_MAX`]. Default: one per core this process
    /// may use.
    pub workers: usize,
    /// Connections held at once; over it a handshake gets 503 and the gateway tries another node.
    pub connections_max: usize,
    /// Origins admitted besides the one that equals `Host`: `scheme://host[:port]`, or `*` for all.
    pub allowed_origins: Vec<String>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// A connection that has not become a WebSocket this long after its first byte is cut.
    pub handshake_timeout: Duration,
    /// Subprotocols that are agreed to when a peer offers them (RFC 6455 section 1.9), the first
    /// here winning; `holdline.v1` is always agreed to, after these.
    pub subprotocols: Vec<String>,
    /// Whether `GET /` is the page that tries this node in a browser; 404 otherwise.
    pub page: bool,
    /// A worker that does not answer the watchdog for this long, twice in a row, aborts the
    /// process.
    pub stall_timeout: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
            workers: cores(),
            connections_max: 20_000,
            allowed_origins: Vec::new(),
            trusted_proxies: vec![
                IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
                IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
            ],
            handshake_timeout: Duration::from_secs(10),
            subprotocols: Vec::new(),
            page: true,
            stall_timeout: Duration::from_secs(5),
        }
    }
}

/// `control`: the operator's and the application's listener, which the gateway never routes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Where metrics, health and the control API are served. Port 0 lets the system choose; the log tells which.
    pub listen: SocketAddr,
    /// What a request must carry (`Authorization: Bearer`). Without it a listener that is not
    /// loopback serves only metrics, health and readiness.
    pub token: Option<Secret>,
    /// The largest body of a request.
    pub body_bytes_max: usize,
    /// Requests to the control API being served at once; metrics, health and readiness do not count.
    pub requests_max: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9001)),
            token: None,
            body_bytes_max: 16 << 20,
            requests_max: 64,
        }
    }
}

/// `gateway`: what this node must know about the gateway in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The silence after which the gateway cuts a connection (nginx: `proxy_read_timeout`).
    pub read_timeout: Duration,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { read_timeout: Duration::from_secs(60) }
    }
}

/// `heartbeat`: how a connection is kept from looking idle, and a dead one found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between pings, at most half of [`Gateway::read_timeout`]; `None` sends none.
    ///
    /// A configuration that does not name it gets [`Heartbeat::ping_interval_for`].
    pub ping_interval: Option<Duration>,
    /// A peer is dead when it sends no whole frame for `ping_interval + pong_timeout`.
    pub pong_timeout: Duration,
}

impl Heartbeat {
    /// The interval that fits a gateway's read timeout: a third of it, in whole milliseconds, so
    /// that two pings in a row may get lost before the gateway cuts the connection.
    ///
    /// ```
    /// use std::time::Duration;
    /// use holdline::config::Heartbeat;
    ///
    /// assert_eq!(Heartbeat::ping_interval_for(Duration::from_secs(60)), Duration::from_secs(20));
    /// ```
    #[must_use]
    pub fn ping_interval_for(read_timeout: Duration) -> Duration {
        let third = read_timeout / 3;
        third - Duration::from_nanos(u64::from(third.subsec_nanos()) % 1_000_000)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            ping_interval: Some(Self::ping_interval_for(Gateway::default().read_timeout)),
            pong_timeout: Duration::from_secs(10),
        }
    }
}

/// `limits`: the bound of everything that could otherwise grow. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest message a peer may send, all its fragments together; over it: 1009.
    pub message_bytes_max: usize,
    /// How long a message may take from its first frame to its last; over it: 1008.
    pub message_timeout: Duration,
    /// Fragments one message may come in; over it: 1009.
    pub message_fragments_max: usize,
    /// Control frames one connection's control lane holds; when it is full, reading pauses.
    pub control_frames_max: usize,
    /// Bytes one connection's outbox holds; over it the connection is slow: 1013.
    pub outbox_bytes_max: usize,
    /// Frames one connection's outbox holds; over it the connection is slow: 1013.
    pub outbox_frames_max: usize,
    /// Bytes all outboxes hold together, a shared frame counted once; past it the slowest goes.
    pub outbox_bytes_total: usize,
    /// Bytes of publications queued towards one other worker; past it the publisher waits or gets
    /// 503.
    pub mailbox_bytes_max: usize,
    /// A connection is ended when something has waited this long for its peer to take it, or when
    /// the peer's kernel has taken not one byte for this long.
    pub write_timeout: Duration,
    /// How long the closing handshake may take before TCP is closed without it.
    pub close_timeout: Duration,
    /// Messages a peer may send per second, on average; over it: 1013. `None` is no limit.
    pub messages_per_second: Option<u32>,
    /// Rooms that exist at once; a handshake that would open one more gets 503.
    pub rooms_max: usize,
    /// Rooms one connection is in at once.
    pub rooms_per_connection_max: usize,
    /// Connections from one client address; over it a handshake gets 429. `None` is no limit.
    pub connections_per_ip_max: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 64 << 10,
            message_timeout: Duration::from_secs(30),
            message_fragments_max: 16_384,
            control_frames_max: 32,
            outbox_bytes_max: 1 << 20,
            outbox_frames_max: 1024,
            outbox_bytes_total: 256 << 20,
            mailbox_bytes_max: 16 << 20,
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            messages_per_second: None,
            rooms_max: 100_000,
            rooms_per_connection_max: 64,
            connections_per_ip_max: None,
        }
    }
}

/// `drain`: the pace of a shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Time between turning not ready and the first goodbye, for the gateway to look elsewhere.
    pub delay: Duration,
    /// Time over which the goodbyes are spread, so that the peers do not all return at once.
    pub window: Duration,
    /// The whole shutdown; what is still open then is cut. Keep it below the container's stop
    /// grace.
    pub timeout: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            window: Duration::from_secs(10),
            timeout: Duration::from_secs(25),
        }
    }
}

/// `compression`: permessage-deflate (RFC 7692).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Whether it is agreed to when a peer offers it.
    pub mode: CompressionMode,
    /// Messages to peers with less payload, in bytes, go out as they are.
    pub bytes_min: usize,
}

/// When messages are deflated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompressionMode {
    /// Never: no offer is agreed to.
    #[default]
    Off,
    /// For every peer that offers it. No connection keeps a context; what deflates and inflates is
    /// shared by the connections of a worker, and what is deflated by the receivers of a message.
    Shared,
}

impl Default for Compression {
    fn default() -> Self {
        Self { mode: CompressionMode::Off, bytes_min: 256 }
    }
}

impl Compression {
    /// The payload from which on a message is deflated, in bytes; `None` when none is.
    pub(crate) fn deflate_from(&self) -> Option<usize> {
        (self.mode == CompressionMode::Shared).then_some(self.bytes_min)
    }
}

/// `log`: the form of the log. Its level is not configured here but by `RUST_LOG`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// One line of text or one JSON object per event.
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `<time> <LEVEL> <words> key=value …`, for eyes and `grep`.
    #[default]
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

/// The cores this process may use (affinity and cgroup quota count), at most [`WORKERS_MAX`].
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX)
}
