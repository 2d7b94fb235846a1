//! R8: a backend that comes near its limit of descriptors refuses with words; one that is pushed over
//! it goes on with whom it has, says so seldom, and recovers at once.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::swarm::{Bee, Outside, connect, handshake, home, swarm};
use super::watch::Watch;
use crate::harness::{PATIENCE, Stage, until, wait::undisturbed};

/// The limit here, and what is kept of it for other things than connections.
const LIMIT: usize = 600;
const KEPT: usize = 136;

/// R8: of recovery.
const RECOVERY: Duration = Duration::from_secs(1);

/// How long it is kept at its limit, to see what it says meanwhile.
const EXHAUSTED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_backend_at_its_limit_of_descriptors_refuses_with_words_and_over_it_recovers_at_once() {
    undisturbed("the recovery", async || {
        let mut watch = Watch::start();
        let mut stage = Stage::backend()
            .workers(2)
            .descriptors(LIMIT)
            // The swarm does not answer pings.
            .ping_interval("off")
            // Nobody is cut meanwhile: who holds a descriptor holds it.
            .set("server.handshake_timeout", "120s")
            .start()
            .await;
        let address = stage.address();
        let pause = Duration::from_millis(20);
        let neighbours = Neighbours::in_room(address, "/ws/rooms/inside", 200, pause).await;
        let ledger = Ledger::open(&mut stage).await;
        watch.on(&stage.node().process);
        let allowed = LIMIT - KEPT - Neighbours::COUNT;
        let mut bees = swarm(address, "/ws/echo", allowed, 8).await;
        let request = handshake(address, "/ws/echo");
        for number in 0..20 {
            let refused = Bee::attempt(address, home(number), &request).await.err();
            let Some(Outside::Refused(503, Some(after))) = refused else {
                panic!("not refused with words: {refused:?}");
            };
            assert!(after > 0, "when to come again");
        }
        stage.holds(LIMIT - KEPT).await;
        // Room for some, and then silent strangers who take every descriptor that is left.
        bees.truncate(allowed - 50);
        stage.holds(LIMIT - KEPT - 50).await;
        exhausted(&mut stage).await;
        assert!(Bee::attempt(address, home(7), &request).await.is_ok(), "recovered");
        neighbours.speak_again().await;
        watch = recovers(&mut stage, watch).await;
        drop(bees);
        let fault = watch.mark();
        ledger.balances(&mut stage, fault, &mut watch).await;
        neighbours.speak_again().await;
        neighbours.leave();
        watch.verdict()
    })
    .await;
}

/// Has strangers take all that is left for a while, and leave again.
async fn exhausted(stage: &mut Stage) {
    let strangers = strangers(stage).await;
    let said = stage.node().log().lines().len();
    let began = Instant::now();
    tokio::time::sleep(EXHAUSTED).await;
    let lines = stage.node().log().lines().split_off(said);
    let most = began.elapsed().as_secs() as usize + 1;
    assert!(lines.len() <= most, "{} lines in {:?}: {lines:#?}", lines.len(), began.elapsed());
    assert!(!lines.is_empty(), "it says nothing of it");
    drop(strangers);
}

async fn strangers(stage: &mut Stage) -> Vec<TcpStream> {
    let (address, mut strangers) = (stage.address(), Vec::new());
    for number in 0..KEPT + 100 {
        strangers.push(connect(address, home(number)).await.expect("the queue is long"));
    }
    let node = stage.node();
    let open = async || node.process.descriptors();
    until("the last descriptor", PATIENCE, open, |open| *open >= LIMIT).await;
    strangers
}

/// The time from the strangers' leaving to the next handshake.
async fn recovers(stage: &mut Stage, mut watch: Watch) -> Watch {
    let strangers = strangers(stage).await;
    let address = stage.address();
    let request = handshake(address, "/ws/echo");
    let waits = tokio::spawn(async move { Bee::attempt(address, home(9), &request).await.is_ok() });
    // It knocks at a door that nobody can open.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!waits.is_finished(), "there was room");
    let left = watch.mark();
    drop(strangers);
    assert!(waits.await.expect("it only knocks"), "not let in");
    watch.goal("recovery", watch.since(left), RECOVERY);
    watch
}
