//! How a connection was cut, and what that says about who did it.
//! Leaves to `findings.rs`: why.

use super::report::CutSeen;
use crate::dial::End;

/// How a connection was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// By a close frame with this code and text.
    CloseFrame(u16, String),
    /// TCP's FIN without one.
    Fin,
    /// TCP's RST.
    Reset,
    /// Nothing came any more, not even the pong to a ping.
    BlackHole,
    /// Nothing, until we spoke; then an RST, or a FIN.
    WhenSpokenTo(End),
    /// In another way, in words.
    Other(End),
}

impl Cut {
    pub(super) fn of(end: &End) -> Self {
        match end {
            End::ClosedByServer(code, text) => Self::CloseFrame(*code, text.clone()),
            End::Fin => Self::Fin,
            End::Reset => Self::Reset,
            other => Self::Other(other.clone()),
        }
    }

    /// The word of the report.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::CloseFrame(..) => "close_frame",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::BlackHole => "black_hole",
            Self::WhenSpokenTo(End::Reset) => "reset_when_spoken_to",
            Self::WhenSpokenTo(_) => "ended_when_spoken_to",
            Self::Other(end) => end.label(),
        }
    }

    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::CloseFrame(code, _) => Some(*code),
            _ => None,
        }
    }

    /// How it looked, within a sentence.
    pub(super) fn words(&self) -> String {
        match self {
            Self::CloseFrame(code, text) if text.is_empty() => format!("close frame {code}"),
            Self::CloseFrame(code, text) => format!("close frame {code} {text:?}"),
            Self::Fin => "FIN without a close frame".to_owned(),
            Self::Reset => "RST".to_owned(),
            Self::BlackHole | Self::WhenSpokenTo(_) => self.label().replace('_', " "),
            Self::Other(end) => end.to_string(),
        }
    }

    fn who(&self) -> &'static str {
        match self {
            Self::CloseFrame(1000 | 1001, _) => {
                "who speaks WebSocket: the server, or a gateway that ends WebSockets itself, by a timer \
                 of its own; no plain proxy sends a close frame"
            }
            Self::CloseFrame(..) => {
                "who speaks WebSocket: the server, or a gateway that ends WebSockets itself; no plain \
                 proxy sends a close frame"
            }
            Self::Fin => {
                "a proxy's idle timer looks like this (nginx: proxy_read_timeout), and a server that \
                 hangs up without a close frame"
            }
            Self::Reset => {
                "a proxy or server that tears the connection: a timer set to reset (nginx: \
                 reset_timedout_connection), a process that was killed, a firewall that rejects"
            }
            Self::BlackHole => {
                "something below HTTP that forgets silent connections without a word: NAT, a firewall, a \
                 load balancer for TCP"
            }
            Self::WhenSpokenTo(_) => {
                "something below HTTP that had forgotten the connection and says so only when it is used \
                 again: a load balancer for TCP, a firewall, a server that restarted"
            }
            Self::Other(_) => "the network between",
        }
    }

    /// As the report has it.
    pub(super) fn seen(&self) -> CutSeen {
        let text = match self {
            Self::CloseFrame(_, text) => Some(text.clone()),
            Self::Other(end) => Some(end.to_string()),
            _ => None,
        };
        CutSeen { how: self.label(), code: self.code(), text, who: self.who().to_owned() }
    }
}
