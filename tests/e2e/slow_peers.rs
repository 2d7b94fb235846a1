//! Promise 4, the slow: a peer that stops reading, or reads a trickle, loses only itself, and the write
//! timeout frees its memory and descriptor. The dead are in `dead_peers`.

use std::time::{Duration, Instant};

use crate::harness::log::Line;
use crate::harness::namespace::Namespace;
use crate::harness::peer::codec;
use crate::harness::stage::Builder;
use crate::harness::{Event, Peer, Stage, Vice, until, wait::PATIENCE};

/// A message large enough to fill buffers soon.
const LARGE: usize = 60_000;

/// Pings rarely, so that within a test's patience it is the deadline for writing that finds the slow,
/// not the one for pongs; and takes so much into an outbox that this is not what finds them either.
fn patient() -> Builder {
    Stage::backend()
        .read_timeout("60s")
        .ping_interval("30s")
        .set("limits.write_timeout", "4s")
        .set("limits.close_timeout", "500ms")
        .set("limits.outbox_bytes_max", 128 << 20)
        .set("limits.outbox_frames_max", 100_000)
}

#[tokio::test]
async fn a_deaf_peer_is_gone_with_its_memory_and_descriptor_within_the_write_timeout() {
    gone_in_time(Vice::Deaf, 200).await;
}

#[tokio::test]
async fn a_trickling_peer_is_held_to_the_same() {
    gone_in_time(Vice::Trickling(20_000), 200).await;
}

#[tokio::test]
async fn a_trickling_peer_that_was_sent_all_at_once_is_held_to_the_same() {
    // 16 seconds' worth and then nothing more: no later message draws attention to the earlier
    // ones, and the peer is quick enough for the kernel to think well of it.
    gone_in_time(Vice::Trickling(300_000), 80).await;
}

#[tokio::test]
async fn a_deaf_peer_with_little_to_read_is_gone_as_well() {
    // 8 messages: some of them in the kernel's buffers, the rest in ours, and then nothing moves.
    gone_in_time(Vice::Deaf, 8).await;
}

#[tokio::test]
async fn a_peer_that_vanishes_with_something_to_read_is_gone_as_well() {
    let elsewhere = Namespace::new();
    let mut stage = patient().set("server.listen", "0.0.0.0:0").start().await;
    let dial = stage.dial("/ws/rooms/lobby").within(&elsewhere);
    let come = async || {
        let peer = dial.open().await;
        elsewhere.vanish();
        peer
    };
    // The kernel's own timeout is as long; should it be first, it knows of a host that is unreachable.
    filled_and_gone(&mut stage, come, 50, &["write_timeout", "peer_gone"]).await;
}

#[tokio::test]
async fn a_peer_whose_outbox_overflows_is_slow_and_told_so() {
    let mut stage = patient()
        .set("limits.outbox_bytes_max", 256 << 10)
        .set("limits.outbox_bytes_total", 64 << 20)
        .start()
        .await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    let before = stage.node().process.descriptors();
    let deaf = stage.dial("/ws/rooms/lobby").vice(Vice::Deaf).open().await;
    fill(&mut speaker, 100).await;
    gone(&mut stage, &deaf, before).await;
    stage.ended_as(&deaf, "slow", "1013").await;
    speaker.echoes("nothing noticed").await;
    stage.holds(1).await;
}

#[tokio::test]
async fn a_slow_peer_that_reads_again_finds_the_close_frame_1013() {
    let stage = patient().set("limits.outbox_bytes_max", 256 << 10);
    let stage = stage.set("limits.write_timeout", "60s").start().await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    // Slow enough to fall behind, quick enough to reach the close frame before the deadline.
    let mut slow = stage.dial("/ws/rooms/lobby").vice(Vice::Trickling(600_000)).open().await;
    fill(&mut speaker, 100).await;
    let end = slow.ended().await;
    assert_eq!(end.code, 1013, "{end:?}");
    stage.ended_as(&slow, "slow", "1013").await;
}

