//! What callers ask of a link: messages to send, and wishes about the connection.
//! Leaves to `supervisor.rs`: fulfilling them.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Failure;
use crate::message::Message;

/// One thing that a caller asks.
#[derive(Debug)]
pub(super) enum Command {
    Order(Order),
    Disconnect(oneshot::Sender<()>),
    Reconnect(oneshot::Sender<()>),
    Shutdown(oneshot::Sender<()>),
}

/// A message to send.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) message: Message,
    pub(super) began: Instant,
    /// How long it may take, from `began` on.
    pub(super) limit: Duration,
    pub(super) wanted: Wanted,
}

/// What the caller waits for.
#[derive(Debug)]
pub(super) enum Wanted {
    Sent(oneshot::Sender<Result<(), Failure>>),
    Reply(oneshot::Sender<Result<Message, Failure>>),
}

impl Order {
    pub(super) fn deadline(&self) -> Instant {
        self.began + self.limit
    }

    /// Whether nobody waits any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match &self.wanted {
            Wanted::Sent(sent) => sent.is_closed(),
            Wanted::Reply(reply) => reply.is_closed(),
        }
    }
}

impl Wanted {
    /// Tells the caller that there will be no reply. Whoever has stopped waiting is not told.
    pub(super) fn fail(self, failure: Failure) {
        match self {
            Self::Sent(sent) => _ = sent.send(Err(failure)),
            Self::Reply(reply) => _ = reply.send(Err(failure)),
        }
    }
}

/// A wish about the connection. Whoever had it is told that it is fulfilled by the end of their
/// channel.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) kind: Kind,
    pub(super) told: Vec<oneshot::Sender<()>>,
}

/// The wishes there are; a later one overrules an earlier one, except that a shutdown is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Disconnect,
    Reconnect,
    Shutdown,
}

impl Wish {
    /// The wish in a command; no command at all means that the last handle is gone. An order is
    /// handed back.
    pub(super) fn of(command: Option<Command>) -> Result<Self, Order> {
        let (kind, told) = match command {
            Some(Command::Order(order)) => return Err(order),
            Some(Command::Disconnect(told)) => (Kind::Disconnect, vec![told]),
            Some(Command::Reconnect(told)) => (Kind::Reconnect, vec![told]),
            Some(Command::Shutdown(told)) => (Kind::Shutdown, vec![told]),
            None => (Kind::Shutdown, Vec::new()),
        };
        Ok(Self { kind, told })
    }

    /// A further wish, before this one was fulfilled.
    pub(super) fn also(&mut self, further: Self) {
        if self.kind != Kind::Shutdown {
            self.kind = further.kind;
        }
        self.told.extend(further.told);
    }
}
