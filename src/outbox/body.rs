//! The response body that hands an outbox to actix's dispatcher, frame by frame.
//! Leaves to the dispatcher: batching (it joins up to 32 KiB into one write).

use std::{
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use super::{Charged, Control, Lanes, Outbox, Stage, register, wake};

/// A lane that grew beyond this many slots in a burst gives them back once it is empty.
const SLOTS_KEPT: usize = 32;

/// The body of a 101 response: everything that leaves for the peer passes here.
pub struct OutboxBody {
    outbox: Rc<Outbox>,
}

impl OutboxBody {
    /// Takes from `outbox`.
    pub fn new(outbox: Rc<Outbox>) -> Self {
        Self { outbox }
    }
}

impl MessageBody for OutboxBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let outbox = &self.outbox;
        if outbox.stage.get() >= Stage::Finished {
            return Poll::Ready(None);
        }
        match outbox.pop() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => {
                register(&outbox.body, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for OutboxBody {
    fn drop(&mut self) {
        self.outbox.stage.set(Stage::Gone);
        *self.outbox.body.borrow_mut() = None;
        *self.outbox.lanes.borrow_mut() = Lanes::default();
        wake(&self.outbox.task);
    }
}

impl Outbox {
    /// The next frame to write: the lanes in turn, the close last.
    pub(super) fn pop(&self) -> Option<Bytes> {
        let mut lanes = self.lanes.borrow_mut();
        let data_first = lanes.control.is_empty() || (lanes.data_next && !lanes.data.is_empty());
        if !data_first {
            lanes.data_next = true;
            return self.pop_control(&mut lanes);
        }
        lanes.data_next = false;
        let was_congested = lanes.is_congested(&self.limits);
        if let Some((frame, _)) = lanes.data.pop_front() {
            self.count_data(&mut lanes, was_congested, frame.bytes().len());
            return Some(Charged::into_bytes(frame));
        }
        let (close, _) = lanes.close.take()?;
        self.close_taken.set(Some(Instant::now()));
        self.stage.set(if self.last_word.get() { Stage::Finished } else { Stage::CloseTaken });
        wake(&self.task);
        Some(close)
    }

    /// The next frame, for tests that ask what it is.
    #[cfg(test)]
    pub(crate) fn pop_for_test(&self) -> Bytes {
        self.pop().expect("something is queued")
    }

    fn pop_control(&self, lanes: &mut Lanes) -> Option<Bytes> {
        let was_full = lanes.control.len() >= self.limits.control_frames_max;
        let (frame, _) = lanes.control.pop_front()?;
        if was_full {
            wake(&self.task);
        }
        match frame {
            Control::Pong(bytes) => Some(bytes),
            Control::Ping(bytes) => {
                self.ping_taken.set(Some(Instant::now()));
                wake(&self.task);
                Some(bytes)
            }
        }
    }

    fn count_data(&self, lanes: &mut Lanes, was_congested: bool, bytes: usize) {
        lanes.bytes -= bytes;
        lanes.admit(&self.limits);
        if was_congested && !lanes.is_congested(&self.limits) {
            wake(&self.task);
        }
        if lanes.data.is_empty() {
            self.watched.set(false);
            if lanes.data.capacity() > SLOTS_KEPT {
                lanes.data = VecDeque::new();
            }
        }
        self.sent.set(self.sent.get() + 1);
        self.sent_bytes.set(self.sent_bytes.get() + bytes as u64);
        self.tally.sent(bytes);
    }
}
