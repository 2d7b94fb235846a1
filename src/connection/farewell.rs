//! What the application is owed after a connection's end: its last answers, and to be told.
//! Leaves to `connection.rs`: the end itself.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Connection;
use crate::{
    callback::{Action, Callback, Caller, Ended, Later, Reaction},
    disconnect::Disconnect,
    frame,
    hub::Shard,
    route::Route,
};

/// Tells the application of a connection's end when it is dropped, whatever happens before.
pub struct Farewell {
    callback: Arc<dyn Callback>,
    /// Who ended, as it is known at its end.
    pub caller: Arc<Caller>,
    /// How it ended; until told otherwise as a handshake whose peer went away.
    pub ended: Ended,
    owed: bool,
}

impl Farewell {
    /// For a newcomer that the application is asked about: a peer that goes away before the
    /// application has answered may be one that it lets in.
    pub fn new(callback: Arc<dyn Callback>, caller: Arc<Caller>) -> Self {
        let (age, messages_in, messages_out) = (Duration::ZERO, 0, 0);
        let ended = Ended { why: Disconnect::PeerGone, age, messages_in, messages_out };
        Self { callback, caller, ended, owed: true }
    }

    /// The application did not let the newcomer in: it is told nothing more.
    pub fn forget(mut self) {
        self.owed = false;
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if self.owed {
            // A callback that panicked in a message may do so here as well: a second panic while
            // the first one unwinds would end the process.
            let told = AssertUnwindSafe(|| self.callback.on_close(&self.caller, &self.ended));
            if catch_unwind(told).is_err() {
                log::error!(id:% = self.caller.id; "the callback panicked in on_close");
            }
        }
    }
}

impl Connection {
    /// Answers that are still awaited are waited for elsewhere: this connection's place is free.
    pub(super) fn leave_unanswered(&mut self) {
        if self.seat.entry.caller.route == Route::Rest {
            // Only the peer wanted them.
            return;
        }
        if let Some(awaited) = self.work.take_awaited() {
            let mut farewell = self.farewell.take();
            if let Some(farewell) = &mut farewell {
                farewell.ended = self.ended();
            }
            let shard = Rc::clone(&self.seat.shard);
            actix_rt::spawn(after_the_last_answer(awaited, shard, farewell));
        }
    }

    pub(super) fn ended(&self) -> Ended {
        let why = self.outbox().why().clone().unwrap_or(Disconnect::InternalError);
        let messages_in = self.seat.entry.activity.messages();
        let age = self.seat.entry.opened.elapsed();
        Ended { why, age, messages_in, messages_out: self.outbox().sent() }
    }
}

/// Waits for the answers to messages of a connection that has ended, and publishes what they say:
/// others shall not miss it. Then the application is told of the end, after all messages.
async fn after_the_last_answer(
    mut awaited: FuturesUnordered<Later<Reaction>>,
    shard: Rc<Shard>,
    farewell: Option<Farewell>,
) {
    while let Some(reaction) = awaited.next().await {
        for action in reaction.unwrap_or_default() {
            if let Action::Publish(room, message) = action
                && shard.publish(&room, &frame::message(&message)).is_err()
            {
                log::warn!("a publication is lost: its connection ended while it was answered");
            }
        }
    }
    drop(farewell);
}
