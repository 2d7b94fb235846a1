//! What the application does with connections and messages: the trait, its answers and actions.
//! Leaves to `connection.rs`: carrying the actions out, in order.

mod closures;
mod webhook;

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;

pub use self::closures::{Closures, on_message};
pub(crate) use self::webhook::Webhook;
pub use crate::caller::Caller;
use crate::{
    disconnect::{Close, Disconnect},
    message::{Message, Room},
    route::Route,
};

/// What an application does with connections and their messages, on every route.
///
/// On `/ws/app` this is all that happens to a message. On `/ws/echo` and `/ws/rooms` the message
/// is returned or published first, and then told here. A message on `/ws/rest` is not told: it is a
/// request to the application itself.
///
/// The methods are called on a worker's thread, which serves many connections: one that takes
/// longer than some microseconds answers [`Answer::later`]. Of one connection at most one message
/// is being answered; until it is, or `callback.timeout` is over, nothing more is read from that
/// peer, and pings go on.
///
/// A closure `Fn(&Arc<Caller>, Message) -> impl Into<Answer<Reaction>>` is a callback that only
/// takes messages; [`on_message`] makes one of several closures.
pub trait Callback: Send + Sync + 'static {
    /// Whether it wants to be told of connections on this route. All, unless told otherwise.
    fn sees(&self, _route: &Route) -> bool {
        true
    }

    /// Somebody wants to connect. The peer waits for the answer, at most for
    /// `server.handshake_timeout`; then it is refused with 503, and its end is told.
    fn on_connect(
        &self,
        _caller: &Arc<Caller>,
        _handshake: Handshake,
    ) -> Answer<Result<Welcome, Refusal>> {
        Answer::Now(Ok(Welcome::default()))
    }

    /// A message came.
    fn on_message(&self, caller: &Arc<Caller>, message: Message) -> Answer<Reaction>;

    /// The peer answered a ping; the time from the ping's leaving its outbox to the pong.
    fn on_pong(&self, _caller: &Arc<Caller>, _round_trip: Duration) {}

    /// A connection that [`on_connect`](Self::on_connect) let in has ended; nothing follows.
    fn on_close(&self, _caller: &Arc<Caller>, _ended: &Ended) {}

    /// Completes when everything that is to be told has arrived, or was given up. A shutdown waits
    /// for it after the last connection's end, as long as `drain.timeout` allows; dropped before,
    /// it is time to give up.
    fn flushed(&self) -> Flushed {
        Box::pin(std::future::ready(()))
    }
}

/// A callback that only takes messages.
impl<F, A> Callback for F
where
    F: Fn(&Arc<Caller>, Message) -> A + Send + Sync + 'static,
    A: Into<Answer<Reaction>>,
{
    fn on_message(&self, caller: &Arc<Caller>, message: Message) -> Answer<Reaction> {
        self(caller, message).into()
    }
}

/// An answer that is awaited on the connection's own thread.
pub type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// The moment when all was told; awaited on whatever thread a shutdown runs on.
pub type Flushed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer, known already or awaited.
pub enum Answer<T> {
    /// Known.
    Now(T),
    /// Awaited: about a newcomer for `server.handshake_timeout`, about a message for
    /// `callback.timeout`. Then it is dropped, and the peer is told that nobody knows.
    Later(Later<T>),
}

