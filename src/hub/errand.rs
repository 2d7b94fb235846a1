//! What a shard is asked to do by other threads, and its reply to them.
//! Leaves to `node.rs`: how long to wait for replies; to `delivery.rs` and `view.rs`: what is done.

use std::{fmt, time::Duration};

use tokio::{sync::oneshot, time::timeout};

use super::{Busy, Hub, Mail, Shard};

/// Something to be done by a shard, on its own thread.
pub(super) struct Errand {
    /// What it counts against the mailbox's bound.
    bytes: usize,
    /// Says how many deliveries that was.
    task: Box<dyn FnOnce(&Shard) -> usize + Send>,
}

impl Errand {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn run(self, shard: &Shard) -> usize {
        (self.task)(shard)
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Replies that are on their way, one from each shard that was asked.
#[derive(Debug)]
#[must_use]
pub struct Replies<T>(Vec<oneshot::Receiver<T>>);

/// A shard did not reply in time; what it was asked for may still be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late;

impl<T> Replies<T> {
    /// Every reply, in the order of the shards. A worker that has stopped has none.
    ///
    /// # Errors
    /// [`Late`] when they have not all come within this time.
    pub async fn within(self, patience: Duration) -> Result<Vec<T>, Late> {
        let all = async {
            let mut replies = Vec::with_capacity(self.0.len());
            for reply in self.0 {
                replies.extend(reply.await.ok());
            }
            replies
        };
        timeout(patience, all).await.map_err(|_| Late)
    }
}

impl Hub {
    /// Has each of these shards (a bit for each) run the errand, behind what was posted to it
    /// before. The errand's second result is the number of deliveries that it made. All or nothing.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        shards: u64,
        bytes: usize,
        errand: impl Fn(&Shard) -> (T, usize) + Clone + Send + 'static,
    ) -> Result<Replies<T>, Busy> {
        let replies = self.reserve(shards, bytes)?.into_iter().map(|link| {
            let (reply, replied) = oneshot::channel();
            let errand = errand.clone();
            let task = Box::new(move |shard: &Shard| {
                let (told, deliveries) = errand(shard);
                // Whoever asked may have stopped waiting.
                let _ = reply.send(told);
                deliveries
            });
            link.mailbox.post(Mail::Errand(Errand { bytes, task }));
            replied
        });
        Ok(Replies(replies.collect()))
    }
}
