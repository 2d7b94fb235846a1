//! A link outlives its connections: it restores a lost one as it should.
//! What no request may suffer by it is for `fates` and `storms` to prove, which silence is a loss for `silence`.

use std::time::Duration;

use holdline::dial::{End, Refusal};
use holdline::link::{Failure, Link, Loss, State, Status};

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
        let waiting = |status: &Status| matches!(status.state, State::Reconnecting(_));
        let status = comes_to(&mut watch, "RECONNECTING", waiting).await;
        let State::Reconnecting(at) = status.state else { unreachable!("it was looked for") };
        waits_seen.push(at.duration_since(status.since).unwrap_or_default());
        assert_eq!(status.attempts as usize, waits_seen.len());
    }
    assert!(waits_seen.len() >= 5, "from 10 ms, doubling: {waits_seen:?}");
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
    options.dial = options.dial.timeout(Duration::from_millis(500));
    let link = Link::open(options);
    assert_eq!(waits(&mut link.watch()).await.0.label(), "timeout");
    relay.pass();
    echoes(&link, "better").await;
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
    assert!(wait >= Duration::from_secs(7), "the next try is in {wait:?}");
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
    assert!(wait >= Duration::from_secs(5), "the next try is in {wait:?}");
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
