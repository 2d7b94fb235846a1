//! What the application is still owed, and the order per connection: connect, messages, disconnect.
//! Leaves to `webhook.rs`: asking and telling.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::sync::Notify;

use super::event::Event;
use crate::message::ConnectionId;

/// Connections that the application knows of, or may come to know of. Each is entered when it is
/// asked about the newcomer, and struck off exactly once: when it was not let in, or when its end
/// was told or given up.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Those about which something is under way; the others take no room.
    lines: Mutex<HashMap<ConnectionId, Line>>,
    entered: AtomicUsize,
    /// Ends that are not told yet.
    ends: AtomicUsize,
    ends_max: usize,
    empty: Notify,
}

#[derive(Debug)]
enum Line {
    /// A request about it is under way.
    Asking,
    /// The same, and it has ended meanwhile: its end is told next, unless that was given up.
    Ending(Option<Event>),
    /// It was not let in. Who waits for that answer hears it, or has gone: whichever is first
    /// strikes it off.
    Refused,
}

/// What is to be done about an end.
#[derive(Debug)]
pub(super) enum End {
    /// Tell it now.
    Tell(Event),
    /// Nothing now: it is told when what is under way is over, or the application never let the
    /// connection in.
    Later,
    /// Too many are waiting: this one is given up.
    Dropped,
}

impl Ledger {
    pub(super) fn new(ends_max: usize) -> Self {
        Self {
            lines: Mutex::default(),
            entered: AtomicUsize::new(0),
            ends: AtomicUsize::new(0),
            ends_max,
            empty: Notify::new(),
        }
    }

    /// The application is asked about a newcomer.
    pub(super) fn enter(&self, id: ConnectionId) {
        self.entered.fetch_add(1, SeqCst);
        self.asking(id);
    }

    /// The application is asked about a message.
    pub(super) fn asking(&self, id: ConnectionId) {
        self.lines().insert(id, Line::Asking);
    }

    /// It has answered, and if that was about a newcomer, it is in: its end, if it has come.
    pub(super) fn answered(&self, id: ConnectionId) -> Option<Event> {
        match self.lines().remove(&id) {
            Some(Line::Ending(event)) => event,
            _ => None,
        }
    }

    /// The newcomer is not let in: its end, if it has come. Otherwise
    /// [`refusal_heard`](Self::refusal_heard) follows, or [`ended`](Self::ended).
    pub(super) fn refused(&self, id: ConnectionId) -> Option<Event> {
        let mut lines = self.lines();
        match lines.remove(&id) {
            Some(Line::Ending(event)) => event,
            _ => {
                lines.insert(id, Line::Refused);
                None
            }
        }
    }

    /// Who waited for the answer about a newcomer knows that it is not let in.
    pub(super) fn refusal_heard(&self, id: ConnectionId) {
        self.lines().remove(&id);
        self.strike();
    }

    /// A connection that was entered has ended.
    pub(super) fn ended(&self, id: ConnectionId, event: Event) -> End {
        let mut lines = self.lines();
        if let Some(Line::Refused) = lines.get(&id) {
            lines.remove(&id);
            drop(lines);
            self.strike();
            return End::Later;
        }
        let event = self.take_in(event);
        if event.is_none() {
            self.strike();
        }
        match (lines.get_mut(&id), event) {
            (Some(line), event) => {
                let dropped = event.is_none();
                *line = Line::Ending(event);
                if dropped { End::Dropped } else { End::Later }
            }
            (None, Some(event)) => End::Tell(event),
            (None, None) => End::Dropped,
        }
    }

    /// A connection that was not let in, and that the application may think is in, has ended:
    /// the same event, if it is to be told.
    pub(super) fn enter_ended(&self, event: Event) -> Option<Event> {
        let event = self.take_in(event)?;
        self.entered.fetch_add(1, SeqCst);
        Some(event)
    }

    /// An end was told, or given up.
    pub(super) fn settled(&self) {
        self.ends.fetch_sub(1, SeqCst);
        self.strike();
    }

    /// Ends that are not told yet.
    pub(super) fn ends(&self) -> usize {
        self.ends.load(SeqCst)
    }

