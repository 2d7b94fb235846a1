//! When a link gives a connection up and when it does not, and how that looks to the server.
//! What the link does next is for `supervision` to prove.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use holdline::dial::{Dial, End};
use holdline::link::{Failure, Link, Loss, Options, State};
use holdline::metrics::LinkMetrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::wait::undisturbed;
use crate::harness::{PATIENCE, until};
use crate::raw::{Raw, close_codes};
use crate::settings::options;

/// Everything that the link says until it hangs up, and how it does.
async fn heard(stream: &mut TcpStream) -> (Vec<u8>, io::Result<usize>) {
    let mut heard = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    (heard, end.expect("it hangs up"))
}

#[tokio::test]
async fn a_server_that_does_not_reply_in_time_is_told_goodbye() {
    let server = Raw::start();
    let close_timeout = Duration::from_millis(300);
    let link = Link::open(Options { close_timeout, ..options(server.address(), "/") });
    let mut stream = server.accept().await;
    until("OPEN", PATIENCE, async || link.status().opened, |opened| *opened == 1).await;
    let limit = Duration::from_millis(200);
    let failure = link.request_within("anybody?", limit).await;
    assert_eq!(failure, Err(Failure::NoReplyInTime(limit)));
    // The next connection does not wait for the goodbye's answer, which never comes.
    let _next = server.accept().await;
    let (heard, end) = heard(&mut stream).await;
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(close_codes(&heard), [1000]);
}

#[tokio::test]
async fn a_server_that_is_silent_is_reset_because_nobody_reads_a_goodbye() {
    let server = Raw::start();
    let pong_timeout = Duration::from_millis(400);
    let link = Link::open(Options { pong_timeout, ..options(server.address(), "/") });
    let (heard, end) = heard(&mut server.accept().await).await;
    assert_eq!(end.expect_err("no FIN").kind(), io::ErrorKind::ConnectionReset);
    assert!(close_codes(&heard).is_empty());
    let noticed = Loss::Ended(End::NoPong(pong_timeout));
    assert_eq!(link.status().last_loss.expect("a loss").0, noticed);
}

