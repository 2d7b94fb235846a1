//! The far end of one connection: it says what the test wants and remembers what it heard.
//! It gets in by a [`Dial`], and misbehaves by a [`Vice`].

pub mod codec;
mod dial;
mod reader;
mod wire;

pub use self::dial::Dial;
pub use self::reader::{Event, Tcp, Vice};

use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};

use self::reader::{Heard, Reader, Writer};
use self::wire::{Far, Wire};
use super::wait::PATIENCE;

/// More events than any test leaves unread.
const EVENTS_MAX: usize = 1 << 17;

/// A peer that is in.
pub struct Peer {
    /// What the gateway, or we, called its handshake: `request=` in the log.
    pub request: String,
    /// What was agreed to of what it offered.
    pub subprotocol: Option<String>,
    writer: Writer,
    events: mpsc::Receiver<Heard>,
    reader: JoinHandle<()>,
}

/// How a connection ended, as its peer saw it.
#[derive(Clone, Debug)]
pub struct End {
    /// The code of the close frame; 1005 for an empty one, 1006 when there was none (RFC 6455
    /// §7.1.5).
    pub code: u16,
    /// The text of the close frame.
    pub reason: String,
    /// What became of TCP.
    pub tcp: Tcp,
    /// When TCP ended.
    pub at: Instant,
    /// When the close frame came.
    pub closed_at: Option<Instant>,
}

impl Peer {
    pub(super) fn start(
        wire: Wire,
        request: String,
        subprotocol: Option<String>,
        vice: Vice,
        early: Vec<u8>,
    ) -> Self {
        let (stream, writer) = wire.into_split();
        let writer = Arc::new(Mutex::new(writer));
        let (events, heard) = mpsc::channel(EVENTS_MAX);
        let reader = Reader { stream, writer: writer.clone(), events, vice, early };
        Self { request, subprotocol, writer, events: heard, reader: tokio::spawn(reader.run()) }
    }

    /// Sends a text message.
    pub async fn text(&self, text: &str) {
        self.frame(true, codec::TEXT, text.as_bytes()).await;
    }

    /// Sends a binary message.
    pub async fn binary(&self, bytes: &[u8]) {
        self.frame(true, codec::BINARY, bytes).await;
    }

    /// Sends a ping.
    pub async fn ping(&self, payload: &[u8]) {
        self.frame(true, codec::PING, payload).await;
    }

    /// Sends a pong, asked for or not.
    pub async fn pong(&self, payload: &[u8]) {
        self.frame(true, codec::PONG, payload).await;
    }

    /// Sends a close frame.
    pub async fn close(&self, code: u16, reason: &str) {
        self.frame(true, codec::CLOSE, &codec::close_payload(code, reason)).await;
    }

