//! Why a connection ended: one enum, and from it the close code, the label and the log word.
//! Leaves to `connection.rs`: deciding which one it was.

use std::fmt;

use bytestring::ByteString;

/// A close frame's status code and reason, as RFC 6455 section 5.5.1 defines them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The status code; 1005 stands for "the frame carried none" and is never sent.
    pub code: u16,
    /// The reason, at most 123 bytes of UTF-8.
    pub text: ByteString,
}

impl Close {
    /// The code that stands for a close frame without a code (RFC 6455 section 7.4.1).
    pub const NO_CODE: u16 = 1005;

    /// The longest reason, in bytes: a control frame has 125, and the code takes two.
    pub const TEXT_BYTES_MAX: usize = 123;

    /// A close with `code` and a reason in words.
    ///
    /// ```
    /// use holdline::disconnect::Close;
    ///
    /// let close = Close::new(4001, "logged out");
    /// assert_eq!((close.code, &*close.text), (4001, "logged out"));
    /// ```
    pub fn new(code: u16, text: impl Into<ByteString>) -> Self {
        Self { code, text: text.into() }
    }

    /// Whether a close frame may carry this code: one that the IANA registry assigns to close
    /// frames, or one of the ranges that are left to libraries (3000–3999) and applications
    /// (4000–4999).
    ///
    /// ```
    /// use holdline::disconnect::Close;
    ///
    /// assert!(Close::is_legal(4001) && !Close::is_legal(1006));
    /// ```
    pub fn is_legal(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The same with a code that may be sent: 1008 (policy violation) in the place of any other, which
    /// a peer would take for a protocol error.
    fn sendable(&self) -> Self {
        let code = if Self::is_legal(self.code) { self.code } else { 1008 };
        Self { code, text: self.text.clone() }
    }

    /// Whether it can be sent as it is.
    ///
    /// # Errors
    /// What is wrong with it.
    ///
    /// ```
    /// # use holdline::disconnect::Close;
    /// assert!(Close::new(4001, "logged out").check().is_ok());
    /// assert!(Close::new(1005, "").check().is_err(), "it stands for a frame without a code");
    /// ```
    pub fn check(&self) -> Result<(), &'static str> {
        if !Self::is_legal(self.code) {
            return Err("a close code is one of 1000 to 1003, 1007 to 1014 and 3000 to 4999");
        }
        if self.text.len() > Self::TEXT_BYTES_MAX {
            return Err("the text of a close has at most 123 bytes");
        }
        Ok(())
    }
}

/// The one cause for which a connection ended.
///
/// The same word names it in the log (`reason=`), in `holdline_disconnects_total{reason}`
/// and in the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The peer sent a close frame; its code is echoed.
    PeerClosed(Close),
    /// TCP ended (FIN or RST) without a close frame.
    PeerGone,
    /// Nothing whole came from the peer for `ping_interval + pong_timeout`.
    NoPong,
    /// What was sent to the peer waited for `limits.write_timeout`: it takes nothing, or too
    /// little. Nothing more can be sent to it.
    WriteTimeout,
    /// The outbox went over `limits.outbox_bytes_max`, `limits.outbox_frames_max` or the
    /// node's `limits.outbox_bytes_total`.
    Slow,
    /// A message larger than `limits.message_bytes_max` was announced.
    TooBig,
    /// A text message or a close reason that is not UTF-8.
    BadData,
    /// A frame that RFC 6455 forbids.
    ProtocolError,
    /// More messages than `limits.messages_per_second`.
    RateLimited,
    /// A message was begun and not finished within `limits.message_timeout`.
    MessageTimeout,
    /// A defect in the node; the log has the details.
    InternalError,
    /// Ended by the operator or the application through the control API.
    Kicked(Close),
    /// Ended by the application, in its answer to a message.
    CallbackClosed(Close),
    /// The application failed each message for `callback.patience`.
    CallbackFailed,
    /// The node is shutting down; the peer should reconnect.
    Drain,
}

impl Disconnect {
    /// Every label, in the order of the documentation; bounds the metric's label set.
    pub const LABELS: [&'static str; 15] = [
        "peer_closed",
        "peer_gone",
        "no_pong",
        "write_timeout",
        "slow",
        "too_big",
        "bad_data",
        "protocol_error",
        "rate_limited",
        "message_timeout",
        "internal_error",
        "kicked",
        "callback_closed",
        "callback_failed",
        "drain",
    ];

