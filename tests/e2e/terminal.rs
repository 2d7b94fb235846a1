//! Promise 5: what a person with wscat sees through the gateway.
//! wscat's own behaviour is taken as it is; what it shows is ours.

use crate::harness::wscat::Wscat;
use crate::harness::{Stage, until, wait::PATIENCE};

#[tokio::test]
async fn wscat_shows_our_pings_while_it_idles() {
    let stage = Stage::gateway().read_timeout("9s").start().await;
    let mut wscat = Wscat::connect(stage.address(), "/ws/echo", &["-P"]).await;
    // Ten of them at a third of 9 s: more than three read timeouts of silence.
    for _ in 0..10 {
        wscat.shows("< Received ping (data: \"").await;
    }
    wscat.types("still here").await;
    wscat.shows("< still here").await;
}

#[tokio::test]
async fn wscat_s_ping_gets_its_pong_and_its_close_is_clean() {
    let stage = Stage::gateway().start().await;
    let mut wscat = Wscat::connect(stage.address(), "/ws/echo", &["--slash", "-P"]).await;
    wscat.types("/ping x").await;
    wscat.shows("< Received pong (data: \"x\")").await;
    wscat.types("/pong x").await;
    wscat.types("unharmed").await;
    wscat.shows("< unharmed").await;
    wscat.types("/close 1000").await;
    wscat.shows("Disconnected (code: 1000").await;
    assert_eq!(wscat.exits().await, Some(0));
    let ends = async || stage.ends();
    let ends = until("its end", PATIENCE, ends, |ends| !ends.is_empty()).await;
    assert!(ends[0].says("reason", "peer_closed") && ends[0].says("code", "1000"), "{ends:?}");
    assert_eq!(ends[0].level, "INFO", "a clean end is no warning: {ends:?}");
    assert!(stage.opens()[0].says("route", "/ws/echo"), "{:?}", stage.opens());
}

#[tokio::test]
async fn two_wscats_chat_in_a_room() {
    let stage = Stage::gateway().workers(2).start().await;
    let mut anna = Wscat::connect(stage.address(), "/ws/rooms/tea", &[]).await;
    let mut bert = Wscat::connect(stage.address(), "/ws/rooms/tea", &[]).await;
    let mut other = Wscat::connect(stage.address(), "/ws/rooms/coffee", &[]).await;
    anna.types("milk or lemon?").await;
    bert.shows("< milk or lemon?").await;
    anna.shows("< milk or lemon?").await;
    bert.types("lemon").await;
    anna.shows("< lemon").await;
    other.types("just me").await;
    other.shows("< just me").await;
    assert!(!other.has_shown("lemon"), "another room's talk");
}
