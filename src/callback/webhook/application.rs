//! The application: asked about newcomers and messages, told of ends, again where that is right.
//! Leaves to `post.rs`: one request; to `ledger.rs`: what must have come before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore, oneshot};

use super::{
    answer,
    event::{Event, Events},
    fault::Fault,
    ledger::Ledger,
    post::Post,
    seldom::Seldom,
};
use crate::{
    backoff::Backoff,
    callback::{Action, Caller, Ended, Reaction, Refusal, Welcome},
    config,
    disconnect::Disconnect,
    metrics::CallbackMetrics,
};

/// Waits between two tries of a connect: there are a few seconds for all of them.
const CONNECT_WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Waits between two tries of a disconnect.
const DISCONNECT_WAITS: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(30));

/// How long it is tried to tell of an end: longer than a deploy, and than most repairs.
const DISCONNECT_PATIENCE: Duration = Duration::from_secs(600);

/// Everything that requests share; each runs to its end, whoever waits for it.
pub(super) struct Application {
    pub(super) events: Events,
    pub(super) ledger: Ledger,
    post: Post,
    /// Half of the turns: however many ends wait to be told, messages come through.
    goodbyes: Semaphore,
    /// Time is short: whoever waits to tell of an end tries now.
    hurry: Notify,
    drops: Seldom,
    timeout: Duration,
    metrics: CallbackMetrics,
}

impl Application {
    pub(super) fn new(post: Post, config: &config::Callback, metrics: &CallbackMetrics) -> Self {
        Self {
            events: Events::new(config.headers.clone()),
            ledger: Ledger::new(config.disconnects_max),
            post,
            goodbyes: Semaphore::new(config.in_flight_max.div_ceil(2)),
            hurry: Notify::new(),
            drops: Seldom::default(),
            timeout: config.timeout,
            metrics: metrics.clone(),
        }
    }

    /// Completes when every end was told or given up. Dropped before, those that are left are.
    pub(super) async fn flushed(&self) {
        let unfinished = Unfinished(self);
        self.hurry.notify_waiters();
        self.ledger.empty().await;
        std::mem::forget(unfinished);
    }

    /// Asks about a newcomer, again and again while there is time.
    pub(super) async fn connect(
        self: Arc<Self>,
        caller: Arc<Caller>,
        event: Event,
        mut answer: oneshot::Sender<Result<Welcome, Refusal>>,
    ) {
        let id = caller.id;
        let mut maybe_told = false;
        let asked = self.ask_in(&event, &mut answer, &mut maybe_told).await;
        let fault = match asked {
            Ok(welcome) => {
                let end = self.ledger.answered(id);
                let _ = answer.send(Ok(welcome));
                if let Some(end) = end {
                    self.tell(end).await;
                }
                return;
            }
            Err(fault) => fault,
        };
        // Who refuses knows that nobody came. Who could not be understood may believe that
        // somebody did, and would wait for the end.
        let owed = maybe_told && !matches!(fault, Fault::Refused(..));
        let refusal = match &fault {
            Fault::Refused(status, words) if words.is_empty() => {
                let words = "the application does not let you in".to_owned();
                Refusal::Unwanted(status.as_u16(), words)
            }
            Fault::Refused(status, words) => Refusal::Unwanted(status.as_u16(), words.clone()),
            _ => Refusal::Failed(fault.failure()),
        };
        let end = match self.ledger.refused(id) {
            Some(end) if owed => Some(end),
            Some(_) => {
                self.ledger.settled();
                None
            }
            None if owed => self.taken_back(&caller),
            None => None,
        };
        let _ = answer.send(Err(refusal));
        if let Some(end) = end {
            self.tell(end).await;
        }
    }

