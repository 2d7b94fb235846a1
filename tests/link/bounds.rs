//! Whatever a server does, a link keeps no more of it than it was told to; whatever it is told, it
//! neither falls over nor spins.
//! How a request fails over a queue's limit is for `fates` to prove.

use std::time::{Duration, Instant};

use holdline::dial::{Dial, Line};
use holdline::link::{Failure, Link, Options, Patience, State};
use holdline::metrics::LinkMetrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::{PATIENCE, Stage, until};
use crate::raw::Raw;
use crate::settings::options;

#[tokio::test]
async fn pings_that_cannot_be_answered_are_not_read_either() {
    let server = Raw::start();
    let mut options = options(server.address(), "/");
    (options.ping_interval, options.write_timeout) = (None, Duration::from_secs(3));
    let link = Link::open(options);
    let mut stream = server.accept().await;
    // It pings as fast as it can and reads no pong: 64 MiB, or until the link has had enough.
    let pings = [&[0x89, 125][..], &[b'x'; 125]].concat().repeat(1024);
    let mut written = 0;
    while written < 64 << 20 && stream.write_all(&pings).await.is_ok() {
        written += pings.len();
    }
    assert!(written < 32 << 20, "{written} bytes of pings were taken");
    let lost = async || link.status().last_loss.map(|(loss, _)| loss.label());
    until("a loss", PATIENCE, lost, |loss| *loss == Some("write_timeout")).await;
}

#[tokio::test]
async fn pings_that_can_be_answered_are_read_however_many() {
    let server = Raw::start();
    let link = Link::open(options(server.address(), "/"));
    let (mut messages, stream) = (link.messages(), server.accept().await);
    let (mut read, mut write) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut heard = vec![0; 16 * 1024];
        while read.read(&mut heard).await.is_ok_and(|read| read > 0) {}
    });
    // Answered by far more than may wait for the wire at once.
    let pings = [&[0x89, 125][..], &[b'x'; 125]].concat().repeat(4096);
    let saying = async {
        write.write_all(&pings).await.expect("it reads");
        write.write_all(b"\x81\x04done").await.expect("it reads");
        messages.recv().await
    };
    let told = tokio::time::timeout(PATIENCE, saying).await.expect("it reads on");
    assert_eq!(told, Ok("done".into()));
    drop(write);
    reading.await.expect("no panic");
}

#[tokio::test]
async fn empty_messages_fill_the_wires_queue_too() {
    let server = Raw::start();
    let dial = Dial::new(format!("ws://{}", server.address()).parse().expect("a good URL"));
    let (opened, _stream) = tokio::join!(dial.open(), server.accept());
    let mut line: Line = opened.expect("it opens").0;
    for _ in 0..100_000 {
        if !line.is_writable() {
            return;
        }
        line.send("".into());
    }
    panic!("100,000 messages are queued, and there is still room");
}

