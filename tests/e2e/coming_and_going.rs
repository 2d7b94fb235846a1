//! Promise 4, the many: a thousand peers that come and go in four ways leave no trace.
//! How a single one ends is told by the other promises.

use crate::harness::{Stage, heavy, until, wait::PATIENCE};

/// Four ways to leave, in turn.
const LEAVERS: usize = 1000;

#[tokio::test]
async fn a_thousand_quick_connects_and_disconnects_log_no_error() {
    let _turn = heavy().await;
    let mut stage = Stage::gateway().workers(2).start().await;
    stage.connect("/ws/echo").await.echoes("first").await;
    stage.holds(0).await;
    let before = stage.node().process.descriptors();
    for round in 0..LEAVERS / 4 {
        let from = format!("127.0.7.{}", 1 + round / 10 % 250);
        let dial = || stage.dial("/ws/rooms/hall").from(&from);
        let mut closes = dial().open().await;
        closes.close(1000, "").await;
        assert_eq!(closes.ended().await.code, 1000);
        dial().open().await.hang_up().await;
        dial().open().await.reset().await;
        let mut speaks = dial().open().await;
        speaks.echoes("hello and goodbye").await;
        drop(speaks);
    }
    assert_eq!(stage.all_ended().await.len(), LEAVERS + 1);
    assert_eq!(stage.opens().len(), LEAVERS + 1);
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
    assert_eq!(stage.gauge("holdline_rooms").await, 0.0);
    let node = stage.node();
    let descriptors = async || node.process.descriptors();
    until("no descriptor left behind", PATIENCE, descriptors, |now| *now <= before + 2).await;
    let errors = stage.proxy().errors();
    for line in errors.lines().filter(|line| !line.contains("setrlimit")) {
        // A machine with a low descriptor limit is told so at the start; that is another matter.
        let bad = ["[warn]", "[error]", "[crit]", "[alert]", "[emerg]"];
        assert!(!bad.iter().any(|level| line.contains(level)), "{line}");
    }
}