    /// Sends one frame.
    pub async fn frame(&self, fin: bool, opcode: u8, payload: &[u8]) {
        self.raw(&codec::encode(fin, opcode, payload)).await;
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn raw(&self, bytes: &[u8]) {
        assert!(self.try_raw(bytes).await, "{} is gone", self.request);
    }

    /// Sends bytes to someone who may be gone: false when so.
    pub async fn try_raw(&self, bytes: &[u8]) -> bool {
        let mut writer = self.writer.lock().await;
        // TLS may hold on to the last of it until it is told that there is no more.
        writer.write_all(bytes).await.is_ok() && writer.flush().await.is_ok()
    }

    /// The next event and when it was heard.
    ///
    /// # Panics
    /// When there is none within [`PATIENCE`].
    pub async fn heard(&mut self) -> Heard {
        self.heard_within(PATIENCE).await
    }

    /// The next event and when it was heard.
    ///
    /// # Panics
    /// When there is none within this time.
    pub async fn heard_within(&mut self, within: Duration) -> Heard {
        match timeout(within, self.events.recv()).await {
            Ok(Some(heard)) => heard,
            Ok(None) => panic!("{}: the reader has ended", self.request),
            Err(_) => panic!("{}: nothing heard for {within:?}", self.request),
        }
    }

    /// Says nothing for this long and hears nothing but pings; tells when each came.
    ///
    /// # Panics
    /// When anything else is heard.
    pub async fn is_silent_for(&mut self, span: Duration) -> Vec<Instant> {
        let (limit, mut pings) = (tokio::time::Instant::now() + span, Vec::new());
        while let Ok(heard) = timeout_at(limit, self.events.recv()).await {
            match heard {
                Some((at, Event::Ping(_))) => pings.push(at),
                other => panic!("{}: {other:?} in its silence", self.request),
            }
        }
        pings
    }

    /// The next message, pings aside.
    ///
    /// # Panics
    /// When something else comes, or nothing within [`PATIENCE`].
    pub async fn message(&mut self) -> Event {
        // One deadline for all of it: pings may come for ever.
        let limit = Instant::now() + PATIENCE;
        loop {
            match self.heard_within(limit.saturating_duration_since(Instant::now())).await.1 {
                Event::Ping(_) => {}
                message @ (Event::Text(_) | Event::Binary(_)) => return message,
                other => panic!("{}: a message was due, not {other:?}", self.request),
            }
        }
    }

    /// Sends `text` and gets it back.
    ///
    /// # Panics
    /// When something else comes back, or nothing.
    pub async fn echoes(&mut self, text: &str) {
        self.text(text).await;
        let back = self.message().await;
        // Not the whole of it: texts here are long.
        let said = format!("{text:.40}");
        assert!(
            back == Event::Text(text.to_owned()),
            "said {said:?}, heard {:.60}",
            format!("{back:?}")
        );
    }

    /// Waits for the end, past whatever comes before it.
    ///
    /// # Panics
    /// When it has not come within [`PATIENCE`].
    pub async fn ended(&mut self) -> End {
        self.ended_within(PATIENCE).await
    }

    /// Waits for the end, past whatever comes before it.
    ///
    /// # Panics
    /// When it has not come within this time.
    pub async fn ended_within(&mut self, within: Duration) -> End {
        let limit = Instant::now() + within;
        let mut end = (1006, String::new(), None);
        loop {
            match self.heard_within(limit.saturating_duration_since(Instant::now())).await {
                (at, Event::Close(code, reason)) => {
                    assert_eq!(end.2, None, "a second close frame");
                    end = (code.unwrap_or(1005), reason, Some(at));
                }
                (at, Event::End(tcp)) => {
                    let (code, reason, closed_at) = end;
                    return End { code, reason, tcp, at, closed_at };
                }
                (_, after) => assert_eq!(end.2, None, "{after:?} after the close frame"),
            }
        }
    }

    /// Waits for the end of TCP, which nothing else may precede.
    ///
    /// # Panics
    /// When something else is heard, or nothing within [`PATIENCE`].
    pub async fn ended_after_close(&mut self) -> Tcp {
        match self.heard().await {
            (_, Event::End(tcp)) => tcp,
            (_, other) => panic!("{}: {other:?} after the close frame", self.request),
        }
    }

    /// Tears the connection: the other end gets an RST.
    ///
    /// # Panics
    /// Under TLS.
    pub async fn reset(mut self) {
        {
            let writer = self.writer.lock().await;
            let Far::Plain(tcp) = &*writer else { panic!("{}: not under TLS", self.request) };
            let socket = SockRef::from(tcp.as_ref());
            socket.set_linger(Some(Duration::ZERO)).expect("any socket can linger for nothing");
        }
        self.reader.abort();
        // The socket closes with its last half, and the reader holds one.
        let _ = (&mut self.reader).await;
    }

    /// Ends TCP in good order without a word of goodbye.
    pub async fn hang_up(&self) {
        let _ = self.writer.lock().await.shutdown().await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