    /// Completes when nothing is entered.
    pub(super) async fn empty(&self) {
        loop {
            let notified = self.empty.notified();
            if self.entered.load(SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Gives an end back, if it may wait.
    fn take_in(&self, event: Event) -> Option<Event> {
        let room = |ends| (ends < self.ends_max).then_some(ends + 1);
        self.ends.fetch_update(SeqCst, SeqCst, room).ok().map(|_| event)
    }

    fn strike(&self) {
        if self.entered.fetch_sub(1, SeqCst) == 1 {
            self.empty.notify_waiters();
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<ConnectionId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const ID: fn(u32) -> ConnectionId = |serial| ConnectionId::new(1, 0, serial);

    fn end(id: &str) -> Event {
        Event { id: id.to_owned(), body: bytes::Bytes::new() }
    }

    fn told(end: End) -> Option<String> {
        match end {
            End::Tell(event) => Some(event.id),
            End::Later | End::Dropped => None,
        }
    }

    async fn is_empty(ledger: &Ledger) -> bool {
        futures_util::poll!(pin!(ledger.empty())).is_ready() && ledger.lines().is_empty()
    }

    #[tokio::test]
    async fn an_end_is_told_at_once_when_nothing_is_under_way() {
        let ledger = Ledger::new(9);
        ledger.enter(ID(1));
        assert!(ledger.answered(ID(1)).is_none());
        assert_eq!(told(ledger.ended(ID(1), end("a"))).as_deref(), Some("a"));
        assert!(!is_empty(&ledger).await, "it is not told yet");
        ledger.settled();
        assert!(is_empty(&ledger).await);
    }

    #[tokio::test]
    async fn an_end_waits_for_what_is_under_way() {
        let ledger = Ledger::new(9);
        ledger.enter(ID(1));
        assert_eq!(told(ledger.ended(ID(1), end("a"))), None, "the connect is under way");
        assert_eq!(ledger.answered(ID(1)).map(|end| end.id).as_deref(), Some("a"));
        ledger.enter(ID(2));
        ledger.answered(ID(2));
        ledger.asking(ID(2));
        assert_eq!(told(ledger.ended(ID(2), end("b"))), None, "a message is under way");
        assert_eq!(ledger.ends(), 2);
        assert_eq!(ledger.answered(ID(2)).map(|end| end.id).as_deref(), Some("b"));
        ledger.settled();
        ledger.settled();
        assert!(is_empty(&ledger).await);
    }

    #[tokio::test]
    async fn who_was_not_let_in_is_struck_off_once_whoever_hears_of_it() {
        let ledger = Ledger::new(9);
        ledger.enter(ID(1));
        assert!(ledger.refused(ID(1)).is_none());
        ledger.refusal_heard(ID(1));
        assert!(is_empty(&ledger).await, "the peer was told");
        ledger.enter(ID(2));
        assert!(ledger.refused(ID(2)).is_none());
        assert_eq!(told(ledger.ended(ID(2), end("a"))), None);
        assert!(is_empty(&ledger).await, "the peer had gone when the answer was there");
        ledger.enter(ID(3));
        assert_eq!(told(ledger.ended(ID(3), end("b"))), None);
        assert!(ledger.refused(ID(3)).is_some(), "the peer went first");
        ledger.settled();
        assert!(is_empty(&ledger).await);
        assert_eq!(ledger.ends(), 0);
    }

    #[tokio::test]
    async fn one_end_too_many_is_dropped_and_nothing_waits_for_it() {
        let ledger = Ledger::new(1);
        for serial in 1..=4 {
            ledger.enter(ID(serial));
        }
        ledger.answered(ID(1));
        ledger.answered(ID(2));
        assert_eq!(told(ledger.ended(ID(1), end("a"))).as_deref(), Some("a"));
        assert!(matches!(ledger.ended(ID(2), end("b")), End::Dropped), "nothing under way");
        assert!(matches!(ledger.ended(ID(3), end("c")), End::Dropped), "the connect under way");
        assert!(matches!(ledger.ended(ID(4), end("d")), End::Dropped));
        assert!(ledger.answered(ID(3)).is_none());
        assert!(ledger.refused(ID(4)).is_none());
        assert!(ledger.enter_ended(end("e")).is_none());
        ledger.settled();
        assert!(is_empty(&ledger).await);
        assert_eq!(ledger.enter_ended(end("f")).map(|end| end.id).as_deref(), Some("f"));
        assert!(!is_empty(&ledger).await);
    }
}
