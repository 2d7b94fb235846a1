//! A callback made of closures, for an application that fits into a few lines.
//! Leaves to `callback.rs`: what a callback is.

use std::{fmt, sync::Arc, time::Duration};

use super::{Action, Answer, Callback, Caller, Ended, Handshake, Reaction, Refusal, Welcome};
use crate::{
    message::{Message, Room},
    route::Route,
};

/// Whether a newcomer is let in.
type Decision = Result<Welcome, Refusal>;

type Sees = dyn Fn(&Route) -> bool + Send + Sync;
type OnConnect = dyn Fn(&Arc<Caller>, Handshake) -> Answer<Decision> + Send + Sync;
type OnMessage = dyn Fn(&Arc<Caller>, Message) -> Answer<Reaction> + Send + Sync;
type OnPong = dyn Fn(&Arc<Caller>, Duration) + Send + Sync;
type OnClose = dyn Fn(&Arc<Caller>, &Ended) + Send + Sync;

/// A callback made of closures; [`on_message`] begins one.
pub struct Closures {
    sees: Option<Box<Sees>>,
    connect: Option<Box<OnConnect>>,
    message: Box<OnMessage>,
    pong: Option<Box<OnPong>>,
    close: Option<Box<OnClose>>,
}

/// A callback of which `say` takes the messages: as [`Callback::on_message`] does, and its answer
/// may be an [`Action`], a list of them, `()` or an [`Answer`].
///
/// ```
/// use holdline::{
///     callback::{Action, Refusal, Welcome, on_message},
///     config::Config,
///     message::Room,
///     node::Node,
/// };
///
/// let lobby: Room = "lobby".parse()?;
/// let home = lobby.clone();
/// let chat = on_message(move |_caller, message| Action::Publish(lobby.clone(), message))
///     .on_connect(move |_caller, handshake| match handshake.query.strip_prefix("name=") {
///         Some(name) => Ok(Welcome::joining(home.clone()).user(name)),
///         None => Err(Refusal::Unwanted(403, "say ?name= who you are".to_owned())),
///     })
///     .on_close(|caller, ended| println!("{:?} has left: {}", caller.user, ended.why));
/// let node = Node::with_callback(Config::default(), chat)?;
/// # assert!(node.callback().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn on_message<A: Into<Answer<Reaction>>>(
    say: impl Fn(&Arc<Caller>, Message) -> A + Send + Sync + 'static,
) -> Closures {
    let message = Box::new(move |caller: &Arc<Caller>, message| say(caller, message).into());
    Closures { sees: None, connect: None, message, pong: None, close: None }
}

impl Closures {
    /// As [`Callback::sees`]: it is told of these routes only.
    ///
    /// ```
    /// use holdline::{callback::on_message, route::Route};
    ///
    /// let app_only = on_message(|_, _| ()).sees(|route| *route == Route::App);
    /// # let _callback: &dyn holdline::callback::Callback = &app_only;
    /// ```
    #[must_use]
    pub fn sees(mut self, sees: impl Fn(&Route) -> bool + Send + Sync + 'static) -> Self {
        self.sees = Some(Box::new(sees));
        self
    }

    /// As [`Callback::on_connect`]; the answer may be a [`Welcome`], a [`Refusal`], a result of
    /// the two, or an [`Answer`].
    ///
    /// ```
    /// use holdline::callback::{Action, Answer, Welcome, on_message};
    ///
    /// let greeting = on_message(|_, _| ())
    ///     .on_connect(|_, _| Welcome::default().action(Action::Reply("hello".into())));
    /// let slow = on_message(|_, _| ()).on_connect(|_, handshake| {
    ///     Answer::later(async move {
    ///         // … ask a database …
    ///         Ok(Welcome::default().user(handshake.query))
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn on_connect<A: Into<Answer<Decision>>>(
        mut self,
        decide: impl Fn(&Arc<Caller>, Handshake) -> A + Send + Sync + 'static,
    ) -> Self {
        let connect = move |caller: &Arc<Caller>, handshake| decide(caller, handshake).into();
        self.connect = Some(Box::new(connect));
        self
    }

