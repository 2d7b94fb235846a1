//! What a connection's messages still have to become: answers that are awaited, and their actions.
//! Leaves to `callback.rs`: what an answer is; to `connection.rs`: when reading pauses for it.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use log::Level;
use tokio::time::timeout;

use super::Connection;
use crate::{
    callback::{Action, Answer, Callback, Failure, Later, Reaction},
    config::Config,
    disconnect::{Close, Disconnect},
    frame,
    message::{Message, Room},
    rest::Rest,
    route::Route,
};

/// How long a publication waits before it tries another worker's full mailbox again.
const PUBLISH_RETRY: Duration = Duration::from_millis(5);

/// A connection's unfinished work.
#[derive(Default)]
pub(super) struct Work {
    /// Who is told of the messages, if anybody.
    callback: Option<Arc<dyn Callback>>,
    /// What becomes of messages on `/ws/rest`.
    rest: Option<Rest>,
    /// Answers that are awaited; made when the first one is.
    awaited: Option<FuturesUnordered<Later<Reaction>>>,
    /// What is still to be done, in order: the first step found a mailbox full.
    steps: VecDeque<Step>,
    /// When to try the first step again.
    retry_at: Option<Instant>,
    /// Since when the application has failed every message.
    failing_since: Option<Instant>,
    /// Whether a join was refused, and the log has it.
    join_refused: Cell<bool>,
}

/// An action whose message is encoded.
enum Step {
    Send(Bytes),
    Publish(Room, Bytes),
    Join(Room),
    Leave(Room),
    Close(Close),
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        match action {
            Action::Reply(message) => Self::Send(frame::message(&message)),
            Action::Publish(room, message) => Self::Publish(room, frame::message(&message)),
            Action::Join(room) => Self::Join(room),
            Action::Leave(room) => Self::Leave(room),
            Action::Close(close) => Self::Close(close),
        }
    }
}

impl Work {
    pub(super) fn new(callback: Option<Arc<dyn Callback>>, rest: Option<Rest>) -> Self {
        Self { callback, rest, ..Self::default() }
    }

    pub(super) fn callback(&self) -> Option<&Arc<dyn Callback>> {
        self.callback.as_ref()
    }

    /// Whether so much is under way that nothing more may be taken on.
    pub(super) fn is_full(&self, in_flight_max: usize) -> bool {
        !self.steps.is_empty() || self.awaited() >= in_flight_max
    }

    /// When the first step is tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(super) fn awaited(&self) -> usize {
        self.awaited.as_ref().map_or(0, FuturesUnordered::len)
    }

    /// Gives the awaited answers away.
    pub(super) fn take_awaited(&mut self) -> Option<FuturesUnordered<Later<Reaction>>> {
        self.awaited.take().filter(|awaited| !awaited.is_empty())
    }

    /// The next answer that has come.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Reaction> {
        let Some(awaited) = &mut self.awaited else { return Poll::Pending };
        match std::pin::Pin::new(awaited).poll_next(cx) {
            Poll::Ready(Some(reaction)) => Poll::Ready(reaction),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn wait_for(&mut self, answer: Later<Reaction>) {
        self.awaited.get_or_insert_default().push(answer);
    }
}

impl Connection {
    /// How many messages of this connection may be in the making at once.
    pub(super) fn in_flight_max(&self) -> usize {
        match self.seat.entry.caller.route {
            Route::Rest => self.node.config().rest.in_flight_max,
            Route::Echo | Route::Room(_) | Route::App => 1,
        }
    }

    /// What the route itself does with a message, and then what the application says.
    pub(super) fn act_on(&mut self, message: Message, now: Instant) {
        let entry = &self.seat.entry;
        entry.activity.message(message.len());
        self.seat.shard.tally().received(message.len());
        if self.pace.as_mut().is_some_and(|pace| !pace.allows(now)) {
            return self.end(Disconnect::RateLimited);
        }
        match &entry.caller.route {
            Route::Echo => self.seat.shard.send(&self.seat.outbox, frame::message(&message), now),
            Route::Room(room) => {
                let (room, frame) = (room.clone(), frame::message(&message));
                self.take_step(Step::Publish(room, frame));
            }
            Route::App => {}
            Route::Rest => return self.request(&message),
        }
        if let Some(callback) = &self.work.callback {
            match callback.on_message(&self.seat.entry.caller, message) {
                Answer::Now(reaction) => self.react(reaction),
                Answer::Later(answer) => self.work.wait_for(in_time(answer, self.node.config())),
            }
        }
    }

