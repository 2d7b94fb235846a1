//! R6: SIGTERM in the middle of thousands, of handshakes and of the deaf: whoever was told 101 is told
//! 1012 in the drain's time, and nobody keeps the process. Its other promises are in
//! `tests/e2e/drain.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::swarm::{Bee, Outside, handshake, home, swarm};
use super::watch::{Mark, Watch};
use crate::harness::peer::Dial;
use crate::harness::stage::Builder;
use crate::harness::{PATIENCE, Peer, Stage, Vice, until, wait::undisturbed};

/// How many are in when the signal comes.
const INSIDE: usize = 2000;

/// How many knock at once meanwhile.
const LANES: usize = 16;

/// How many do not read, and have something to.
const DEAF: usize = 20;

/// `drain.delay` and `drain.window`; and what R6 allows beyond both, to be told and to be gone.
const SPAN: Duration = Duration::from_millis(500 + 4000);
const TOLD: Duration = Duration::from_secs(1);
const GONE: Duration = Duration::from_secs(5);

fn draining(stage: Builder) -> Builder {
    stage
        .workers(2)
        .set("drain.delay", "500ms")
        .set("drain.window", "4s")
        .set("drain.timeout", "25s")
}

#[tokio::test]
async fn everyone_of_2000_and_of_those_who_knock_is_told_1012_in_time_also_beside_the_deaf() {
    undisturbed("the goodbyes", async || {
        let mut watch = Watch::start();
        let mut stage = draining(Stage::backend()).start().await;
        watch.on(&stage.node().process);
        let address = stage.address();
        let deaf = deafen(address).await;
        let (told, gone) = stop(&mut stage, address, &watch).await;
        watch.goal("the last goodbye", told, SPAN + TOLD);
        watch.goal("the end of the process", gone, SPAN + GONE);
        drop(deaf);
        watch.verdict()
    })
    .await;
}

#[tokio::test]
async fn everyone_of_2000_behind_the_gateway_is_told_1012_as_well() {
    let watch = Watch::start();
    let mut stage = draining(Stage::gateway()).start().await;
    let address = stage.address();
    // Behind a gateway the goodbye is one hop later; how much, nobody promised.
    stop(&mut stage, address, &watch).await;
}

/// In a room, with more to read than they take.
async fn deafen(address: SocketAddr) -> Vec<Peer> {
    let mut deaf = Vec::new();
    for _ in 0..DEAF {
        deaf.push(Dial::new(address, "/ws/rooms/deaf").vice(Vice::Deaf).open().await);
    }
    let mut speaker = Dial::new(address, "/ws/rooms/deaf").open().await;
    for _ in 0..40 {
        speaker.echoes(&"x".repeat(8192)).await;
    }
    deaf
}

/// Stops it, and tells when the last was told and when the process was gone.
async fn stop(stage: &mut Stage, address: SocketAddr, watch: &Watch) -> (Duration, Duration) {
    let mut inside = JoinSet::new();
    for bee in swarm(address, "/ws/echo", INSIDE, 8).await {
        inside.spawn(end_of(bee));
    }
    stage.holds_at_least(INSIDE).await;
    let racing = race(address);
    stage.holds_at_least(INSIDE + 200).await;
    stage.node().terminate();
    let asked = (watch.mark(), Instant::now());
    let ended = stage.node().ended(PATIENCE * 2).await;
    let gone = watch.since(asked.0);
    assert_eq!(ended.code(), Some(0));
    racing.over.store(true, Relaxed);
    let mut ends = inside.join_all().await;
    let (knocked, refused) = racing.ends().await;
    // Those that read nothing were counted, too.
    assert!(
        knocked.len() >= 200 - DEAF - 1 && refused > 0,
        "{} in, {refused} too late",
        knocked.len()
    );
    eprintln!("{INSIDE} were in, {} came, {refused} came too late", knocked.len());
    ends.extend(knocked);
    let forgotten = ends.iter().filter(|(code, _)| *code != Some(1012)).count();
    assert_eq!(forgotten, 0, "of {} were not told 1012", ends.len());
    let last = ends.iter().map(|(_, at)| *at).max().expect("thousands");
    // What the machine stood still until the end counts for the goodbyes too.
    let stood = asked.1.elapsed().saturating_sub(watch.since(asked.0));
    ((last - asked.1).saturating_sub(stood), gone)
}

/// How one ended, and when.
type Ended = (Option<u16>, Instant);

/// Peers that come while the signal does, until told that it is over.
struct Race {
    over: Arc<AtomicBool>,
    lanes: JoinSet<(Vec<Ended>, usize)>,
}

fn race(address: SocketAddr) -> Race {
    let (over, mut lanes) = (Arc::<AtomicBool>::default(), JoinSet::new());
    for lane in 0..LANES {
        let over = over.clone();
        lanes.spawn(async move {
            let request = handshake(address, "/ws/echo");
            let (mut admitted, mut refused) = (JoinSet::new(), 0);
            for number in 0..300 {
                if over.load(Relaxed) {
                    break;
                }
                match Bee::attempt(address, home(LANES * number + lane), &request).await {
                    Ok(bee) => drop(admitted.spawn(end_of(bee))),
                    Err(Outside::Refused(502 | 503, _)) => refused += 1,
                    Err(Outside::Refused(status, _)) => panic!("refused with {status}"),
                    // The listener has gone.
                    Err(Outside::Unheard(_)) => refused += 1,
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (admitted.join_all().await, refused)
        });
    }
    Race { over, lanes }
}

impl Race {
    /// How those ended who were let in, and how many were refused.
    async fn ends(self) -> (Vec<Ended>, usize) {
        let (mut all, mut refused) = (Vec::new(), 0);
        for (ends, late) in self.lanes.join_all().await {
            all.extend(ends);
            refused += late;
        }
        (all, refused)
    }
}

async fn end_of(mut bee: Bee) -> Ended {
    (bee.ended().await, Instant::now())
}
