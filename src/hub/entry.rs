//! One connection as its shard knows it: who it is, where it is a member, what it is doing.
//! Leaves to `connection.rs`: noting what happens; to `outbox.rs`: what the peer is owed.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{caller::Caller, message::Room, outbox::Outbox};

/// One connection of a shard.
#[derive(Debug)]
pub struct Entry {
    /// Who it is.
    pub caller: Arc<Caller>,
    /// What its peer is owed.
    pub outbox: Rc<Outbox>,
    /// When it joined.
    pub opened: Instant,
    /// What its peer did.
    pub activity: Activity,
    /// Rooms it is a member of, in the order of joining.
    pub(super) rooms: RefCell<Vec<Room>>,
}

/// What a peer did so far.
#[derive(Debug)]
pub struct Activity {
    last_frame: Cell<Instant>,
    round_trip: Cell<Option<Duration>>,
    messages: Cell<u64>,
    bytes: Cell<u64>,
}

impl Entry {
    /// A connection that is opened now, and a member of no room.
    pub(super) fn new(caller: Arc<Caller>, outbox: Rc<Outbox>, now: Instant) -> Rc<Self> {
        let activity = Activity {
            last_frame: Cell::new(now),
            round_trip: Cell::default(),
            messages: Cell::default(),
            bytes: Cell::default(),
        };
        Rc::new(Self { caller, outbox, opened: now, activity, rooms: RefCell::default() })
    }

    /// The rooms that it is a member of.
    pub fn rooms(&self) -> Vec<Room> {
        self.rooms.borrow().clone()
    }
}

impl Activity {
    /// A whole frame came, of whatever kind.
    pub fn frame(&self, now: Instant) {
        self.last_frame.set(now);
    }

    /// A message with `bytes` of payload came.
    pub fn message(&self, bytes: usize) {
        self.messages.set(self.messages.get() + 1);
        self.bytes.set(self.bytes.get() + bytes as u64);
    }

    /// A ping was answered.
    pub fn round_trip(&self, round_trip: Duration) {
        self.round_trip.set(Some(round_trip));
    }

    /// When the last whole frame came; the time of joining, if none did.
    pub fn last_frame(&self) -> Instant {
        self.last_frame.get()
    }

    /// The latest round-trip time, when a ping was answered.
    pub fn latest_round_trip(&self) -> Option<Duration> {
        self.round_trip.get()
    }

    /// Messages that came.
    pub fn messages(&self) -> u64 {
        self.messages.get()
    }

    /// Bytes of payload of the messages that came.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }
}
