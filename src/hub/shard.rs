//! One worker's part of the hub: its connections, its rooms' members, its mailbox's reader.
//! Leaves to `hub.rs`: everything that crosses threads.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    rc::{Rc, Weak},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Busy, Hub, Mail, Presence, Refused, ShardLink};
use crate::{
    disconnect::Disconnect,
    message::{ConnectionId, Room},
    metrics::Tally,
    outbox::{Budget, Charged, Outbox},
};

/// The connections of one worker. Every method is synchronous: no await, no I/O.
#[derive(Debug)]
pub struct Shard {
    hub: Arc<Hub>,
    index: usize,
    budget: Rc<Budget>,
    tally: Rc<Tally>,
    serial: Cell<u32>,
    connections: RefCell<BTreeMap<ConnectionId, Rc<Outbox>>>,
    rooms: RefCell<HashMap<Room, Members>>,
}

#[derive(Debug)]
struct Members {
    presence: Arc<Presence>,
    list: BTreeMap<ConnectionId, Member>,
}

#[derive(Debug)]
struct Member {
    outbox: Rc<Outbox>,
    joined: Instant,
}

impl Shard {
    /// Attaches a shard for the calling worker and starts reading its mail.
    pub fn attach(hub: &Arc<Hub>) -> Rc<Self> {
        let (index, link) = hub.attach();
        let budget = Budget::new(hub.limits.outbox_bytes_per_shard, Arc::clone(&link.outbox_bytes));
        let shard = Rc::new(Self {
            hub: Arc::clone(hub),
            index,
            budget,
            tally: Rc::new(Tally::new(&hub.metrics)),
            serial: Cell::new(0),
            connections: RefCell::default(),
            rooms: RefCell::default(),
        });
        actix_rt::spawn(read_mail(Rc::downgrade(&shard), link));
        actix_rt::spawn(flush_tally(Rc::downgrade(&shard)));
        shard
    }

    /// Takes a connection in, as a member of `room` if one is given; decided in one
    /// synchronous turn, so a drain sees it or refuses it. Dropping the seat is leaving.
    ///
    /// # Errors
    /// Why it may not come in.
    pub fn join(self: &Rc<Self>, address: IpAddr, room: Option<&Room>) -> Result<Seat, Refused> {
        self.hub.enter(address)?;
        let id = self.next_id();
        let outbox = Outbox::new(self.hub.limits.outbox, Rc::clone(&self.tally));
        if let Some(room) = room
            && let Err(refused) = self.enter_room(room, id, &outbox)
        {
            self.hub.admission.leave(address);
            return Err(refused);
        }
        self.connections.borrow_mut().insert(id, Rc::clone(&outbox));
        Ok(Seat { id, outbox, room: room.cloned(), address, shard: Rc::clone(self) })
    }

    /// Where this worker's messages are counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Queues a frame for one connection of this shard.
    pub fn send(&self, outbox: &Outbox, frame: Bytes) {
        outbox.push(&Charged::new(frame, &self.budget), Instant::now());
        self.shed();
    }

    /// Queues a frame for every member of `room`, here at once and on other shards by mail.
    /// All or nothing.
    ///
    /// # Errors
    /// [`Busy`] when another worker's mailbox has no room for it.
    pub fn publish(&self, room: &Room, frame: &Bytes) -> Result<(), Busy> {
        let here = 1 << self.index;
        let present = self.rooms.borrow().get(room).map(|members| Arc::clone(&members.presence));
        let Some(presence) = present else { return self.hub.publish(room, frame) };
        let others = presence.0.load(SeqCst) & !here;
        self.hub.post_publication(room, frame, others)?;
        self.deliver(room, frame.clone(), Instant::now());
        Ok(())
    }

    /// Delivers to everyone who had joined when the frame was published: a letter may wait, and
    /// who came in the meantime must not hear what was said before.
    ///
    /// Says to how many.
    fn deliver(&self, room: &Room, frame: Bytes, published: Instant) -> usize {
        let mut delivered = 0;
        if let Some(members) = self.rooms.borrow().get(room) {
            let frame = Charged::new(frame, &self.budget);
            // Not the time of publishing: a peer is not late because a letter was.
            let now = Instant::now();
            for member in members.list.values().filter(|member| member.joined <= published) {
                member.outbox.push(&frame, now);
                delivered += 1;
            }
        }
        self.shed();
        delivered
    }

