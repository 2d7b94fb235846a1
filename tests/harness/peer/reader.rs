//! What a peer hears: one task per peer that reads frames, answers what must be answered, and
//! passes everything on as events. The vices live here: a peer is bad in how it listens.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, mpsc};

use super::codec::{self, Decoder, Frame};
use super::wire::{Far, Near};

/// What a peer reads at once, at most.
const READ_BYTES: usize = 64 * 1024;

/// What a trickling peer reads at once.
const SIP_BYTES: usize = 4096;

/// How a peer misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Vice {
    /// It does not.
    None,
    /// Reads everything, answers nothing: no pong, no close.
    Mute,
    /// Reads nothing at all.
    Deaf,
    /// Reads this many bytes per second, and answers what it got to read.
    Trickling(usize),
}

/// What a peer hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping, answered already unless the peer is mute.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame; an empty one has no code.
    Close(Option<u16>, String),
    /// The end of TCP; nothing comes after it.
    End(Tcp),
}

/// How TCP ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcp {
    /// In good order.
    Fin,
    /// Torn.
    Reset,
}

/// An event and when it was heard.
pub type Heard = (Instant, Event);

/// Both sides of a peer write: the test what it wants, the reader its answers.
pub type Writer = Arc<Mutex<Far>>;

pub(super) struct Reader {
    pub(super) stream: Near,
    pub(super) writer: Writer,
    pub(super) events: mpsc::Sender<Heard>,
    pub(super) vice: Vice,
    /// What came together with the answer to the handshake.
    pub(super) early: Vec<u8>,
}

impl Reader {
    pub(super) async fn run(mut self) {
        if self.vice == Vice::Deaf {
            return std::future::pending().await;
        }
        let (mut decoder, mut message) = (Decoder::default(), None);
        decoder.push(&std::mem::take(&mut self.early));
        let mut read = vec![0; READ_BYTES];
        loop {
            while let Some(frame) = decoder.next() {
                self.hear(frame, &mut message).await;
            }
            let window = match self.vice {
                Vice::Trickling(rate) => {
                    tokio::time::sleep(Duration::from_secs_f64(SIP_BYTES as f64 / rate as f64))
                        .await;
                    &mut read[..SIP_BYTES]
                }
                _ => &mut read[..],
            };
            match self.stream.read(window).await {
                Ok(0) => return self.pass(Event::End(Tcp::Fin)),
                Ok(count) => decoder.push(&read[..count]),
                // TCP came to its end in good order, and TLS within it did not.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return self.pass(Event::End(Tcp::Fin));
                }
                Err(_) => return self.pass(Event::End(Tcp::Reset)),
            }
        }
    }

    async fn hear(&mut self, frame: Frame, message: &mut Option<(u8, Vec<u8>)>) {
        match frame.opcode {
            codec::PING => {
                self.answer(codec::PONG, &frame.payload).await;
                self.pass(Event::Ping(frame.payload));
            }
            codec::PONG => self.pass(Event::Pong(frame.payload)),
            codec::CLOSE => {
                self.answer(codec::CLOSE, &frame.payload).await;
                let code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                self.pass(Event::Close(code, reason.into_owned()));
            }
            codec::CONTINUATION => {
                let (_, so_far) = message.as_mut().expect("a continuation continues something");
                so_far.extend_from_slice(&frame.payload);
            }
            opcode => {
                let before = message.replace((opcode, frame.payload));
                assert!(before.is_none(), "a new message within an unfinished one");
            }
        }
        if frame.fin
            && frame.opcode < codec::CLOSE
            && let Some((opcode, payload)) = message.take()
        {
            self.pass(match opcode {
                codec::TEXT => Event::Text(String::from_utf8(payload).expect("text is UTF-8")),
                codec::BINARY => Event::Binary(payload),
                unknown => panic!("the server sent opcode {unknown}"),
            });
        }
    }

    async fn answer(&self, opcode: u8, payload: &[u8]) {
        if self.vice != Vice::Mute {
            // The other end may be gone by now; the next read tells.
            let mut writer = self.writer.lock().await;
            let _ = writer.write_all(&codec::encode(true, opcode, payload)).await;
            let _ = writer.flush().await;
        }
    }

    fn pass(&self, event: Event) {
        // A test that has dropped its peer no longer listens; one that lets this many events pile
        // up has lost track of what it proves.
        if let Err(mpsc::error::TrySendError::Full(_)) =
            self.events.try_send((Instant::now(), event))
        {
            panic!("{} events and nobody looked at them", super::EVENTS_MAX);
        }
    }
}
