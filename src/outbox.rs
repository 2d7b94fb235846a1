//! The bounded queue of encoded frames towards one peer, with a lane for control frames; and
//! how a connection's end is put in line behind what is queued.
//! Leaves to `outbox/body.rs`: handing frames to actix; to `connection.rs`: the deadlines.
//!
//! Everything is synchronous and stays on one thread: a push never waits. Whoever cannot
//! take what it is sent pays with its connection, never the sender (`Disconnect::Slow`).

mod body;
mod budget;

use std::{
    cell::{Cell, Ref, RefCell},
    collections::VecDeque,
    rc::Rc,
    task::Waker,
    time::Instant,
};

use bytes::Bytes;

pub use self::{
    body::OutboxBody,
    budget::{Budget, Charged},
};
use crate::{disconnect::Disconnect, frame, metrics::Tally};

/// The bounds of one outbox.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Bytes of queued frames, headers included (`limits.outbox_bytes_max`).
    pub bytes_max: usize,
    /// Queued frames (`limits.outbox_frames_max`).
    pub frames_max: usize,
    /// Queued pings and pongs (`limits.control_frames_max`).
    pub control_frames_max: usize,
}

/// What may be queued without the task keeping a deadline for it, in bytes: what actix's write
/// buffer would take in one go. So a broadcast to healthy peers wakes no task but the writers.
const UNWATCHED_BYTES_MAX: usize = 32 * 1024;

/// One connection's outbound side. The hub pushes, the body pops, the task watches.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    lanes: RefCell<Lanes>,
    end: RefCell<Option<Disconnect>>,
    stage: Cell<Stage>,
    ping_taken: Cell<Option<Instant>>,
    close_taken: Cell<Option<Instant>>,
    /// Since when something the peer should have had by now is waiting, across the clearing
    /// of a slow peer's queue.
    cleared_oldest: Cell<Option<Instant>>,
    /// Nobody waits for the peer's close frame: the body ends right behind ours.
    last_word: Cell<bool>,
    sent: Cell<u64>,
    /// Whether the task keeps a deadline for what is queued.
    watched: Cell<bool>,
    /// An end was ordered that waits for nothing.
    cut: Cell<bool>,
    tally: Rc<Tally>,
    task: RefCell<Option<Waker>>,
    body: RefCell<Option<Waker>>,
}

/// How far the outbound side has come; it only moves forward.
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

#[derive(Debug, Default)]
struct Lanes {
    data: VecDeque<(Rc<Charged>, Instant)>,
    bytes: usize,
    control: VecDeque<(Control, Instant)>,
    close: Option<(Bytes, Instant)>,
    /// Whose turn it is while both lanes have something: alternating starves neither.
    data_next: bool,
}

#[derive(Debug)]
enum Control {
    Ping(Bytes),
    Pong(Bytes),
}

impl Outbox {
    /// An empty outbox; what leaves it is counted in `tally` too.
    pub fn new(limits: OutboxLimits, tally: Rc<Tally>) -> Rc<Self> {
        Rc::new(Self {
            limits,
            lanes: RefCell::default(),
            end: RefCell::default(),
            stage: Cell::new(Stage::Open),
            ping_taken: Cell::default(),
            close_taken: Cell::default(),
            cleared_oldest: Cell::default(),
            last_word: Cell::default(),
            sent: Cell::default(),
            watched: Cell::default(),
            cut: Cell::default(),
            tally,
            task: RefCell::default(),
            body: RefCell::default(),
        })
    }

    /// Queues a data frame, `now` being when it was published. Past a limit the connection is
    /// ended as [`Disconnect::Slow`]. Says whether the frame was queued.
    pub fn push(&self, frame: &Rc<Charged>, now: Instant) -> bool {
        if self.stage.get() != Stage::Open {
            return false;
        }
        let mut lanes = self.lanes.borrow_mut();
        let bytes = lanes.bytes + frame.bytes().len();
        if bytes > self.limits.bytes_max || lanes.data.len() >= self.limits.frames_max {
            drop(lanes);
            self.end(Disconnect::Slow, now);
            return false;
        }
        lanes.bytes = bytes;
        lanes.data.push_back((Rc::clone(frame), now));
        drop(lanes);
        wake(&self.body);
        if bytes > UNWATCHED_BYTES_MAX && !self.watched.get() {
            wake(&self.task);
        }
        true
    }

