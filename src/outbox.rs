//! The bounded queue of encoded frames towards one peer, with a lane for control frames.
//! Leaves to `outbox/ending.rs`: the line's end; to `outbox/body.rs`: handing frames to actix; to
//! `connection.rs`: the deadlines.
//!
//! Everything is synchronous and stays on one thread: a push never waits. Whoever cannot
//! take what it is sent pays with its connection, never the sender (`Disconnect::Slow`).

mod body;
mod budget;
mod ending;
mod patience;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    task::Waker,
    time::Instant,
};

use bytes::Bytes;

pub use self::{
    body::OutboxBody,
    budget::{Budget, Charged},
    ending::Stage,
};
use crate::{deflate::WindowBits, disconnect::Disconnect, frame, metrics::Tally};

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
    /// What the peer inflates with, if it does.
    window: Option<WindowBits>,
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
    sent_bytes: Cell<u64>,
    /// Whether the task keeps a deadline for what is queued.
    watched: Cell<bool>,
    /// An end was ordered that waits for nothing.
    cut: Cell<bool>,
    tally: Rc<Tally>,
    task: RefCell<Option<Waker>>,
    body: RefCell<Option<Waker>>,
}

#[derive(Debug, Default)]
struct Lanes {
    data: VecDeque<(Rc<Charged>, Instant)>,
    bytes: usize,
    /// What waits until the data lane is not congested. Only while it is, anything is here.
    waiting: VecDeque<Rc<Charged>>,
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
    /// An empty outbox; what leaves it is counted in `tally` too. With a window its peer takes
    /// deflated messages.
    pub fn new(limits: OutboxLimits, window: Option<WindowBits>, tally: Rc<Tally>) -> Rc<Self> {
        Rc::new(Self {
            limits,
            window,
            lanes: RefCell::default(),
            end: RefCell::default(),
            stage: Cell::new(Stage::Open),
            ping_taken: Cell::default(),
            close_taken: Cell::default(),
            cleared_oldest: Cell::default(),
            last_word: Cell::default(),
            sent: Cell::default(),
            sent_bytes: Cell::default(),
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

    /// The window with which the peer inflates, if it agreed to that.
    pub fn window(&self) -> Option<WindowBits> {
        self.window
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

    /// When the body last took a ping; taking the answer resets it.
    pub fn take_ping_taken(&self) -> Option<Instant> {
        self.ping_taken.take()
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

    /// Bytes of the data frames, headers included, that the body has handed on so far.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes.get()
    }

    /// Remembers whom to wake on an end, a taken ping or close, or freed room.
    pub fn register_task(&self, waker: &Waker) {
        register(&self.task, waker);
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
        self.waiting = VecDeque::new();
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
