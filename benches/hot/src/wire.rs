//! A guard, and what a peer has sent to it.
//! Leaves to `main.rs` what of that is counted.

use std::{
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_core::Stream;
use holdline::{
    inbound::{Guard, InboundLimits, Observed, Received},
    message::Message,
};

/// What a segment of TCP carries over Ethernet, in bytes.
const PIECE: usize = 1448;

/// The key of every mask.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What waits to be read, chunk by chunk.
struct Wire(VecDeque<Bytes>);

impl Stream for Wire {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.pop_front().map_or(Poll::Pending, |chunk| Poll::Ready(Some(Ok(chunk))))
    }
}

/// A guard with something to read.
pub struct Reading {
    guard: Guard<Wire>,
    /// What came of it.
    given: Vec<Message>,
}

impl Reading {
    /// After the same has been read once.
    fn new(messages: usize, chunks: VecDeque<Bytes>) -> Self {
        let guarded = || {
            let (message_bytes_max, message_fragments_max) = (65_536, 1024);
            let limits =
                InboundLimits { message_bytes_max, message_fragments_max, is_deflated: false };
            let guard = Guard::new(Wire(chunks.clone()), limits, Rc::new(Observed::default()));
            Self { guard, given: Vec::with_capacity(messages) }
        };
        let mut before = guarded();
        before.read();
        assert_eq!(before.given.len(), messages, "all came");
        guarded()
    }

    /// One short message.
    pub fn of_small() -> Self {
        Self::new(1, [masked(32).into()].into())
    }

    /// Sixteen messages that came together.
    pub fn of_many() -> Self {
        Self::new(16, [masked(1024).repeat(16).into()].into())
    }

    /// One long message, segment by segment.
    pub fn of_pieces() -> Self {
        Self::new(1, masked(16 * 1024).chunks(PIECE).map(Bytes::copy_from_slice).collect())
    }

    /// Polls as the connection does, until it would wait.
    pub fn read(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut self.guard).poll_next(&mut cx) {
                Poll::Ready(Some(Ok(Received::Message(message)))) => self.given.push(message),
                Poll::Ready(other) => panic!("no message: {other:?}"),
                Poll::Pending => return,
            }
        }
    }
}

/// A final text frame of so many bytes.
fn masked(bytes: usize) -> Vec<u8> {
    let length = u16::try_from(bytes).expect("a length of two bytes");
    let mut frame = match length {
        0..126 => vec![0x81, 0x80 | length as u8],
        _ => [&[0x81, 0x80 | 126][..], &length.to_be_bytes()].concat(),
    };
    frame.extend(KEY);
    frame.extend(KEY.iter().cycle().take(bytes).map(|key| b'x' ^ key));
    frame
}
