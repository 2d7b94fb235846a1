//! Promise 7, the backend's part: a drained stop says goodbye to everyone, forgets nobody, and ends.
//! What the gateway does meanwhile is also in `deploys`.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::harness::peer::Dial;
use crate::harness::stage::Builder;
use crate::harness::{Event, Stage, Tcp, Vice, heavy, http, until, wait::PATIENCE};

fn draining(stage: Builder) -> Builder {
    stage
        .workers(2)
        .set("drain.delay", "300ms")
        .set("drain.window", "2s")
        // Whoever waits for these waits for longer than a test's patience.
        .set("drain.timeout", "180s")
        .set("limits.close_timeout", "60s")
}

#[tokio::test]
async fn a_drained_stop_tells_everyone_1012_spread_over_the_window_and_exits_0() {
    let _turn = heavy().await;
    let mut stage = draining(Stage::gateway()).set("drain.window", "10s").start().await;
    let mut peers = stage.connect_many("/ws/echo", 150).await;
    peers.extend(stage.connect_many("/ws/rooms/lobby", 150).await);
    let asked = Instant::now();
    stage.node().terminate();
    let mut goodbyes = Vec::new();
    for peer in &mut peers {
        let end = peer.ended().await;
        assert_eq!((end.code, end.tcp), (1012, Tcp::Fin), "{end:?}");
        assert!(end.reason.contains("reconnect"), "not told what to do: {end:?}");
        goodbyes.push(end.closed_at.expect("1012 is in a close frame"));
    }
    goodbyes.sort();
    let (first, last) = (goodbyes[0] - asked, goodbyes[goodbyes.len() - 1] - asked);
    assert!(first >= Duration::from_millis(300), "the first already after {first:?}");
    assert!(last >= Duration::from_millis(300 + 9000), "the last already after {last:?}");
    // Spread, not at once. A machine that stands still while they come brings some of them together.
    let (all, middle) = (last - first, goodbyes[225] - goodbyes[75]);
    let spread = all > Duration::from_secs(5) && middle > Duration::from_millis(500);
    assert!(spread, "all within {all:?}, the middle half of them within {middle:?} of 10 s");
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    assert_eq!(stage.ends().len(), 300);
    for end in stage.ends() {
        assert!(end.says("reason", "drain") && end.says("code", "1012"), "{end:?}");
    }
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

#[tokio::test]
async fn a_draining_node_is_alive_but_not_ready_and_refuses_newcomers() {
    let mut stage = draining(Stage::backend()).set("drain.delay", "10s").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    let control = stage.node().control;
    stage.node().terminate();
    let status = async || stage.get("/readyz").await.status;
    until("a node that is not ready", PATIENCE, status, |status| *status == 503).await;
    assert_eq!(http::get(control, "/readyz").await.status, 503);
    assert_eq!(http::get(control, "/healthz").await.status, 200);
    assert_eq!(stage.gauge("holdline_draining").await, 1.0);
    let answer = stage.dial("/ws/echo").refused().await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let refused = stage.count("holdline_handshakes_rejected_total", "reason", "draining").await;
    assert_eq!(refused, 1.0);
    // Who is in stays in until its turn comes, and is served.
    peer.echoes("not yet").await;
    assert_eq!(peer.ended().await.code, 1012);
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
}

#[tokio::test]
async fn an_idle_node_stops_as_well_and_an_interrupt_is_a_stop_too() {
    for signal in [Signal::TERM, Signal::INT] {
        // Nobody to say goodbye to: no window to wait for.
        let mut stage = draining(Stage::backend()).set("drain.window", "100s").start().await;
        stage.node().process.signal(signal);
        assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    }
}

#[tokio::test]
async fn what_is_queued_is_sent_before_the_goodbye() {
    let mut stage = draining(Stage::backend())
        .set("drain.delay", "0s")
        .set("drain.window", "100ms")
        .set("limits.write_timeout", "60s")
        .start()
        .await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    // Some seconds' worth of reading, most of it in its outbox when the node is told to stop.
    let mut slow = stage.dial("/ws/rooms/lobby").vice(Vice::Trickling(100_000)).open().await;
    let text = |number: usize| format!("{number} {}", "x".repeat(20_000));
    for number in 0..40 {
        speaker.echoes(&text(number)).await;
    }
    assert!(stage.gauge("holdline_outbox_bytes").await > 100_000.0, "something is queued");
    stage.node().terminate();
    for number in 0..40 {
        assert_eq!(slow.message().await, Event::Text(text(number)));
    }
    assert_eq!(slow.ended().await.code, 1012);
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
}

/// The peers that come while the node is told to stop: in and told 1012, or refused; never in and
/// forgotten. Several rounds, because it is a race.
#[tokio::test]
async fn nobody_who_was_told_101_is_forgotten_when_handshakes_race_with_the_signal() {
    let _turn = heavy().await;
    let mut too_late = 0;
    for _ in 0..4 {
        let mut stage = draining(Stage::backend())
            .set("drain.delay", "0s")
            .set("drain.window", "200ms")
            .start()
            .await;
        let racing = race(&stage, 16);
        stage.holds_at_least(50).await;
        stage.node().terminate();
        // Whoever was forgotten would be cut by drain.timeout, which nobody here waits for.
        let (admitted, refused) = racing.finish().await;
        assert!(admitted >= 50, "only {admitted} were in");
        too_late += refused;
        assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
        assert_eq!(stage.ends().len(), admitted, "one end for each 101");
        assert_eq!(stage.opens().len(), admitted, "one open line for each 101");
    }
    assert!(too_late > 0, "nobody came too late");
}

#[tokio::test]
async fn a_draining_backend_s_503_is_retried_on_another_unseen_by_the_peer() {
    let _turn = heavy().await;
    let mut stage = draining(Stage::gateway()).backends(2).start().await;
    let mut before = stage.connect_many("/ws/echo", 40).await;
    stage.node().terminate();
    let draining = async || stage.gauge("holdline_draining").await;
    until("the drain to begin", PATIENCE, draining, |draining| *draining == 1.0).await;
    let asked = Instant::now();
    let mut newcomers = Vec::new();
    // During the drain and after the end of the drained one.
    while stage.node().process.status().is_none() || newcomers.len() < 100 {
        newcomers.push(stage.connect("/ws/echo").await);
        assert!(asked.elapsed() < PATIENCE * 3, "the drained backend does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // With its last words, which tell whom it has told goodbye.
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    for peer in &mut newcomers {
        peer.echoes("unharmed").await;
    }
    let (mut goodbyes, mut stayed) = (0, 0);
    for peer in &mut before {
        if stage.ends_of(peer).is_empty() {
            peer.echoes("on the other").await;
            stayed += 1;
        } else {
            assert_eq!(peer.ended().await.code, 1012);
            goodbyes += 1;
        }
    }
    assert!(goodbyes > 10 && stayed > 10, "{goodbyes} told goodbye, {stayed} on the other");
    let retried = stage.proxy().errors().contains("no live upstreams");
    assert!(!retried, "the gateway gave up on both");
}

#[tokio::test]
async fn a_second_signal_exits_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let mut stage = draining(Stage::backend()).set("drain.window", "100s").start().await;
        let _peers = stage.connect_many("/ws/echo", 20).await;
        stage.node().terminate();
        let draining = async || stage.gauge("holdline_draining").await;
        until("the drain to begin", PATIENCE, draining, |draining| *draining == 1.0).await;
        // A supervisor that signals a process and its group at once has asked only once; so this
        // one insists. Without a second signal the end would be 100 s away.
        let insists = async || {
            stage.node().process.signal(second);
            stage.node().process.status()
        };
        until("an end at once", PATIENCE, insists, Option::is_some).await;
    }
}

#[tokio::test]
async fn deaf_peers_do_not_delay_the_end_beyond_the_drain_s_timeout() {
    let mut stage = draining(Stage::backend())
        .ping_interval("20s")
        // Whoever waits for the deaf waits for longer than the test.
        .set("limits.write_timeout", "180s")
        .set("drain.timeout", "6s")
        .set("limits.close_timeout", "1s")
        .set("limits.outbox_bytes_max", 64 << 20)
        .start()
        .await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    let mut deaf = Vec::new();
    for _ in 0..10 {
        deaf.push(stage.dial("/ws/rooms/lobby").vice(Vice::Deaf).open().await);
    }
    let mute = stage.dial("/ws/echo").vice(Vice::Mute).open().await;
    for _ in 0..60 {
        speaker.echoes(&"x".repeat(60_000)).await;
    }
    stage.node().terminate();
    assert_eq!(speaker.ended().await.code, 1012, "the others are told all the same");
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    // Each of them has its line, too.
    assert_eq!(stage.ends().len(), 12, "{:#?}", stage.ends());
    drop((deaf, mute));
}

/// Peers that come one after the other, `lanes` at a time, until the door is shut for good.
struct Race(JoinSet<(usize, usize)>);

fn race(stage: &Stage, lanes: usize) -> Race {
    let address = stage.address();
    let mut race = JoinSet::new();
    for _ in 0..lanes {
        race.spawn(async move {
            let (mut admitted, mut refused) = (Vec::new(), 0);
            // The bound is a net: the node's end is what ends it.
            for _ in 0..400 {
                match Dial::new(address, "/ws/echo").attempt().await {
                    Ok(Ok(peer)) => admitted.push(peer),
                    Ok(Err(answer)) => {
                        assert_eq!(answer.status, 503, "{answer:?}");
                        refused += 1;
                    }
                    Err(_) => break,
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            for peer in &mut admitted {
                assert_eq!(peer.ended().await.code, 1012, "{} was forgotten", peer.request);
            }
            (admitted.len(), refused)
        });
    }
    Race(race)
}

impl Race {
    /// How many were admitted, and told 1012, and how many were refused.
    async fn finish(self) -> (usize, usize) {
        let lanes = self.0.join_all().await;
        lanes.into_iter().fold((0, 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1))
    }
}
