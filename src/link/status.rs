//! How a link is doing: its state by the browser's names, and what is known beside it.
//! Leaves to `supervisor.rs`: when it changes.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use crate::dial::{End, Refusal};

/// The state of a link, by the names of the browser's `WebSocket.readyState` and one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A connection is being opened.
    Connecting,
    /// Messages go both ways.
    Open,
    /// We have begun the closing handshake.
    Closing,
    /// Down, and staying so until told otherwise.
    Closed,
    /// Down; the next try is at this time.
    Reconnecting(SystemTime),
}

impl State {
    /// Every name.
    pub const NAMES: [&str; 5] = ["CONNECTING", "OPEN", "CLOSING", "CLOSED", "RECONNECTING"];

    /// The name.
    ///
    /// ```
    /// use holdline::link::State;
    ///
    /// assert_eq!(State::Open.name(), "OPEN");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "CONNECTING",
            Self::Open => "OPEN",
            Self::Closing => "CLOSING",
            Self::Closed => "CLOSED",
            Self::Reconnecting(_) => "RECONNECTING",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a link is not, or was last not, connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A connection ended.
    Ended(End),
    /// None could be opened.
    Refused(Refusal),
    /// We ended it: a request got no reply in time, so that a later message could have been taken
    /// for the reply to another.
    OutOfStep(Duration),
}

impl Loss {
    /// The word for logs and metrics: one of [`End::LABELS`], [`Refusal::LABELS`] or
    /// `out_of_step`.
    ///
    /// ```
    /// use holdline::{dial::End, link::Loss};
    ///
    /// assert_eq!(Loss::Ended(End::Reset).label(), "reset");
    /// ```
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ended(end) => end.label(),
            Self::Refused(refusal) => refusal.label(),
            Self::OutOfStep(_) => "out_of_step",
        }
    }

    /// The close code, where a closing handshake took place.
    ///
    /// ```
    /// # use holdline::{dial::End, link::Loss};
    /// let loss = Loss::Ended(End::ClosedByServer(1012, "restarting".into()));
    /// assert_eq!(loss.code(), Some(1012));
    /// ```
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Ended(end) => end.code(),
            _ => None,
        }
    }

    /// The HTTP status of a refused handshake.
    ///
    /// ```
    /// use holdline::{dial::{Answer, Refusal}, link::Loss};
    ///
    /// let refusal = Refusal::Status(Answer { status: 403, ..Answer::default() });
    /// assert_eq!(Loss::Refused(refusal).http_status(), Some(403));
    /// ```
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => refusal.status(),
            _ => None,
        }
    }
}

/// In words, for people.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(end) => end.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::OutOfStep(limit) => {
                write!(f, "ended by us: a request got no reply within {limit:?}")
            }
        }
    }
}

/// All that is known of a link at a moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// Since when it is in this state.
    pub since: SystemTime,
    /// Tries to connect since it was last OPEN; 0 while it is.
    pub attempts: u32,
    /// Connections opened so far.
    pub opened: u64,
    /// The latest round-trip time of a ping on this connection.
    pub rtt: Option<Duration>,
    /// The subprotocol that the server chose for this connection.
    pub subprotocol: Option<String>,
    /// Why it was last down, and when that was noticed.
    pub last_loss: Option<(Loss, SystemTime)>,
    /// Requests waiting to be sent.
    pub queued: usize,
    /// Requests sent and not yet answered.
    pub in_flight: usize,
}
