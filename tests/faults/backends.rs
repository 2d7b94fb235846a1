//! One of two backends is killed under load, or stands still and aborts itself: the gateway goes on
//! with the other, and no new handshake fails. With nobody knocking it is in `tests/e2e/deploys.rs`.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::swarm::{Bee, QUIET, handshake, home};
use super::watch::Watch;
use crate::harness::peer::codec;
use crate::harness::stage::Builder;
use crate::harness::{PATIENCE, Stage, until, wait::undisturbed};

const SIGABRT: i32 = 6;

/// How many knock at once, and how many must have been let in before and after the fault.
const LANES: usize = 16;
const LET_IN: usize = 500;

/// Those who come, say something and leave, again and again; each handshake must succeed.
struct Load {
    stop: Arc<AtomicBool>,
    let_in: Arc<AtomicUsize>,
    lanes: JoinSet<Vec<String>>,
}

impl Load {
    fn on(stage: &Stage) -> Self {
        let (stop, let_in) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (address, mut lanes) = (stage.address(), JoinSet::new());
        for lane in 0..LANES {
            let (stop, let_in) = (stop.clone(), let_in.clone());
            lanes.spawn(async move {
                let request = handshake(address, "/ws/echo");
                let (mut failed, mut number) = (Vec::new(), lane);
                while !stop.load(Relaxed) {
                    match Bee::attempt(address, home(number), &request).await {
                        Ok(mut bee) => {
                            let_in.fetch_add(1, Relaxed);
                            // What becomes of who is in already is not the handshake's.
                            let word = codec::encode(true, codec::TEXT, b"here");
                            let _ = bee.stream.write_all(&word).await;
                            let _ = bee.hears(codec::TEXT).await;
                        }
                        Err(why) => failed.push(format!("{why:?}")),
                    }
                    number += LANES;
                }
                failed
            });
        }
        Self { stop, let_in, lanes }
    }

    async fn lets_in(&self, more: usize) {
        let before = self.let_in.load(Relaxed);
        let count = async || self.let_in.load(Relaxed);
        until("handshakes", PATIENCE * 3, count, |count| *count >= before + more).await;
    }

    async fn ends_without_a_failure(self) {
        self.stop.store(true, Relaxed);
        let let_in = self.let_in.clone();
        let failed: Vec<_> = self.lanes.join_all().await.into_iter().flatten().collect();
        eprintln!("{} handshakes, {} failed", let_in.load(Relaxed), failed.len());
        assert_eq!(failed.len(), 0, "{failed:?}");
    }
}

/// Two backends; what is unlimited here is how often the same peer may knock.
fn two() -> Builder {
    Stage::gateway().backends(2).workers(2)
}

#[tokio::test]
async fn a_backend_killed_beside_another_under_load_costs_no_handshake() {
    let mut stage = two().log(QUIET).start().await;
    let load = Load::on(&stage);
    load.lets_in(LET_IN).await;
    stage.node().kill().await;
    load.lets_in(LET_IN).await;
    stage.node().restart().await;
    let back = async || stage.nodes()[0].scrape().await.sum("holdline_connections_opened_total");
    until("the one that is back", PATIENCE, back, |opened| *opened > 50.0).await;
    load.lets_in(LET_IN).await;
    load.ends_without_a_failure().await;
    stage.holds(0).await;
}

#[tokio::test]
async fn a_backend_whose_workers_stand_still_aborts_itself_and_the_other_goes_on() {
    let mut stage = two().set("server.stall_timeout", "2s").start().await;
    let load = Load::on(&stage);
    load.lets_in(LET_IN).await;
    // Nobody reads its log any more: each worker stands still at the line that finds the pipe full.
    let log = stage.node().log().clone();
    log.read(false);
    let mut stalled = None;
    let ended = async || {
        stalled = stalled.or_else(|| stage.node().process.status());
        stalled
    };
    until("the abort", PATIENCE, ended, Option::is_some).await;
    log.read(true);
    assert_eq!(stalled.expect("it was waited for").signal(), Some(SIGABRT));
    load.lets_in(LET_IN).await;
    load.ends_without_a_failure().await;
    // Whoever supervises it starts it again, and it is used.
    stage.node().restart().await;
    let mut inside = stage.connect_many("/ws/echo", 10).await;
    for peer in &mut inside {
        peer.echoes("on both").await;
    }
    assert!(stage.nodes()[0].scrape().await.sum("holdline_connections") > 0.0);
}
