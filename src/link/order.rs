//! What callers ask of a link: messages to send, and wishes about the connection.
//! Leaves to `supervisor.rs`: fulfilling them.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::Failure;
use crate::message::Message;

/// Commands on their way to the supervisor, which takes them as they come.
const COMMANDS_MAX: usize = 64;

/// Where callers hand in what they ask. Its last clone's end is a shutdown.
#[derive(Clone, Debug)]
pub(super) struct Desk(mpsc::Sender<Command>);

impl Desk {
    /// A desk, and the supervisor's side of it.
    pub(super) fn open() -> (Self, mpsc::Receiver<Command>) {
        let (desk, commands) = mpsc::channel(COMMANDS_MAX);
        (Self(desk), commands)
    }

    /// Hands an order in; it comes back when the link is over.
    pub(super) async fn order(&self, order: Order) -> Option<Order> {
        match self.0.send(Command::Order(order)).await {
            Err(mpsc::error::SendError(Command::Order(order))) => Some(order),
            _ => None,
        }
    }

    /// Waits until a wish is fulfilled, or the link is over.
    pub(super) async fn wish(&self, kind: Kind) {
        let (told, fulfilled) = oneshot::channel();
        let wish = Wish { kind, told: vec![told] };
        if self.0.send(Command::Wish(wish)).await.is_ok() {
            // Told by the channel's end.
            let _ = fulfilled.await;
        }
    }
}

/// One thing that a caller asks.
#[derive(Debug)]
pub(super) enum Command {
    Order(Order),
    Wish(Wish),
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

/// A message that was sent.
pub(super) struct Sent {
    pub(super) began: Instant,
    pub(super) limit: Duration,
    /// Nothing when its caller was told already; a request keeps its place in the order.
    pub(super) wanted: Option<Wanted>,
}

impl Sent {
    pub(super) fn deadline(&self) -> Instant {
        self.began + self.limit
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
        match command {
            Some(Command::Order(order)) => Err(order),
            Some(Command::Wish(wish)) => Ok(wish),
            None => Ok(Self { kind: Kind::Shutdown, told: Vec::new() }),
        }
    }

    /// What to tell who asks for something before this is fulfilled; nothing when it can wait.
    pub(super) fn refusal(&self) -> Option<Failure> {
        match self.kind {
            Kind::Disconnect => Some(Failure::Down(None)),
            Kind::Reconnect => None,
            Kind::Shutdown => Some(Failure::Shutdown(false)),
        }
    }

    /// A further wish, before this one was fulfilled.
    pub(super) fn also(&mut self, further: Self) {
        if self.kind != Kind::Shutdown {
            self.kind = further.kind;
        }
        self.told.extend(further.told);
    }
}
