//! Promise 1, the control: without pings the gateway cuts a silent connection at its read timeout.
//! Only because it does, the promises of `survival` mean something.

use std::time::{Duration, Instant};

use crate::harness::{Stage, Tcp, until, wait::PATIENCE};

#[tokio::test]
async fn without_pings_the_gateway_cuts_a_silent_connection_at_its_read_timeout() {
    let mut stage = Stage::gateway().read_timeout("2s").ping_interval("off").start().await;
    let began = Instant::now();
    let mut peer = stage.connect("/ws/echo").await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin), "FIN without a close frame");
    // nginx's timers are lazy and may fire up to 0.3 s early; the machine may make them late. What
    // cut it is told below, and no other timer is as short as a test's patience.
    let life = end.at - began;
    assert!(life > Duration::from_millis(1650), "{life:?}");
    stage.ended_as(&peer, "peer_gone", "-").await;
    let errors = async || stage.proxy().errors();
    until("the cut in the gateway's error log", PATIENCE, errors, |errors| {
        errors.lines().any(|line| line.contains("upstream timed out") && line.contains("/ws/echo"))
    })
    .await;
}

/// The companion: the test above sees `proxy_read_timeout` at work and nothing else.
#[tokio::test]
async fn the_cut_is_proxy_read_timeout_s_doing() {
    let stage = Stage::gateway()
        .read_timeout("2s")
        .ping_interval("off")
        .without_directive("proxy_read_timeout")
        .start()
        .await;
    let mut peer = stage.connect("/ws/echo").await;
    assert!(peer.is_silent_for(Duration::from_secs(6)).await.is_empty(), "pings are off");
    peer.echoes("never cut").await;
}

#[tokio::test]
async fn a_peer_that_talks_is_not_cut_even_without_pings() {
    let stage = Stage::gateway().read_timeout("12s").ping_interval("off").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    for word in 0..6 {
        assert!(peer.is_silent_for(Duration::from_secs(5)).await.is_empty(), "pings are off");
        peer.echoes(&word.to_string()).await;
    }
}
