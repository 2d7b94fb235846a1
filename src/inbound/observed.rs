//! What the guard has seen, shared with the connection's task.
//! Leaves to `connection.rs`: what follows from it.

use std::{
    cell::{Cell, OnceCell},
    time::Instant,
};

use crate::disconnect::{Close, Disconnect};

/// What a [`Guard`](super::Guard) has seen of its peer so far; read by the connection's task,
/// on the same thread.
#[derive(Debug, Default)]
pub struct Observed {
    frames: Cell<u64>,
    unfinished_since: Cell<Option<Instant>>,
    fault: Cell<Option<Fault>>,
    peer_close: OnceCell<Close>,
    ended: Cell<bool>,
    swallowing: Cell<bool>,
}

/// What was wrong with what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooBig,
    BadData,
    Protocol,
}

impl From<Fault> for Disconnect {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooBig => Self::TooBig,
            Fault::BadData => Self::BadData,
            Fault::Protocol => Self::ProtocolError,
        }
    }
}

impl Observed {
    /// Whole frames from the peer so far, of any kind: the proof of life. Bytes prove nothing.
    ///
    /// ```
    /// let observed = holdline::inbound::Observed::default();
    /// assert_eq!(observed.frames(), 0);
    /// ```
    pub fn frames(&self) -> u64 {
        self.frames.get()
    }

    /// When the first byte was seen of a frame or message that is begun and not finished.
    /// Nothing is unfinished any more after a fault or [`swallow`](Self::swallow).
    pub(crate) fn unfinished_since(&self) -> Option<Instant> {
        self.unfinished_since.get()
    }

    /// What the peer did wrong, if anything: `TooBig`, `BadData` or `ProtocolError`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::rc::Rc;
    /// use bytes::Bytes;
    /// use futures_util::StreamExt;
    /// use holdline::{disconnect::Disconnect, inbound::{Guard, InboundLimits, Observed}};
    ///
    /// let (message_bytes_max, message_fragments_max) = (65_536, 1024);
    /// let limits = InboundLimits { message_bytes_max, message_fragments_max, is_deflated: false };
    /// let observed = Rc::new(Observed::default());
    /// // Not masked, as every frame of a peer must be (RFC 6455 section 5.1).
    /// let bytes = futures_util::stream::iter([Ok(Bytes::from_static(b"\x81\x02hi"))]);
    /// Guard::new(bytes, limits, Rc::clone(&observed)).next().await;
    /// assert_eq!(observed.fault(), Some(Disconnect::ProtocolError));
    /// # });
    /// ```
    pub fn fault(&self) -> Option<Disconnect> {
        self.fault.get().map(Disconnect::from)
    }

    /// The peer's close frame, once seen; [`Close::NO_CODE`] if it had no code, or an illegal
    /// one, or a reason that is not UTF-8.
    pub(crate) fn peer_close(&self) -> Option<Close> {
        self.peer_close.get().cloned()
    }

    /// Whether the byte stream ended or failed: nothing more will come.
    pub(crate) fn ended(&self) -> bool {
        self.ended.get()
    }

    /// To be called when our close is sent: from then on messages are neither kept nor let
    /// through, and nothing is a fault; only the peer's Close is looked for.
    ///
    /// ```
    /// let observed = holdline::inbound::Observed::default();
    /// observed.swallow();
    /// assert_eq!(observed.fault(), None);
    /// ```
    pub fn swallow(&self) {
        self.swallowing.set(true);
        self.unfinished_since.set(None);
    }

    pub(super) fn is_swallowing(&self) -> bool {
        self.swallowing.get()
    }

    pub(super) fn note_frame(&self) {
        self.frames.set(self.frames.get() + 1);
    }

    /// Notes that something is unfinished; the clock is asked only when that is new.
    pub(super) fn note_unfinished(&self) {
        if self.unfinished_since.get().is_none() {
            self.unfinished_since.set(Some(Instant::now()));
        }
    }

    pub(super) fn note_finished(&self) {
        self.unfinished_since.set(None);
    }

    pub(super) fn note_fault(&self, fault: Fault) {
        self.fault.set(Some(fault));
        self.unfinished_since.set(None);
    }

    pub(super) fn note_close(&self, close: Close) {
        // There is one Close at most: nothing after it is looked at.
        let _ = self.peer_close.set(close);
    }

    pub(super) fn note_end(&self) {
        self.ended.set(true);
    }
}
