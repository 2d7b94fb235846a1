//! Frames into the outboxes of one shard's connections: of one, of a room's members, of everyone.
//! Leaves to `outbox.rs`: whether a peer has room for one more; to `hub.rs`: the other shards.

use std::{rc::Rc, time::Instant};

use bytes::Bytes;

use super::Shard;
use crate::{
    message::{ConnectionId, Room},
    outbox::{Charged, Outbox},
};

/// What became of a frame on one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Outboxes that took it.
    pub(super) queued: usize,
    /// Outboxes that it was offered to: what that cost.
    pub(super) tried: usize,
}

impl Shard {
    /// Delivers to every member who had joined when the frame was published: a letter may wait,
    /// and who came in the meantime must not hear what was said before.
    pub(super) fn deliver_to_room(
        &self,
        room: &Room,
        frame: Bytes,
        published: Instant,
    ) -> Delivered {
        let mut delivered = Delivered::default();
        if let Some(members) = self.rooms.borrow().get(room) {
            let members = members.list.values().filter(|member| member.joined <= published);
            delivered = self.push(members.map(|member| &member.outbox), frame);
        }
        self.shed();
        delivered
    }

    /// Delivers to every connection that was open when the frame was published.
    pub(super) fn deliver_to_everyone(&self, frame: Bytes, published: Instant) -> Delivered {
        let connections = self.connections.borrow();
        let open = connections.values().filter(|entry| entry.opened <= published);
        let delivered = self.push(open.map(|entry| &entry.outbox), frame);
        drop(connections);
        self.shed();
        delivered
    }

    /// Delivers to one connection; nothing if it is not here.
    pub(super) fn deliver_to(&self, id: ConnectionId, frame: Bytes) -> Option<Delivered> {
        let outbox = Rc::clone(&self.connections.borrow().get(&id)?.outbox);
        let delivered = self.push([&outbox].into_iter(), frame);
        self.shed();
        Some(delivered)
    }

    fn push<'a>(&self, outboxes: impl Iterator<Item = &'a Rc<Outbox>>, frame: Bytes) -> Delivered {
        let frame = Charged::new(frame, &self.budget);
        // Not the time of publishing: a peer is not late because a letter was.
        let now = Instant::now();
        let mut delivered = Delivered::default();
        for outbox in outboxes {
            delivered.tried += 1;
            let before = outbox.is_congested();
            delivered.queued += usize::from(outbox.push(&frame, now));
            if !before && outbox.is_congested() {
                self.crowded.set(true);
            }
        }
        delivered
    }

    /// While all outboxes together hold too much, whoever is furthest behind goes.
    pub(super) fn shed(&self) {
        while self.budget.is_exceeded() {
            let connections = self.connections.borrow();
            let outboxes = || connections.values().map(|entry| &entry.outbox);
            let Some(oldest) = outboxes().filter_map(|outbox| outbox.behind()).min() else {
                return;
            };
            for outbox in outboxes().filter(|outbox| outbox.behind() == Some(oldest)) {
                outbox.shed(Instant::now());
            }
        }
    }
}
