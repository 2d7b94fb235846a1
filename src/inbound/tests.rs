//! What the guard promises, one file per kind of promise.
//! Leaves to the files below: the promises; here is what they share, a peer's side of the wire.

mod through_actix;

use std::{cell::RefCell, collections::VecDeque, rc::Rc, task::Poll};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_core::Stream;

use super::*;

const LIMITS: InboundLimits =
    InboundLimits { message_bytes_max: 1 << 20, message_fragments_max: 16_384 };

/// A masked frame as a peer would send it; `first` is the opcode with FIN and reserved bits.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len());
    let key = [0x12, 0xf4, 0x56, 0x9a];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A header without its key.
fn header(first: u8, payload_bytes: usize) -> Vec<u8> {
    let mut header = vec![first];
    match payload_bytes {
        0..=125 => header.push(0x80 | payload_bytes as u8),
        126..=0xffff => {
            header.push(0x80 | 126);
            header.extend((payload_bytes as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend((payload_bytes as u64).to_be_bytes());
        }
    }
    header
}

/// A byte stream that the test feeds; clones share what is in it.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    chunks: VecDeque<Option<Result<Bytes, PayloadError>>>,
    waker: Option<std::task::Waker>,
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
