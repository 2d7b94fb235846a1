//! A link outlives its connections: it notices when one is lost, and restores it as it should.
//! What no request may suffer by it is for `fates` and `storms` to prove.

use std::time::{Duration, Instant};

use holdline::dial::{End, Refusal};
use holdline::link::{Failure, Link, Loss, Options, State};

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage, until};
use crate::settings::options;
use crate::watching::{comes_to, echoes, goes_down, opens, waits};

#[tokio::test]
async fn a_lost_connection_is_restored_however_it_was_lost() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let link = Link::open(options(relay.address(), "/ws/echo"));
    let mut watch = link.watch();
    opens(&mut watch).await;
    echoes(&link, "first").await;
    for (resets, loss) in [(false, End::Fin), (true, End::Reset)] {
        if resets {
            relay.reset().await
        } else {
            relay.cut().await
        }
        let again = opens(&mut watch).await;
        assert_eq!(again.last_loss.expect("a reason").0, Loss::Ended(loss));
        echoes(&link, "again").await;
    }
    assert_eq!(link.status().opened, 3);
}

#[tokio::test]
async fn a_watch_tells_every_change_once() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let link = Link::open(options(relay.address(), "/ws/echo"));
    let mut watch = link.watch();
    echoes(&link, "open").await;
    relay.cut().await;
    until("a second one", PATIENCE, async || link.status().opened, |opened| *opened == 2).await;
    link.disconnect().await;
    let mut seen = Vec::new();
    let down = async {
        while let Some(status) = watch.changed().await {
            seen.push((status.state.name(), status.attempts));
            if status.state == State::Closed {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, down).await.expect("it goes down");
    let once = [("CONNECTING", 1), ("OPEN", 0), ("CLOSING", 0), ("CLOSED", 0)];
    let again = [&once[..2], &once].concat();
    assert_eq!(seen, again);
}

#[tokio::test]
async fn after_a_long_life_the_first_try_is_made_at_once() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let mut options = options(relay.address(), "/ws/echo");
    // Any wait would outlast the test.
    (options.patience.backoff_first, options.patience.backoff_max) = (PATIENCE * 9, PATIENCE * 9);
    options.patience.stable_after = Duration::from_millis(50);
    let link = Link::open(options);
    let mut watch = link.watch();
    opens(&mut watch).await;
    let _ = until(
        "a long life",
        PATIENCE,
        async || link.status().since.elapsed(),
        |age| age.as_ref().is_ok_and(|age| *age > Duration::from_millis(60)),
    )
    .await;
    relay.cut().await;
    opens(&mut watch).await;
}

#[tokio::test]
async fn after_a_short_life_a_wait_is_drawn_and_each_is_drawn_from_more() {
    let server = Foreign::start(Kind::NodeWs).await;
    let relay = Relay::to(server.address()).await;
    relay.refuse();
    let mut options = options(relay.address(), "/echo");
    options.patience.backoff_first = Duration::from_millis(10);
    options.patience.backoff_max = Duration::from_secs(3600);
    let link = Link::open(options);
    let mut watch = link.watch();
    let mut waits_seen = Vec::new();
    while waits_seen.iter().all(|wait| *wait < Duration::from_millis(300)) {
        waits_seen.push(waits(&mut watch).await.1);
    }
    assert!(waits_seen.len() >= 5, "from 10 ms, doubling: {waits_seen:?}");
    assert_eq!(link.status().attempts as usize, waits_seen.len());
}

#[tokio::test]
async fn a_wrong_answer_is_told_and_the_server_is_asked_again() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    for (answer, label) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "status"),
        ("HTTP/1.1 101 Hm\r\n\r\n", "not_websocket"),
        ("220 mail.example ESMTP\r\n\r\n", "not_websocket"),
        ("", "hung_up"),
    ] {
        relay.answer_wrong(answer);
        let link = Link::open(options(relay.address(), "/ws/echo"));
        assert_eq!(waits(&mut link.watch()).await.0.label(), label);
        relay.pass();
        echoes(&link, "better").await;
    }
    relay.black_hole();
    let mut options = options(relay.address(), "/ws/echo");
    options.dial = options.dial.timeout(Duration::from_millis(200));
    let link = Link::open(options);
    assert_eq!(waits(&mut link.watch()).await.0.label(), "timeout");
    relay.pass();
    echoes(&link, "better").await;
}