    /// As [`Callback::on_pong`].
    ///
    /// ```
    /// use holdline::callback::on_message;
    ///
    /// let timed = on_message(|_, _| ())
    ///     .on_pong(|caller, round_trip| println!("{}: {round_trip:?}", caller.id));
    /// ```
    #[must_use]
    pub fn on_pong(
        mut self,
        note: impl Fn(&Arc<Caller>, Duration) + Send + Sync + 'static,
    ) -> Self {
        self.pong = Some(Box::new(note));
        self
    }

    /// As [`Callback::on_close`].
    ///
    /// ```
    /// use holdline::callback::on_message;
    ///
    /// let counted = on_message(|_, _| ()).on_close(|caller, ended| {
    ///     println!("{} said {} messages and left: {}", caller.id, ended.messages_in, ended.why);
    /// });
    /// ```
    #[must_use]
    pub fn on_close(mut self, note: impl Fn(&Arc<Caller>, &Ended) + Send + Sync + 'static) -> Self {
        self.close = Some(Box::new(note));
        self
    }
}

impl Callback for Closures {
    fn sees(&self, route: &Route) -> bool {
        self.sees.as_ref().is_none_or(|sees| sees(route))
    }

    fn on_connect(&self, caller: &Arc<Caller>, handshake: Handshake) -> Answer<Decision> {
        match &self.connect {
            Some(connect) => connect(caller, handshake),
            None => Welcome::default().into(),
        }
    }

    fn on_message(&self, caller: &Arc<Caller>, message: Message) -> Answer<Reaction> {
        (self.message)(caller, message)
    }

    fn on_pong(&self, caller: &Arc<Caller>, round_trip: Duration) {
        if let Some(pong) = &self.pong {
            pong(caller, round_trip);
        }
    }

    fn on_close(&self, caller: &Arc<Caller>, ended: &Ended) {
        if let Some(close) = &self.close {
            close(caller, ended);
        }
    }
}

impl fmt::Debug for Closures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closures").finish_non_exhaustive()
    }
}

/// It is let in.
impl From<Welcome> for Answer<Decision> {
    fn from(welcome: Welcome) -> Self {
        Self::Now(Ok(welcome))
    }
}

/// It is not.
impl From<Refusal> for Answer<Decision> {
    fn from(refusal: Refusal) -> Self {
        Self::Now(Err(refusal))
    }
}

/// Decided already.
impl From<Decision> for Answer<Decision> {
    fn from(decision: Decision) -> Self {
        Self::Now(decision)
    }
}

impl Welcome {
    /// Lets the newcomer in, as a member of `room`.
    ///
    /// ```
    /// use holdline::callback::{Action, Welcome};
    ///
    /// let welcome = Welcome::joining("lobby".parse()?);
    /// assert_eq!(welcome.actions, [Action::Join("lobby".parse()?)]);
    /// # Ok::<(), holdline::message::BadRoom>(())
    /// ```
    pub fn joining(room: Room) -> Self {
        Self::default().action(Action::Join(room))
    }

    /// Says whom the connection belongs to.
    ///
    /// ```
    /// use holdline::callback::Welcome;
    ///
    /// assert_eq!(Welcome::default().user("ada").user.as_deref(), Some("ada"));
    /// ```
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Has one thing more done when the newcomer is in.
    ///
    /// ```
    /// use holdline::callback::{Action, Welcome};
    ///
    /// let welcome = Welcome::joining("lobby".parse()?)
    ///     .action(Action::Publish("lobby".parse()?, "somebody is here".into()));
    /// assert_eq!(welcome.actions.len(), 2);
    /// # Ok::<(), holdline::message::BadRoom>(())
    /// ```
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }
}