    /// The word for logs and metrics.
    ///
    /// ```
    /// use holdline::disconnect::Disconnect;
    ///
    /// assert_eq!(Disconnect::NoPong.label(), "no_pong");
    /// ```
    pub fn label(&self) -> &'static str {
        Self::LABELS[self.index()]
    }

    /// Position in [`LABELS`](Self::LABELS).
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::PeerClosed(_) => 0,
            Self::PeerGone => 1,
            Self::NoPong => 2,
            Self::WriteTimeout => 3,
            Self::Slow => 4,
            Self::TooBig => 5,
            Self::BadData => 6,
            Self::ProtocolError => 7,
            Self::RateLimited => 8,
            Self::MessageTimeout => 9,
            Self::InternalError => 10,
            Self::Kicked(_) => 11,
            Self::CallbackClosed(_) => 12,
            Self::CallbackFailed => 13,
            Self::Drain => 14,
        }
    }

    /// The close frame to send, if one can be sent at all.
    ///
    /// Codes are RFC 6455's (section 7.4.1) and, for 1012 and 1013, the IANA registry's.
    ///
    /// ```
    /// # use holdline::disconnect::Disconnect;
    /// assert_eq!(Disconnect::Drain.close().map(|close| close.code), Some(1012));
    /// assert_eq!(Disconnect::PeerGone.close(), None, "nobody is there to read it");
    /// ```
    pub fn close(&self) -> Option<Close> {
        let (code, text) = match self {
            Self::PeerGone | Self::WriteTimeout => return None,
            Self::PeerClosed(theirs) => return Some(Close::new(theirs.code, "")),
            Self::Kicked(ours) | Self::CallbackClosed(ours) => return Some(ours.sendable()),
            Self::NoPong => (1011, "no pong in time"),
            Self::Slow => (1013, "too slow for what it is sent"),
            Self::TooBig => (1009, "message too big, or in too many pieces"),
            Self::BadData => (1007, "not valid UTF-8"),
            Self::ProtocolError => (1002, "protocol error"),
            Self::RateLimited => (1013, "too many messages"),
            Self::MessageTimeout => (1008, "message not finished in time"),
            Self::InternalError => (1011, "internal error"),
            Self::CallbackFailed => (1011, "the application does not answer"),
            Self::Drain => (1012, "restarting, please reconnect"),
        };
        Some(Close::new(code, ByteString::from_static(text)))
    }

    /// The close code for the log: of the peer's close frame, or of ours, which a peer that takes
    /// nothing may never have got.
    ///
    /// ```
    /// # use holdline::disconnect::Disconnect;
    /// assert_eq!(Disconnect::TooBig.code(), Some(1009));
    /// ```
    pub fn code(&self) -> Option<u16> {
        self.close().map(|close| close.code)
    }

    /// Whether an operator would expect this end in a healthy day; others are logged as warnings.
    ///
    /// ```
    /// use holdline::disconnect::{Close, Disconnect};
    ///
    /// assert!(Disconnect::PeerClosed(Close::new(1001, "")).is_expected());
    /// assert!(!Disconnect::PeerClosed(Close::new(1011, "")).is_expected());
    /// ```
    pub fn is_expected(&self) -> bool {
        match self {
            Self::PeerClosed(theirs) => matches!(theirs.code, 1000 | 1001 | Close::NO_CODE),
            Self::PeerGone | Self::Kicked(_) | Self::CallbackClosed(_) | Self::Drain => true,
            _ => false,
        }
    }

    /// Whether what is already queued for the peer goes out before the close: the answers to
    /// its good messages do, unless the queue itself is the trouble or nobody takes it.
    pub(crate) fn sends_queued_first(&self) -> bool {
        !matches!(self, Self::Slow | Self::NoPong | Self::WriteTimeout | Self::PeerGone)
    }

    /// Whether the peer is still there to answer our close frame.
    ///
    /// One that sent its own has answered, one that missed its pong will not.
    pub(crate) fn awaits_reply(&self) -> bool {
        !matches!(self, Self::PeerClosed(_) | Self::PeerGone | Self::WriteTimeout | Self::NoPong)
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Disconnect> {
        use Disconnect::*;
        vec![
            PeerClosed(Close::new(1000, "bye")),
            PeerGone,
            NoPong,
            WriteTimeout,
            Slow,
            TooBig,
            BadData,
            ProtocolError,
            RateLimited,
            MessageTimeout,
            InternalError,
            Kicked(Close::new(4001, "duplicate")),
            CallbackClosed(Close::new(4002, "logged out")),
            CallbackFailed,
            Drain,
        ]
    }

    #[test]
    fn every_end_has_its_own_label() {
        let labels: Vec<_> = all().iter().map(Disconnect::label).collect();
        assert_eq!(labels, Disconnect::LABELS);
    }

    #[test]
    fn close_codes_are_the_documented_ones() {
        let codes: Vec<_> = all().iter().map(|end| end.code().unwrap_or(0)).collect();
        assert_eq!(
            codes,
            [1000, 0, 1011, 0, 1013, 1009, 1007, 1002, 1013, 1008, 1011, 4001, 4002, 1011, 1012]
        );
    }

    #[test]
    fn no_code_that_must_not_be_sent_is_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            for end in [Disconnect::Kicked, Disconnect::CallbackClosed] {
                assert_eq!(end(Close::new(code, "out")).close(), Some(Close::new(1008, "out")));
            }
        }
        assert_eq!(Disconnect::Kicked(Close::new(4999, "")).code(), Some(4999));
    }

    #[test]
    fn a_reason_fits_its_frame() {
        for end in all() {
            assert!(end.close().is_none_or(|close| close.text.len() <= 123), "{end}");
        }
    }

    #[test]
    fn only_clean_peer_closes_are_expected() {
        for (code, expected) in [(1000, true), (1001, true), (1005, true), (1002, false)] {
            assert_eq!(Disconnect::PeerClosed(Close::new(code, "")).is_expected(), expected);
        }
    }
}
