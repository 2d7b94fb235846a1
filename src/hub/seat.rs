//! A connection's place in the hub: held for who is being asked in, taken when it is let in.
//! Leaves to `shard.rs`: what is delivered there.

use std::{net::IpAddr, rc::Rc, sync::Arc, time::Instant};

use super::{Entry, Refused, Shard};
use crate::{
    caller::Caller,
    deflate::WindowBits,
    message::{ConnectionId, Room},
    outbox::Outbox,
};

/// A place that is held while a handshake is judged: it counts, and hears nothing yet. Dropping it
/// gives it back.
#[derive(Debug)]
pub struct Reservation {
    id: ConnectionId,
    address: IpAddr,
    shard: Rc<Shard>,
}

impl Reservation {
    pub(super) fn new(id: ConnectionId, address: IpAddr, shard: Rc<Shard>) -> Self {
        Self { id, address, shard }
    }

    /// The name that the connection will have.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Takes the connection in, as a member of its route's room if it has one; decided in one
    /// synchronous turn, so a drain sees it or refuses it. Dropping the seat is leaving.
    ///
    /// # Errors
    /// Why it may not come in: the node has begun to drain, or has no room for the room.
    pub fn join(self, caller: Arc<Caller>, window: Option<WindowBits>) -> Result<Seat, Refused> {
        let shard = Rc::clone(&self.shard);
        if shard.hub().is_draining() {
            return Err(Refused::Draining);
        }
        let outbox = shard.new_outbox(window);
        let entry = Entry::new(caller, Rc::clone(&outbox), Instant::now());
        if let Some(room) = entry.caller.route.room() {
            shard.enter_room(room, &entry)?;
        }
        shard.insert(Rc::clone(&entry));
        Ok(Seat { entry, outbox, shard, _place: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shard.hub().give_back(self.address);
    }
}

/// A connection's place in the hub, from its join until this is dropped.
#[derive(Debug)]
pub struct Seat {
    /// What the hub knows of the connection.
    pub entry: Rc<Entry>,
    /// What the peer is owed.
    pub outbox: Rc<Outbox>,
    /// The shard that holds the connection.
    pub shard: Rc<Shard>,
    _place: Reservation,
}

impl Seat {
    /// The connection's name.
    pub fn id(&self) -> ConnectionId {
        self.entry.caller.id
    }

    /// Makes the connection a member of `room`; it may be one already.
    ///
    /// # Errors
    /// The connection is in `limits.rooms_per_connection_max` rooms, or the room would be one
    /// more than `limits.rooms_max`.
    pub fn join(&self, room: &Room) -> Result<(), Refused> {
        self.shard.join_room(room, &self.entry)
    }

    /// Ends the connection's membership of `room`, if it is a member.
    pub fn leave(&self, room: &Room) {
        self.shard.leave_room(room, &self.entry);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shard.remove(&self.entry);
    }
}