    /// Queues a ping; says whether there was room.
    pub fn push_ping(&self, payload: &[u8], now: Instant) -> bool {
        self.push_control(Control::Ping(frame::ping(payload)), now)
    }

    /// Queues the answer to a peer's ping; says whether there was room. Keep
    /// [`has_control_room`](Self::has_control_room) before reading on.
    pub fn push_pong(&self, payload: &[u8], now: Instant) -> bool {
        self.push_control(Control::Pong(frame::pong(payload)), now)
    }

    /// Whether another control frame would fit; while not, reading must pause.
    pub fn has_control_room(&self) -> bool {
        self.lanes.borrow().control.len() < self.limits.control_frames_max
    }

    /// Whether the queue is more than half full: a peer that is answered from its own input
    /// should be read no further until it has taken some of the answers.
    pub fn is_congested(&self) -> bool {
        self.lanes.borrow().is_congested(&self.limits)
    }

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

    /// Lets the body end: the closing handshake is over, or was given up.
    pub fn finish(&self) {
        if self.stage.get() < Stage::Finished {
            self.stage.set(Stage::Finished);
            wake(&self.body);
        }
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

    /// Lets the body end as soon as our close frame, if there is one, has been handed on: the
    /// peer's has been seen, or nobody is there to see it.
    pub fn finish_behind_close(&self) {
        self.last_word.set(true);
        if self.stage.get() == Stage::CloseTaken {
            self.finish();
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

    /// When the body last took a ping; taking the answer resets it.
    pub fn take_ping_taken(&self) -> Option<Instant> {
        self.ping_taken.take()
    }

    /// When the body took the close frame.
    pub fn close_taken(&self) -> Option<Instant> {
        self.close_taken.get()
    }

    /// The same as [`oldest`](Self::oldest), for the task, which keeps a deadline by it: until
    /// the queue is empty again the task need not be told that there is something to watch.
    pub fn watch_oldest(&self) -> Option<Instant> {
        let oldest = self.oldest();
        self.watched.set(oldest.is_some());
        oldest
    }

    /// Since when the oldest frame that the peer has not taken is waiting.
    ///
    /// It is blind to what actix's write buffer (32 KiB) and the kernel hold; the socket's
    /// own write deadline sees that.
    pub fn oldest(&self) -> Option<Instant> {
        let lanes = self.lanes.borrow();
        let data = lanes.data.front().map(|(_, since)| *since);
        let control = lanes.control.front().map(|(_, since)| *since);
        let close =
            lanes.close.as_ref().map(|(_, since)| self.cleared_oldest.get().unwrap_or(*since));
        data.into_iter().chain(control).chain(close).min()
    }

    /// Since when the peer's oldest data frame is queued: how far the peer is behind.
    pub fn behind(&self) -> Option<Instant> {
        self.lanes.borrow().data.front().map(|(_, since)| *since)
    }

    /// Bytes of queued data frames.
    pub fn bytes(&self) -> usize {
        self.lanes.borrow().bytes
    }

    /// Messages that the body has handed on so far.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Remembers whom to wake on an end, a taken ping or close, or freed room.
    pub fn register_task(&self, waker: &Waker) {
        register(&self.task, waker);
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

    fn push_control(&self, frame: Control, now: Instant) -> bool {
        if self.stage.get() != Stage::Open || !self.has_control_room() {
            return false;
        }
        self.lanes.borrow_mut().control.push_back((frame, now));
        wake(&self.body);
        true
    }
}

impl Lanes {
    fn clear_data(&mut self) {
        self.data = VecDeque::new();
        self.bytes = 0;
    }

    fn is_congested(&self, limits: &OutboxLimits) -> bool {
        self.bytes > limits.bytes_max / 2 || self.data.len() > limits.frames_max / 2
    }
}

fn register(slot: &RefCell<Option<Waker>>, waker: &Waker) {
    let mut slot = slot.borrow_mut();
    if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}

fn wake(slot: &RefCell<Option<Waker>>) {
    if let Some(waker) = &*slot.borrow() {
        waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests;
