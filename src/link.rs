//! A supervised relation to one server that outlives its connections: it reconnects.
//! Leaves to `dial.rs`: one connection; to `bridge.rs`: offering links over HTTP.
//!
//! ```
//! # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use holdline::link::Link;
//!
//! let link = Link::to(&server)?;
//! let reply = link.request("Hello World").await?;
//! assert_eq!(reply.as_bytes(), "Hello World");
//! link.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod board;
mod exchange;
mod failure;
mod options;
mod order;
mod queue;
mod retry;
mod status;
mod supervisor;
mod unasked;

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::{
    board::Board,
    order::{Desk, Kind, Order, Wanted},
    supervisor::Supervisor,
    unasked::Unasked,
};
pub use self::{
    board::Watch,
    failure::Failure,
    options::Options,
    retry::{Next, Patience, Retry},
    status::{Loss, State, Status},
    unasked::Messages,
};
use crate::{
    dial::{Dial, Invalid},
    message::Message,
};

/// A link to one server.
///
/// It connects when it is made, notices lost connections by its own heartbeat, and restores them
/// as [`Retry`] says. Cheap to clone; clones share the link. When the last one is dropped, the
/// connection is closed with 1000.
///
/// Messages and replies are matched in order: the n-th message that comes is the reply to the
/// n-th request. That is right for servers that answer each message with exactly one, in order.
/// A message that comes while no request waits is for [`messages`](Self::messages). When a
/// request gets no reply in time, the connection is replaced, because the late reply could be
/// taken for another's.
///
/// A message is given to the wire at most once. What becomes of it when a connection is lost
/// between sending and reply is not known, and [`Failure::maybe_sent`] says so.
#[derive(Clone, Debug)]
pub struct Link {
    desk: Desk,
    board: Board,
    unasked: Unasked,
    request_timeout: Duration,
    message_bytes_max: usize,
}

