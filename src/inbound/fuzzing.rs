//! What fuzzing holds the guard to: the same whatever the chunking, what was sent and nothing else, and
//! bounded memory. Leaves to `fuzzing.rs`: where inputs come from; to `script.rs`: making frames of them.

mod script;

use std::{cell::RefCell, task::Waker};

use allocation_counter::{measure, opt_out};

use self::script::frames_in;
use super::*;
use crate::{
    deflate::inflate,
    frame::{RSV1, opcode},
};

/// What is not payload of messages: headers, a control frame, what inflating is told at its end.
const OVERHEAD_BYTES: i64 = 512;

/// Two bytes that choose limits and chunks, and then what the peer sends: as it is, or, when bit 6 of
/// the first byte is set, as a [script](script::frames_in).
pub(crate) fn target(input: &[u8]) {
    let Some((&[choice, seed], rest)) = input.split_first_chunk::<2>() else { return };
    let limits = limits(choice);
    let sent = if choice & 0x40 != 0 { frames_in(rest) } else { rest.to_vec() };
    // Where our own close comes, if it does.
    let ours = (choice & 0x80 != 0).then_some(sent.len() * usize::from(seed) / 256);

    let told = told(limits, &sent, ours, usize::MAX, &mut Vec::new());
    told.check(&limits, ours.is_some());
    // Byte by byte, but for what would take too long.
    let least = 1 + sent.len() / 2048;
    for size in [least, least + 1 + usize::from(seed % 7), least + usize::from(seed) * 3] {
        let mut held = Vec::new();
        let again = self::told(limits, &sent, ours, size, &mut held);
        assert_eq!(again, told, "in chunks of {size}");
        check_memory(&limits, &held, size);
    }
    if told.fault.is_none() && ours.is_none() {
        assert_eq!(told.given, plainly(&limits, &sent));
    }
}

fn limits(choice: u8) -> InboundLimits {
    let messages = [0, 1, 125, 126, 300, 4096, 65_536, 200_000];
    let fragments = [1, 4, 64, 16_384];
    InboundLimits {
        message_bytes_max: messages[usize::from(choice & 7)],
        message_fragments_max: fragments[usize::from(choice >> 3 & 3)],
        is_deflated: choice & 0x20 != 0,
    }
}

/// What a guard made of everything.
#[derive(Debug, PartialEq)]
struct Told {
    given: Vec<Received>,
    fault: Option<Disconnect>,
    close: Option<Close>,
    frames: u64,
    unfinished: bool,
}

/// What was allocated after a chunk, and at most while it was read, in bytes.
struct Held {
    after: i64,
    at_most: i64,
}

/// Sends it in chunks of `size` bytes, our own close between those before `ours` and the rest.
fn told(
    limits: InboundLimits,
    sent: &[u8],
    ours: Option<usize>,
    size: usize,
    held: &mut Vec<Held>,
) -> Told {
    // The inflater of this thread is made once for all connections and belongs to none of them.
    let _ = inflate(&[0], 0, |_| {});
    let wire = Wire::default();
    let observed = Rc::new(Observed::default());
    let mut guard = Guard::new(wire.clone(), limits, Rc::clone(&observed));
    let sent = Bytes::copy_from_slice(sent);
    let mut given = Vec::new();
    let mut after = 0;
    let (before, behind) = (sent.slice(..ours.unwrap_or(0)), sent.slice(ours.unwrap_or(0)..));
    for (part, is_behind) in [(before, false), (behind, true)] {
        if is_behind && ours.is_some() {
            observed.swallow();
        }
        for start in (0..part.len()).step_by(size) {
            let chunk = part.slice(start..part.len().min(start.saturating_add(size)));
            wire.0.borrow_mut().replace(Some(chunk));
            let made = measure(|| read(&mut guard, |it| opt_out(|| given.push(apart(it)))));
            held.push(Held {
                after: after + made.bytes_current,
                at_most: after + made.bytes_max as i64,
            });
            after += made.bytes_current;
        }
    }
    let unfinished = observed.unfinished_since().is_some();
    // The reason of the peer's close may stay.
    assert!(unfinished || after < OVERHEAD_BYTES, "{after} bytes for nothing");
    assert!(!observed.ended(), "it ended before its bytes did");
    wire.0.borrow_mut().replace(None);
    read(&mut guard, |received| panic!("made of nothing: {received:?}"));
    assert!(observed.ended());
    let (fault, close) = (observed.fault(), observed.peer_close());
    Told { given, fault, close, frames: observed.frames(), unfinished }
}

/// Polls until the guard waits or has ended.
fn read(guard: &mut Guard<Wire>, mut take: impl FnMut(&Received)) {
    loop {
        match Pin::new(&mut *guard).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(received))) => take(&received),
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
            Poll::Ready(None) | Poll::Pending => return,
        }
    }
}

/// The same in memory of its own, so that what was received is let go of.
fn apart(received: &Received) -> Received {
    match received {
        Received::Message(message) => match message {
            Message::Text(text) => Received::Message(Message::from(&**text)),
            Message::Binary(bytes) => Received::Message(Bytes::copy_from_slice(bytes).into()),
        },
        Received::Ping(payload) => Received::Ping(Bytes::copy_from_slice(payload)),
        Received::Pong(payload) => Received::Pong(Bytes::copy_from_slice(payload)),
        Received::Close(Close { code, text }) => {
            Received::Close(Close::new(*code, text.to_string()))
        }
        Received::Fault(why) => Received::Fault(why.clone()),
    }
}

