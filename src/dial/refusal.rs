//! Why a WebSocket could not be opened.
//! Leaves to `end.rs`: how an opened one ended.

use std::{fmt, io, net::SocketAddr, time::Duration};

/// What the server answered instead of, or beside, a good 101.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header fields, names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The first bytes of the body, as far as they came with the head: at most 1 KiB.
    pub body: String,
}

impl Answer {
    /// The first field of this name, in lower case.
    ///
    /// ```
    /// use holdline::dial::Answer;
    ///
    /// let headers = vec![("retry-after".to_owned(), "5".to_owned())];
    /// let answer = Answer { status: 503, headers, ..Answer::default() };
    /// assert_eq!(answer.header("retry-after"), Some("5"));
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(field, _)| field == name)?;
        Some(&field.1)
    }

    /// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date is not understood.
    ///
    /// ```
    /// # use holdline::dial::Answer;
    /// # let headers = vec![("retry-after".to_owned(), "5".to_owned())];
    /// # let answer = Answer { status: 503, headers, ..Answer::default() };
    /// assert_eq!(answer.retry_after(), Some(std::time::Duration::from_secs(5)));
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// The steps of opening a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking up the host's addresses.
    Resolve,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The HTTP upgrade (RFC 6455 section 4).
    Handshake,
}

/// How a TCP handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// Nobody listens there (RST).
    Refused,
    /// No route, or a firewall that says so.
    Unreachable,
    /// Another fault of the network.
    Other(io::ErrorKind),
}

/// Why a WebSocket could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The host has no address; in the resolver's words.
    Resolve(String),
    /// No TCP connection to this address, the last of the host's that was tried.
    Connect(SocketAddr, ConnectFault),
    /// No TLS; in words.
    Tls(String),
    /// The server answered with another status than 101.
    Status(Answer),
    /// The answer is not what a WebSocket server says; in words, with the answer where it is HTTP.
    NotWebSocket(String, Option<Answer>),
    /// TCP ended in the middle of this step: by RST where true, else by FIN.
    HungUp(Step, bool),
    /// This step was not finished when the time for all of them (this long) was over.
    Timeout(Step, Duration),
}

impl Refusal {
    /// Every label.
    pub const LABELS: [&str; 7] =
        ["resolve", "connect", "tls", "status", "not_websocket", "hung_up", "timeout"];

    /// The word for logs and metrics.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use holdline::dial::Dial;
    ///
    /// let refusal = Dial::new("ws://127.0.0.1:1".parse()?).open().await.unwrap_err();
    /// assert_eq!(refusal.label(), "connect");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn label(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::Connect(..) => "connect",
            Self::Tls(_) => "tls",
            Self::Status(_) => "status",
            Self::NotWebSocket(..) => "not_websocket",
            Self::HungUp(..) => "hung_up",
            Self::Timeout(..) => "timeout",
        }
    }

    /// What the server answered, where that was HTTP.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Status(answer) | Self::NotWebSocket(_, Some(answer)) => Some(answer),
            _ => None,
        }
    }

    /// The HTTP status, where one came.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use holdline::dial::Dial;
    ///
    /// let nowhere = server.replace("/ws/echo", "/nowhere");
    /// let refusal = Dial::new(nowhere.parse()?).open().await.unwrap_err();
    /// assert_eq!(refusal.status(), Some(404));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }
}

impl Step {
    fn words(self) -> &'static str {
        match self {
            Self::Resolve => "looking up the host",
            Self::Connect => "the TCP handshake",
            Self::Tls => "the TLS handshake",
            Self::Handshake => "the WebSocket handshake",
        }
    }
}

/// In words, for people.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(why) => write!(f, "the host has no address: {why}"),
            Self::Connect(address, fault) => match fault {
                ConnectFault::Refused => write!(f, "nobody listens at {address}"),
                ConnectFault::Unreachable => write!(f, "{address} cannot be reached"),
                ConnectFault::Other(kind) => write!(f, "no connection to {address}: {kind}"),
            },
            Self::Tls(why) => write!(f, "TLS failed: {why}"),
            Self::Status(answer) => {
                write!(f, "handshake refused with {}", answer.status)?;
                let line = answer.body.lines().next().unwrap_or_default().trim();
                if line.is_empty() || line.starts_with('<') {
                    return Ok(());
                }
                write!(f, ": {:?}", line.chars().take(120).collect::<String>())
            }
            Self::NotWebSocket(why, _) => write!(f, "no WebSocket server: {why}"),
            Self::HungUp(step, reset) => {
                let how = if *reset { "reset (RST)" } else { "ended (FIN)" };
                write!(f, "the connection was {how} during {}", step.words())
            }
            Self::Timeout(step, limit) => {
                write!(f, "{} was not finished within {limit:?}", step.words())
            }
        }
    }
}

impl std::error::Error for Refusal {}
