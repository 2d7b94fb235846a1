//! Promise 4, the dead: a peer that answers nothing, or is no longer there, is gone by the heartbeat,
//! whose times to the millisecond are proven beside it. The slow are in `slow_peers`.

use std::time::Duration;

use crate::harness::log::Line;
use crate::harness::namespace::Namespace;
use crate::harness::stage::Builder;
use crate::harness::{Peer, Stage, Tcp, Vice, until, wait::PATIENCE};

/// `pong_timeout` of [`brisk`]: as long as a machine that stands still may make a live peer silent.
const PONG_TIMEOUT: Duration = Duration::from_secs(5);

/// Nothing but the heartbeat ends a silent peer within the test's patience.
fn brisk(stage: Builder) -> Builder {
    stage.ping_interval("600ms").pong_timeout("5s").set("limits.close_timeout", "500ms")
}

#[tokio::test]
async fn a_mute_peer_behind_the_gateway_is_gone_in_time() {
    let stage = brisk(Stage::gateway()).start().await;
    let mut peer = stage.dial("/ws/echo").vice(Vice::Mute).open().await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1011, Tcp::Fin));
    let line = stage.ended_as(&peer, "no_pong", "1011").await;
    had_its_time(&line);
    stage.holds(0).await;
}

#[tokio::test]
async fn a_mute_peer_without_a_gateway_is_gone_in_time() {
    let stage = brisk(Stage::backend()).start().await;
    let mut peer = stage.dial("/ws/rooms/lobby").vice(Vice::Mute).open().await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1011, Tcp::Fin));
    had_its_time(&stage.ended_as(&peer, "no_pong", "1011").await);
    stage.holds(0).await;
    assert_eq!(stage.gauge("holdline_rooms").await, 0.0);
}

#[tokio::test]
async fn a_peer_that_is_mute_but_sends_messages_lives() {
    let stage = brisk(Stage::backend()).start().await;
    let mut peer = stage.dial("/ws/echo").vice(Vice::Mute).open().await;
    // Some 15 s, nearly three times as long as it would live in silence.
    for number in 0..50 {
        peer.is_silent_for(Duration::from_millis(300)).await;
        peer.echoes(&number.to_string()).await;
    }
}

#[tokio::test]
async fn half_frames_are_no_sign_of_life() {
    let stage = brisk(Stage::backend()).start().await;
    let peer = stage.dial("/ws/echo").vice(Vice::Mute).open().await;
    // The head of a text message of 60 bytes and its mask, then a byte now and then.
    peer.raw(&[0x81, 0x80 | 60, 0, 0, 0, 0]).await;
    let trickle = async {
        while peer.try_raw(b"x").await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let line = tokio::select! {
        line = stage.end_of(&peer) => line,
        () = trickle => stage.end_of(&peer).await,
    };
    assert!(line.says("reason", "no_pong"), "{line:?}");
    had_its_time(&line);
}

#[tokio::test]
async fn a_peer_that_vanishes_behind_the_gateway_is_gone_in_time() {
    let stage = brisk(Stage::gateway()).start().await;
    let elsewhere = Namespace::new();
    let mut peer = stage.dial("/ws/echo").within(&elsewhere).open().await;
    peer.echoes("here").await;
    vanishes(&stage, &elsewhere, &peer).await;
    stage.holds(0).await;
}

#[tokio::test]
async fn a_peer_that_vanishes_without_a_gateway_is_gone_with_its_descriptor() {
    let mut stage = brisk(Stage::backend()).set("server.listen", "0.0.0.0:0").start().await;
    let elsewhere = Namespace::new();
    // One of the neighbours comes first, so that what is opened once per process is open.
    let mut neighbour = stage.connect("/ws/echo").await;
    let before = stage.node().process.descriptors();
    let mut peer = stage.dial("/ws/echo").within(&elsewhere).open().await;
    peer.echoes("here").await;
    vanishes(&stage, &elsewhere, &peer).await;
    let node = stage.node();
    // Nothing queued beyond the ping and the close: freed after the closing handshake's time.
    until("its descriptor", PATIENCE, async || node.process.descriptors(), |now| *now <= before)
        .await;
    neighbour.echoes("nothing noticed").await;
}

#[tokio::test]
async fn a_peer_that_tears_its_connection_is_gone_at_once() {
    for stage in [Stage::gateway().start().await, Stage::backend().start().await] {
        let mut peer = stage.connect("/ws/echo").await;
        peer.echoes("here").await;
        let request = peer.request.clone();
        // The heartbeat would take half a minute to notice.
        peer.reset().await;
        let ends = async || stage.ends();
        let ends = until("its end", PATIENCE, ends, |ends| !ends.is_empty()).await;
        assert!(
            ends[0].says("request", &request) && ends[0].says("reason", "peer_gone"),
            "{ends:?}"
        );
        stage.holds(0).await;
    }
}

async fn vanishes(stage: &Stage, elsewhere: &Namespace, peer: &Peer) {
    elsewhere.vanish();
    stage.ended_as(peer, "no_pong", "1011").await;
}

/// By the node's own clock. A tenth of the ping interval is jitter; sooner than this it was not the
/// pong that was missed.
fn had_its_time(line: &Line) {
    let least = (Duration::from_millis(540) + PONG_TIMEOUT).as_secs_f64();
    assert!(line.number("age") >= least, "gone too soon: {line:?}");
}
