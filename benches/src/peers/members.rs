//! Who is in which room, for the libraries that come without a broadcast: a bounded queue for each member.
//! Leaves to `tungstenite.rs` and `fastwebsockets.rs`: draining the queues.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use crate::serve::QUEUED_MESSAGES_MAX;

/// The rooms of a server, by name. A room that is empty is forgotten.
#[derive(Debug)]
pub(crate) struct Rooms<M>(Mutex<HashMap<String, Arc<Room<M>>>>);

/// The queues of one room's members.
#[derive(Debug)]
struct Room<M>(Mutex<Queues<M>>);

#[derive(Debug)]
struct Queues<M> {
    by_member: HashMap<u64, mpsc::Sender<M>>,
    last: u64,
}

/// One member of a room; leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Member<M> {
    rooms: Arc<Rooms<M>>,
    name: String,
    room: Arc<Room<M>>,
    number: u64,
}

impl<M: Clone> Rooms<M> {
    /// No rooms.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// Joins a room: the member, and the queue of what is said there.
    pub(crate) fn join(self: &Arc<Self>, name: &str) -> (Member<M>, mpsc::Receiver<M>) {
        let (sender, queue) = mpsc::channel(QUEUED_MESSAGES_MAX);
        let mut rooms = locked(&self.0);
        let room = rooms.entry(name.to_owned()).or_insert_with(|| {
            let queues = Queues { by_member: HashMap::new(), last: 0 };
            Arc::new(Room(Mutex::new(queues)))
        });
        let mut queues = locked(&room.0);
        queues.last += 1;
        let number = queues.last;
        queues.by_member.insert(number, sender);
        drop(queues);
        let member = Member {
            rooms: Arc::clone(self),
            name: name.to_owned(),
            room: Arc::clone(room),
            number,
        };
        (member, queue)
    }
}

impl<M: Clone> Member<M> {
    /// Queues a message for all in the room, this member too. Who has no room left in the queue is
    /// put out of the room: its writer finds the queue ended.
    pub(crate) fn say(&self, message: &M) {
        locked(&self.room.0).by_member.retain(|_, queue| queue.try_send(message.clone()).is_ok());
    }
}

impl<M> Drop for Member<M> {
    fn drop(&mut self) {
        let mut rooms = locked(&self.rooms.0);
        let mut queues = locked(&self.room.0);
        queues.by_member.remove(&self.number);
        // A room of the same name may have begun since this one was empty.
        let current = rooms.get(&self.name).is_some_and(|room| Arc::ptr_eq(room, &self.room));
        if queues.by_member.is_empty() && current {
            rooms.remove(&self.name);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
