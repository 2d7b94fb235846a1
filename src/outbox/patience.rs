//! Answers to what a peer asked for itself: they wait until the outbox has room for them.
//! Leaves to `connection.rs`: reading nothing more from the peer meanwhile, which bounds them.

use std::{rc::Rc, time::Instant};

use super::{Charged, Lanes, Outbox, OutboxLimits, Stage};

impl Outbox {
    /// Queues a data frame as [`push`](Self::push) does, but behind a queue that is congested it
    /// waits, for as long as that takes, and is no reason to end the connection. It counts among
    /// what all outboxes hold together. Says whether it was queued.
    ///
    /// Whoever uses this must ask for no more while [`is_congested`](Self::is_congested), and for
    /// frames of at most half of [`OutboxLimits::bytes_max`]: those always find room.
    pub fn push_patiently(&self, frame: Rc<Charged>, now: Instant) -> bool {
        if self.stage() == Stage::Open && self.is_congested() {
            self.lanes.borrow_mut().waiting.push_back(frame);
            return true;
        }
        self.push(&frame, now)
    }
}

impl Lanes {
    /// Lets those in for whom there is room now.
    pub(super) fn admit(&mut self, limits: &OutboxLimits) {
        while !self.is_congested(limits)
            && let Some(frame) = self.waiting.pop_front()
        {
            // The peer is as late with it as it has been in the queue, not as it has waited.
            self.bytes += frame.bytes().len();
            self.data.push_back((frame, Instant::now()));
        }
    }
}