#[tokio::test]
async fn a_server_that_vanished_is_noticed_by_the_heartbeat() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let link = Link::open(options(relay.address(), "/ws/echo"));
    let mut watch = link.watch();
    opens(&mut watch).await;
    relay.half_open().await;
    let began = Instant::now();
    let again = opens(&mut watch).await;
    let noticed = Loss::Ended(End::NoPong(Duration::from_millis(400)));
    assert_eq!(again.last_loss.expect("a reason").0, noticed);
    assert!(began.elapsed() < Duration::from_millis(400 + 400 + 1000), "{:?}", began.elapsed());
    echoes(&link, "back").await;
}

#[tokio::test]
async fn without_pings_a_vanished_server_is_not_noticed() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let quiet = Options { ping_interval: None, ..options(relay.address(), "/ws/echo") };
    let (quiet, careful) = (Link::open(quiet), Link::open(options(relay.address(), "/ws/echo")));
    let (mut first, mut second) = (quiet.watch(), careful.watch());
    opens(&mut first).await;
    opens(&mut second).await;
    relay.half_open().await;
    opens(&mut second).await;
    assert_eq!((quiet.state(), quiet.status().opened), (State::Open, 1), "nothing tells it");
}

#[tokio::test]
async fn a_stall_that_is_shorter_than_the_pong_timeout_is_no_loss() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let mut options = options(relay.address(), "/ws/echo");
    options.pong_timeout = PATIENCE;
    let link = Link::open(options);
    echoes(&link, "before").await;
    relay.stall();
    let asking = tokio::spawn({
        let link = link.clone();
        async move { link.request("through the stall").await }
    });
    until("a request on its way", PATIENCE, async || link.status().in_flight, |it| *it == 1).await;
    relay.resume();
    assert_eq!(asking.await.expect("no panic"), Ok("through the stall".into()));
    assert_eq!(link.status().opened, 1);
}

#[tokio::test]
async fn a_trickling_line_is_slow_and_not_dead() {
    let server = Foreign::start(Kind::NodeWs).await;
    let relay = Relay::to(server.address()).await;
    let mut options = options(relay.address(), "/echo");
    // Far shorter than the message takes: only a standstill may end it. A pong cannot overtake it.
    (options.write_timeout, options.pong_timeout) = (Duration::from_millis(300), PATIENCE);
    let link = Link::open(options);
    echoes(&link, "fast").await;
    relay.slow(20_000, Duration::from_millis(10));
    let began = Instant::now();
    assert_eq!(link.send("x".repeat(6_000_000)).await, Ok(()));
    assert!(began.elapsed() > Duration::from_millis(900), "it was not slow");
    assert_eq!(link.status().opened, 1);
}

#[tokio::test]
async fn a_server_that_reads_nothing_is_given_up_after_the_write_timeout() {
    let server = Foreign::start(Kind::NodeWs).await;
    let mut options = options(server.address(), "/deaf");
    options.write_timeout = Duration::from_millis(300);
    options.ping_interval = None;
    let link = Link::open(options);
    let large = vec![0_u8; 12 * 1024 * 1024];
    let failure = link.request(bytes::Bytes::from(large)).await.expect_err("nobody reads it");
    let timeout = End::WriteTimeout(Duration::from_millis(300));
    assert_eq!(failure, Failure::Lost(Loss::Ended(timeout)));
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_not_asked_again_until_told() {
    for (kind, target) in [
        (Kind::NodeWs, "/refuse/401"),
        (Kind::Gorilla, "/refuse/403"),
        (Kind::NodeWs, "/close/1008"),
    ] {
        let server = Foreign::start(kind).await;
        let relay = Relay::to(server.address()).await;
        let link = Link::open(options(relay.address(), target));
        let mut watch = link.watch();
        let _ = link.send("go on").await;
        let loss = goes_down(&mut watch).await;
        let known = loss.code().or(loss.http_status());
        assert!(target.ends_with(&known.expect("a number").to_string()), "{target}: {loss}");
        let failure = link.request("anybody?").await.expect_err("it is down");
        assert_eq!(failure, Failure::Down(Some(loss)));
        assert!(!failure.maybe_sent());
        assert_eq!(relay.accepted(), 1, "nobody asked again");
        link.reconnect().await;
        until("a new try", PATIENCE, async || relay.accepted(), |accepted| *accepted == 2).await;
    }
}

#[tokio::test]
async fn a_busy_server_gets_the_time_it_asks_for() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.answer_wrong("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n");
    let link = Link::open(options(relay.address(), "/ws/echo"));
    let (loss, wait) = waits(&mut link.watch()).await;
    assert!(matches!(&loss, Loss::Refused(Refusal::Status(answer)) if answer.status == 503));
    assert!(wait > Duration::from_millis(6500), "the next try is in {wait:?}");
    // Told to, it tries at once.
    relay.pass();
    link.reconnect().await;
    echoes(&link, "not so busy after all").await;

    let server = Foreign::start(Kind::PythonWebsockets).await;
    let link = Link::open(options(server.address(), "/close/1013"));
    let mut watch = link.watch();
    let _ = link.send("go on").await;
    let (loss, wait) = waits(&mut watch).await;
    assert_eq!(loss.code(), Some(1013));
    assert!(wait > Duration::from_millis(4500), "the next try is in {wait:?}");
}

