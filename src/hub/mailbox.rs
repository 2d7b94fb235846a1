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

use tokio::sync::Notify;

use super::errand::Errand;
use crate::{
    config::LETTER_BYTES,
    disconnect::Disconnect,
    frame::Frame,
    message::{ConnectionId, Room},
};

/// What other threads ask of a shard.
#[derive(Debug)]
pub(super) enum Mail {
    /// Deliver an encoded frame to those members of the room on this shard who had joined when it
    /// was published.
    Publish { room: Room, frame: Frame, published: Instant },
    /// End one connection.
    End { id: ConnectionId, why: Disconnect },
    /// Do something and tell whoever asked for it what came of it.
    Errand(Errand),
    /// End everybody, spread evenly over the window.
    Drain { window: Duration },
    /// Reset every stream that is left.
    Cut,
}

impl Mail {
    /// What the letter counts against the mailbox's bound.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Publish { frame, .. } => publication_bytes(frame),
            Self::End { .. } => LETTER_BYTES,
            Self::Errand(errand) => errand.bytes(),
            Self::Drain { .. } | Self::Cut => 0,
        }
    }
}

/// What a publication of `frame` counts in each mailbox.
pub(super) fn publication_bytes(frame: &Frame) -> usize {
    LETTER_BYTES + frame.plain().len()
}

/// One shard's letters, bounded by `limits.mailbox_bytes_max`; the two letters of a shutdown
/// always fit.
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

    /// Sets room aside for a letter of `bytes`, or says that there is none.
    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let fits = |used: usize| (used + bytes <= self.bytes_max).then_some(used + bytes);
        self.bytes.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    /// Gives back what [`reserve`](Self::reserve) set aside: unused, or carried out.
    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Puts a letter in; its [`bytes`](Mail::bytes) must have been reserved.
    pub(super) fn post(&self, mail: Mail) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(mail);
        self.bell.notify_one();
    }

    /// Waits until there is a letter.
    pub(super) async fn wait(&self) {
        while self.queue.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.bell.notified().await;
        }
    }

    /// The next letter, in the order of posting.
    pub(super) fn take(&self) -> Option<Mail> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
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
