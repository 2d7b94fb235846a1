//! Messages from outside to a connection, a room or everyone, each delivery counted.
//! Leaves to `hub.rs`: the way to each worker; to `outbox.rs`: whether a peer has room.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Failure, Node};
use crate::{
    disconnect::{Close, Disconnect},
    frame,
    hub::{Busy, Replies},
    message::{ConnectionId, Message, Room},
};

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// To one connection.
    Connection(ConnectionId),
    /// To every member of a room; one without members is no error.
    Room(Room),
    /// To every connection of this node, whatever its route.
    Everyone,
}

/// A message that is on its way.
enum Posted {
    One(Replies<Option<usize>>),
    Many(Replies<usize>),
}

impl Node {
    /// Sends `message`, and tells how many outboxes it was queued to. It is encoded once; nobody
    /// waits for a peer, and who is too slow for it pays as with any message.
    ///
    /// Messages that follow one another arrive in that order. Must run inside a tokio runtime, in
    /// any thread.
    ///
    /// ```
    /// use holdline::{config::Config, node::{Failure, Node, To}};
    ///
    /// # actix_rt::System::new().block_on(async {
    /// let node = Node::new(Config::default()).expect("nobody to call back");
    /// let lobby = To::Room("lobby".parse().unwrap());
    /// assert_eq!(node.deliver(&lobby, &"Hello World".into()).await, Ok(0));
    /// let nobody = To::Connection("0123456789abcdef".parse().unwrap());
    /// assert_eq!(node.deliver(&nobody, &"Hello?".into()).await, Err(Failure::NoConnection));
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`Failure::Busy`]: nobody got it. [`Failure::NoConnection`]. [`Failure::Late`]: it is on its
    /// way and will arrive, unless the worker never recovers.
    pub async fn deliver(&self, to: &To, message: &Message) -> Result<usize, Failure> {
        let posted = self.post(to, &frame::message(message))?;
        posted.within(self.config().server.stall_timeout).await
    }

    /// Sends each of these messages, in this order, and tells of each what
    /// [`deliver`](Self::deliver) would. They do not wait for each other, unless a worker's queue
    /// is full: then the earlier ones are waited for. Dropped before its end it leaves the rest
    /// unsent.
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use holdline::{config::Config, node::{Node, To}};
    ///
    /// let node = Node::new(Config::default()).unwrap();
    /// let lobby = To::Room("lobby".parse().unwrap());
    /// let messages = [(lobby, "to the lobby".into()), (To::Everyone, "to all".into())];
    /// assert_eq!(node.deliver_all(messages).await, [Ok(0), Ok(0)]);
    /// # });
    /// ```
    pub async fn deliver_all(
        &self,
        messages: impl IntoIterator<Item = (To, Message)>,
    ) -> Vec<Result<usize, Failure>> {
        let (mut results, mut under_way) = (Vec::new(), VecDeque::new());
        let mut pace = Pace(self.config().server.stall_timeout, Instant::now());
        for (to, message) in messages {
            let frame = frame::message(&message);
            // Our own messages may be what fills a queue; only somebody else's are a reason to fail.
            let posted = loop {
                match self.post(&to, &frame) {
                    Ok(posted) => break Ok(posted),
                    Err(Busy) => match under_way.pop_front() {
                        Some(earliest) => results.push(pace.outcome(earliest).await),
                        None => break Err(Busy),
                    },
                }
            };
            under_way.push_back(posted);
        }
        for posted in under_way {
            results.push(pace.outcome(posted).await);
        }
        results
    }

    /// Ends one connection as `kicked`, with `close` as its close frame. One that is ending already
    /// is no error, and keeps its cause. A code that must not be sent ([`Close::is_legal`]) becomes
    /// 1008.
    ///
    /// # Errors
    /// [`Failure::NoConnection`], [`Failure::Busy`], [`Failure::Late`].
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use holdline::{config::Config, disconnect::Close, node::{Failure, Node}};
    ///
    /// let node = Node::new(Config::default()).unwrap();
    /// let nobody = "0123456789abcdef".parse().unwrap();
    /// let kicked = node.kick(nobody, Close::new(4000, "that will do")).await;
    /// assert_eq!(kicked, Err(Failure::NoConnection));
    /// # });
    /// ```
    pub async fn kick(&self, id: ConnectionId, close: Close) -> Result<(), Failure> {
        let kicked = self.hub().kick(id, Disconnect::Kicked(close));
        match self.replies(kicked).await?.contains(&true) {
            true => Ok(()),
            false => Err(Failure::NoConnection),
        }
    }

    fn post(&self, to: &To, frame: &Bytes) -> Result<Posted, Busy> {
        let hub = self.hub();
        match to {
            To::Connection(id) => hub.deliver_to(*id, frame).map(Posted::One),
            To::Room(room) => hub.deliver_to_room(room, frame).map(Posted::Many),
            To::Everyone => hub.deliver_to_everyone(frame).map(Posted::Many),
        }
    }
}

impl Posted {
    async fn within(self, patience: Duration) -> Result<usize, Failure> {
        match self {
            Self::Many(replies) => Ok(replies.within(patience).await?.into_iter().sum()),
            Self::One(replies) => {
                let told = replies.within(patience).await?;
                told.into_iter().flatten().next().ok_or(Failure::NoConnection)
            }
        }
    }
}

/// How long the next reply may take, and when the last one came: a worker that has stalled is
/// waited for once, not once for each message.
struct Pace(Duration, Instant);

impl Pace {
    async fn outcome(&mut self, posted: Result<Posted, Busy>) -> Result<usize, Failure> {
        let Self(patience, progress) = *self;
        let outcome = posted?.within(patience.saturating_sub(progress.elapsed())).await;
        if outcome != Err(Failure::Late) {
            self.1 = Instant::now();
        }
        outcome
    }
}
