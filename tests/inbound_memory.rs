//! What a peer can make the guard allocate, counted by the allocator.
//! Leaves to the guard's own tests: what comes out of it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use actix_http::BoxedPayloadStream;
use actix_web::{FromRequest, dev, error::PayloadError, http::header, test::TestRequest, web};
use allocation_counter::{AllocationInfo, measure};
use bytes::{Buf, Bytes};
use futures_core::Stream;
use holdline::{
    disconnect::Disconnect,
    inbound::{Guard, InboundLimits, Observed, handle},
};

const LIMITS: InboundLimits =
    InboundLimits { message_bytes_max: 65_536, message_fragments_max: 16_384, is_deflated: false };

/// What a read of the socket brings at most; the peers below fill it.
const CHUNK_BYTES: usize = 16_384;

/// A byte stream of one chunk, which the test puts there.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Option<Bytes>>>);

impl Stream for Wire {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().take().map_or(Poll::Pending, |chunk| Poll::Ready(Some(Ok(chunk))))
    }
}

struct Stage {
    wire: Wire,
    observed: Rc<Observed>,
    guard: Guard<Wire>,
}

impl Stage {
    fn new() -> Self {
        let wire = Wire::default();
        let observed = Rc::new(Observed::default());
        let guard = Guard::new(wire.clone(), LIMITS, Rc::clone(&observed));
        Self { wire, observed, guard }
    }

    /// Lets the chunk come, drops what the guard makes of it, and counts what that was.
    fn send(&mut self, chunk: Bytes) -> usize {
        *self.wire.0.borrow_mut() = Some(chunk);
        drain(&mut self.guard)
    }
}

/// Drops whatever there is, and counts it.
fn drain<S>(guard: &mut Guard<S>) -> usize
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut count = 0;
    loop {
        match Pin::new(&mut *guard).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(_))) => count += 1,
            Poll::Ready(end) => panic!("the stream ended: {end:?}"),
            Poll::Pending => return count,
        }
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        0..=125 => frame.push(0x80 | payload.len() as u8),
        126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Sends all of it in chunks and says what that cost beside the chunks themselves.
fn cost(stage: &mut Stage, sent: &mut Bytes) -> AllocationInfo {
    // Their memory is freed after the count, for it was allocated before.
    let _owner = sent.clone();
    measure(|| {
        while sent.has_remaining() {
            stage.send(sent.split_to(sent.len().min(CHUNK_BYTES)));
        }
    })
}

#[test]
fn a_new_guard_holds_no_memory_but_itself() {
    let wire = Wire::default();
    let observed = Rc::new(Observed::default());
    let mut guard = None;
    let made = measure(|| guard = Some(Guard::new(wire, LIMITS, observed)));
    assert_eq!(made.count_total, 0);
}

#[test]
fn a_whole_message_costs_one_allocation_of_its_exact_size() {
    for (first, payload_bytes) in [(0x81, 32), (0x82, 32), (0x89, 32), (0x81, 1000), (0x82, 65_536)]
    {
        let mut stage = Stage::new();
        let chunk = Bytes::from(frame(first, &vec![7; payload_bytes]));
        let made = measure(|| assert_eq!(stage.send(chunk), 1));
        assert_eq!(made.count_total, 1, "{payload_bytes} bytes");
        assert_eq!(made.bytes_total as usize, payload_bytes);
    }
}

#[test]
fn a_giant_that_is_announced_costs_nothing() {
    let mut stage = Stage::new();
    let mut header = vec![0x82, 0xff];
    header.extend((1_u64 << 62).to_be_bytes());
    header.extend([0; 4]);
    let mut made = cost(&mut stage, &mut Bytes::from(header));
    assert_eq!(stage.observed.fault(), Some(Disconnect::TooBig));
    for _ in 0..1000 {
        made += cost(&mut stage, &mut Bytes::from_static(&[7; CHUNK_BYTES]));
    }
    assert!(made.bytes_max < 1000, "{made:?}");
}

