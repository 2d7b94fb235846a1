//! One opened WebSocket, as its client holds it: queue frames, take what comes, learn the end.
//! Leaves to the callers: when to ping, how long to wait, and what a message means.

mod flow;

use std::{
    future::poll_fn,
    time::{Duration, Instant},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{End, secured::Secured, wire::Notes};
use crate::message::Message;

/// Bytes queued for the wire from which on [`Line::is_writable`] is false.
const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// What a frame costs beside its payload, at most (RFC 6455 section 5.2): empty ones count too.
const HEADER_BYTES: usize = 14;
/// Pongs that wait for the wire, in bytes, from which on nothing is read: a server that pings and
/// does not listen is not hoarded for.
const PONG_BYTES_MAX: usize = 64 * 1024;
/// The longest text of a close frame: a control frame has 125 bytes (RFC 6455 section 5.5).
const CLOSE_TEXT_BYTES_MAX: usize = 123;
/// As much as is read, or collected for a write, at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// What [`Line::event`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A ping, which is being answered already.
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong(Bytes),
    /// The server's close frame; the end follows when TCP ends.
    Close,
    /// Everything queued has been handed to the kernel.
    Flushed,
}

/// One opened WebSocket.
///
/// Frames are queued by the synchronous functions and written by [`event`](Self::event), which
/// therefore must be called until it says that the line has ended. Dropping a line hangs up.
#[derive(Debug)]
pub struct Line {
    stream: WebSocketStream<Secured>,
    /// Since when something waits for the kernel to take it.
    unsent_since: Option<Instant>,
    unsent_bytes: usize,
    /// The part of them that answers pings.
    pong_bytes: usize,
    /// Writing failed; what was received before is still read.
    write_fault: Option<End>,
    /// Who closed first, and how.
    closed: Option<End>,
}

impl Line {
    pub(super) async fn new(stream: Secured, early: Vec<u8>, message_bytes_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(CHUNK_BYTES)
            .write_buffer_size(CHUNK_BYTES)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let role = Role::Client;
        let stream = WebSocketStream::from_partially_read(stream, early, role, Some(config)).await;
        Self {
            stream,
            unsent_since: None,
            unsent_bytes: 0,
            pong_bytes: 0,
            write_fault: None,
            closed: None,
        }
    }

    /// Queues a message.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// use holdline::dial::Event;
    ///
    /// line.send("Hello World".into());
    /// assert_eq!(line.event().await?, Event::Flushed);
    /// assert_eq!(line.event().await?, Event::Message("Hello World".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn send(&mut self, message: Message) {
        self.queue(match message {
            Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
            Message::Text(text) => match Utf8Bytes::try_from(text.into_bytes()) {
                Ok(text) => tungstenite::Message::Text(text),
                Err(error) => unreachable!("a ByteString is UTF-8: {error}"),
            },
        });
    }

    /// Queues a ping; its payload, at most 125 bytes, comes back in the pong.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// use holdline::dial::Event;
    ///
    /// line.ping("are you there?");
    /// assert_eq!(line.event().await?, Event::Flushed);
    /// assert_eq!(line.event().await?, Event::Pong("are you there?".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn ping(&mut self, payload: impl Into<Bytes>) {
        self.queue(tungstenite::Message::Ping(payload.into()));
    }

    /// Queues a pong that nobody asked for (RFC 6455 section 5.5.3).
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// line.pong("I am here");
    /// assert_eq!(line.event().await?, holdline::dial::Event::Flushed);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn pong(&mut self, payload: impl Into<Bytes>) {
        self.queue(tungstenite::Message::Pong(payload.into()));
    }

    /// Begins the closing handshake: nothing can be queued any more, what was sent by then still
    /// goes out, and messages may come until the server's answer. 1005 sends an empty close frame;
    /// of the text, as much is sent as finds room: 123 bytes.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// use std::time::Duration;
    /// use holdline::dial::End;
    ///
    /// line.close(1000, "that was all");
    /// assert_eq!(line.finish(Duration::from_secs(10)).await, End::ClosedByUs(1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn close(&mut self, code: u16, text: &str) {
        if self.closed.is_none() {
            self.closed = Some(End::ClosedByUs(code));
        }
        let text = &text[..text.floor_char_boundary(CLOSE_TEXT_BYTES_MAX)];
        let frame = CloseFrame { code: code.into(), reason: text.into() };
        self.queue(tungstenite::Message::Close((code != 1005).then_some(frame)));
    }

    /// Whether more should be queued: false while the wire is behind.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// assert!(line.is_writable());
    /// line.close(1000, "");
    /// assert!(!line.is_writable(), "nothing follows a close frame");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn is_writable(&self) -> bool {
        self.unsent_bytes < UNSENT_BYTES_MAX && self.closed.is_none() && self.write_fault.is_none()
    }

    /// Since when something waits and the kernel has taken nothing.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// assert_eq!(line.stuck_since(), None);
    /// line.send("Hello World".into());
    /// assert!(line.stuck_since().is_some(), "nobody has called event");
    /// line.event().await?;
    /// assert_eq!(line.stuck_since(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn stuck_since(&self) -> Option<Instant> {
        self.unsent_since.map(|since| self.notes().wrote_at.map_or(since, |at| at.max(since)))
    }

    /// Who closed first, and how: known before the line has ended.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// line.close(1000, "");
    /// assert_eq!(line.closed(), Some(&holdline::dial::End::ClosedByUs(1000)));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn closed(&self) -> Option<&End> {
        self.closed.as_ref()
    }

    /// What was seen of TCP.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// assert!(!line.notes().fin, "the server is still there");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn notes(&self) -> Notes {
        self.stream.get_ref().wire().notes()
    }

    /// The next event. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The end, after which the line is of no more use.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// use holdline::dial::{End, Event};
    ///
    /// line.close(1000, "");
    /// let end = loop {
    ///     match line.event().await {
    ///         Ok(Event::Message(message)) => println!("{message:?}"),
    ///         Ok(_) => {}
    ///         Err(end) => break end,
    ///     }
    /// };
    /// assert_eq!(end, End::ClosedByUs(1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn event(&mut self) -> Result<Event, End> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Goes on until the end, or hangs up after `limit`; messages are dropped.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// use std::time::Duration;
    /// use holdline::dial::End;
    ///
    /// line.close(1001, "going away");
    /// assert_eq!(line.finish(Duration::from_secs(10)).await, End::ClosedByUs(1001));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn finish(mut self, limit: Duration) -> End {
        let end = async {
            loop {
                if let Err(end) = self.event().await {
                    return end;
                }
            }
        };
        let ended = tokio::time::timeout(limit, end).await;
        ended.unwrap_or_else(|_| self.closed.clone().unwrap_or(End::ClosedByUs(1006)))
    }

    /// From now on nothing is written, no pong and no close either: the server hears only silence.
    pub(crate) fn mute(&mut self) {
        self.stream.get_mut().wire_mut().mute();
    }

    /// Tears the connection (RST): what is queued anywhere is given up, also by the kernel.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (mut line, _) = holdline::dial::Dial::new(server.parse()?).open().await?;
    /// line.send("nobody will hear this".into());
    /// line.abort();
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn abort(self) {
        let socket = SockRef::from(self.stream.get_ref().wire().stream());
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}
