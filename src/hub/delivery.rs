//! Frames into the outboxes of one shard's connections: of one, of a room's members, of everyone.
//! Leaves to `outbox.rs`: whether a peer has room for one more; to `hub.rs`: the other shards.

use std::{rc::Rc, time::Instant};

use super::Shard;
use crate::{
    deflate::WindowBits,
    frame::Frame,
    message::{ConnectionId, Room},
    outbox::{Budget, Charged, Outbox},
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
        frame: &Frame,
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
    pub(super) fn deliver_to_everyone(&self, frame: &Frame, published: Instant) -> Delivered {
        let connections = self.connections.borrow();
        let open = connections.values().filter(|entry| entry.opened <= published);
        let delivered = self.push(open.map(|entry| &entry.outbox), frame);
        drop(connections);
        self.shed();
        delivered
    }

    /// Delivers to one connection; nothing if it is not here.
    pub(super) fn deliver_to(&self, id: ConnectionId, frame: &Frame) -> Option<Delivered> {
        let outbox = Rc::clone(&self.connections.borrow().get(&id)?.outbox);
        let delivered = self.push([&outbox].into_iter(), frame);
        self.shed();
        Some(delivered)
    }

    fn push<'a>(&self, outboxes: impl Iterator<Item = &'a Rc<Outbox>>, frame: &Frame) -> Delivered {
        let mut forms = Forms::new(frame, &self.budget);
        // Not the time of publishing: a peer is not late because a letter was.
        let now = Instant::now();
        let mut delivered = Delivered::default();
        for outbox in outboxes {
            delivered.tried += 1;
            let before = outbox.is_congested();
            delivered.queued += usize::from(outbox.push(forms.of(outbox), now));
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

/// A frame as it is queued on this shard: each of its forms is charged once, and only if it is used.
pub(super) struct Forms<'a> {
    frame: &'a Frame,
    budget: &'a Rc<Budget>,
    plain: Option<Rc<Charged>>,
    /// Rarely more than one: the largest window.
    deflated: Vec<(WindowBits, Rc<Charged>)>,
}

impl<'a> Forms<'a> {
    pub(super) fn new(frame: &'a Frame, budget: &'a Rc<Budget>) -> Self {
        Self { frame, budget, plain: None, deflated: Vec::new() }
    }

    /// The form that this outbox's peer agreed to.
    #[inline] // Once per delivery: out of line it made one a sixth dearer (docs/regression.md).
    pub(super) fn of(&mut self, outbox: &Outbox) -> &Rc<Charged> {
        let wanted = outbox.window().and_then(|it| Some((it, self.frame.deflated(it)?)));
        let Some((window, bytes)) = wanted else {
            return self
                .plain
                .get_or_insert_with(|| Charged::new(self.frame.plain().clone(), self.budget));
        };
        let known = self.deflated.iter().position(|(known, _)| *known == window);
        let at = known.unwrap_or_else(|| {
            self.deflated.push((window, Charged::new(bytes.clone(), self.budget)));
            self.deflated.len() - 1
        });
        &self.deflated[at].1
    }
}
