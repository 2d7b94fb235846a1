//! Why the application said nothing that could be used: a label, words for the log, words for peers.
//! Leaves to whoever asked: whether to ask again.

use std::{fmt, time::Duration};

use http::StatusCode;

use crate::{callback::Failure, upstream};

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It was not asked: as many others as may be were, for so long.
    Busy(Duration),
    /// It was not asked, or not again: whoever wanted the answer has gone.
    Forsaken,
    /// It gave no answer.
    NoAnswer(upstream::Failure),
    /// It answered with this, which is neither success nor refusal.
    Status(StatusCode),
    /// It refused, with a text for the peer.
    Refused(StatusCode, String),
    /// It answered something that means nothing.
    BadAnswer(String),
}

impl Fault {
    /// One of [`crate::metrics::CALLBACK_OUTCOMES`].
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Busy(_) | Self::Forsaken => "busy",
            Self::NoAnswer(upstream::Failure::Timeout(_)) => "timeout",
            Self::NoAnswer(upstream::Failure::Unreachable(_)) => "unreachable",
            Self::NoAnswer(upstream::Failure::Broken(_)) | Self::Status(_) => "error",
            Self::Refused(..) => "refused",
            Self::NoAnswer(upstream::Failure::TooBig(_)) | Self::BadAnswer(_) => "bad_answer",
        }
    }

    /// Whether the application may have been told.
    pub(super) fn maybe_told(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Forsaken => false,
            Self::NoAnswer(failure) => failure.maybe_sent(),
            Self::Status(_) | Self::Refused(..) | Self::BadAnswer(_) => true,
        }
    }

    /// Whether the next time may be better: not where the application has made up its mind, or
    /// would make the same mistake again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::NoAnswer(failure) => !matches!(failure, upstream::Failure::TooBig(_)),
            Self::Status(status) => status.is_server_error(),
            Self::Forsaken | Self::Refused(..) | Self::BadAnswer(_) => false,
        }
    }

    /// What the peer is told: nothing about where the application is, or what it is made of.
    pub(super) fn failure(&self) -> Failure {
        let (word, title) = match self {
            Self::Refused(status, words) => {
                let refused = "the application refused the message";
                let words = if words.is_empty() { status.to_string() } else { words.clone() };
                return Failure::new("callback_refused_message", refused).detail(words);
            }
            Self::Forsaken => ("callback_error", "the application was not asked"),
            _ => match self.outcome() {
                "busy" => ("callback_busy", "the application has too much to do"),
                "timeout" => return Failure::timeout(),
                "unreachable" => ("callback_unreachable", "the application cannot be reached"),
                "bad_answer" => ("callback_bad_answer", "the application's answer is not usable"),
                _ => ("callback_error", "the application failed"),
            },
        };
        Failure::new(word, title)
    }
}

/// For the log: nothing of what the peer or the application wrote.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(waited) => write!(f, "no turn within {waited:?}"),
            Self::Forsaken => f.write_str("nobody waits for the answer any more"),
            Self::NoAnswer(failure) => failure.fmt(f),
            Self::Status(status) | Self::Refused(status, _) => write!(f, "it answered {status}"),
            Self::BadAnswer(words) => f.write_str(words),
        }
    }
}
