//! One worker's part of the hub: its connections, its rooms' members, its mailbox's reader.
//! Leaves to `hub.rs`: everything that crosses threads; to `delivery.rs` and `view.rs`: what is done
//! for those who are here, and what is told of them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    rc::{Rc, Weak},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Busy, Entry, Hub, Mail, Presence, Refused, Reservation, ShardLink, delivery::Forms};
use crate::{
    deflate::WindowBits,
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
    pub(super) budget: Rc<Budget>,
    tally: Rc<Tally>,
    serial: Cell<u32>,
    /// An outbox has become half full since the mail's turn began.
    pub(super) crowded: Cell<bool>,
    pub(super) connections: RefCell<BTreeMap<ConnectionId, Rc<Entry>>>,
    pub(super) rooms: RefCell<HashMap<Room, Members>>,
}

/// Who of this shard is in a room.
#[derive(Debug)]
pub(super) struct Members {
    presence: Arc<Presence>,
    pub(super) list: BTreeMap<ConnectionId, Member>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) outbox: Rc<Outbox>,
    pub(super) joined: Instant,
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
            crowded: Cell::new(false),
            connections: RefCell::default(),
            rooms: RefCell::default(),
        });
        actix_rt::spawn(read_mail(Rc::downgrade(&shard), link));
        actix_rt::spawn(flush_tally(Rc::downgrade(&shard)));
        shard
    }

    /// Holds a place for a connection from `address`.
    ///
    /// # Errors
    /// Why it may not come in.
    pub fn reserve(self: &Rc<Self>, address: IpAddr) -> Result<Reservation, Refused> {
        self.hub.enter(address)?;
        Ok(Reservation::new(self.next_id(), address, Rc::clone(self)))
    }

    /// Where this worker's messages are counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Queues a frame for one connection of this shard; the peer is late with it from `now` on.
    pub fn send(&self, outbox: &Outbox, frame: Bytes, now: Instant) {
        outbox.push(&self.charged(outbox, frame), now);
        self.shed();
    }

    /// The same for what the peer asked for itself: it waits until the outbox has room.
    pub fn send_patiently(&self, outbox: &Outbox, frame: Bytes, now: Instant) {
        outbox.push_patiently(self.charged(outbox, frame), now);
        self.shed();
    }

    /// The form that this outbox's peer agreed to, for it alone.
    fn charged(&self, outbox: &Outbox, frame: Bytes) -> Rc<Charged> {
        match outbox.window() {
            None => Charged::new(frame, &self.budget),
            Some(_) => Rc::clone(Forms::new(&self.hub.frame(frame), &self.budget).of(outbox)),
        }
    }

    /// Queues a frame for every member of `room`, here at once and on other shards by mail.
    /// All or nothing.
    ///
    /// # Errors
    /// [`Busy`] when another worker's mailbox has no room for it.
    pub fn publish(&self, room: &Room, frame: &Bytes) -> Result<(), Busy> {
        let here = 1 << self.index;
        let frame = &self.hub.frame(frame.clone());
        let present = self.rooms.borrow().get(room).map(|members| Arc::clone(&members.presence));
        let Some(presence) = present else { return self.hub.publish_frame(room, frame) };
        let others = presence.0.load(SeqCst) & !here;
        self.hub.post_publication(room, frame, others)?;
        self.deliver_to_room(room, frame, Instant::now());
        Ok(())
    }

    /// Ends a connection; says whether it is here.
    pub(super) fn end(&self, id: ConnectionId, why: Disconnect) -> bool {
        let connections = self.connections.borrow();
        let entry = connections.get(&id);
        entry.map(|entry| entry.outbox.end(why, Instant::now())).is_some()
    }

    /// Says how many deliveries that was.
    fn carry_out(self: &Rc<Self>, mail: Mail) -> usize {
        match mail {
            Mail::Publish { room, frame, published } => {
                return self.deliver_to_room(&room, &frame, published).tried;
            }
            Mail::Errand(errand) => return errand.run(self),
            Mail::End { id, why } => {
                self.end(id, why);
            }
            Mail::Drain { window } => {
                let connections = self.connections.borrow();
                let outboxes = connections.values().map(|entry| Rc::clone(&entry.outbox)).collect();
                actix_rt::spawn(end_spread(outboxes, window));
            }
            Mail::Cut => self.connections.borrow().values().for_each(|entry| {
                entry.outbox.end(Disconnect::Drain, Instant::now());
                entry.outbox.cut();
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

    /// The hub that this is a part of.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(super) fn new_outbox(&self, window: Option<WindowBits>) -> Rc<Outbox> {
        Outbox::new(self.hub.limits.outbox, window, Rc::clone(&self.tally))
    }

    pub(super) fn insert(&self, entry: Rc<Entry>) {
        self.connections.borrow_mut().insert(entry.caller.id, entry);
    }

    /// Forgets a connection, and its memberships.
    pub(super) fn remove(&self, entry: &Entry) {
        self.connections.borrow_mut().remove(&entry.caller.id);
        for room in entry.rooms.take() {
            self.drop_member(&room, entry.caller.id);
        }
    }

    pub(super) fn join_room(&self, room: &Room, entry: &Entry) -> Result<(), Refused> {
        if entry.rooms.borrow().contains(room) {
            return Ok(());
        }
        if entry.rooms.borrow().len() >= self.hub.limits.rooms_per_connection_max {
            return Err(Refused::RoomsPerConnection);
        }
        self.enter_room(room, entry)
    }

    pub(super) fn enter_room(&self, room: &Room, entry: &Entry) -> Result<(), Refused> {
        let mut rooms = self.rooms.borrow_mut();
        if !rooms.contains_key(room) {
            let presence = self.hub.appear(room, self.index)?;
            rooms.insert(room.clone(), Members { presence, list: BTreeMap::new() });
        }
        if let Some(members) = rooms.get_mut(room) {
            let member = Member { outbox: Rc::clone(&entry.outbox), joined: Instant::now() };
            members.list.insert(entry.caller.id, member);
        }
        entry.rooms.borrow_mut().push(room.clone());
        Ok(())
    }

    pub(super) fn leave_room(&self, room: &Room, entry: &Entry) {
        let mut rooms = entry.rooms.borrow_mut();
        if let Some(place) = rooms.iter().position(|own| own == room) {
            rooms.remove(place);
            self.drop_member(room, entry.caller.id);
        }
    }

    fn drop_member(&self, room: &Room, id: ConnectionId) {
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

/// How many deliveries the mail may make before the worker serves its sockets again. What is
/// delivered in one turn leaves in one write per peer: one letter a turn costs four times as much
/// per delivery, with 16 publications under way to 1,000 members. An outbox that becomes half full
/// ends the turn too: after a standstill there may be more letters for a peer than its outbox holds,
/// and one that takes what it is offered must not pay for that.
const DELIVERIES_PER_TURN: usize = 16 * 1024;

async fn read_mail(shard: Weak<Shard>, link: Arc<ShardLink>) {
    loop {
        link.mailbox.wait().await;
        let Some(shard) = shard.upgrade() else { return };
        let mut deliveries = 0;
        shard.crowded.set(false);
        while deliveries < DELIVERIES_PER_TURN
            && !shard.crowded.get()
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
