//! How an opened WebSocket ended, as its client saw it.
//! Leaves to `refusal.rs`: one that was never opened. The server's side has `Disconnect`.

use std::{fmt, io, time::Duration};

use tokio_tungstenite::tungstenite::{Error, error::CapacityError, error::ProtocolError};

use super::wire::Notes;

/// Why a dialled WebSocket is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The server began the closing handshake (RFC 6455 section 7.1.2). Its code, 1005 where
    /// its close frame had none, and its text.
    ClosedByServer(u16, String),
    /// We did, with this code; the server answered, or hung up instead.
    ClosedByUs(u16),
    /// TCP ended in good order (FIN), but no close frame came before.
    Fin,
    /// TCP was torn (RST).
    Reset,
    /// Nothing came within this time after a ping.
    NoPong(Duration),
    /// Nothing could be written for this long.
    WriteTimeout(Duration),
    /// A message was larger than allowed: its size, where it was announced, and the limit.
    TooBig(usize, usize),
    /// A text message was not UTF-8.
    BadData,
    /// The server broke RFC 6455; in words.
    ProtocolError(String),
    /// TLS broke; in words.
    Tls(String),
    /// The network failed in another way; in words.
    Network(String),
}

impl End {
    /// Every label.
    pub const LABELS: [&str; 11] = [
        "closed_by_server",
        "closed_by_us",
        "fin",
        "reset",
        "no_pong",
        "write_timeout",
        "too_big",
        "bad_data",
        "protocol_error",
        "tls",
        "network",
    ];

    /// The word for logs and metrics.
    ///
    /// ```
    /// use holdline::dial::End;
    ///
    /// assert_eq!(End::ClosedByServer(1001, "bye".into()).label(), "closed_by_server");
    /// ```
    pub fn label(&self) -> &'static str {
        match self {
            Self::ClosedByServer(..) => "closed_by_server",
            Self::ClosedByUs(_) => "closed_by_us",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::NoPong(_) => "no_pong",
            Self::WriteTimeout(_) => "write_timeout",
            Self::TooBig(..) => "too_big",
            Self::BadData => "bad_data",
            Self::ProtocolError(_) => "protocol_error",
            Self::Tls(_) => "tls",
            Self::Network(_) => "network",
        }
    }

    /// The code of the closing handshake, where there was one.
    ///
    /// ```
    /// # use holdline::dial::End;
    /// assert_eq!(End::ClosedByServer(1001, "bye".into()).code(), Some(1001));
    /// assert_eq!(End::Fin.code(), None);
    /// ```
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::ClosedByServer(code, _) | Self::ClosedByUs(code) => Some(*code),
            _ => None,
        }
    }

    /// What to tell the server before hanging up on it (RFC 6455 section 7.4.1).
    pub(super) fn our_code(&self) -> Option<u16> {
        match self {
            Self::TooBig(..) => Some(1009),
            Self::BadData => Some(1007),
            Self::ProtocolError(_) => Some(1002),
            _ => None,
        }
    }

    /// Sorts what the WebSocket layer reported, by what the wire saw.
    pub(super) fn from_error(error: Error, notes: Notes) -> Self {
        match error {
            Error::Io(error) => Self::from_io(&error, notes),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => match notes.reset && !notes.fin {
                true => Self::Reset,
                false => Self::Fin,
            },
            Error::Protocol(fault) => Self::ProtocolError(fault.to_string()),
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                Self::TooBig(size, max_size)
            }
            Error::Utf8(_) => Self::BadData,
            other => Self::Network(other.to_string()),
        }
    }

    /// Sorts an error of the stream under the WebSocket.
    pub(super) fn from_io(error: &io::Error, notes: Notes) -> Self {
        if let Some(fault) = tls_fault(error) {
            return Self::Tls(fault);
        }
        // The first cause wins: who writes after a FIN is answered with an RST.
        match error.kind() {
            _ if notes.fin => Self::Fin,
            _ if notes.reset => Self::Reset,
            _ if notes.timed_out => {
                Self::Network("the network gave no sign for too long".to_owned())
            }
            _ => Self::Network(error.to_string()),
        }
    }
}

/// What rustls has to say, where the error is its own and no end of the stream below it.
pub(super) fn tls_fault(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    let fault = inner.downcast_ref::<tokio_rustls::rustls::Error>()?;
    Some(fault.to_string())
}

/// In words, for people.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByServer(code, text) => {
                write!(f, "closed by the server with {}", coded(*code))?;
                if text.is_empty() { Ok(()) } else { write!(f, ": {text:?}") }
            }
            Self::ClosedByUs(code) => write!(f, "closed by us with {}", coded(*code)),
            Self::Fin => {
                f.write_str("lost: the server or a proxy hung up (FIN) without a close frame")
            }
            Self::Reset => f.write_str("lost: the connection was reset (RST)"),
            Self::NoPong(within) => write!(f, "lost: no pong within {within:?}"),
            Self::WriteTimeout(limit) => write!(f, "lost: nothing could be sent for {limit:?}"),
            Self::TooBig(size, max) => {
                write!(f, "ended by us: a message of {size} bytes, at most {max} are taken")
            }
            Self::BadData => f.write_str("ended by us: a text message was not UTF-8"),
            Self::ProtocolError(fault) => {
                write!(f, "ended by us: the server broke the protocol: {fault}")
            }
            Self::Tls(fault) => write!(f, "lost: TLS failed: {fault}"),
            Self::Network(fault) => write!(f, "lost: {fault}"),
        }
    }
}

impl std::error::Error for End {}

/// The code with its name in RFC 6455 section 7.4.1 and IANA's registry.
fn coded(code: u16) -> String {
    let name = match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => return "no code (1005)".to_owned(),
        1007 => "invalid data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "missing extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        _ => return code.to_string(),
    };
    format!("{code} ({name})")
}