impl<T> Answer<T> {
    /// An answer that is awaited.
    ///
    /// ```
    /// use holdline::callback::{Action, Answer, on_message};
    ///
    /// let slow = on_message(|_caller, message| {
    ///     Answer::later(async move {
    ///         // … ask a database …
    ///         Ok(vec![Action::Reply(message)])
    ///     })
    /// });
    /// ```
    pub fn later(future: impl Future<Output = T> + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

/// What follows from a message: what is to be done, in this order, or why nobody knows.
pub type Reaction = Result<Vec<Action>, Failure>;

/// Nothing is to be done.
impl From<()> for Answer<Reaction> {
    fn from((): ()) -> Self {
        Self::Now(Ok(Vec::new()))
    }
}

/// One thing is to be done.
impl From<Action> for Answer<Reaction> {
    fn from(action: Action) -> Self {
        Self::Now(Ok(vec![action]))
    }
}

/// These are to be done, in this order.
impl From<Vec<Action>> for Answer<Reaction> {
    fn from(actions: Vec<Action>) -> Self {
        Self::Now(Ok(actions))
    }
}

/// Known already.
impl From<Reaction> for Answer<Reaction> {
    fn from(reaction: Reaction) -> Self {
        Self::Now(reaction)
    }
}

/// One thing that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send to the connection that the message came from.
    Reply(Message),
    /// Send to everyone in the room.
    Publish(Room, Message),
    /// Make the connection a member of the room; refused, and logged, past
    /// `limits.rooms_per_connection_max` and `limits.rooms_max`.
    Join(Room),
    /// End its membership; nothing if it is no member.
    Leave(Room),
    /// End the connection as `callback_closed`; what was queued before goes first. A code that must
    /// not be sent ([`Close::is_legal`]) becomes 1008.
    Close(Close),
}

/// What the handshake of a newcomer said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The path of its address: tells routes of the same kind apart, where an application has
    /// several ([`Upgrader::upgrade`](crate::server::Upgrader::upgrade)).
    pub path: String,
    /// The query of its address, without the `?`; a token is left out.
    pub query: String,
    /// Its headers in their order, names in lower case; those that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The subprotocols that it offered, tokens left out.
    pub subprotocols: Vec<String>,
}

/// A newcomer is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Whom it belongs to, when the application knows better than its token.
    pub user: Option<String>,
    /// What is to be done when it is in.
    pub actions: Vec<Action>,
}

/// A newcomer is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The application does not want it: this status of 400 to 499 (anything else becomes 403),
    /// and this text.
    Unwanted(u16, String),
    /// The application could not be asked: 503, which the gateway may try elsewhere.
    Failed(Failure),
}

/// The application could not say what to do with a message. The peer is told; the connection ends
/// as `callback_failed` when that goes on for `callback.patience`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// `urn:holdline:problem:` and a word that stays the same, for programs.
    pub r#type: String,
    /// What happened, in a few words that stay the same.
    pub title: String,
    /// What happened this time; it reaches the peer, so it holds no secrets.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Failure {
    /// A failure; `word` completes `urn:holdline:problem:`.
    ///
    /// ```
    /// use holdline::callback::Failure;
    ///
    /// let failure = Failure::new("no_stock", "there is nothing left");
    /// assert_eq!(failure.r#type, "urn:holdline:problem:no_stock");
    /// assert_eq!(failure.to_string(), "there is nothing left");
    /// ```
    pub fn new(word: &str, title: impl Into<String>) -> Self {
        let r#type = format!("urn:holdline:problem:{word}");
        Self { r#type, title: title.into(), detail: String::new() }
    }

    /// No answer within `callback.timeout`.
    pub(crate) fn timeout() -> Self {
        Self::new("callback_timeout", "the application did not answer in time")
    }

    /// Says more about this time.
    ///
    /// ```
    /// # use holdline::callback::Failure;
    /// let failure = Failure::new("no_stock", "there is nothing left").detail("of apples");
    /// assert_eq!(failure.to_string(), "there is nothing left: of apples");
    /// ```
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Failure {}

/// The message that tells the peer.
impl From<&Failure> for Message {
    fn from(failure: &Failure) -> Self {
        #[derive(Serialize)]
        struct Told<'a> {
            error: &'a Failure,
        }
        let told = serde_json::to_string(&Told { error: failure });
        told.unwrap_or_else(|error| unreachable!("texts are JSON: {error}")).into()
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub why: Disconnect,
    /// How long it lived.
    pub age: Duration,
    /// Messages that came from the peer.
    pub messages_in: u64,
    /// Messages that were handed to the peer's socket.
    pub messages_out: u64,
}