#[tokio::test]
async fn only_a_ping_starts_the_time_for_a_pong() {
    let server = Foreign::start(Kind::NodeWs).await;
    undisturbed("pongs", async || {
        let metrics = Arc::new(LinkMetrics::new(&[], &[], &[]));
        let link = Link::open(Options {
            // What is sent just after a pong has no answer for longer than a pong may take.
            ping_interval: Some(Duration::from_millis(2000)),
            pong_timeout: Duration::from_millis(900),
            metrics: Some(metrics.clone()),
            ..options(server.address(), "/mute")
        });
        let lost = || link.status().last_loss.is_some();
        for number in 1..=2 {
            let pongs = async || (metrics.pongs_received.get(), lost());
            until("a pong", PATIENCE, pongs, |(pongs, lost)| *pongs == number || *lost).await;
            let _ = link.send("not answered").await;
        }
        let (pings, pongs) = (metrics.pings_sent.get(), metrics.pongs_received.get());
        // A pong that the machine made late is a loss, and rightly so.
        assert!(!lost() || pings > pongs, "lost, and no ping was unanswered");
        (!lost()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn any_whole_frame_is_a_sign_of_life() {
    // A message, a ping, a pong that answers nothing; a part of a message is none.
    for frame in [&b"\x81\x02hi"[..], b"\x89\x02hi", b"\x8a\x02hi"] {
        undisturbed("a sign of life", async || outlives_a_ping(frame).await.then_some(())).await;
    }
    assert!(!outlives_a_ping(b"\x81\x7d-").await);
}

/// Whether a link pings a second time a server that answers no ping, but says this after each.
async fn outlives_a_ping(frame: &[u8]) -> bool {
    let server = Raw::start();
    let mut options = options(server.address(), "/");
    options.ping_interval = Some(Duration::from_millis(700));
    options.pong_timeout = Duration::from_millis(600);
    let _link = Link::open(options);
    let mut stream = server.accept().await;
    let mut heard = vec![0; 1024];
    let mut pings = 0;
    while pings < 2 {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await;
        let read = read.expect("a ping, or the end");
        if !read.as_ref().is_ok_and(|read| *read > 0) {
            return false;
        }
        if heard[0] == 0x89 {
            pings += 1;
            // It may have been given up meanwhile; the next read tells.
            let _ = stream.write_all(frame).await;
        }
    }
    true
}

#[tokio::test]
async fn a_goodbye_that_nobody_answers_ends_in_time_and_costs_no_processor_time() {
    let server = Raw::start();
    let close_timeout = Duration::from_millis(1000);
    let link = Link::open(Options { close_timeout, ..options(server.address(), "/") });
    let mut stream = server.accept().await;
    until("OPEN", PATIENCE, async || link.status().opened, |opened| *opened == 1).await;
    // The last handle's end; whatever spins now spins on this thread.
    let before = busy();
    drop(link);
    let (heard, end) = heard(&mut stream).await;
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(close_codes(&heard), [1000]);
    let spent = busy() - before;
    assert!(spent < close_timeout / 4, "{spent:?} of processor time");
}

#[tokio::test]
async fn who_closed_first_is_told_whoever_closes_after_it() {
    let server = Raw::start();
    let link = Link::open(options(server.address(), "/"));
    let mut stream = server.accept().await;
    stream.write_all(&[0x88, 2, 0x03, 0xe9]).await.expect("it reads");
    until("CLOSING", PATIENCE, async || link.state(), |state| *state == State::Closing).await;
    let mut leaving = Box::pin(link.disconnect());
    assert!(futures_util::poll!(&mut leaving).is_pending());
    // What is asked after it is refused, so that it is known by then.
    assert_eq!(link.request("too late").await, Err(Failure::Down(None)));
    assert_eq!(link.state(), State::Closing);
    stream.shutdown().await.expect("it stands");
    leaving.await;
    let (loss, _) = link.status().last_loss.expect("a loss");
    assert_eq!(loss, Loss::Ended(End::ClosedByServer(1001, String::new())));
    assert_eq!(close_codes(&heard(&mut stream).await.0), [1001], "answered, once");
}

#[tokio::test]
async fn pings_that_queue_up_do_not_hide_a_standstill() {
    let server = Foreign::start(Kind::NodeWs).await;
    let mut options = options(server.address(), "/deaf");
    options.write_timeout = Duration::from_millis(400);
    (options.ping_interval, options.pong_timeout) = (Some(Duration::from_millis(50)), PATIENCE);
    let link = Link::open(options);
    let large = bytes::Bytes::from(vec![0; 12 * 1024 * 1024]);
    let failure = link.request(large).await.expect_err("nobody reads it");
    let timeout = End::WriteTimeout(Duration::from_millis(400));
    assert_eq!(failure, Failure::Lost(Loss::Ended(timeout)));
}

#[tokio::test]
async fn a_goodbyes_text_is_cut_to_what_a_close_frame_holds() {
    let server = Raw::start();
    let dial = Dial::new(format!("ws://{}", server.address()).parse().expect("a good URL"));
    let (opened, mut stream) = tokio::join!(dial.open(), server.accept());
    let mut line = opened.expect("it opens").0;
    // 122 bytes of two each fit into 123, and no half letter.
    line.close(4000, &"é".repeat(99));
    assert!(!line.is_writable(), "nothing follows a close frame");
    let finishing = tokio::spawn(line.finish(PATIENCE));
    let mut frame = vec![0; 6 + 2 + 122];
    stream.read_exact(&mut frame).await.expect("a close frame");
    assert_eq!(frame[..2], [0x88, 0x80 | 124]);
    assert_eq!(close_codes(&frame), [4000]);
    drop(stream);
    assert_eq!(finishing.await.expect("no panic"), End::ClosedByUs(4000));
}

/// The processor time that this thread has used.
fn busy() -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = schedule.split_whitespace().next().expect("a number");
    Duration::from_nanos(nanoseconds.parse().expect("a number"))
}