#[tokio::test]
async fn unasked_messages_that_nobody_reads_are_kept_up_to_a_number_of_bytes() {
    let server = Raw::start();
    let options = Options { unasked_bytes_max: 40_000, ..options(server.address(), "/") };
    let link = Link::open(options);
    let (mut behind, mut stream) = (link.messages(), server.accept().await);
    let mut reader = link.messages();
    for number in 0..10_u8 {
        let message = [&[0x82, 126, 0x27, 0x10][..], &[number; 10_000]].concat();
        stream.write_all(&message).await.expect("it reads");
        let message = tokio::time::timeout(PATIENCE, reader.recv()).await.expect("it comes");
        assert_eq!(message.expect("a reader misses nothing").as_bytes()[0], number);
    }
    assert_eq!(behind.recv().await, Err(RecvError::Lagged(6)));
    for number in 6..10 {
        assert_eq!(behind.try_recv().expect("it was kept").as_bytes()[0], number);
    }
    assert_eq!(behind.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test]
async fn the_latest_unasked_message_is_kept_whatever_its_size() {
    let server = Raw::start();
    let options = options(server.address(), "/");
    let link = Link::open(Options { unasked_max: 0, unasked_bytes_max: 0, ..options });
    let (mut messages, mut stream) = (link.messages(), server.accept().await);
    stream.write_all(b"\x81\x03one\x81\x03two").await.expect("it reads");
    let mut reader = link.messages();
    while tokio::time::timeout(PATIENCE, reader.recv()).await.expect("it comes") != Ok("two".into())
    {
    }
    assert_eq!(messages.recv().await, Err(RecvError::Lagged(1)));
    assert_eq!(messages.recv().await, Ok("two".into()));
}

#[tokio::test]
async fn a_link_told_to_wait_for_ever_still_works() {
    let stage = Stage::backend().start().await;
    let ever = Duration::MAX;
    let link = Link::open(Options {
        request_timeout: ever,
        ping_interval: Some(ever),
        pong_timeout: ever,
        write_timeout: ever,
        close_timeout: ever,
        patience: Patience {
            backoff_first: ever,
            backoff_max: ever,
            stable_after: ever,
            busy_wait: ever,
        },
        queue_max: usize::MAX,
        queue_bytes_max: usize::MAX,
        in_flight_max: usize::MAX,
        message_bytes_max: usize::MAX,
        unasked_max: usize::MAX,
        unasked_bytes_max: usize::MAX,
        ..options(stage.address(), "/ws/echo")
    });
    assert_eq!(link.request("one").await, Ok("one".into()));
    assert_eq!(link.request_within("two", ever).await, Ok("two".into()));
    assert_eq!(link.send("three").await, Ok(()));
    tokio::time::timeout(PATIENCE, link.disconnect()).await.expect("the backend answers");
    // A wait is drawn from all of time.
    stage_is_gone(&link, stage).await;
    assert!(matches!(link.state(), State::Reconnecting(_)), "{:?}", link.state());
    tokio::time::timeout(PATIENCE, link.shutdown()).await.expect("nothing is to be waited for");
}

async fn stage_is_gone(link: &Link, mut stage: Stage) {
    stage.node().kill().await;
    link.reconnect().await;
    let waiting = |state: &State| matches!(state, State::Reconnecting(_));
    until("a wait", PATIENCE, async || link.state(), waiting).await;
}

#[tokio::test]
async fn a_link_told_to_wait_for_nothing_names_its_failures() {
    let stage = Stage::backend().start().await;
    let link = Link::open(Options {
        request_timeout: Duration::ZERO,
        in_flight_max: 0,
        ..options(stage.address(), "/ws/echo")
    });
    let failure = link.request("never").await.expect_err("there is no time");
    assert!(matches!(failure, Failure::NotSentInTime(Duration::ZERO, _)), "{failure}");
    assert_eq!(link.request_within("one at a time", PATIENCE).await, Ok("one at a time".into()));
    let failure = link.request("never").await;
    assert_eq!(failure, Err(Failure::NotSentInTime(Duration::ZERO, None)), "also while it is open");
    assert_eq!(link.request_within("still", PATIENCE).await, Ok("still".into()));
    assert_eq!(link.status().opened, 1);
}

#[tokio::test]
async fn pings_have_a_shortest_interval() {
    let server = Foreign::start(Kind::NodeWs).await;
    let metrics = std::sync::Arc::new(LinkMetrics::new(&[], &[], &[]));
    let link = Link::open(Options {
        ping_interval: Some(Duration::ZERO),
        metrics: Some(metrics.clone()),
        ..options(server.address(), "/late/200")
    });
    let began = Instant::now();
    assert_eq!(link.request("one").await, Ok("one".into()));
    let most = began.elapsed().as_millis() as u64 / 9 + 2;
    assert!(metrics.pings_sent.get() <= most, "{} of {most}", metrics.pings_sent.get());
}
