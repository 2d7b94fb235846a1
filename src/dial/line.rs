//! One opened WebSocket, as its client holds it: queue frames, take what comes, learn the end.
//! Leaves to the callers: when to ping, how long to wait, and what a message means.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::{Sink, Stream};
use socket2::SockRef;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Error, Utf8Bytes,
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
    pub fn ping(&mut self, payload: impl Into<Bytes>) {
        self.queue(tungstenite::Message::Ping(payload.into()));
    }

    /// Queues a pong that nobody asked for (RFC 6455 section 5.5.3).
    pub fn pong(&mut self, payload: impl Into<Bytes>) {
        self.queue(tungstenite::Message::Pong(payload.into()));
    }

    /// Begins the closing handshake: nothing can be queued any more, what was sent by then still
    /// goes out, and messages may come until the server's answer. 1005 sends an empty close frame;
    /// of the text, as much is sent as finds room: 123 bytes.
    pub fn close(&mut self, code: u16, text: &str) {
        if self.closed.is_none() {
            self.closed = Some(End::ClosedByUs(code));
        }
        let text = &text[..text.floor_char_boundary(CLOSE_TEXT_BYTES_MAX)];
        let frame = CloseFrame { code: code.into(), reason: text.into() };
        self.queue(tungstenite::Message::Close((code != 1005).then_some(frame)));
    }

    /// Whether more should be queued: false while the wire is behind.
    pub fn is_writable(&self) -> bool {
        self.unsent_bytes < UNSENT_BYTES_MAX && self.closed.is_none() && self.write_fault.is_none()
    }

    /// Since when something waits and the kernel has taken nothing.
    pub fn stuck_since(&self) -> Option<Instant> {
        self.unsent_since.map(|since| self.notes().wrote_at.map_or(since, |at| at.max(since)))
    }

    /// Who closed first, and how: known before the line has ended.
    pub fn closed(&self) -> Option<&End> {
        self.closed.as_ref()
    }

    /// What was seen of TCP.
    pub fn notes(&self) -> Notes {
        self.stream.get_ref().wire().notes()
    }

    /// The next event. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The end, after which the line is of no more use.
    pub async fn event(&mut self) -> Result<Event, End> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Goes on until the end, or hangs up after `limit`; messages are dropped.
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

    /// Tears the connection (RST): what is queued anywhere is given up, also by the kernel.
    pub fn abort(self) {
        let socket = SockRef::from(self.stream.get_ref().wire().stream());
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    fn queue(&mut self, frame: tungstenite::Message) {
        if self.write_fault.is_some() {
            return;
        }
        self.unsent_bytes += frame.len() + HEADER_BYTES;
        self.unsent_since.get_or_insert_with(Instant::now);
        match Pin::new(&mut self.stream).start_send(frame) {
            // After a close nothing is sent, and the caller has seen the close or made it.
            Ok(()) | Err(Error::Protocol(_) | Error::ConnectionClosed | Error::AlreadyClosed) => {}
            Err(error) => self.write_fault = Some(End::from_error(error, self.notes())),
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, End>> {
        if self.poll_flushed(cx) {
            return Poll::Ready(Ok(Event::Flushed));
        }
        if self.pong_bytes > PONG_BYTES_MAX && self.write_fault.is_none() {
            // Woken when the wire takes them.
            return Poll::Pending;
        }
        match Pin::new(&mut self.stream).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => Poll::Ready(Ok(self.seen(message))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(self.failed(error))),
            Poll::Ready(None) => Poll::Ready(Err(self.closed.clone().unwrap_or(End::Fin))),
            // Whatever had come before the fault has been read by now.
            Poll::Pending => match &self.write_fault {
                Some(fault) => Poll::Ready(Err(self.closed.clone().unwrap_or(fault.clone()))),
                None => Poll::Pending,
            },
        }
    }

    /// True when the last of what was queued has just been taken.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> bool {
        if self.unsent_since.is_none() || self.write_fault.is_some() {
            return false;
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
                (self.unsent_since, self.unsent_bytes, self.pong_bytes) = (None, 0, 0);
                true
            }
            Poll::Ready(Err(error)) => {
                self.write_fault = Some(End::from_error(error, self.notes()));
                false
            }
        }
    }

    fn seen(&mut self, message: tungstenite::Message) -> Event {
        match message {
            tungstenite::Message::Text(text) => {
                let text = ByteString::try_from(Bytes::from(text));
                Event::Message(Message::Text(text.unwrap_or_default()))
            }
            tungstenite::Message::Binary(bytes) => Event::Message(Message::Binary(bytes)),
            tungstenite::Message::Ping(payload) => {
                // Its answer was queued below us and goes out with the next flush.
                self.unsent_since.get_or_insert_with(Instant::now);
                let answer = payload.len() + HEADER_BYTES;
                self.unsent_bytes += answer;
                self.pong_bytes += answer;
                Event::Ping(payload)
            }
            tungstenite::Message::Pong(payload) => Event::Pong(payload),
            tungstenite::Message::Close(frame) => {
                let (code, text) = frame
                    .map_or((1005, String::new()), |it| (it.code.into(), it.reason.to_string()));
                self.closed.get_or_insert(End::ClosedByServer(code, text));
                self.unsent_since.get_or_insert_with(Instant::now);
                Event::Close
            }
            tungstenite::Message::Frame(_) => Event::Flushed,
        }
    }

    fn failed(&mut self, error: Error) -> End {
        // Who has said goodbye may hang up as it likes.
        if let Some(closed) = &self.closed {
            return closed.clone();
        }
        let end = End::from_error(error, self.notes());
        if let Some(code) = end.our_code() {
            // Written at once, as far as the wire has room.
            self.close(code, "");
        }
        end
    }
}
