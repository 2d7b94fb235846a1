//! How the guard behaves as a stream: one poll per message, bounded work, and the end passed on.
//! Leaves to `reading.rs`: the rules of the protocol.

use std::future::poll_fn;

use super::*;

fn waker() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken::default());
    (Arc::clone(&woken), Waker::from(woken))
}

#[test]
fn each_poll_gives_a_message_while_there_is_one_and_wakes_nobody() {
    let (woken, waker) = waker();
    let mut stage = Stage::new(LIMITS);
    stage.wire.send(&[frame(FIN | TEXT, b"1"), frame(FIN | TEXT, b"2")].concat());
    stage.wire.send(&frame(FIN | TEXT, b"3"));
    for text in [b"1", b"2", b"3"] {
        let Poll::Ready(Some(Ok(received))) = stage.poll(&waker) else { panic!("no message") };
        assert_eq!(received, whole(TEXT, text));
    }
    assert!(stage.poll(&waker).is_pending());
    assert!(!woken.take(), "a wake-up for nothing");
    stage.wire.send(&frame(FIN | TEXT, b"next"));
    assert!(woken.take(), "the byte stream has the task's waker");
}

#[test]
fn each_message_has_an_allocation_of_its_own() {
    let mut stage = Stage::new(LIMITS);
    let mut given = stage.send(frame(FIN | BINARY, b"of one read").repeat(3));
    given.extend(stage.send(frame(FIN | BINARY, b"of another")));
    assert_eq!(given.len(), 4);
    for received in given {
        let Received::Message(Message::Binary(bytes)) = received else { panic!("{received:?}") };
        assert!(bytes.is_unique(), "{bytes:?} shares its memory");
    }
}

#[test]
fn a_chunk_goes_with_the_last_message_in_it() {
    let mut stage = Stage::new(LIMITS);
    let chunk = Bytes::from(frame(FIN | TEXT, b"one").repeat(2));
    stage.wire.push(Some(Ok(chunk.clone())));
    assert!(stage.poll(Waker::noop()).is_ready());
    assert!(!chunk.is_unique());
    // A connection that pauses now reads no further.
    assert!(stage.poll(Waker::noop()).is_ready());
    assert!(chunk.is_unique());
}

#[actix_rt::test]
async fn a_waiting_task_is_woken_for_every_message() {
    let mut stage = Stage::new(LIMITS);
    let wire = stage.wire.clone();
    let reader = actix_rt::spawn(async move {
        let mut count = 0;
        while let Some(Ok(Received::Message(_))) = poll_fn(|cx| stage.poll(cx.waker())).await {
            count += 1;
        }
        count
    });
    for _ in 0..100 {
        actix_rt::task::yield_now().await;
        wire.send(&frame(FIN | TEXT, b"several").repeat(3)[..25]);
        actix_rt::task::yield_now().await;
        wire.send(&frame(FIN | TEXT, b"several").repeat(3)[25..]);
    }
    wire.finish();
    let count = actix_rt::time::timeout(std::time::Duration::from_secs(60), reader);
    assert_eq!(count.await.expect("the task hangs").unwrap(), 300);
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
                Poll::Ready(Some(Ok(received))) => given.push(received),
                Poll::Ready(end) => break end,
                Poll::Pending => panic!("it hangs"),
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
