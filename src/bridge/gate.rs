//! How many requests and readers there may be and are, and whether newcomers are still taken.
//! Leaves to `routes.rs`: what whoever is refused is told.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

/// The way in.
#[derive(Debug)]
pub(super) struct Gate {
    requests: Arc<Semaphore>,
    /// One permit per byte of a body.
    bytes: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    /// Requests of any kind that are being served, streams of messages aside.
    inside: watch::Sender<usize>,
    draining: watch::Sender<bool>,
}

/// A place among those of which there is a most; dropped, it is free again.
pub(super) struct Seat {
    permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Both in one.
    pub(super) fn and(&mut self, other: Self) {
        self.permit.merge(other.permit);
    }
}

/// A request that is being served, until it is dropped.
pub(super) struct Visit<'a>(&'a Gate);

impl Gate {
    pub(super) fn new(requests_max: usize, bytes_max: usize, readers_max: usize) -> Self {
        let seats = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        let (requests, bytes) = (seats(requests_max), seats(bytes_max));
        let (inside, draining) = (watch::Sender::new(0), watch::Sender::new(false));
        Self { requests, bytes, readers: seats(readers_max), inside, draining }
    }

    /// A place for a message on its way, if one is free.
    pub(super) fn request(&self) -> Option<Seat> {
        seat(&self.requests)
    }

    /// Room for so many bytes of a message on its way, if there is as much.
    pub(super) fn bytes(&self, count: usize) -> Option<Seat> {
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(u32::try_from(count).ok()?);
        Some(Seat { permit: permit.ok()? })
    }

    /// A place for a reader, if one is free.
    pub(super) fn reader(&self) -> Option<Seat> {
        seat(&self.readers)
    }

    /// A request has come; a drain waits for its end.
    pub(super) fn visit(&self) -> Visit<'_> {
        self.inside.send_modify(|inside| *inside += 1);
        Visit(self)
    }

    /// Takes nobody in any more.
    pub(super) fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Whether it is so.
    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Told when it is.
    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Waits until nobody is inside, at most so long; tells how many still are.
    pub(super) async fn empty(&self, within: Duration) -> usize {
        let mut inside = self.inside.subscribe();
        let _ = timeout(within, inside.wait_for(|inside| *inside == 0)).await;
        *self.inside.borrow()
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.inside.send_modify(|inside| *inside -= 1);
    }
}

fn seat(seats: &Arc<Semaphore>) -> Option<Seat> {
    let permit = Arc::clone(seats).try_acquire_owned().ok()?;
    Some(Seat { permit })
}