#[test]
fn what_is_announced_is_allocated_only_as_it_comes() {
    let mut stage = Stage::new();
    let mut sent = Bytes::from(frame(0x82, &[7; 65_536]));
    let mut held = 0;
    for come in [20, 1000, 10_000, 40_000] {
        let mut part = sent.split_to(come);
        held += cost(&mut stage, &mut part).bytes_current;
        let so_far = 65_536 + 14 - sent.len() as i64;
        assert!(held <= 2 * so_far, "{held} bytes for {so_far}");
    }
    // The last piece completes it; the message is dropped and nothing is left.
    held += cost(&mut stage, &mut sent).bytes_current;
    assert_eq!(held, 0);
}

#[test]
fn a_message_in_many_pieces_is_not_moved_for_each_of_them() {
    let mut stage = Stage::new();
    let mut sent = frame(0x01, b"");
    for _ in 0..16_000 {
        sent.extend(frame(0x00, b"x"));
    }
    let made = cost(&mut stage, &mut Bytes::from(sent));
    assert_eq!(stage.observed.frames(), 16_001);
    assert!(made.count_total < 20, "{made:?}");
}

#[test]
fn an_unfinished_message_never_holds_more_than_the_limit() {
    let mut stage = Stage::new();
    let mut held = cost(&mut stage, &mut Bytes::from(frame(0x02, &[7; 100]))).bytes_current;
    for _ in 0..600 {
        held += cost(&mut stage, &mut Bytes::from(frame(0x00, &[7; 109]))).bytes_current;
        assert!(held <= 65_536, "{held}");
    }
    assert_eq!(stage.observed.fault(), None);
    held += cost(&mut stage, &mut Bytes::from(frame(0x00, &[7; 1000]))).bytes_current;
    assert_eq!(stage.observed.fault(), Some(Disconnect::TooBig));
    assert_eq!(held, 0, "a fault lets go of it");
}

#[test]
fn one_byte_fragments_mixed_with_pongs_pin_nothing() {
    let mut stage = Stage::new();
    let mut sent = frame(0x01, b"x");
    for _ in 0..16_000 {
        sent.extend(frame(0x8a, &[7; 125]));
        sent.extend(frame(0x00, b"x"));
    }
    let made = cost(&mut stage, &mut Bytes::from(sent));
    assert_eq!(stage.observed.frames(), 32_001);
    assert!(made.bytes_max < 50_000, "16,001 bytes took {}", made.bytes_max);
}

#[test]
fn nothing_of_a_chunk_is_kept_when_it_was_read() {
    let text = frame(0x81, b"whole");
    let ping = frame(0x89, b"ping");
    for end in [&frame(0x01, b"begun")[..], &frame(0x81, b"half")[..8], &text[..3], &ping[..7]] {
        let mut stage = Stage::new();
        let chunk = Bytes::from([&text, &ping, end].concat());
        stage.send(chunk.clone());
        assert!(chunk.is_unique(), "{end:x?}");
    }
}

#[test]
fn our_own_close_lets_go_of_what_was_begun() {
    let mut stage = Stage::new();
    let mut held = cost(&mut stage, &mut Bytes::from(frame(0x02, &[7; 5000]))).bytes_current;
    assert_eq!(held, 5000);
    stage.observed.swallow();
    held += cost(&mut stage, &mut Bytes::from(frame(0x00, b"more"))).bytes_current;
    assert_eq!(held, 0);
}

#[actix_rt::test]
async fn an_idle_reader_does_not_hold_its_last_message() {
    let request = TestRequest::default()
        .insert_header((header::UPGRADE, "websocket"))
        .insert_header((header::CONNECTION, "upgrade"))
        .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
        .insert_header((header::SEC_WEBSOCKET_KEY, "x3JJHMbDL1EzLkh9GBhXDw=="))
        .to_http_request();
    let wire = Wire::default();
    let mut stream = dev::Payload::from(Box::pin(wire.clone()) as BoxedPayloadStream);
    let body = web::Payload::from_request(&request, &mut stream).into_inner().unwrap();
    let (_response, _session, mut guard) = handle(&request, body, LIMITS, Rc::default()).unwrap();

    let chunk = Bytes::from(frame(0x82, &[7; 60_000]));
    *wire.0.borrow_mut() = Some(chunk.clone());
    let made = measure(|| assert_eq!(drain(&mut guard), 1));
    assert_eq!((made.bytes_total, made.bytes_current), (60_000, 0), "{made:?}");
}
