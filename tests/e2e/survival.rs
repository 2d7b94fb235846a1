//! Promises 2 and 3: with pings a silent connection outlives any number of read timeouts.
//! That it would not without them is the promise of `silence`.

use std::time::{Duration, Instant};

use crate::harness::peer::codec;
use crate::harness::{Event, Peer, Stage};

#[tokio::test]
async fn a_silent_connection_lives_for_ten_read_timeouts_and_still_echoes() {
    let stage = Stage::gateway().read_timeout("2s").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    let pings = peer.is_silent_for(Duration::from_secs(20)).await;
    // A third of the read timeout, and no later ping than that.
    assert!(pings.len() >= 25, "only {} pings in 20 s", pings.len());
    peer.echoes("still here").await;
    assert_eq!(stage.ends().len(), 0, "{:?}", stage.ends());
}

#[tokio::test]
async fn a_silent_room_lives_for_ten_read_timeouts_and_still_talks() {
    let stage = Stage::gateway().read_timeout("2s").workers(2).start().await;
    let mut room = Vec::new();
    for _ in 0..4 {
        room.push(stage.connect("/ws/rooms/lobby").await);
    }
    silent_together(&mut room, Duration::from_secs(20)).await;
    room[0].text("still here").await;
    for peer in &mut room {
        assert_eq!(peer.message().await, Event::Text("still here".to_owned()));
    }
    assert_eq!(stage.ends().len(), 0, "{:?}", stage.ends());
}

#[tokio::test]
async fn a_peer_that_never_pauses_is_pinged_all_the_same() {
    let stage = Stage::backend().ping_interval("200ms").start().await;
    let chatter = stage.connect("/ws/echo").await;
    let burst = codec::encode(true, codec::PONG, b"unasked").repeat(2000);
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        chatter.raw(&burst).await;
    }
    let pings = stage.gauge("holdline_pings_sent_total").await;
    assert!(pings >= 5.0, "only {pings} pings in 4 s, about 20 were due");
}

#[tokio::test]
async fn pings_come_at_their_interval_or_up_to_a_tenth_sooner() {
    let stage = Stage::backend().read_timeout("2s").ping_interval("500ms").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    let pings = peer.is_silent_for(Duration::from_secs(8)).await;
    assert!(pings.len() >= 12, "only {} pings in 8 s", pings.len());
    // One that arrives late makes the next gap shorter, so only the mean has a lower bound.
    let shortest = pings.windows(2).map(|pair| pair[1] - pair[0]).min().expect("a dozen gaps");
    assert!(shortest < Duration::from_millis(495), "no ping came sooner than {shortest:?}");
    let span = pings[pings.len() - 1] - pings[0];
    let mean = span / u32::try_from(pings.len() - 1).expect("a handful");
    let fair = mean > Duration::from_millis(440) && mean < Duration::from_millis(560);
    assert!(fair, "a ping each {mean:?}");
}

#[tokio::test]
async fn the_pongs_tell_the_round_trip_time() {
    let stage = Stage::backend().read_timeout("2s").ping_interval("200ms").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.is_silent_for(Duration::from_secs(2)).await;
    let sent = stage.gauge("holdline_pings_sent_total").await;
    let measured = stage.gauge("holdline_ping_rtt_seconds_count").await;
    let seconds = stage.gauge("holdline_ping_rtt_seconds_sum").await;
    assert!(sent >= 5.0 && measured >= sent - 1.0, "{measured} of {sent} pings measured");
    assert!(seconds > 0.0 && seconds / measured < 0.2, "{seconds} s in {measured} pings");
}

/// The one test that waits as long as a real silence lasts: nothing is configured but the ports.
#[tokio::test]
async fn at_the_shipped_values_a_connection_is_silent_for_three_read_timeouts_and_lives() {
    let stage = Stage::gateway().start().await;
    let began = Instant::now();
    let mut peers = vec![stage.connect("/ws/echo").await, stage.connect("/ws/rooms/quiet").await];
    silent_together(&mut peers, Duration::from_secs(181)).await;
    for peer in &mut peers {
        peer.echoes("good morning").await;
    }
    assert!(began.elapsed() > Duration::from_secs(180), "three times 60 s");
    assert_eq!(stage.ends().len(), 0, "{:?}", stage.ends());
}

/// Silent side by side, each hearing at least one ping.
async fn silent_together(peers: &mut [Peer], span: Duration) {
    let until = Instant::now() + span;
    for peer in peers {
        let left = until.saturating_duration_since(Instant::now());
        let pings = peer.is_silent_for(left).await;
        // The later ones have heard theirs while the first was listened to.
        assert!(!pings.is_empty(), "{} heard no ping", peer.request);
    }
}
