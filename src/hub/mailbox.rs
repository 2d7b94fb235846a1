//! The queue from every other thread to one hub shard, bounded in bytes.
//! Leaves to `shard.rs`: what a letter does.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    disconnect::Disconnect,
    message::{ConnectionId, Room},
};

/// What other threads ask of a shard.
#[derive(Debug)]
pub(super) enum Mail {
    /// Deliver an encoded frame to the room's members on this shard.
    Publish { room: Room, frame: Bytes, at: Instant },
    /// End one connection.
    End { id: ConnectionId, why: Disconnect },
    /// End everybody, spread evenly over the window.
    Drain { window: Duration },
    /// Reset every stream that is left.
    Cut,
}

impl Mail {
    /// What the letter counts against the mailbox's bound.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Publish { frame, .. } => frame.len(),
            Self::End { .. } | Self::Drain { .. } | Self::Cut => 0,
        }
    }
}

/// One shard's letters. Publications are bounded by `limits.mailbox_bytes_max`; the few
/// letters without a payload always fit.
#[derive(Debug)]
pub(super) struct Mailbox {
    queue: Mutex<VecDeque<Mail>>,
    bell: Notify,
    /// Reserved by publishers, given back when a letter has been carried out.
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Mailbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        let (queue, bell, bytes) = Default::default();
        Self { queue, bell, bytes, bytes_max }
    }

    /// Sets room aside for a publication of `bytes`, or says that there is none.
    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let fits = |used: usize| (used + bytes <= self.bytes_max).then_some(used + bytes);
        self.bytes.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    /// Gives back what [`reserve`](Self::reserve) set aside: unused, or carried out.
    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Puts a letter in; room for a publication must have been reserved.
    pub(super) fn post(&self, mail: Mail) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(mail);
        self.bell.notify_one();
    }

    /// The next letter, in the order of posting.
    pub(super) async fn next(&self) -> Mail {
        loop {
            let mail = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match mail {
                Some(mail) => return mail,
                None => self.bell.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_full_until_its_letters_are_carried_out() {
        let mailbox = Mailbox::new(100);
        assert!(mailbox.reserve(60) && mailbox.reserve(40));
        assert!(!mailbox.reserve(1));
        mailbox.give_back(60);
        assert!(mailbox.reserve(60));
    }
}
