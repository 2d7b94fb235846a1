//! How a connection's end is put in line behind what is queued, and how far it has come.
//! Leaves to `connection/closing.rs`: how long each step may take.

use std::{cell::Ref, time::Instant};

use super::{Lanes, Outbox, wake};
use crate::{disconnect::Disconnect, frame};

/// How far the outbound side has come; it only moves forward.
///
/// | From | By | To |
/// |---|---|---|
/// | `Open` | [`Outbox::end`], with a close frame to send | `Closing` |
/// | `Open` | [`Outbox::end`], with nobody to send one to | `Finished` |
/// | `Closing` | the body takes the close frame, the last in line | `CloseTaken` |
/// | `Closing` | the same, no answer expected | `Finished` |
/// | `CloseTaken` | [`Outbox::expect_no_answer`], [`Outbox::stop_waiting`] | `Finished` |
/// | `Closing`, `CloseTaken` | [`Outbox::give_up`] | `Finished` |
/// | any | the body is dropped: after `Finished`, or because the stream is gone | `Gone` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Frames are accepted.
    Open,
    /// An end was decided; the close frame stands last in line.
    Closing,
    /// The close frame is on its way; nothing may follow it (RFC 6455 section 5.5.1).
    CloseTaken,
    /// The body ends as soon as it is polled.
    Finished,
    /// The body is gone, and with it the stream.
    Gone,
}

impl Outbox {
    /// Ends the connection: the first cause wins and puts its close frame last in line.
    ///
    /// What is queued goes first where it still makes sense (a drain), and is dropped where
    /// it is the problem (a slow peer). Says whether this was the first cause.
    pub fn end(&self, why: Disconnect, now: Instant) -> bool {
        if self.end.borrow().is_some() {
            return false;
        }
        // A stream that is gone already can be told nothing; the cause still counts.
        if self.stage.get() == Stage::Open {
            self.put_close_in_line(&why, now);
            wake(&self.body);
        }
        *self.end.borrow_mut() = Some(why);
        wake(&self.task);
        true
    }

    /// The peer's close frame was awaited for long enough: the body ends.
    pub fn stop_waiting(&self) {
        if self.stage.get() < Stage::Finished {
            self.stage.set(Stage::Finished);
            wake(&self.body);
        }
    }

    /// Gives up what is queued, on a stream that nobody here can end: the body ends as soon as it
    /// is polled, and holds nothing until then.
    pub fn give_up(&self) {
        *self.lanes.borrow_mut() = Lanes::default();
        self.stop_waiting();
    }

    /// Frees what is queued, because all outboxes together hold too much: ends the connection as
    /// [`Disconnect::Slow`], or, where an end was decided already, sends its close without the rest.
    pub fn shed(&self, now: Instant) {
        if !self.end(Disconnect::Slow, now) {
            let oldest = self.oldest();
            self.cleared_oldest.set(oldest);
            self.lanes.borrow_mut().clear_data();
        }
    }

    /// The peer's close frame has been seen, or nobody is there to see it: the body ends right
    /// behind ours, or at once if ours is on its way.
    pub fn expect_no_answer(&self) {
        self.last_word.set(true);
        if self.stage.get() == Stage::CloseTaken {
            self.stop_waiting();
        }
    }

    /// Orders the stream to be reset, whatever is queued or awaited: time is up.
    pub fn cut(&self) {
        self.cut.set(true);
        wake(&self.task);
    }

    /// Whether [`cut`](Self::cut) was ordered.
    pub fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Why the connection ends, once that is decided.
    pub fn why(&self) -> Ref<'_, Option<Disconnect>> {
        self.end.borrow()
    }

    /// How far the outbound side has come.
    pub fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// When the body took the close frame.
    pub fn close_taken(&self) -> Option<Instant> {
        self.close_taken.get()
    }

    fn put_close_in_line(&self, why: &Disconnect, now: Instant) {
        let oldest = self.oldest();
        let mut lanes = self.lanes.borrow_mut();
        if !why.sends_queued_first() {
            lanes.clear_data();
            self.cleared_oldest.set(oldest);
        }
        lanes.close = why.close().map(|close| (frame::close(&close), now));
        self.last_word.set(!why.awaits_reply());
        self.stage.set(if lanes.close.is_some() { Stage::Closing } else { Stage::Finished });
    }
}
