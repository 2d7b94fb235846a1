//! How the guard behaves as a stream: one frame per batch, bounded work, and the end passed on.
//! Leaves to `through_actix.rs`: what actix-ws makes of it.

use super::*;

fn waker() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken::default());
    (Arc::clone(&woken), Waker::from(woken))
}

fn is_frame(poll: &Poll<Option<Result<Bytes, PayloadError>>>) -> bool {
    matches!(poll, Poll::Ready(Some(Ok(bytes))) if !bytes.is_empty())
}

#[test]
fn a_batch_is_one_frame_and_the_task_is_woken_only_if_there_is_more() {
    let (woken, waker) = waker();
    let mut stage = Stage::new(LIMITS);
    stage.wire.send(&[frame(FIN | TEXT, b"1"), frame(FIN | TEXT, b"2")].concat());
    stage.wire.send(&frame(FIN | TEXT, b"3"));
    for more in [true, true, false] {
        assert!(is_frame(&stage.poll(&waker)));
        assert!(stage.poll(&waker).is_pending());
        assert_eq!(woken.take(), more);
    }
}

#[test]
fn when_nothing_follows_the_last_frame_is_displaced_once() {
    let (woken, waker) = waker();
    let mut stage = Stage::new(LIMITS);
    stage.wire.send(&frame(FIN | TEXT, b"last"));
    assert!(is_frame(&stage.poll(&waker)));
    assert!(stage.poll(&waker).is_pending());
    assert!(matches!(stage.poll(&waker), Poll::Ready(Some(Ok(empty))) if empty.is_empty()));
    assert!(stage.poll(&waker).is_pending());
    assert!(stage.poll(&waker).is_pending());
    assert!(!woken.take());
    stage.wire.send(&frame(FIN | TEXT, b"next"));
    assert!(woken.take(), "the byte stream has the task's waker");
}

#[test]
fn one_poll_does_a_bounded_amount_of_work() {
    /// A peer that is never out of bytes, and a count of those that were taken.
    struct Endless(Rc<std::cell::Cell<usize>>);
    impl Stream for Endless {
        type Item = Result<Bytes, PayloadError>;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.set(self.0.get() + 1);
            Poll::Ready(Some(Ok(Bytes::from_static(b"endless"))))
        }
    }
    let (woken, waker) = waker();
    let taken = Rc::new(std::cell::Cell::new(0));
    let observed = Rc::new(Observed::default());
    let mut guard = Guard::new(Endless(Rc::clone(&taken)), LIMITS, Rc::clone(&observed));
    observed.swallow();
    for polls in 1..=3 {
        assert!(Pin::new(&mut guard).poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert!(woken.take());
        assert_eq!(taken.get(), polls * CHUNKS_PER_POLL);
    }
}

#[test]
fn what_was_whole_is_given_out_before_the_end_is_passed_on() {
    for fails in [false, true] {
        let mut stage = Stage::new(LIMITS);
        stage.wire.send(&[frame(FIN | TEXT, b"1"), frame(FIN | TEXT, b"2")].concat());
        stage.wire.send(b"\x81");
        if fails {
            stage.wire.fail()
        } else {
            stage.wire.finish()
        };
        let mut given = Vec::new();
        let end = loop {
            match stage.poll(Waker::noop()) {
                Poll::Ready(Some(Ok(bytes))) => given.push(bytes),
                Poll::Ready(end) => break end,
                Poll::Pending => assert!(given.len() < 3, "it hangs"),
            }
        };
        assert_eq!(given, [whole(TEXT, b"1"), whole(TEXT, b"2")]);
        assert_eq!(matches!(end, Some(Err(PayloadError::Incomplete(_)))), fails);
        assert!(stage.observed.ended());
        assert!(matches!(stage.poll(Waker::noop()), Poll::Ready(None)), "and it stays ended");
    }
}

#[test]
fn an_end_in_the_middle_of_a_message_is_seen_too() {
    let mut stage = Stage::new(LIMITS);
    stage.send(frame(TEXT, b"begun"));
    assert!(!stage.observed.ended());
    stage.wire.fail();
    stage.drain();
    assert!(stage.observed.ended());
}

#[test]
fn neither_a_fault_nor_a_close_ends_the_stream() {
    let (woken, waker) = waker();
    for sent in [frame(FIN | 0x7, b""), frame(FIN | CLOSE, b"")] {
        let mut stage = Stage::new(LIMITS);
        assert_eq!(stage.send(sent).len(), 1);
        assert!(stage.poll(&waker).is_pending());
        stage.wire.finish();
        assert!(woken.take());
        assert!(matches!(stage.poll(&waker), Poll::Ready(None)));
        assert!(stage.observed.ended());
    }
}