#[tokio::test]
async fn a_disconnect_stays_down_until_told_otherwise() {
    let mut stage = Stage::backend().start().await;
    let link = Link::open(options(stage.address(), "/ws/echo"));
    let mut watch = link.watch();
    echoes(&link, "in").await;
    link.disconnect().await;
    assert_eq!(link.state(), State::Closed);
    let loss = goes_down(&mut watch).await;
    assert_eq!(loss.to_string(), "closed by us with 1000 (normal closure)");
    let failure = link.request("anybody?").await;
    assert_eq!(failure, Err(Failure::Down(None)));
    let log = stage.node().log().clone();
    let ends = async || log.about("end").into_iter().filter(|line| line.has("reason")).count();
    until("an end in the log", PATIENCE, ends, |ends| *ends == 1).await;
    assert!(stage.ends()[0].says("reason", "peer_closed") && stage.ends()[0].says("code", "1000"));
    link.disconnect().await;
    link.reconnect().await;
    echoes(&link, "in again").await;
    link.reconnect().await;
    assert_eq!(link.status().opened, 2, "an open link is left as it is");
}

#[tokio::test]
async fn replies_that_come_before_the_goodbyes_answer_are_delivered() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let mut options = options(relay.address(), "/ws/echo");
    options.close_timeout = PATIENCE;
    let link = Link::open(options);
    echoes(&link, "before").await;
    relay.stall();
    let asking = tokio::spawn({
        let link = link.clone();
        async move { link.request("just in time").await }
    });
    until("a request on its way", PATIENCE, async || link.status().in_flight, |it| *it == 1).await;
    let leaving = tokio::spawn({
        let link = link.clone();
        async move { link.disconnect().await }
    });
    until("a goodbye", PATIENCE, async || link.state(), |state| *state == State::Closing).await;
    relay.resume();
    assert_eq!(asking.await.expect("no panic"), Ok("just in time".into()));
    leaving.await.expect("no panic");
    assert_eq!(link.state(), State::Closed);
}

#[tokio::test]
async fn a_shutdown_closes_politely_and_ends_every_clone() {
    let stage = Stage::backend().start().await;
    let link = Link::open(options(stage.address(), "/ws/echo"));
    let (clone, mut watch, mut messages) = (link.clone(), link.watch(), link.messages());
    echoes(&link, "in").await;
    link.shutdown().await;
    assert_eq!(clone.request("anybody?").await, Err(Failure::Shutdown(false)));
    assert_eq!(clone.state(), State::Closed);
    let over = async { while watch.changed().await.is_some() {} };
    tokio::time::timeout(PATIENCE, over).await.expect("the watch ends");
    assert!(messages.recv().await.is_err(), "no message comes any more");
    assert!(clone.watch().changed().await.is_some(), "the last status is still told");
}

#[tokio::test]
async fn the_last_clones_end_closes_the_connection() {
    let stage = Stage::backend().start().await;
    let link = Link::open(options(stage.address(), "/ws/echo"));
    echoes(&link, "in").await;
    drop(link);
    let ends = stage.all_ended().await;
    assert!(ends[0].says("reason", "peer_closed"), "{ends:?}");
}
