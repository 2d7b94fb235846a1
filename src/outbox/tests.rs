//! What the outbox promises, with a body that is polled by hand.
//! Leaves to `tests/e2e`: sockets that are really stuck.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::body::MessageBody;

use super::*;
use crate::disconnect::Close;

const LIMITS: OutboxLimits = OutboxLimits { bytes_max: 100, frames_max: 8, control_frames_max: 3 };

struct Line {
    outbox: Rc<Outbox>,
    body: Option<OutboxBody>,
    budget: Rc<Budget>,
    now: Instant,
}

impl Line {
    fn new() -> Self {
        let outbox =
            Outbox::new(LIMITS, None, Rc::new(Tally::new(&crate::metrics::Metrics::new())));
        let body = Some(OutboxBody::new(Rc::clone(&outbox)));
        Self { outbox, body, budget: Budget::new(1000, Default::default()), now: Instant::now() }
    }

    fn push(&self, bytes: &'static [u8]) -> bool {
        self.outbox.push(&Charged::new(Bytes::from_static(bytes), &self.budget), self.now)
    }

    fn push_patiently(&self, bytes: &'static [u8]) -> bool {
        let frame = Charged::new(Bytes::from_static(bytes), &self.budget);
        self.outbox.push_patiently(frame, self.now)
    }

    /// What the dispatcher would get now: a frame, the end, or nothing yet.
    fn poll(&mut self) -> Poll<Option<Bytes>> {
        let body = Pin::new(self.body.as_mut().expect("the body is there"));
        let mut cx = Context::from_waker(Waker::noop());
        body.poll_next(&mut cx).map(|item| item.map(|Ok(bytes)| bytes))
    }

    fn frames(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| match self.poll() {
            Poll::Ready(frame) => frame,
            Poll::Pending => None,
        })
        .collect()
    }
}

#[test]
fn frames_leave_in_order_and_are_counted_and_given_back() {
    let mut line = Line::new();
    assert!(line.push(b"one") && line.push(b"two"));
    assert_eq!((line.outbox.bytes(), line.budget.used()), (6, 6));
    assert_eq!(line.frames(), [&b"one"[..], b"two"]);
    assert_eq!(line.outbox.sent(), 2);
    assert_eq!((line.outbox.bytes(), line.budget.used()), (0, 0));
    assert!(line.poll().is_pending());
}

#[test]
fn an_outbox_over_its_bytes_ends_its_connection_as_slow_and_sends_only_the_close() {
    let mut line = Line::new();
    assert!(line.push(&[0; 60]) && line.push(&[0; 40]));
    assert!(!line.push(b"x"));
    assert_eq!(*line.outbox.why(), Some(Disconnect::Slow));
    assert_eq!(line.budget.used(), 0, "what it queued is free at once");
    let frames = line.frames();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0][2..4], 1013u16.to_be_bytes());
}

#[test]
fn an_outbox_over_its_frames_ends_its_connection_as_slow() {
    let line = Line::new();
    assert!((0..8).all(|_| line.push(b"x")));
    assert!(!line.push(b"x"));
    assert_eq!(*line.outbox.why(), Some(Disconnect::Slow));
}

#[test]
fn a_drain_sends_what_is_queued_and_then_its_close_as_the_last_element() {
    let mut line = Line::new();
    line.push(b"first");
    line.outbox.push_pong(b"p", line.now);
    assert!(line.outbox.end(Disconnect::Drain, line.now));
    assert!(!line.push(b"too late") && !line.outbox.push_ping(b"never", line.now));
    let frames = line.frames();
    assert_eq!(frames[..2], [&b"\x8a\x01p"[..], b"first"]);
    assert_eq!(frames[2][..4], [0x88, frames[2].len() as u8 - 2, 0x03, 0xf4]);
    assert_eq!(line.outbox.stage(), Stage::CloseTaken);
    assert!(line.poll().is_pending(), "the peer's close is awaited");
    line.outbox.stop_waiting();
    assert_eq!(line.poll(), Poll::Ready(None));
}

#[test]
fn the_first_cause_wins() {
    let line = Line::new();
    assert!(line.outbox.end(Disconnect::PeerClosed(Close::new(1000, "")), line.now));
    assert!(!line.outbox.end(Disconnect::Drain, line.now));
    assert_eq!(line.outbox.why().as_ref().map(Disconnect::label), Some("peer_closed"));
}

#[test]
fn an_end_without_a_close_frame_ends_the_body() {
    let mut line = Line::new();
    line.push(b"never sent");
    line.outbox.end(Disconnect::PeerGone, line.now);
    assert_eq!(line.poll(), Poll::Ready(None));
}

#[test]
fn control_and_data_alternate_so_that_neither_starves() {
    let mut line = Line::new();
    for _ in 0..3 {
        line.push(b"data");
        line.outbox.push_pong(b"", line.now);
    }
    let kinds: Vec<_> = line.frames().iter().map(|frame| frame[0]).collect();
    assert_eq!(kinds, [0x8a, b'd', 0x8a, b'd', 0x8a, b'd']);
}