impl Link {
    /// A link to the server at this URL, with the default [`Options`]. Needs a tokio runtime, of
    /// which actix's is one.
    ///
    /// # Errors
    /// When the text is no WebSocket URL.
    ///
    /// # Panics
    /// Outside a runtime.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let link = holdline::link::Link::to(&server)?;
    /// link.send("no reply is waited for").await?;
    /// assert!(holdline::link::Link::to("ftp://example.com").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn to(url: &str) -> Result<Self, Invalid> {
        Ok(Self::open(Options::new(Dial::new(url.parse()?))))
    }

    /// A link that behaves as told.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use holdline::{dial::Dial, link::{Link, Options}};
    ///
    /// let dial = Dial::new(server.parse()?).header("Authorization", "Bearer some-token")?;
    /// let options = Options { request_timeout: Duration::from_secs(2), ..Options::new(dial) };
    /// let link = Link::open(options);
    /// assert_eq!(link.request("Hello").await?.as_bytes(), "Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn open(options: Options) -> Self {
        let options = options.within_reason();
        let (desk, commands) = Desk::open();
        let (board, changes) = Board::new(options.metrics.clone());
        let unasked = Unasked::new(options.unasked_max, options.unasked_bytes_max);
        let link = Self {
            desk,
            board: board.clone(),
            unasked: unasked.clone(),
            request_timeout: options.request_timeout,
            message_bytes_max: options.message_bytes_max,
        };
        tokio::spawn(Supervisor::new(options, commands, board, changes, unasked).run());
        link
    }

    /// Sends a message and waits until the kernel has taken it; no reply is waited for. Do not mix
    /// with [`request`](Self::request) on a server that answers every message.
    ///
    /// # Errors
    /// Why it was not sent, or may not have been.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// let mut messages = link.messages();
    /// link.send("Hello").await?;
    /// assert_eq!(messages.recv().await?.as_bytes(), "Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Failure> {
        let (sent, told) = oneshot::channel();
        self.order(message.into(), self.request_timeout, Wanted::Sent(sent)).await;
        told.await.unwrap_or(Err(Failure::Shutdown(true)))
    }

    /// Sends a message and returns the reply, within [`Options::request_timeout`]. While the link
    /// is down, the request waits for it.
    ///
    /// # Errors
    /// Why there is no reply. The message is not sent again by itself;
    /// [`Failure::maybe_sent`] tells whether it is safe to do so.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// match link.request("Hello").await {
    ///     Ok(reply) => assert_eq!(reply.as_bytes(), "Hello"),
    ///     Err(failure) if failure.maybe_sent() => panic!("ask the server first: {failure}"),
    ///     Err(failure) => panic!("safe to try again: {failure}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn request(&self, message: impl Into<Message>) -> Result<Message, Failure> {
        self.request_within(message, self.request_timeout).await
    }

    /// The same with a timeout of its own.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// let soon = std::time::Duration::from_secs(2);
    /// assert_eq!(link.request_within("Hello", soon).await?.as_bytes(), "Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn request_within(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<Message, Failure> {
        let (reply, told) = oneshot::channel();
        self.order(message.into(), timeout, Wanted::Reply(reply)).await;
        told.await.unwrap_or(Err(Failure::Shutdown(true)))
    }

    /// The messages that no request waits for, from now on to the link's end. A subscriber that is
    /// more than [`Options::unasked_max`] messages behind, or more than
    /// [`Options::unasked_bytes_max`], is told how many it missed.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// let mut messages = link.messages();
    /// link.send("an echo that nobody asked for").await?;
    /// assert!(messages.recv().await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn messages(&self) -> Messages {
        self.unasked.subscribe()
    }

    /// The state now.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// use holdline::link::State;
    /// assert_eq!(link.state(), State::Connecting);
    /// link.request("Hello").await?;
    /// assert_eq!(link.state().to_string(), "OPEN");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn state(&self) -> State {
        self.status().state
    }

    /// The state and all that is known beside it.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// link.request("Hello").await?;
    /// link.disconnect().await;
    /// let (loss, _when) = link.status().last_loss.ok_or("it was connected")?;
    /// assert_eq!(loss.to_string(), "closed by us with 1000 (normal closure)");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn status(&self) -> Status {
        self.board.status()
    }

    /// The changes of state, beginning with the state now.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// use holdline::link::State;
    /// let mut watch = link.watch();
    /// while let Some(status) = watch.changed().await {
    ///     if status.state == State::Open {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn watch(&self) -> Watch {
        self.board.watch()
    }

    /// Closes the connection with 1000 and stays down until [`reconnect`](Self::reconnect).
    /// Replies that come before the server's answer are still delivered; what waits to be sent
    /// fails. Returns when the link is [`State::Closed`].
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// use holdline::link::State;
    /// link.disconnect().await;
    /// assert_eq!(link.state(), State::Closed);
    /// assert!(link.request("Hello").await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn disconnect(&self) {
        self.desk.wish(Kind::Disconnect).await;
    }

    /// Tries at once, also where the link would have waited or stayed down. Does nothing while it
    /// is open or being opened.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// link.disconnect().await;
    /// link.reconnect().await;
    /// assert_eq!(link.request("Hello again").await?.as_bytes(), "Hello again");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn reconnect(&self) {
        self.desk.wish(Kind::Reconnect).await;
    }

    /// Closes the connection with 1000 and ends the link, for all its clones. Returns when that
    /// is done.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let link = holdline::link::Link::to(&server)?;
    /// link.request("Hello").await?;
    /// link.shutdown().await;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn shutdown(self) {
        self.desk.wish(Kind::Shutdown).await;
    }

    /// Hands an order in, or tells its caller what is wrong with it.
    async fn order(&self, message: Message, limit: Duration, wanted: Wanted) {
        let (size, max) = (message.len(), self.message_bytes_max);
        if size > max {
            return self.board.failed(wanted, Failure::TooBig(size, max));
        }
        let (began, limit) = (Instant::now(), limit.min(Options::LONGEST));
        if let Some(order) = self.desk.order(Order { message, began, limit, wanted }).await {
            self.board.failed(order.wanted, Failure::Shutdown(false));
        }
    }
}
