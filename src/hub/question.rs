//! What the hub can be asked by those who wait for the answer: who is here, and who got a message.
//! Leaves to `node.rs`: the waiting; to `errand.rs`: how a question travels.

use std::{
    ops::Bound::{Excluded, Unbounded},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Instant,
};

use bytes::Bytes;

use super::{Busy, Hub, Replies, Snapshot, mailbox::publication_bytes};
use crate::{
    config::{LETTER_BYTES, WORKERS_MAX},
    disconnect::Disconnect,
    message::{ConnectionId, Room},
};

/// Every shard, one bit each.
const EVERYWHERE: u64 = u64::MAX;

impl Hub {
    /// Queues an encoded frame for every member of `room`; each shard replies for how many.
    ///
    /// # Errors
    /// [`Busy`] when a worker's mailbox has no room for it: nobody gets it.
    pub fn deliver_to_room(&self, room: &Room, frame: &Bytes) -> Result<Replies<usize>, Busy> {
        let (room, frame, published) = (room.clone(), self.frame(frame.clone()), Instant::now());
        let bytes = publication_bytes(&frame);
        self.ask(self.presence(&room), bytes, move |shard| {
            let delivered = shard.deliver_to_room(&room, &frame, published);
            (delivered.queued, delivered.tried)
        })
    }

    /// Queues an encoded frame for every connection; each shard replies for how many.
    ///
    /// # Errors
    /// [`Busy`] when a worker's mailbox has no room for it: nobody gets it.
    pub fn deliver_to_everyone(&self, frame: &Bytes) -> Result<Replies<usize>, Busy> {
        let (frame, published) = (self.frame(frame.clone()), Instant::now());
        self.ask(EVERYWHERE, publication_bytes(&frame), move |shard| {
            let delivered = shard.deliver_to_everyone(&frame, published);
            (delivered.queued, delivered.tried)
        })
    }

    /// Queues an encoded frame for one connection; its shard replies whether it is there, and if
    /// so, whether its outbox took the frame (0 or 1).
    ///
    /// # Errors
    /// [`Busy`] when its worker's mailbox has no room for it.
    pub fn deliver_to(
        &self,
        id: ConnectionId,
        frame: &Bytes,
    ) -> Result<Replies<Option<usize>>, Busy> {
        let frame = self.frame(frame.clone());
        self.ask(only(id.shard()), publication_bytes(&frame), move |shard| {
            (shard.deliver_to(id, &frame).map(|delivered| delivered.queued), 1)
        })
    }

    /// Ends one connection; its shard replies whether it was there.
    ///
    /// # Errors
    /// [`Busy`] when its worker's mailbox is full.
    pub fn kick(&self, id: ConnectionId, why: Disconnect) -> Result<Replies<bool>, Busy> {
        self.ask(only(id.shard()), LETTER_BYTES, move |shard| (shard.end(id, why.clone()), 1))
    }

    /// One connection; its shard replies with nothing if it is not there.
    ///
    /// # Errors
    /// [`Busy`] when its worker's mailbox is full.
    pub fn view(&self, id: ConnectionId) -> Result<Replies<Option<Snapshot>>, Busy> {
        self.ask(only(id.shard()), LETTER_BYTES, move |shard| (shard.view(id), 1))
    }

    /// The first connections of one shard behind `after`, at most `limit`; of a room only, if one
    /// is named.
    ///
    /// # Errors
    /// [`Busy`] when the worker's mailbox is full.
    pub fn view_page(
        &self,
        shard: usize,
        room: Option<Room>,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Result<Replies<Vec<Snapshot>>, Busy> {
        self.ask(only(shard), LETTER_BYTES, move |shard| {
            let page = shard.view_page(room.as_ref(), after, limit);
            let seen = page.len();
            (page, seen)
        })
    }

    /// How many members each of these rooms has on each shard.
    ///
    /// # Errors
    /// [`Busy`] when a worker's mailbox is full.
    pub fn count_members(&self, rooms: Arc<[Room]>) -> Result<Replies<Vec<usize>>, Busy> {
        let shards = rooms.iter().fold(0, |shards, room| shards | self.presence(room));
        self.ask(shards, LETTER_BYTES, move |shard| (shard.count_members(&rooms), 1))
    }

    /// The names of the first rooms behind `after` that have members, at most `limit`.
    pub fn room_names(&self, after: Option<&Room>, limit: usize) -> Vec<Room> {
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        self.lock_rooms()
            .range::<Room, _>(range)
            .take(limit)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The shards that there are, in their order.
    pub fn shards(&self) -> Vec<usize> {
        self.links().map(|(index, _)| index).collect()
    }

    /// Whether the name may be one of this hub's: of the present life of this node.
    pub fn is_own(&self, id: ConnectionId) -> bool {
        id.node() == self.node & 0x00ff_ffff
    }

    /// The shards that have members of `room`.
    pub(super) fn presence(&self, room: &Room) -> u64 {
        self.lock_rooms().get(room).map_or(0, |presence| presence.0.load(SeqCst))
    }
}

fn only(shard: usize) -> u64 {
    if shard < WORKERS_MAX { 1 << shard } else { 0 }
}