impl Told {
    /// What must hold of any conversation.
    fn check(&self, limits: &InboundLimits, is_ours: bool) {
        assert!(!(self.unfinished && (self.fault.is_some() || is_ours)), "{self:?}");
        for (index, received) in self.given.iter().enumerate() {
            let behind = &self.given[index + 1..];
            match received {
                Received::Message(message) => {
                    assert!(message.len() <= limits.message_bytes_max, "{message:?}");
                    let is_text = matches!(message, Message::Text(_));
                    assert!(!is_text || str::from_utf8(message.as_bytes()).is_ok(), "{message:?}");
                }
                Received::Ping(payload) | Received::Pong(payload) => {
                    assert!(payload.len() <= 125, "{payload:?}");
                }
                Received::Close(close) => {
                    assert!(close.check().is_ok() || close.code == Close::NO_CODE, "{close:?}");
                    assert!(behind.is_empty(), "behind a close: {behind:?}");
                    assert_eq!(self.close.as_ref(), Some(close));
                }
                Received::Fault(why) => {
                    assert_eq!(self.fault.as_ref(), Some(why));
                    let is_close = |it: &Received| matches!(it, Received::Close(_));
                    assert!(behind.len() <= 1 && behind.iter().all(is_close), "{behind:?}");
                }
            }
        }
    }
}

/// At rest no more than the unfinished message; while a chunk is read, it may have to be moved, or
/// inflated and its result be moved.
fn check_memory(limits: &InboundLimits, held: &[Held], size: usize) {
    let (inflated, wire) =
        (limits.message_bytes_max as i64, limits.wire_bytes_max(limits.is_deflated) as i64);
    let moved = if limits.is_deflated { (2 * inflated).max(wire) } else { wire };
    for Held { after, at_most } in held {
        assert!(*after <= wire + OVERHEAD_BYTES, "{after} bytes at rest, chunks of {size}");
        let most = wire + moved + 2 * OVERHEAD_BYTES;
        assert!(*at_most <= most, "{at_most} bytes of {most} in a chunk of {size}");
    }
}

/// What is to be given out for bytes without a fault, told a second time: all at once, frame by frame.
fn plainly(limits: &InboundLimits, mut rest: &[u8]) -> Vec<Received> {
    let (mut given, mut begun) = (Vec::new(), None::<(u8, Vec<u8>, usize)>);
    while let Some((header_bytes, length)) = header(rest) {
        let Some(masked) = rest.get(header_bytes..header_bytes.saturating_add(length)) else {
            break;
        };
        assert!(rest[1] & 0x80 != 0, "without a mask");
        let key = &rest[header_bytes - 4..header_bytes];
        let payload = masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        let payload = payload.collect::<Vec<_>>();
        let first = rest[0];
        rest = &rest[header_bytes + length..];
        if first & 8 != 0 {
            assert!([0x88, 0x89, 0x8a].contains(&first) && length <= 125, "{first:x}, {length}");
            given.push(whole(first & 15, &payload));
            if first & 15 == opcode::CLOSE {
                return given;
            }
            continue;
        }
        assert!(begun.is_some() == (first & 15 == 0) && first & 0x30 == 0, "{first:x}");
        assert!(first & RSV1 == 0 || limits.is_deflated && first & 15 != 0, "{first:x}");
        let (kind, message, fragments) = begun.get_or_insert((first, Vec::new(), 0));
        message.extend(payload);
        *fragments += 1;
        assert!(*fragments <= limits.message_fragments_max, "{fragments} fragments");
        if first & 0x80 != 0 {
            let message = match *kind & RSV1 {
                0 => message.clone(),
                _ => inflated(message, limits.message_bytes_max),
            };
            given.push(whole(*kind & 15, &message));
            begun = None;
        }
    }
    given
}

fn inflated(deflated: &[u8], max: usize) -> Vec<u8> {
    let mut whole = Vec::new();
    let done = inflate(deflated, max, |piece| whole.extend_from_slice(piece));
    assert_eq!(done, Ok(()), "the guard did not mind");
    whole
}

/// Length of a masked frame's header and of its payload, once the header is whole.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (at, length) = match *bytes.get(1)? & 0x7f {
        126 => (4, number(bytes.get(2..4)?)),
        127 => (10, number(bytes.get(2..10)?)),
        short => (2, short.into()),
    };
    bytes.get(at..at + 4)?;
    Some((at + 4, length))
}

/// What the guard makes of a message or control frame.
fn whole(opcode: u8, payload: &[u8]) -> Received {
    let bytes = Bytes::copy_from_slice(payload);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the guard did not mind");
    match opcode {
        opcode::TEXT => Received::Message(text(payload).into()),
        opcode::BINARY => Received::Message(bytes.into()),
        opcode::PING => Received::Ping(bytes),
        opcode::PONG => Received::Pong(bytes),
        _ => Received::Close(match payload.split_first_chunk() {
            Some((code, reason)) => Close::new(u16::from_be_bytes(*code), text(reason)),
            None => Close::new(Close::NO_CODE, ""),
        }),
    }
}

/// A byte stream of one chunk, or of its end, which waits to be read.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Option<Option<Bytes>>>>);

impl Stream for Wire {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().take().map_or(Poll::Pending, |chunk| Poll::Ready(chunk.map(Ok)))
    }
}
