//! The end of a bridge: nobody is let in, those inside finish, servers are told.
//! Streams of messages end in `messages`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::bridge::{Bridge, ask_patiently, freeze, problem, thaw};
use crate::harness::wait::undisturbed;
use crate::harness::{PATIENCE, Stage, until};

/// A drain that waits for anything it need not wait for lasts longer than the test.
const LONG: [&str; 2] = ["--drain-timeout", "180s"];

#[tokio::test]
async fn requests_that_are_being_served_end_well_newcomers_are_refused_and_the_link_says_goodbye() {
    let mut stage = Stage::backend().start().await;
    let mut bridge = Bridge::to_echo(&stage, &LONG).await;
    freeze(&mut stage).await;
    let inside = tokio::spawn(ask_patiently(bridge.address, "inside"));
    bridge.has("in_flight", 1).await;
    bridge.terminate();
    let look = async || bridge.get("/readyz").await;
    let answer = until("a drain", PATIENCE, look, |answer| answer.status == 503).await;
    assert!(answer.text().contains("draining"), "{}", answer.text());
    let answer = bridge.post("/sh", "late").await;
    problem(&answer, 503, "shutdown", None);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(bridge.get("/healthz").await.status, 200, "it lives still");
    thaw(&mut stage);
    let answer = inside.await.expect("it was asked");
    assert_eq!((answer.status, answer.text().as_str()), (200, "inside"));
    assert!(bridge.process.ended(PATIENCE).await.success());
    let look = async || stage.ends();
    let ends = until("an end", PATIENCE, look, |ends| !ends.is_empty()).await;
    assert!(ends[0].says("reason", "peer_closed") && ends[0].says("code", "1000"), "{ends:?}");
    assert!(bridge.troubles().is_empty(), "{:?}", bridge.troubles());
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_and_told_so() {
    let mut stage = Stage::backend().start().await;
    let mut bridge = Bridge::to_echo(&stage, &["--drain-timeout", "200ms"]).await;
    freeze(&mut stage).await;
    let inside = tokio::spawn(ask_patiently(bridge.address, "inside"));
    bridge.has("in_flight", 1).await;
    bridge.terminate();
    let answer = inside.await.expect("it was asked");
    problem(&answer, 502, "lost", Some("maybe"));
    assert!(bridge.process.ended(PATIENCE).await.success());
    assert!(bridge.process.log.lines().iter().any(|line| line.words.contains("cut short")));
    thaw(&mut stage);
}

#[tokio::test]
async fn a_request_that_waits_for_a_server_is_told_at_the_end_that_it_was_not_sent() {
    let mut stage = Stage::backend().start().await;
    let mut bridge = Bridge::to_echo(&stage, &["--drain-timeout", "200ms"]).await;
    stage.node().kill().await;
    bridge.is("RECONNECTING").await;
    let inside = tokio::spawn(ask_patiently(bridge.address, "inside"));
    bridge.has("queued", 1).await;
    bridge.terminate();
    problem(&inside.await.expect("it was asked"), 503, "shutdown", Some("no"));
    assert!(bridge.process.ended(PATIENCE).await.success());
}

#[tokio::test]
async fn an_idle_bridge_ends_at_once_also_by_ctrl_c() {
    let stage = Stage::backend().start().await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut bridge = Bridge::to_echo(&stage, &LONG).await;
        bridge.process.signal(signal);
        assert!(bridge.process.ended(PATIENCE).await.success());
        stage.holds(0).await;
    }
}

/// A supervisor that signals the process and its group has asked once, also where the process stands
/// still in between and sees the second signal long after it came.
#[tokio::test]
async fn a_signal_that_comes_twice_is_one() {
    let mut stage = Stage::backend().start().await;
    undisturbed("two signals within a moment", async || {
        let mut bridge = Bridge::to_echo(&stage, &LONG).await;
        freeze(&mut stage).await;
        let inside = tokio::spawn(ask_patiently(bridge.address, "inside"));
        bridge.has("in_flight", 1).await;
        let began = Instant::now();
        bridge.terminate();
        tokio::time::sleep(Duration::from_millis(20)).await;
        bridge.process.signal(Signal::STOP);
        bridge.process.signal(Signal::INT);
        let is_one = began.elapsed() < Duration::from_millis(100);
        tokio::time::sleep(Duration::from_millis(200)).await;
        bridge.process.signal(Signal::CONT);
        tokio::time::sleep(Duration::from_millis(200)).await;
        thaw(&mut stage);
        let inside = inside.await;
        if !is_one {
            return None;
        }
        assert_eq!(inside.expect("it was asked").text(), "inside");
        assert!(bridge.process.ended(PATIENCE).await.success());
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut stage = Stage::backend().start().await;
    let mut bridge = Bridge::to_echo(&stage, &LONG).await;
    freeze(&mut stage).await;
    let address = bridge.address;
    let inside = tokio::spawn(async move {
        let target = "/sh?timeout=60s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        let request = format!("POST {target}");
        crate::harness::http::send(address, request.as_bytes()).await
    });
    bridge.has("in_flight", 1).await;
    bridge.terminate();
    let look = async || bridge.get("/readyz").await.status;
    until("a drain", PATIENCE, look, |status| *status == 503).await;
    // Sent again until it is one: signals of the same moment count as one.
    let look = async || {
        bridge.process.signal(Signal::TERM);
        bridge.process.status()
    };
    let status = until("an end", PATIENCE, look, Option::is_some).await;
    assert_eq!(status.and_then(|status| status.code()), Some(1));
    assert!(inside.await.expect("it was asked").is_err());
    thaw(&mut stage);
}
