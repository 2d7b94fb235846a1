//! Where a link's supervisor writes how it is doing, and everybody else reads it; it also counts.
//! Leaves to `supervisor.rs`: what there is to say.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::broadcast;

use super::{Failure, Loss, State, Status, order::Wanted};
use crate::{dial::Opened, message::Message, metrics::LinkMetrics};

/// Changes of state kept for a watcher that is behind.
const CHANGES_MAX: usize = 16;

/// Shared by the supervisor and all handles of a link.
#[derive(Clone, Debug)]
pub(super) struct Board(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    status: Mutex<Status>,
    queued: AtomicUsize,
    in_flight: AtomicUsize,
    /// Weak: the supervisor's end tells the watchers that the link is over.
    changes: broadcast::WeakSender<Status>,
    metrics: Option<Arc<LinkMetrics>>,
}

impl Board {
    /// A board, and what the supervisor must hold for as long as it lives.
    pub(super) fn new(metrics: Option<Arc<LinkMetrics>>) -> (Self, broadcast::Sender<Status>) {
        let status = Status {
            // The first try begins with the link.
            state: State::Connecting,
            since: SystemTime::now(),
            attempts: 1,
            opened: 0,
            rtt: None,
            subprotocol: None,
            last_loss: None,
            queued: 0,
            in_flight: 0,
        };
        if let Some(metrics) = &metrics {
            metrics.links.with_label_values(&[status.state.name()]).inc();
        }
        let (queued, in_flight) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (sender, _) = broadcast::channel(CHANGES_MAX);
        let (status, changes) = (Mutex::new(status), sender.downgrade());
        (Self(Arc::new(Shared { status, queued, in_flight, changes, metrics })), sender)
    }

    pub(super) fn status(&self) -> Status {
        let mut status = self.lock().clone();
        status.queued = self.0.queued.load(Ordering::Relaxed);
        status.in_flight = self.0.in_flight.load(Ordering::Relaxed);
        status
    }

    pub(super) fn watch(&self) -> Watch {
        // Subscribed first, so that no change falls between the two.
        let changes = match self.0.changes.upgrade() {
            Some(changes) => changes.subscribe(),
            None => broadcast::channel(1).1,
        };
        Watch { first: Some(self.status()), changes }
    }

    pub(super) fn last_loss(&self) -> Option<Loss> {
        self.lock().last_loss.as_ref().map(|(loss, _)| loss.clone())
    }

    /// A try begins.
    pub(super) fn connecting(&self) {
        // The first one was there from the start.
        if self.lock().state == State::Connecting {
            return;
        }
        self.change(|status| {
            status.attempts = status.attempts.saturating_add(1);
            status.state = State::Connecting;
        });
    }

    /// A connection is open.
    pub(super) fn opened(&self, opened: &Opened) {
        self.count(|metrics| metrics.opened.inc());
        self.change(|status| {
            status.state = State::Open;
            status.attempts = 0;
            status.opened += 1;
            status.rtt = None;
            status.subprotocol.clone_from(&opened.subprotocol);
        });
    }

    /// A connection ended or could not be opened; the state follows.
    pub(super) fn lost(&self, loss: &Loss) {
        self.count(|metrics| metrics.losses.with_label_values(&[loss.label()]).inc());
        let mut status = self.lock();
        (status.rtt, status.subprotocol) = (None, None);
        status.last_loss = Some((loss.clone(), SystemTime::now()));
    }

    /// The state is another one now.
    pub(super) fn set(&self, state: State) {
        self.change(|status| status.state = state);
    }

    pub(super) fn pinged(&self) {
        self.count(|metrics| metrics.pings_sent.inc());
    }

    pub(super) fn ponged(&self, rtt: Option<Duration>) {
        self.count(|metrics| metrics.pongs_received.inc());
        if let Some(rtt) = rtt {
            self.count(|metrics| metrics.ping_rtt.observe(rtt.as_secs_f64()));
            self.lock().rtt = Some(rtt);
        }
    }

    pub(super) fn queued(&self, now: usize) {
        let before = self.0.queued.swap(now, Ordering::Relaxed);
        self.count(|metrics| metrics.queued.add(difference(now, before)));
    }

    pub(super) fn in_flight(&self, now: usize) {
        let before = self.0.in_flight.swap(now, Ordering::Relaxed);
        self.count(|metrics| metrics.in_flight.add(difference(now, before)));
    }

    /// A message was given to the wire (`out`) or came from it (`in`).
    pub(super) fn message(&self, direction: &str, message: &Message) {
        self.count(|metrics| {
            metrics.messages.with_label_values(&[direction]).inc();
            metrics.message_bytes.with_label_values(&[direction]).inc_by(message.len() as u64);
        });
    }

    pub(super) fn unasked(&self) {
        self.count(|metrics| metrics.unasked.inc());
    }

    /// A reply came for a request of then.
    pub(super) fn replied(&self, began: Instant) {
        self.count(|metrics| {
            metrics.requests.with_label_values(&["reply"]).inc();
            metrics.request_duration.observe(began.elapsed().as_secs_f64());
        });
    }

    /// Tells a caller that there will be no reply, and counts that.
    pub(super) fn failed(&self, wanted: Wanted, failure: Failure) {
        if matches!(wanted, Wanted::Reply(_)) {
            let label = failure.label();
            self.count(|metrics| metrics.requests.with_label_values(&[label]).inc());
        }
        wanted.fail(failure);
    }

    /// The link is over.
    pub(super) fn over(&self) {
        self.queued(0);
        self.in_flight(0);
        self.count(|metrics| {
            metrics.links.with_label_values(&[self.lock().state.name()]).dec();
        });
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        {
            let mut status = self.lock();
            let before = status.state;
            change(&mut status);
            status.since = SystemTime::now();
            self.count(|metrics| {
                metrics.links.with_label_values(&[before.name()]).dec();
                metrics.links.with_label_values(&[status.state.name()]).inc();
            });
        }
        let status = self.status();
        if let Some(changes) = self.0.changes.upgrade() {
            // Nobody watching is no fault.
            let _ = changes.send(status);
        }
    }

    fn count(&self, count: impl FnOnce(&LinkMetrics)) {
        if let Some(metrics) = &self.0.metrics {
            count(metrics);
        }
    }

    /// Nothing panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn difference(now: usize, before: usize) -> i64 {
    now as i64 - before as i64
}

/// The changes of a link's state.
#[derive(Debug)]
pub struct Watch {
    first: Option<Status>,
    changes: broadcast::Receiver<Status>,
}

impl Watch {
    /// First the status now, then each change as it comes; `None` when the link is over. A watcher
    /// that is more than 16 changes behind misses the oldest.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use holdline::link::{Link, State};
    ///
    /// let link = Link::to(&server)?;
    /// let mut watch = link.watch();
    /// while let Some(status) = watch.changed().await {
    ///     println!("{}", status.state);
    ///     if status.state == State::Open {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn changed(&mut self) -> Option<Status> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.changes.recv().await {
                Ok(status) => return Some(status),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
