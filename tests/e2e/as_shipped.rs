//! Promises 1 to 3 with nothing configured but the ports: these wait as long as a real silence lasts.
//! At short timeouts they are the promises of `silence` and `survival`. The tests are sorted by name:
//! what takes minutes begins first.

use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Stage, Tcp, until};
use crate::survival::silent_together;

#[tokio::test]
async fn a_connection_is_silent_for_three_read_timeouts_and_lives() {
    let stage = Stage::gateway().start().await;
    let began = Instant::now();
    let mut peers = vec![stage.connect("/ws/echo").await, stage.connect("/ws/rooms/quiet").await];
    silent_together(&mut peers, Duration::from_secs(181)).await;
    for peer in &mut peers {
        peer.echoes("good morning").await;
    }
    assert!(began.elapsed() > Duration::from_secs(180), "three times 60 s");
    assert_eq!(stage.ends().len(), 0, "{:?}", stage.ends());
}

#[tokio::test]
async fn a_silent_connection_without_pings_lives_a_minute() {
    let mut stage = Stage::gateway().ping_interval("off").start().await;
    let began = Instant::now();
    let mut peer = stage.connect("/ws/echo").await;
    let end = peer.ended_within(Duration::from_secs(60) + PATIENCE).await;
    let life = end.at - began;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin), "FIN without a close frame");
    assert!(life > Duration::from_millis(59_500), "{life:?}");
    stage.ended_as(&peer, "peer_gone", "-").await;
    let errors = async || stage.proxy().errors();
    let told = |errors: &String| errors.contains("upstream timed out");
    until("the cut in the gateway's error log", PATIENCE, errors, told).await;
}
