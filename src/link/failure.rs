//! Why a request got no reply, and whether its message may have arrived.
//! Leaves to the callers: what to do about it.

use std::{fmt, time::Duration};

use super::Loss;

/// Why there is no reply. The message is never sent a second time by the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The deadline passed before the message could be sent; the link's last loss says why.
    NotSentInTime(Duration, Option<Loss>),
    /// The deadline passed before a reply came or, where none is waited for, before the kernel had
    /// taken all of the message. It may have arrived.
    NoReplyInTime(Duration),
    /// The connection was lost before a reply came. The message may have arrived.
    Lost(Loss),
    /// The link is down and stays so until told otherwise: by a wish of ours (`None`), or because
    /// the server does not want us. The message was not sent.
    Down(Option<Loss>),
    /// Too many requests wait already: the limit. The message was not sent.
    QueueFull(usize),
    /// The message is larger than allowed: its size and the limit, in bytes. It was not sent.
    TooBig(usize, usize),
    /// The link was shut down, which `true` says that the message may have survived.
    Shutdown(bool),
}

impl Failure {
    /// Whether the message may have arrived at the server. Where false, it is safe to try again.
    ///
    /// ```
    /// use holdline::link::Failure;
    ///
    /// assert!(!Failure::QueueFull(1024).maybe_sent(), "safe to send again");
    /// ```
    pub fn maybe_sent(&self) -> bool {
        match self {
            Self::NoReplyInTime(_) | Self::Lost(_) | Self::Shutdown(true) => true,
            Self::NotSentInTime(..)
            | Self::Down(_)
            | Self::QueueFull(_)
            | Self::TooBig(..)
            | Self::Shutdown(false) => false,
        }
    }

    /// The word for logs and metrics.
    ///
    /// ```
    /// # use holdline::link::Failure;
    /// assert_eq!(Failure::QueueFull(1024).label(), "queue_full");
    /// ```
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotSentInTime(..) => "not_sent_in_time",
            Self::NoReplyInTime(_) => "no_reply_in_time",
            Self::Lost(_) => "lost",
            Self::Down(_) => "down",
            Self::QueueFull(_) => "queue_full",
            Self::TooBig(..) => "too_big",
            Self::Shutdown(_) => "shutdown",
        }
    }
}

impl Failure {
    /// Every label.
    pub const LABELS: [&str; 7] = [
        "not_sent_in_time",
        "no_reply_in_time",
        "lost",
        "down",
        "queue_full",
        "too_big",
        "shutdown",
    ];
}

/// In words, for people.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSentInTime(limit, None) => {
                write!(f, "the message could not be sent within {limit:?}")
            }
            Self::NotSentInTime(limit, Some(loss)) => {
                write!(
                    f,
                    "the message could not be sent within {limit:?}: the link was down: {loss}"
                )
            }
            Self::NoReplyInTime(limit) => write!(f, "no reply came within {limit:?}"),
            Self::Lost(loss) => write!(f, "the connection ended before a reply came: {loss}"),
            Self::Down(None) => f.write_str("the link is closed, by request"),
            Self::Down(Some(loss)) => write!(f, "the link is closed: {loss}"),
            Self::QueueFull(max) => write!(f, "{max} messages wait already, which is the limit"),
            Self::TooBig(size, max) => {
                write!(f, "the message has {size} bytes, at most {max} are sent")
            }
            Self::Shutdown(_) => f.write_str("the link was shut down"),
        }
    }
}

impl std::error::Error for Failure {}
