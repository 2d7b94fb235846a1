//! A drain that is asked for over HTTP is the same as one by signal.
//! What a drain promises is `crate::drain`'s business.

use rustix::process::Signal;

use super::{ask, control, json, post, stage};
use crate::harness::{Event, Stage, wait::PATIENCE};

async fn draining() -> Stage {
    // The delay is time to ask this and that.
    let stage = stage().set("drain.delay", "10s").set("drain.window", "1s");
    stage.set("drain.timeout", "60s").set("limits.close_timeout", "1s").start().await
}

#[tokio::test]
async fn a_drain_asked_for_ends_everyone_with_1012_and_the_process_with_0() {
    let mut stage = draining().await;
    let mut peers = stage.connect_many("/ws/rooms/lobby", 30).await;
    stage.holds(30).await;
    let at = control(&mut stage);
    let answer = ask(at, "POST", "/drain", &[], b"").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(json(&answer), serde_json::json!({"draining": true, "connections": 30}));
    // From that moment on.
    assert_eq!(ask(at, "GET", "/readyz", &[], b"").await.status, 503);
    assert_eq!(stage.dial("/ws/echo").refused().await.status, 503);
    assert_eq!(ask(at, "POST", "/drain", &[], b"").await.status, 202, "again");
    // During the delay: everybody is still there.
    assert_eq!(post(at, "/rooms/lobby/messages", "not yet").await, 30);
    for peer in &mut peers {
        assert_eq!(peer.message().await, Event::Text("not yet".to_owned()));
        assert_eq!(peer.ended().await.code, 1012);
    }
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    assert!(stage.ends().iter().all(|end| end.says("reason", "drain")), "{:?}", stage.ends());
    let asked = stage.node().log().about("asked to drain");
    assert!(asked.len() == 2 && asked[0].has("peer"), "{asked:?}");
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

/// Both in one: the signal is not lost, it is not the second one, and it ends nothing sooner.
#[tokio::test]
async fn a_signal_during_a_drain_that_was_asked_for_changes_nothing() {
    let mut stage = draining().await;
    let mut peer = stage.connect("/ws/echo").await;
    let at = control(&mut stage);
    assert_eq!(ask(at, "POST", "/drain", &[], b"").await.status, 202);
    stage.node().process.signal(Signal::TERM);
    peer.echoes("still here").await;
    assert_eq!(peer.ended().await.code, 1012);
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    assert_eq!(stage.node().log().about("shutting down").len(), 1, "the signal was heard");
}