    /// While all outboxes together hold too much, whoever is furthest behind goes.
    fn shed(&self) {
        while self.budget.is_exceeded() {
            let connections = self.connections.borrow();
            let Some(oldest) = connections.values().filter_map(|outbox| outbox.behind()).min()
            else {
                return;
            };
            for outbox in connections.values().filter(|outbox| outbox.behind() == Some(oldest)) {
                outbox.shed(Instant::now());
            }
        }
    }

    /// Says how many deliveries that was.
    fn carry_out(self: &Rc<Self>, mail: Mail) -> usize {
        match mail {
            Mail::Publish { room, frame, published } => {
                return self.deliver(&room, frame, published);
            }
            Mail::End { id, why } => {
                if let Some(outbox) = self.connections.borrow().get(&id) {
                    outbox.end(why, Instant::now());
                }
            }
            Mail::Drain { window } => {
                let outboxes: Vec<_> = self.connections.borrow().values().cloned().collect();
                actix_rt::spawn(end_spread(outboxes, window));
            }
            Mail::Cut => self.connections.borrow().values().for_each(|outbox| {
                outbox.end(Disconnect::Drain, Instant::now());
                outbox.cut();
            }),
        }
        0
    }

    fn next_id(&self) -> ConnectionId {
        loop {
            let serial = self.serial.get();
            self.serial.set(serial.wrapping_add(1));
            let id = ConnectionId::new(self.hub.node, self.index as u8, serial);
            // After four billion connections a serial number may still be in use.
            if !self.connections.borrow().contains_key(&id) {
                return id;
            }
        }
    }

    fn enter_room(
        &self,
        room: &Room,
        id: ConnectionId,
        outbox: &Rc<Outbox>,
    ) -> Result<(), Refused> {
        let mut rooms = self.rooms.borrow_mut();
        if !rooms.contains_key(room) {
            let presence = self.hub.appear(room, self.index)?;
            rooms.insert(room.clone(), Members { presence, list: BTreeMap::new() });
        }
        if let Some(members) = rooms.get_mut(room) {
            let member = Member { outbox: Rc::clone(outbox), joined: Instant::now() };
            members.list.insert(id, member);
        }
        Ok(())
    }

    fn leave_room(&self, room: &Room, id: ConnectionId) {
        let mut rooms = self.rooms.borrow_mut();
        let Some(members) = rooms.get_mut(room) else { return };
        members.list.remove(&id);
        if members.list.is_empty() {
            rooms.remove(room);
            self.hub.vanish(room, self.index);
        }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.hub.detach(self.index);
    }
}

/// A connection's place in the hub, from its join until this is dropped.
#[derive(Debug)]
pub struct Seat {
    /// The connection's name.
    pub id: ConnectionId,
    /// What the peer is owed.
    pub outbox: Rc<Outbox>,
    /// The shard that holds the connection.
    pub shard: Rc<Shard>,
    room: Option<Room>,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shard.connections.borrow_mut().remove(&self.id);
        if let Some(room) = &self.room {
            self.shard.leave_room(room, self.id);
        }
        self.shard.hub.admission.leave(self.address);
    }
}

/// How many deliveries the mail may make before the worker serves its sockets again. What is
/// delivered in one turn leaves in one write per peer: one letter a turn costs four times as much
/// per delivery, with 16 publications under way to 1,000 members.
const DELIVERIES_PER_TURN: usize = 16 * 1024;

async fn read_mail(shard: Weak<Shard>, link: Arc<ShardLink>) {
    loop {
        link.mailbox.wait().await;
        let Some(shard) = shard.upgrade() else { return };
        let mut deliveries = 0;
        while deliveries < DELIVERIES_PER_TURN
            && let Some(mail) = link.mailbox.take()
        {
            let bytes = mail.bytes();
            deliveries += shard.carry_out(mail).max(1);
            link.mailbox.give_back(bytes);
        }
        drop(shard);
        tokio::task::yield_now().await;
    }
}

/// The metrics' age when nothing else happens.
const TALLY_AGE: Duration = Duration::from_millis(250);

async fn flush_tally(shard: Weak<Shard>) {
    while let Some(shard) = shard.upgrade() {
        shard.tally.flush();
        drop(shard);
        tokio::time::sleep(TALLY_AGE).await;
    }
}

async fn end_spread(outboxes: Vec<Rc<Outbox>>, window: Duration) {
    let start = Instant::now();
    let slots = outboxes.len() as u32;
    for (slot, outbox) in (0..slots).zip(outboxes) {
        let due = start + window * slot / slots;
        if Instant::now() < due {
            tokio::time::sleep_until(due.into()).await;
        }
        outbox.end(Disconnect::Drain, Instant::now());
    }
}