    async fn ask_in(
        &self,
        event: &Event,
        answer: &mut oneshot::Sender<Result<Welcome, Refusal>>,
        maybe_told: &mut bool,
    ) -> Result<Welcome, Fault> {
        let deadline = Instant::now() + self.timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut backoff = Backoff::new(CONNECT_WAITS.0, CONNECT_WAITS.1, fastrand::Rng::new());
        loop {
            let turn = tokio::select! {
                turn = self.post.turn(left()) => turn?,
                () = answer.closed() => return Err(Fault::Forsaken),
            };
            let fault = match self.post.send(turn, event, left(), answer::to_connect).await {
                Ok(welcome) => return Ok(welcome),
                Err(fault) => fault,
            };
            *maybe_told |= fault.maybe_told();
            let wait = backoff.wait();
            if !fault.may_pass() || wait >= left() {
                return Err(fault);
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => self.post.again(),
                () = answer.closed() => return Err(Fault::Forsaken),
            }
        }
    }

    /// The end of a newcomer who is not let in, and of whom the application may have heard.
    fn taken_back(&self, caller: &Caller) -> Option<Event> {
        let (why, age) = (Disconnect::CallbackFailed, Duration::ZERO);
        let ended = Ended { why, age, messages_in: 0, messages_out: 0 };
        let end = self.ledger.enter_ended(self.events.disconnect(caller, &ended));
        if end.is_none() {
            self.drop_end();
        }
        end
    }

    /// One end more waits than may.
    pub(super) fn drop_end(&self) {
        self.metrics.dropped.inc();
        if let Some(ends) = self.drops.count(Instant::now()) {
            log::warn!(
                ends;
                "the application will not hear of ends: callback.disconnects_max others wait"
            );
        }
    }

    /// Asks about a message, once.
    pub(super) async fn message(&self, event: &Event, observed: bool) -> Reaction {
        let asked = match self.post.turn(self.timeout).await {
            Ok(turn) => {
                let read = |answer: &_| answer::to_message(answer, !observed);
                self.post.send(turn, event, self.timeout, read).await
            }
            Err(busy) => Err(busy),
        };
        match asked {
            Ok(actions) => Ok(actions),
            // What is only looked at goes on without whoever looks.
            Err(fault) if observed => {
                log::debug!("the application failed an observed message: {fault}");
                Ok(Vec::new())
            }
            // An answer like any other, and not a failure that wears the patience out.
            Err(fault @ Fault::Refused(..)) => Ok(vec![Action::Reply((&fault.failure()).into())]),
            Err(fault) => Err(fault.failure()),
        }
    }

    /// Tells of an end until it has arrived, or for as long as it makes sense.
    pub(super) async fn tell(&self, end: Event) {
        let deadline = Instant::now() + DISCONNECT_PATIENCE;
        let mut backoff =
            Backoff::new(DISCONNECT_WAITS.0, DISCONNECT_WAITS.1, fastrand::Rng::new());
        while let Err(fault) = self.tell_once(&end).await {
            let wait = backoff.wait();
            if !fault.may_pass() || Instant::now() + wait >= deadline {
                self.metrics.dropped.inc();
                log::warn!("the application was not told of an end: {fault}");
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.hurry.notified() => backoff.reset(),
            }
            self.post.again();
        }
        self.ledger.settled();
    }

    async fn tell_once(&self, end: &Event) -> Result<(), Fault> {
        // The semaphores are never closed, and a wait for a turn here has no limit of its own.
        let _goodbye = self.goodbyes.acquire().await;
        let turn = self.post.turn(DISCONNECT_PATIENCE).await?;
        match self.post.send(turn, end, self.timeout, answer::to_disconnect).await {
            // It has heard of it, whatever it thinks of it.
            Err(Fault::Refused(..)) => Ok(()),
            told => told,
        }
    }
}

/// A shutdown that does not wait any longer.
struct Unfinished<'a>(&'a Application);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let ends = self.0.ledger.ends();
        self.0.metrics.dropped.inc_by(ends as u64);
        log::warn!(ends; "the application will not hear of the last ends: no time is left");
    }
}
