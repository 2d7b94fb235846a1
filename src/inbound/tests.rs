//! What the guard promises, one file per kind of promise.
//! Leaves to the files below: the promises; here is what they share, a peer's side of the wire.

mod chunking;
mod closing;
mod deflated;
mod pace;
mod reading;
mod reference;
mod text;

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc, task::Waker};

use super::*;

const LIMITS: InboundLimits =
    InboundLimits { message_bytes_max: 100_000, message_fragments_max: 16_384, is_deflated: false };

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// What the guard gives out at the three kinds of fault.
const TOO_BIG: Received = Received::Fault(Disconnect::TooBig);
const BAD_DATA: Received = Received::Fault(Disconnect::BadData);
const PROTOCOL: Received = Received::Fault(Disconnect::ProtocolError);

/// A masked frame as a peer would send it; `first` is the opcode with FIN and reserved bits.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, [0x12, 0xf4, 0x56, 0x9a])
}

/// What the guard makes of a message or control frame.
fn whole(opcode: u8, payload: &[u8]) -> Received {
    let bytes = Bytes::copy_from_slice(payload);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a text");
    match opcode {
        TEXT => Received::Message(Message::from(text(payload))),
        BINARY => Received::Message(Message::from(bytes)),
        PING => Received::Ping(bytes),
        PONG => Received::Pong(bytes),
        _ => Received::Close(match payload.split_first_chunk() {
            Some((code, reason)) => Close::new(u16::from_be_bytes(*code), text(reason)),
            None => Close::new(1005, ""),
        }),
    }
}

fn masked(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut frame = announcement(first, payload.len() as u64);
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A header up to its masking key.
fn announcement(first: u8, payload_bytes: u64) -> Vec<u8> {
    let mut header = vec![first];
    match payload_bytes {
        0..=125 => header.push(0x80 | payload_bytes as u8),
        126..=0xffff => {
            header.push(0x80 | 126);
            header.extend((payload_bytes as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(payload_bytes.to_be_bytes());
        }
    }
    header
}

fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// A guard, and the byte stream that it reads from.
struct Stage {
    wire: Wire,
    observed: Rc<Observed>,
    guard: Guard<Wire>,
}

impl Stage {
    fn new(limits: InboundLimits) -> Self {
        let wire = Wire::default();
        let observed = Rc::new(Observed::default());
        let guard = Guard::new(wire.clone(), limits, Rc::clone(&observed));
        Self { wire, observed, guard }
    }

    /// What the guard gives out when these bytes come.
    fn send(&mut self, bytes: impl AsRef<[u8]>) -> Vec<Received> {
        self.wire.send(bytes.as_ref());
        self.drain()
    }

    /// Polls as a task would: until it is told to wait, and then whenever the guard asks for it.
    fn drain(&mut self) -> Vec<Received> {
        let mut given = Vec::new();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            match self.poll(&waker) {
                Poll::Ready(Some(Ok(received))) => {
                    given.push(received);
                    assert!(given.len() < 1000, "it never ends");
                }
                Poll::Pending if woken.take() => {}
                Poll::Ready(_) | Poll::Pending => return given,
            }
        }
    }

    fn poll(&mut self, waker: &Waker) -> Poll<Option<Result<Received, PayloadError>>> {
        Pin::new(&mut self.guard).poll_next(&mut Context::from_waker(waker))
    }

    fn fault(&self) -> Option<Disconnect> {
        self.observed.fault()
    }
}

/// What a guard with the usual limits makes of these bytes: what it gives out, and the fault.
fn read(bytes: impl AsRef<[u8]>) -> (Vec<Received>, Option<Disconnect>) {
    let mut stage = Stage::new(LIMITS);
    let given = stage.send(bytes);
    let fault = stage.fault();
    (given, fault)
}

/// Remembers whether somebody woke the task.
#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl Woken {
    fn take(&self) -> bool {
        self.0.swap(false, std::sync::atomic::Ordering::Relaxed)
    }
}

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A byte stream that the test feeds; clones share what is in it.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    chunks: VecDeque<Option<Result<Bytes, PayloadError>>>,
    waker: Option<Waker>,
}

impl Wire {
    fn send(&self, bytes: &[u8]) {
        self.push(Some(Ok(Bytes::copy_from_slice(bytes))));
    }

    fn fail(&self) {
        self.push(Some(Err(PayloadError::Incomplete(None))));
    }

    fn finish(&self) {
        self.push(None);
    }

    fn push(&self, item: Option<Result<Bytes, PayloadError>>) {
        let mut inner = self.0.borrow_mut();
        inner.chunks.push_back(item);
        if let Some(waker) = inner.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for Wire {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut inner = self.0.borrow_mut();
        match inner.chunks.pop_front() {
            Some(item) => Poll::Ready(item),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