#[test]
fn the_control_lane_is_bounded_and_says_when_reading_must_pause() {
    let mut line = Line::new();
    assert!((0..3).all(|_| line.outbox.push_pong(b"", line.now)));
    assert!(!line.outbox.has_control_room() && !line.outbox.push_pong(b"", line.now));
    assert!(line.poll().is_ready());
    assert!(line.outbox.has_control_room());
}

#[test]
fn the_oldest_unsent_frame_keeps_its_age_also_when_a_slow_queue_is_cleared() {
    let line = Line::new();
    let later = line.now + Duration::from_secs(3);
    assert_eq!(line.outbox.oldest(), None);
    line.push(b"early");
    line.outbox.push_ping(b"", later);
    assert_eq!(line.outbox.oldest(), Some(line.now));
    line.outbox.end(Disconnect::Slow, later);
    assert_eq!(line.outbox.oldest(), Some(line.now));
}

#[test]
fn a_taken_ping_is_reported_once() {
    let mut line = Line::new();
    line.outbox.push_ping(b"00000001", line.now);
    assert_eq!(line.outbox.take_ping_taken(), None);
    assert!(line.poll().is_ready());
    assert!(line.outbox.take_ping_taken().is_some());
    assert_eq!(line.outbox.take_ping_taken(), None);
}

#[test]
fn a_dropped_body_frees_what_was_queued_and_refuses_more() {
    let mut line = Line::new();
    line.push(b"queued");
    line.body = None;
    assert_eq!((line.outbox.stage(), line.budget.used()), (Stage::Gone, 0));
    assert!(!line.push(b"more"));
}

#[test]
fn a_stream_that_is_gone_before_anybody_said_why_still_gets_its_cause() {
    let mut line = Line::new();
    line.body = None;
    assert!(line.outbox.end(Disconnect::WriteTimeout, line.now));
    assert_eq!(*line.outbox.why(), Some(Disconnect::WriteTimeout));
    assert_eq!(line.outbox.stage(), Stage::Gone);
}

#[test]
fn a_half_full_outbox_is_congested_until_it_has_drained() {
    let mut line = Line::new();
    line.push(&[0; 51]);
    assert!(line.outbox.is_congested());
    assert!(line.poll().is_ready());
    assert!(!line.outbox.is_congested());
}

#[test]
fn what_a_peer_asked_for_waits_for_room_in_order_and_never_makes_it_slow() {
    let mut line = Line::new();
    let half: [&[u8]; 6] = [&[1; 50], &[2; 50], &[3; 50], &[4; 50], &[5], &[6; 50]];
    assert!(half.iter().all(|frame| line.push_patiently(frame)));
    // The first two make it congested, the others wait; all are charged.
    assert_eq!((line.outbox.bytes(), line.budget.used()), (100, 251));
    assert!(line.outbox.is_congested() && line.outbox.why().is_none());
    assert_eq!(line.poll(), Poll::Ready(Some(Bytes::from_static(half[0]))));
    assert_eq!(line.outbox.bytes(), 100, "the third is in");
    assert_eq!(line.frames(), half[1..]);
    assert_eq!((line.outbox.bytes(), line.budget.used()), (0, 0));
    assert!(!line.outbox.is_congested());
    assert!(line.push(b"x"), "and the queue is as it was");
}

#[test]
fn what_waits_for_room_is_late_from_the_moment_when_it_finds_some() {
    let mut line = Line::new();
    line.now = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    let first: [&'static [u8]; 3] = [&[1; 50], &[2; 50], &[3; 50]];
    assert!(first.iter().all(|frame| line.push_patiently(frame)));
    assert_eq!(line.outbox.oldest(), Some(line.now));
    assert!(line.poll().is_ready() && line.poll().is_ready());
    assert!(line.outbox.oldest() > Some(line.now));
}

#[test]
fn what_waits_for_room_goes_before_a_drain_s_close_and_is_dropped_with_a_slow_peer_s_queue() {
    let frames: [&'static [u8]; 3] = [&[1; 50], &[2; 50], &[3; 50]];
    for (why, goes) in [(Disconnect::Drain, 3), (Disconnect::Slow, 0)] {
        let mut line = Line::new();
        assert!(frames.iter().all(|frame| line.push_patiently(frame)));
        line.outbox.end(why.clone(), line.now);
        assert!(!line.push_patiently(b"too late"));
        assert_eq!(line.budget.used(), 50 * goes, "{why:?}");
        assert_eq!(line.frames().len(), goes + 1, "{why:?}: and the close");
    }
    let line = Line::new();
    assert!(frames.iter().all(|frame| line.push_patiently(frame)));
    line.outbox.shed(line.now);
    assert_eq!(line.budget.used(), 0);
}
