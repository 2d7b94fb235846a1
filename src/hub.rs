//! Who is here: the node's connections and rooms, across all workers.
//! Leaves to `hub/shard.rs`: one worker's part; to `outbox.rs`: what a peer is owed.
//!
//! A shard lives on its worker's thread and needs no lock. Threads share only what this file
//! holds: how many connections there are, which shards have members of which room, and each
//! shard's mailbox. A publication is encoded once and posted once to every other shard that
//! has members.

mod admission;
mod delivery;
mod entry;
mod errand;
mod mailbox;
mod question;
mod seat;
mod shard;
mod view;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;

use self::{
    admission::Admission,
    mailbox::{Mail, Mailbox, publication_bytes},
};
pub use self::{
    admission::Refused,
    entry::Entry,
    errand::{Late, Replies},
    seat::{Reservation, Seat},
    shard::Shard,
    view::Snapshot,
};
use crate::{
    config::{Config, LETTER_BYTES, WORKERS_MAX},
    disconnect::Disconnect,
    frame::Frame,
    message::{ConnectionId, Room},
    metrics::Metrics,
    outbox::OutboxLimits,
};

/// The node-wide part of the hub; share it with [`Arc`].
#[derive(Debug)]
pub struct Hub {
    /// Random, so that two nodes, or two lives of one node, name connections differently.
    node: u32,
    metrics: Metrics,
    limits: HubLimits,
    admission: Admission,
    draining: AtomicBool,
    /// By name, so that they can be listed page by page.
    rooms: Mutex<BTreeMap<Room, Arc<Presence>>>,
    shards: RwLock<Vec<Option<Arc<ShardLink>>>>,
}

/// What bounds a hub, from `limits.*` and `server.*`.
#[derive(Clone, Copy, Debug)]
struct HubLimits {
    rooms_max: usize,
    rooms_per_connection_max: usize,
    mailbox_bytes_max: usize,
    outbox: OutboxLimits,
    /// Each shard's part of `limits.outbox_bytes_total`.
    outbox_bytes_per_shard: usize,
    /// So many bytes of payload are worth deflating, where anything is.
    deflate_from: Option<usize>,
}

/// Which shards have members of a room, one bit each. Changes under the lock of `rooms`.
#[derive(Debug, Default)]
struct Presence(AtomicU64);

/// What other threads hold of a shard.
#[derive(Debug)]
struct ShardLink {
    mailbox: Mailbox,
    outbox_bytes: Arc<AtomicUsize>,
}

/// A publication found another worker's mailbox full (`limits.mailbox_bytes_max`) and went
/// nowhere; try again a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a worker's queue of publications is full (limits.mailbox_bytes_max)")
    }
}

impl std::error::Error for Busy {}

