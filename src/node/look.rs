//! What a node tells of its connections and rooms.
//! Leaves to `hub.rs`: asking each worker.

use std::sync::Arc;

use super::{Failure, Node};
use crate::{
    hub::{Busy, Replies, Snapshot},
    message::{ConnectionId, Room},
};

/// A part of a list that is too long to be told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// This part, in the order of the list.
    pub items: Vec<T>,
    /// Where the next part begins: behind this one. `None`: this was the last.
    pub next: Option<K>,
}

/// A room as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomView {
    /// Its name.
    pub name: Room,
    /// How many connections are members.
    pub members: usize,
}

impl Node {
    /// One connection, as it is now.
    ///
    /// # Errors
    /// [`Failure::NoConnection`], [`Failure::Busy`], [`Failure::Late`].
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use holdline::{config::Config, node::{Failure, Node}};
    ///
    /// let node = Node::new(Config::default()).unwrap();
    /// let nobody = "0123456789abcdef".parse().unwrap();
    /// assert_eq!(node.connection(nobody).await, Err(Failure::NoConnection));
    /// # });
    /// ```
    pub async fn connection(&self, id: ConnectionId) -> Result<Snapshot, Failure> {
        let told = self.replies(self.hub().view(id)).await?;
        told.into_iter().flatten().next().ok_or(Failure::NoConnection)
    }

    /// Connections in the order of their ids, at most `limit` of those behind `after`; members of
    /// `room` only, if one is named.
    ///
    /// Page by page, everyone who is there from the first page to the last is told once; who comes
    /// or goes meanwhile may be told or not.
    ///
    /// ```
    /// use holdline::{config::Config, node::{Failure, Node}};
    ///
    /// async fn addresses(node: &Node) -> Result<Vec<std::net::IpAddr>, Failure> {
    ///     let (mut addresses, mut after) = (Vec::new(), None);
    ///     loop {
    ///         let page = node.list_connections(None, after, 100).await?;
    ///         addresses.extend(page.items.iter().map(|connection| connection.caller.peer));
    ///         after = page.next;
    ///         if after.is_none() {
    ///             return Ok(addresses);
    ///         }
    ///     }
    /// }
    ///
    /// # actix_rt::System::new().block_on(async {
    /// let node = Node::new(Config::default()).expect("nobody to call back");
    /// assert_eq!(addresses(&node).await, Ok(vec![]));
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`Failure::Stale`], [`Failure::Busy`], [`Failure::Late`].
    pub async fn list_connections(
        &self,
        room: Option<&Room>,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Result<Page<Snapshot, ConnectionId>, Failure> {
        let hub = self.hub();
        if after.is_some_and(|after| !hub.is_own(after)) {
            return Err(Failure::Stale);
        }
        let (limit, first) = (limit.max(1), after.map_or(0, ConnectionId::shard));
        let mut items = Vec::new();
        for shard in hub.shards().into_iter().filter(|shard| *shard >= first) {
            // One more than is told: then there is a next page.
            let wanted = (limit - items.len()).saturating_add(1);
            let page = self.replies(hub.view_page(shard, room.cloned(), after, wanted)).await?;
            items.extend(page.into_iter().flatten());
            if items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last: &Snapshot| last.caller.id);
        Ok(Page { items, next })
    }

    /// One room, as it is now.
    ///
    /// # Errors
    /// [`Failure::NoRoom`], [`Failure::Busy`], [`Failure::Late`].
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use holdline::{config::Config, node::{Failure, Node}};
    ///
    /// let node = Node::new(Config::default()).unwrap();
    /// assert_eq!(node.room(&"lobby".parse().unwrap()).await, Err(Failure::NoRoom));
    /// # });
    /// ```
    pub async fn room(&self, name: &Room) -> Result<RoomView, Failure> {
        let rooms = self.count_members(vec![name.clone()]).await?;
        rooms.into_iter().next().ok_or(Failure::NoRoom)
    }

    /// Rooms in the order of their names, at most `limit` of those behind `after`.
    ///
    /// A page can hold fewer although there is a next one: a room may lose its last member while
    /// members are counted.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::Late`].
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use holdline::{config::Config, node::Node};
    ///
    /// let node = Node::new(Config::default()).unwrap();
    /// for room in node.list_rooms(None, 100).await.unwrap().items {
    ///     println!("{}: {} members", room.name, room.members);
    /// }
    /// # });
    /// ```
    pub async fn list_rooms(
        &self,
        after: Option<&Room>,
        limit: usize,
    ) -> Result<Page<RoomView, Room>, Failure> {
        let limit = limit.max(1);
        let mut names = self.hub().room_names(after, limit.saturating_add(1));
        let more = names.len() > limit;
        names.truncate(limit);
        let next = names.last().filter(|_| more).cloned();
        Ok(Page { items: self.count_members(names).await?, next })
    }

    /// Those of the rooms that have members.
    async fn count_members(&self, names: Vec<Room>) -> Result<Vec<RoomView>, Failure> {
        let names: Arc<[Room]> = names.into();
        let mut rooms: Vec<_> =
            names.iter().map(|name| RoomView { name: name.clone(), members: 0 }).collect();
        for counts in self.replies(self.hub().count_members(names)).await? {
            for (room, members) in rooms.iter_mut().zip(counts) {
                room.members += members;
            }
        }
        rooms.retain(|room| room.members > 0);
        Ok(rooms)
    }

    /// Waits for the workers, but not for one that has stalled.
    pub(super) async fn replies<T>(
        &self,
        asked: Result<Replies<T>, Busy>,
    ) -> Result<Vec<T>, Failure> {
        Ok(asked?.within(self.config().server.stall_timeout).await?)
    }
}
