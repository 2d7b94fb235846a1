//! R3: peers whose host is gone, by the hundred and with nothing to read, are found by the heartbeat
//! in its time. One of them alone is in `tests/e2e/dead_peers.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::watch::Watch;
use crate::harness::namespace::Namespace;
use crate::harness::peer::Dial;
use crate::harness::{Stage, wait::undisturbed};

/// `heartbeat.ping_interval` and `heartbeat.pong_timeout`, and what R3 allows beyond both.
const R3: Duration = Duration::from_millis(1000 + 5000 + 1000);

const VANISHED: usize = 200;

#[tokio::test]
async fn two_hundred_peers_that_vanish_idle_are_gone_in_the_heartbeat_s_time() {
    undisturbed("the end of the vanished", async || {
        let mut watch = Watch::start();
        let mut stage = Stage::backend()
            .workers(2)
            .ping_interval("1s")
            .pong_timeout("5s")
            .set("limits.close_timeout", "500ms")
            .set("server.listen", "0.0.0.0:0")
            .start()
            .await;
        let address = SocketAddr::from(([127, 0, 0, 1], stage.node().server.port()));
        let pause = Duration::from_millis(20);
        let neighbours = Neighbours::in_room(address, "/ws/rooms/near", 200, pause).await;
        let ledger = Ledger::open(&mut stage).await;
        watch.on(&stage.node().process);
        let elsewhere = Namespace::new();
        let mut far = Vec::new();
        for _ in 0..VANISHED {
            far.push(Dial::new(address, "/ws/echo").within(&elsewhere).open().await);
        }
        stage.holds(Neighbours::COUNT + VANISHED).await;
        elsewhere.vanish();
        let fault = watch.mark();
        ledger.agrees_within("the vanished are gone", &mut stage, fault, R3, &mut watch).await;
        let found = stage.count("holdline_disconnects_total", "reason", "no_pong").await;
        assert_eq!(found, VANISHED as f64);
        neighbours.speak_again().await;
        neighbours.leave();
        watch.verdict()
    })
    .await;
}
