//! A connection's hand on its stream: kill, pause, and how it ended.
//! Leaves to `socket.rs`: doing what the switches say.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEnd {
    /// The peer sent FIN.
    Fin,
    /// The peer sent RST, or the network reported the peer unreachable.
    Reset,
    /// No byte was accepted, or acknowledged, for `limits.write_timeout`.
    WriteTimeout,
    /// A begun request was not completed within `server.handshake_timeout`.
    HandshakeTimeout,
    /// [`SocketControl::kill`] was called.
    Killed,
}

/// The connection task's hand on its stream. Single-threaded; clones steer the same stream.
///
/// The default is a hand on nothing, for a stream that was accepted by somebody else.
#[derive(Clone, Default)]
pub struct SocketControl(pub(super) Rc<Switches>);

#[derive(Default)]
pub(super) struct Switches {
    /// Whether there is a stream that looks at the switches.
    pub(super) attached: Cell<bool>,
    pub(super) killed: Cell<bool>,
    pub(super) paused: Cell<bool>,
    pub(super) upgraded: Cell<bool>,
    end: Cell<Option<SocketEnd>>,
    /// The dispatcher's waker: a switch that nobody looks at changes nothing.
    waker: RefCell<Option<Waker>>,
}

impl SocketControl {
    /// Whether the stream is one of ours. If not, killing and pausing do nothing, and
    /// [`end`](Self::end) is never known.
    pub fn is_attached(&self) -> bool {
        self.0.attached.get()
    }

    /// Ends the stream at once with RST, whatever is still queued or unread.
    pub fn kill(&self) {
        self.0.killed.set(true);
        self.wake();
    }

    /// Stops reading: the kernel's window fills up and the peer has to wait.
    pub fn pause_reading(&self) {
        self.0.paused.set(true);
    }

    /// Reads on after [`pause_reading`](Self::pause_reading).
    pub fn resume_reading(&self) {
        if self.0.paused.replace(false) {
            self.wake();
        }
    }

    /// The stream now carries WebSocket frames; the handshake's deadline is lifted.
    pub fn set_upgraded(&self) {
        self.0.upgraded.set(true);
    }

    /// How the stream ended, as far as it has.
    pub fn end(&self) -> Option<SocketEnd> {
        self.0.end.get()
    }

    fn wake(&self) {
        if let Some(waker) = self.0.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(super) fn remember(&self, waker: &Waker) {
        let mut slot = self.0.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// The first end is the cause; what follows from it does not replace it.
    pub(super) fn ended(&self, end: SocketEnd) {
        if self.0.end.get().is_none() {
            self.0.end.set(Some(end));
        }
    }
}
