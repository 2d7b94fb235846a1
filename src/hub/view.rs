//! What is told of a shard's connections and rooms, as they are at one moment.
//! Leaves to `control.rs`: how it looks outside.

use std::{
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Entry, Shard};
use crate::{
    caller::Caller,
    disconnect::Disconnect,
    message::{ConnectionId, Room},
};

/// One connection as it was when its shard was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Who it is.
    pub caller: Arc<Caller>,
    /// Rooms it is a member of, in the order of joining.
    pub rooms: Vec<Room>,
    /// How long it has been open.
    pub age: Duration,
    /// How long ago the peer's last whole frame came, of whatever kind; its age, if none came.
    pub silent: Duration,
    /// The latest round-trip time, once a ping was answered.
    pub round_trip: Option<Duration>,
    /// Bytes queued for the peer, frame headers included.
    pub outbox_bytes: usize,
    /// Messages that came from the peer.
    pub messages_in: u64,
    /// Messages that were handed to the peer's socket.
    pub messages_out: u64,
    /// Bytes of payload that came from the peer.
    pub bytes_in: u64,
    /// Bytes of data frames, headers included, that were handed to the peer's socket.
    pub bytes_out: u64,
    /// Why it is about to end, if that is decided.
    pub ending: Option<Disconnect>,
}

impl Snapshot {
    fn of(entry: &Entry, now: Instant) -> Self {
        let (activity, outbox) = (&entry.activity, &entry.outbox);
        Self {
            caller: Arc::clone(&entry.caller),
            rooms: entry.rooms(),
            age: now.saturating_duration_since(entry.opened),
            silent: now.saturating_duration_since(activity.last_frame()),
            round_trip: activity.latest_round_trip(),
            outbox_bytes: outbox.bytes(),
            messages_in: activity.messages(),
            messages_out: outbox.sent(),
            bytes_in: activity.bytes(),
            bytes_out: outbox.sent_bytes(),
            ending: outbox.why().clone(),
        }
    }
}

impl Shard {
    /// One connection; nothing if it is not here.
    pub(super) fn view(&self, id: ConnectionId) -> Option<Snapshot> {
        let connections = self.connections.borrow();
        connections.get(&id).map(|entry| Snapshot::of(entry, Instant::now()))
    }

    /// The first connections behind `after`, in the order of their names, at most `limit`; of a
    /// room only, if one is named.
    pub(super) fn view_page(
        &self,
        room: Option<&Room>,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Vec<Snapshot> {
        let now = Instant::now();
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        let connections = self.connections.borrow();
        let Some(room) = room else {
            let page = connections.range(range).take(limit);
            return page.map(|(_, entry)| Snapshot::of(entry, now)).collect();
        };
        let rooms = self.rooms.borrow();
        let members = rooms.get(room).into_iter().flat_map(|members| members.list.range(range));
        let entries = members.filter_map(|(id, _)| connections.get(id));
        entries.take(limit).map(|entry| Snapshot::of(entry, now)).collect()
    }

    /// How many members each of these rooms has here.
    pub(super) fn count_members(&self, names: &[Room]) -> Vec<usize> {
        let rooms = self.rooms.borrow();
        names.iter().map(|name| rooms.get(name).map_or(0, |room| room.list.len())).collect()
    }
}
