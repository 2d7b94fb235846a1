//! R2 and R5: readers that stall by the hundred cost their own connections, within the time for
//! writing, and their room nothing. One of them alone is in `tests/e2e/slow_peers.rs`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::swarm::{Bee, swarm};
use super::watch::Watch;
use crate::harness::namespace::Namespace;
use crate::harness::peer::{Dial, codec};
use crate::harness::stage::Builder;
use crate::harness::{Event, Peer, Stage, Vice, http, wait::undisturbed};

/// `limits.write_timeout`, and what R2 allows beyond it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
const R2: Duration = Duration::from_secs(5);

/// What is said to fill the kernel's buffers on both sides, and how large each of it is.
const FILLING: usize = 60;
const LARGE: usize = 8 * 1024;

/// How many stall, in each way.
const DEAF: usize = 200;
const TRICKLING: usize = 50;
const VANISHED: usize = 50;

/// R5's room.
const MEMBERS: usize = 1000;
const STALLED: usize = MEMBERS / 10;
const SAID: usize = 60;

/// Pings find nobody here: it is the time for writing that does.
fn stage(write_timeout: &str) -> Builder {
    Stage::backend()
        .workers(2)
        .read_timeout("180s")
        .ping_interval("90s")
        .set("limits.write_timeout", write_timeout)
        .set("limits.close_timeout", "500ms")
}

/// Says large things to a room until whoever in it does not read has something waiting.
async fn fill(address: SocketAddr, target: &str) {
    let mut speaker = Dial::new(address, target).open().await;
    let text = "x".repeat(LARGE);
    for _ in 0..FILLING {
        speaker.text(&text).await;
        // Past what others say there.
        while speaker.message().await != Event::Text(text.clone()) {}
    }
    speaker.close(1000, "").await;
    speaker.ended().await;
}

#[tokio::test]
async fn hundreds_of_stalled_readers_are_gone_in_time_while_their_room_is_busy() {
    undisturbed("the end of the stalled", async || {
        let mut watch = Watch::start();
        let mut stage = stage("4s").set("server.listen", "0.0.0.0:0").start().await;
        let address = SocketAddr::from(([127, 0, 0, 1], stage.node().server.port()));
        let pause = Duration::from_millis(20);
        let neighbours = Neighbours::in_room(address, "/ws/rooms/busy", 200, pause).await;
        let ledger = Ledger::open(&mut stage).await;
        watch.on(&stage.node().process);
        let elsewhere = Namespace::new();
        let stalled = stall(address, &elsewhere).await;
        stage.holds(Neighbours::COUNT + stalled.len()).await;
        elsewhere.vanish();
        fill(address, "/ws/rooms/busy").await;
        // From here on nothing moves: each has more waiting than it takes in that time.
        let stuck = watch.mark();
        ledger.balances_within("the stalled are gone", &mut stage, stuck, R2, &mut watch).await;
        watch.goal("the kernel's memory is free", watch.since(stuck), R2);
        neighbours.speak_again().await;
        neighbours.leave();
        stage.holds(0).await;
        // The kernel's own timeout is as long; should it be first, it knows of an unreachable host.
        let told = stage.count("holdline_disconnects_total", "reason", "write_timeout").await;
        let gone = stage.count("holdline_disconnects_total", "reason", "peer_gone").await;
        assert_eq!(told + gone, stalled.len() as f64, "{told} by us, {gone} by the kernel");
        assert!(told >= (DEAF + TRICKLING) as f64, "only {told} by us");
        watch.verdict()
    })
    .await;
}

async fn stall(address: SocketAddr, elsewhere: &Namespace) -> Vec<Peer> {
    let dial = || Dial::new(address, "/ws/rooms/busy");
    let mut stalled = Vec::new();
    for _ in 0..DEAF {
        stalled.push(dial().vice(Vice::Deaf).open().await);
    }
    for _ in 0..TRICKLING {
        stalled.push(dial().vice(Vice::Trickling(2_000)).open().await);
    }
    for _ in 0..VANISHED {
        stalled.push(dial().within(elsewhere).open().await);
    }
    stalled
}

#[tokio::test]
async fn a_tenth_of_a_room_of_1000_that_stalls_makes_nobody_else_wait_or_miss_anything() {
    undisturbed("the others' delay", async || {
        let mut watch = Watch::start();
        let (mut quiet, mut beside) = (Large::with(0).await, Large::with(STALLED).await);
        // In turns, so that what the machine does besides does the same to both.
        for _ in 0..SAID {
            quiet.say().await;
            beside.say().await;
        }
        let (quiet, beside) = (quiet.delay().await, beside.delay().await);
        watch.goal(&format!("p99 beside the stalled, without {quiet:?}"), beside, quiet * 3 / 2);
        watch.verdict()
    })
    .await;
}

/// A room of 1,000 members on a stage of its own.
struct Large {
    stage: Stage,
    began: Instant,
    listening: JoinSet<(Vec<Duration>, Bee)>,
    _deaf: Vec<Peer>,
}

impl Large {
    /// So many of them stall.
    async fn with(stalled: usize) -> Self {
        // Nobody is cut meanwhile: the stalled are there until the end.
        let stage = stage("120s").start().await;
        let (address, target, began) = (stage.address(), "/ws/rooms/large", Instant::now());
        let mut deaf = Vec::new();
        for _ in 0..stalled {
            deaf.push(stage.dial(target).vice(Vice::Deaf).open().await);
        }
        if stalled > 0 {
            fill(address, target).await;
        }
        let mut listening = JoinSet::new();
        for bee in swarm(address, target, MEMBERS - stalled, 8).await {
            listening.spawn(listen(bee, began));
        }
        stage.holds(MEMBERS).await;
        Self { stage, began, listening, _deaf: deaf }
    }

    /// Tells everybody what time it is.
    async fn say(&mut self) {
        let control = self.stage.node().control;
        let now = self.began.elapsed().as_micros().to_string();
        let request = format!(
            "POST /rooms/large/messages HTTP/1.1\r\nHost: {control}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{now}",
            now.len()
        );
        let answer = http::send(control, request.as_bytes()).await.expect("an answer");
        assert_eq!(answer.text().trim(), format!("{{\"delivered\":{MEMBERS}}}"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// What 99 of 100 healthy members heard sooner than, as a rule: the median of all messages, for
    /// one that met a busy machine is the slowest hundredth of all deliveries by itself.
    async fn delay(mut self) -> Duration {
        let listeners = std::mem::take(&mut self.listening).join_all().await;
        let of_message = |number: usize| {
            let delays = listeners.iter().map(|(delays, _)| delays[number]).collect();
            quantile(delays, 99)
        };
        let delay = quantile((0..SAID).map(of_message).collect(), 50);
        self.stage.holds(MEMBERS).await;
        delay
    }
}

/// What so many of a hundred are below.
fn quantile(mut all: Vec<Duration>, of_100: usize) -> Duration {
    all.sort_unstable();
    all[all.len() * of_100 / 100]
}

/// Hears everything that is said, in order, and how old it was; stays.
async fn listen(mut bee: Bee, began: Instant) -> (Vec<Duration>, Bee) {
    let (mut delays, mut last) = (Vec::new(), Duration::ZERO);
    while delays.len() < SAID {
        let heard = bee.hears(codec::TEXT).await.expect("it stays");
        let text = String::from_utf8(heard).expect("text");
        let said = Duration::from_micros(text.parse().expect("a moment"));
        assert!(said > last, "out of order");
        last = said;
        delays.push(began.elapsed().saturating_sub(said));
    }
    (delays, bee)
}