#[tokio::test]
async fn an_unfinished_message_does_not_grow_old_while_we_do_not_read() {
    let stage = patient()
        .set("limits.message_timeout", "4s")
        .set("limits.write_timeout", "180s")
        .set("limits.outbox_bytes_max", 1 << 20)
        .start()
        .await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    let slow = stage.dial("/ws/rooms/lobby").vice(Vice::Trickling(20_000)).open().await;
    let began = Instant::now();
    slow.frame(false, codec::TEXT, b"begun in time ").await;
    // Over half of what an outbox holds: its peer is not read until there is less, in some 10 s.
    fill(&mut speaker, 15).await;
    slow.frame(true, codec::CONTINUATION, b"and finished").await;
    let finished = Event::Text("begun in time and finished".to_owned());
    assert_eq!(speaker.message().await, finished);
    assert!(began.elapsed() > Duration::from_secs(4), "it was read: {:?}", began.elapsed());
    stage.holds(2).await;
}

#[tokio::test]
async fn healthy_neighbours_of_the_mute_the_deaf_and_the_trickling_lose_nothing() {
    neighbours_notice_nothing(Stage::backend()).await;
}

#[tokio::test]
async fn behind_the_gateway_healthy_neighbours_lose_nothing_either() {
    neighbours_notice_nothing(Stage::gateway()).await;
}

/// Fills a peer of this vice with messages, and sees it gone while its neighbour goes on.
async fn gone_in_time(vice: Vice, messages: usize) {
    let mut stage = patient().start().await;
    let dial = stage.dial("/ws/rooms/lobby").vice(vice);
    filled_and_gone(&mut stage, async || dial.open().await, messages, &["write_timeout"]).await;
}

async fn filled_and_gone(
    stage: &mut Stage,
    come: impl AsyncFnOnce() -> Peer,
    messages: usize,
    reasons: &[&str],
) {
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    speaker.echoes("first").await;
    let before = stage.node().process.descriptors();
    let peer = come().await;
    stage.holds(2).await;
    fill(&mut speaker, messages).await;
    let line = gone(stage, &peer, before).await;
    let reason = line.value("reason");
    assert!(reasons.contains(&reason), "{line:?}");
    stage.ended_as(&peer, reason, "-").await;
    speaker.echoes("nothing noticed").await;
    stage.holds(1).await;
    let empty = async || stage.gauge("holdline_outbox_bytes").await;
    until("empty outboxes", PATIENCE, empty, |bytes| *bytes == 0.0).await;
}

/// Says large things to the room and hears each of them itself.
async fn fill(speaker: &mut Peer, messages: usize) {
    let text = "x".repeat(LARGE);
    for _ in 0..messages {
        speaker.echoes(&text).await;
    }
}

/// Gone, and its descriptor with it.
async fn gone(stage: &mut Stage, peer: &Peer, descriptors: usize) -> Line {
    let line = stage.end_of(peer).await;
    let node = stage.node();
    let held = async || node.process.descriptors();
    until("its descriptor", PATIENCE, held, |held| *held <= descriptors).await;
    line
}

/// A room of healthy and bad peers: the bad go, the healthy hear everything in order, and wait for none
/// of them. Whoever waited for a bad peer would wait for longer than the test's patience.
async fn neighbours_notice_nothing(stage: Builder) {
    let stage = stage
        .ping_interval("2s")
        .pong_timeout("22s")
        .workers(2)
        .set("limits.write_timeout", "60s")
        .set("limits.close_timeout", "500ms")
        .start()
        .await;
    let mut healthy = Vec::new();
    for _ in 0..6 {
        healthy.push(stage.connect("/ws/rooms/lobby").await);
    }
    let mut bad = Vec::new();
    // So slow a trickle that between two pings lies more than a pong may take to come.
    for vice in [Vice::Mute, Vice::Deaf, Vice::Trickling(2_000)].repeat(2) {
        bad.push(stage.dial("/ws/rooms/lobby").vice(vice).open().await);
    }
    // 3 MiB for each: more than an outbox holds.
    for number in 0..400 {
        let text = format!("{number} {}", "x".repeat(8192));
        healthy[0].text(&text).await;
        for peer in &mut healthy {
            assert_eq!(peer.message().await, Event::Text(text.clone()));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The gateway takes what they do not read, so behind it the pong is what is missed first.
    for peer in &bad {
        let line = stage.end_of_within(peer, PATIENCE * 3).await;
        assert!(["no_pong", "slow", "write_timeout"].contains(&line.value("reason")), "{line:?}");
    }
    stage.holds(healthy.len()).await;
    drop((healthy, bad));
    stage.holds(0).await;
    assert_eq!(stage.gauge("holdline_rooms").await, 0.0);
    let empty = async || stage.gauge("holdline_outbox_bytes").await;
    until("empty outboxes", PATIENCE, empty, |bytes| *bytes == 0.0).await;
}
