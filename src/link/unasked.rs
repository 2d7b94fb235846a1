//! Messages that no request waits for, kept for subscribers up to a number and a size.
//! Leaves to `exchange.rs`: which messages these are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{
    Notify,
    broadcast::error::{RecvError, TryRecvError},
};

use crate::message::Message;

/// Where messages are kept until every subscriber has had them, or they are too many. Clones
/// share it. A channel of tokio's would bound their number only, and one message may have 16 MiB.
#[derive(Clone, Debug)]
pub(super) struct Unasked(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    /// A message came, or none will come any more.
    changed: Notify,
    max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each with how many subscribers have not had it. Read in order, so that those which all
    /// have had are at the front, and leave.
    messages: VecDeque<(Message, usize)>,
    bytes: usize,
    /// The number of the first of them.
    first: u64,
    subscribers: usize,
    over: bool,
}

impl Unasked {
    pub(super) fn new(max: usize, bytes_max: usize) -> Self {
        let (kept, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { kept, changed, max: max.max(1), bytes_max }))
    }

    /// Keeps a message for everybody who has subscribed; the oldest make room.
    pub(super) fn push(&self, message: Message) {
        let mut kept = self.0.lock();
        if kept.subscribers == 0 {
            return;
        }
        let subscribers = kept.subscribers;
        kept.bytes += message.len();
        kept.messages.push_back((message, subscribers));
        let too_many = |kept: &Kept| {
            kept.messages.len() > self.0.max
                || (kept.bytes > self.0.bytes_max && kept.messages.len() > 1)
        };
        while too_many(&kept) {
            kept.drop_first();
        }
        drop(kept);
        self.0.changed.notify_waiters();
    }

    pub(super) fn subscribe(&self) -> Messages {
        let mut kept = self.0.lock();
        kept.subscribers += 1;
        Messages { next: kept.end(), shared: Arc::clone(&self.0) }
    }

    /// No message comes any more; those that are kept can still be had.
    pub(super) fn over(&self) {
        self.0.lock().over = true;
        self.0.changed.notify_waiters();
    }
}

/// The messages of a link that no request waits for, in their order.
#[derive(Debug)]
pub struct Messages {
    shared: Arc<Shared>,
    /// The number of the message that is next.
    next: u64,
}

impl Messages {
    /// Waits for the next message. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// How many messages were missed, once, after which it goes on with the oldest that is kept;
    /// or that the link is over.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// let mut messages = link.messages();
    /// link.send("Hello").await?;
    /// assert_eq!(messages.recv().await?, "Hello".into());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn recv(&mut self) -> Result<Message, RecvError> {
        let shared = Arc::clone(&self.shared);
        loop {
            // Made before the look, so that no change falls between the two.
            let changed = shared.changed.notified();
            match self.try_recv() {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Lagged(missed)) => return Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                Err(TryRecvError::Empty) => changed.await,
            }
        }
    }

    /// The next message, if it is there.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), or that there is none yet.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// use holdline::link::Messages;
    ///
    /// let mut messages = link.messages();
    /// assert!(messages.try_recv().is_err(), "nothing was said");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        let mut kept = self.shared.lock();
        let missed = kept.first.saturating_sub(self.next);
        if missed > 0 {
            self.next = kept.first;
            return Err(TryRecvError::Lagged(missed));
        }
        let at = usize::try_from(self.next - kept.first).unwrap_or(usize::MAX);
        let Some((message, unread)) = kept.messages.get_mut(at) else {
            return Err(if kept.over { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        *unread -= 1;
        let message = message.clone();
        self.next += 1;
        kept.drop_read();
        Ok(message)
    }
}

/// What waited for this subscriber alone is let go.
impl Drop for Messages {
    fn drop(&mut self) {
        let mut kept = self.shared.lock();
        kept.subscribers -= 1;
        let at = usize::try_from(self.next.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        kept.messages.iter_mut().skip(at).for_each(|(_, unread)| *unread -= 1);
        kept.drop_read();
    }
}

impl Kept {
    fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    fn drop_first(&mut self) {
        if let Some((message, _)) = self.messages.pop_front() {
            self.bytes -= message.len();
            self.first += 1;
        }
    }

    fn drop_read(&mut self) {
        while self.messages.front().is_some_and(|(_, unread)| *unread == 0) {
            self.drop_first();
        }
    }
}

impl Shared {
    /// Nothing panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(unasked: &Unasked) -> (usize, usize) {
        let kept = unasked.0.lock();
        (kept.messages.len(), kept.bytes)
    }

    #[test]
    fn what_nobody_or_everybody_has_had_is_not_kept() {
        let unasked = Unasked::new(8, 100);
        unasked.push("for nobody".into());
        let (mut first, mut second) = (unasked.subscribe(), unasked.subscribe());
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
        unasked.push("a".into());
        unasked.push("bc".into());
        for text in ["a", "bc"] {
            assert_eq!(first.try_recv(), Ok(text.into()));
        }
        assert_eq!(kept(&unasked), (2, 3), "somebody has not had them");
        assert_eq!(second.try_recv(), Ok("a".into()));
        assert_eq!(kept(&unasked), (1, 2));
        drop(second);
        assert_eq!(kept(&unasked), (0, 0), "nobody is left who wants it");
        unasked.push("d".into());
        assert_eq!(first.try_recv(), Ok("d".into()));
        assert_eq!(kept(&unasked), (0, 0));
    }

    #[test]
    fn over_either_limit_the_oldest_make_room_and_who_is_behind_is_told_how_many() {
        for (max, bytes_max, missed) in [(3, 100, 2), (8, 5, 3)] {
            let unasked = Unasked::new(max, bytes_max);
            let mut messages = unasked.subscribe();
            for text in ["00", "11", "22", "33", "44"] {
                unasked.push(text.into());
            }
            assert_eq!(messages.try_recv(), Err(TryRecvError::Lagged(missed)));
            for text in ["22", "33", "44"].iter().skip(missed as usize - 2) {
                assert_eq!(messages.try_recv(), Ok((*text).into()));
            }
            assert_eq!(messages.try_recv(), Err(TryRecvError::Empty));
        }
    }

    #[test]
    fn one_who_is_far_behind_leaves_without_a_trace() {
        let unasked = Unasked::new(2, 100);
        let (mut reader, behind) = (unasked.subscribe(), unasked.subscribe());
        for _ in 0..5 {
            unasked.push("x".into());
            assert_eq!(reader.try_recv(), Ok("x".into()));
        }
        assert_eq!(kept(&unasked).0, 2);
        drop(behind);
        assert_eq!(kept(&unasked), (0, 0));
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_message_and_of_the_end() {
        let unasked = Unasked::new(2, 100);
        let mut messages = unasked.subscribe();
        let mut waiting = tokio::spawn(async move {
            let first = messages.recv().await;
            (first, messages.recv().await, messages.recv().await)
        });
        assert!(futures_util::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
        unasked.push("first".into());
        tokio::task::yield_now().await;
        unasked.push("last".into());
        unasked.over();
        let told = waiting.await.unwrap();
        assert_eq!(told, (Ok("first".into()), Ok("last".into()), Err(RecvError::Closed)));
        assert_eq!(unasked.subscribe().recv().await, Err(RecvError::Closed));
    }
}