impl Hub {
    /// An empty hub with the bounds of `config`.
    pub fn new(config: &Config, metrics: &Metrics) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Self {
            node: fastrand::u32(..),
            metrics: metrics.clone(),
            limits: HubLimits {
                rooms_max: limits.rooms_max,
                rooms_per_connection_max: limits.rooms_per_connection_max,
                mailbox_bytes_max: limits.mailbox_bytes_max,
                outbox: OutboxLimits {
                    bytes_max: limits.outbox_bytes_max,
                    frames_max: limits.outbox_frames_max,
                    control_frames_max: limits.control_frames_max,
                },
                outbox_bytes_per_shard: limits.outbox_bytes_total / config.server.workers.max(1),
                deflate_from: config.compression.deflate_from(),
            },
            admission: Admission::new(config.server.connections_max, limits.connections_per_ip_max),
            draining: AtomicBool::new(false),
            rooms: Mutex::default(),
            shards: RwLock::default(),
        })
    }

    /// Connections now, on all shards.
    pub fn connections(&self) -> usize {
        self.admission.count()
    }

    /// Rooms that have at least one member.
    pub fn rooms(&self) -> usize {
        self.lock_rooms().len()
    }

    /// Bytes queued in all outboxes; a frame that many outboxes share counts once per shard.
    pub fn outbox_bytes(&self) -> usize {
        self.links().map(|(_, link)| link.outbox_bytes.load(SeqCst)).sum()
    }

    /// Queues an encoded frame for every member of `room`, from any thread. All or nothing.
    ///
    /// # Errors
    /// [`Busy`] when a worker's mailbox has no room for it.
    pub fn publish(&self, room: &Room, frame: &Bytes) -> Result<(), Busy> {
        self.publish_frame(room, &self.frame(frame.clone()))
    }

    /// Ends one connection, wherever it is; an unknown id is no error, it has ended already.
    ///
    /// # Errors
    /// [`Busy`] when its worker's mailbox is full.
    pub fn end(&self, id: ConnectionId, why: Disconnect) -> Result<(), Busy> {
        let Some((_, link)) = self.links().find(|(index, _)| *index == id.shard()) else {
            return Ok(());
        };
        if !link.mailbox.reserve(LETTER_BYTES) {
            return Err(Busy);
        }
        link.mailbox.post(Mail::End { id, why });
        Ok(())
    }

    /// Whether the node takes no more connections.
    pub fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    /// From now on nobody comes in.
    pub fn refuse_new(&self) {
        self.draining.store(true, SeqCst);
    }

    /// Refuses newcomers and ends everybody as [`Disconnect::Drain`], spread over `window`.
    ///
    /// Nobody is forgotten: a join and this letter are carried out by the same thread, each in
    /// one turn, and a join that comes after [`refuse_new`](Self::refuse_new) is refused.
    pub fn drain(&self, window: Duration) {
        self.refuse_new();
        for (_, link) in self.links() {
            link.mailbox.post(Mail::Drain { window });
        }
    }

    /// Resets every stream that is left, after a [`drain`](Self::drain) for which time is up.
    pub fn cut(&self) {
        for (_, link) in self.links() {
            link.mailbox.post(Mail::Cut);
        }
    }

    fn enter(&self, address: IpAddr) -> Result<(), Refused> {
        if self.is_draining() { Err(Refused::Draining) } else { self.admission.enter(address) }
    }

    fn give_back(&self, address: IpAddr) {
        self.admission.leave(address);
    }

    /// The first member of `room` on a shard has come.
    fn appear(&self, room: &Room, shard: usize) -> Result<Arc<Presence>, Refused> {
        let mut rooms = self.lock_rooms();
        if !rooms.contains_key(room) && rooms.len() >= self.limits.rooms_max {
            return Err(Refused::RoomsFull);
        }
        let presence = rooms.entry(room.clone()).or_default();
        presence.0.fetch_or(1 << shard, SeqCst);
        Ok(Arc::clone(presence))
    }

    /// The last member of `room` on a shard has left.
    fn vanish(&self, room: &Room, shard: usize) {
        let mut rooms = self.lock_rooms();
        let Some(presence) = rooms.get(room) else { return };
        let others = presence.0.fetch_and(!(1 << shard), SeqCst) & !(1 << shard);
        if others == 0 {
            rooms.remove(room);
        }
    }

    /// The same for one that may have been deflated.
    fn publish_frame(&self, room: &Room, frame: &Frame) -> Result<(), Busy> {
        self.post_publication(room, frame, self.presence(room))
    }

    /// What is encoded, with room for what it is deflated to.
    fn frame(&self, encoded: Bytes) -> Frame {
        Frame::new(encoded, self.limits.deflate_from)
    }

    fn post_publication(&self, room: &Room, frame: &Frame, shards: u64) -> Result<(), Busy> {
        if shards == 0 {
            return Ok(());
        }
        let published = Instant::now();
        for link in self.reserve(shards, publication_bytes(frame))? {
            let (room, frame) = (room.clone(), frame.clone());
            link.mailbox.post(Mail::Publish { room, frame, published });
        }
        Ok(())
    }

    /// Sets room aside for a letter to each of these shards (a bit for each), or for none.
    fn reserve(&self, shards: u64, bytes: usize) -> Result<Vec<Arc<ShardLink>>, Busy> {
        let asked = self.links().filter(|(index, _)| shards >> index & 1 == 1);
        let links: Vec<_> = asked.map(|(_, link)| link).collect();
        for (reserved, link) in links.iter().enumerate() {
            if !link.mailbox.reserve(bytes) {
                links[..reserved].iter().for_each(|link| link.mailbox.give_back(bytes));
                return Err(Busy);
            }
        }
        Ok(links)
    }

    /// Gives a new shard the first free place.
    fn attach(&self) -> (usize, Arc<ShardLink>) {
        let link = Arc::new(ShardLink {
            mailbox: Mailbox::new(self.limits.mailbox_bytes_max),
            outbox_bytes: Arc::default(),
        });
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        let free = shards.iter().position(Option::is_none).unwrap_or(shards.len());
        assert!(free < WORKERS_MAX, "a room knows its shards by the bits of one word");
        if free == shards.len() {
            shards.push(None);
        }
        shards[free] = Some(Arc::clone(&link));
        (free, link)
    }

    fn detach(&self, shard: usize) {
        self.shards.write().unwrap_or_else(PoisonError::into_inner)[shard] = None;
    }

    fn links(&self) -> impl Iterator<Item = (usize, Arc<ShardLink>)> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner).clone();
        shards.into_iter().enumerate().filter_map(|(index, link)| Some((index, link?)))
    }

    fn lock_rooms(&self) -> MutexGuard<'_, BTreeMap<Room, Arc<Presence>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