    /// Has a message become a request. It is told to nobody else: it reaches the application.
    fn request(&mut self, message: &Message) {
        if let Some(rest) = &self.work.rest {
            match rest.answer(message, &self.seat.entry.caller) {
                Answer::Now(reaction) => self.react(reaction),
                Answer::Later(answer) => self.work.wait_for(answer),
            }
        }
    }

    /// Does what was answered, or tells the peer that nobody knows.
    pub(super) fn react(&mut self, reaction: Reaction) {
        match reaction {
            Ok(actions) => {
                self.work.failing_since = None;
                self.act(actions);
            }
            Err(failure) => self.fail(&failure),
        }
    }

    /// Does these, in order, behind what is still to be done.
    pub(super) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.take_step(action.into());
        }
    }

    /// Tries again what found a mailbox full, and goes on with what stands behind it.
    pub(super) fn carry_on(&mut self) {
        self.work.retry_at = None;
        while let Some(step) = self.work.steps.pop_front() {
            if let Err(step) = self.step(step) {
                self.work.steps.push_front(step);
                self.work.retry_at = Some(Instant::now() + PUBLISH_RETRY);
                return;
            }
        }
    }

    /// What was taken from the peer goes out, as far as there is room for it by now.
    pub(super) fn carry_on_for_the_last_time(&mut self) {
        for step in std::mem::take(&mut self.work.steps) {
            if self.step(step).is_err() {
                let id = self.seat.id();
                log::warn!(id:%; "a publication is lost: its connection ended while it waited");
            }
        }
    }

    fn take_step(&mut self, step: Step) {
        let step = if self.work.steps.is_empty() { self.step(step) } else { Err(step) };
        if let Err(step) = step {
            if self.work.steps.is_empty() {
                self.node.metrics().publishes_delayed.inc();
                self.work.retry_at = Some(Instant::now() + PUBLISH_RETRY);
            }
            self.work.steps.push_back(step);
        }
    }

    /// Does one thing; gives it back if there is no room for it.
    fn step(&self, step: Step) -> Result<(), Step> {
        let seat = &self.seat;
        match step {
            // Many answers can come at once, each half as large as the outbox; a peer must not be
            // slow because of what it asked for itself.
            Step::Send(frame) if seat.entry.caller.route == Route::Rest => {
                seat.shard.send_patiently(&seat.outbox, frame, Instant::now());
            }
            Step::Send(frame) => seat.shard.send(&seat.outbox, frame, Instant::now()),
            Step::Publish(room, frame) => {
                if seat.shard.publish(&room, &frame).is_err() {
                    return Err(Step::Publish(room, frame));
                }
            }
            Step::Join(room) => {
                if let Err(refused) = seat.join(&room) {
                    self.node.metrics().joins_refused.inc();
                    // Each message may ask for one: a line at the first, the metric has them all.
                    let seen = self.work.join_refused.replace(true);
                    let level = if seen { Level::Debug } else { Level::Warn };
                    log::log!(level, id:% = seat.id(), room:%; "a join is refused: {refused}");
                }
            }
            Step::Leave(room) => seat.leave(&room),
            Step::Close(close) => self.end(Disconnect::CallbackClosed(close)),
        }
        Ok(())
    }

    fn fail(&mut self, failure: &Failure) {
        let now = Instant::now();
        let since = *self.work.failing_since.get_or_insert(now);
        let patience = self.node.config().callback.patience;
        log::debug!(id:% = self.seat.id(); "the application failed: {failure}");
        self.take_step(Step::Send(frame::message(&failure.into())));
        if patience.is_some_and(|patience| now.duration_since(since) >= patience) {
            self.end(Disconnect::CallbackFailed);
        }
    }
}

/// The same answer, or that it did not come within `callback.timeout`: reading must not pause for
/// ever. The webhook keeps that time itself, and can tell a late answer from a late turn.
fn in_time(answer: Later<Reaction>, config: &Config) -> Later<Reaction> {
    if config.callback.url.is_some() {
        return answer;
    }
    let answer = timeout(config.callback.timeout, answer);
    Box::pin(async { answer.await.unwrap_or_else(|_| Err(Failure::timeout())) })
}
