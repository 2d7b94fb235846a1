//! Promises 2 and 3: with pings a silent connection outlives any number of read timeouts.
//! That it would not without them is the promise of `silence`.

use std::time::{Duration, Instant};

use crate::harness::peer::codec;
use crate::harness::{Event, PATIENCE, Peer, Stage, until};

/// A machine may stand still for two thirds of it: a ping is due at each third.
const READ_TIMEOUT: &str = "9s";
const TEN_TIMES: Duration = Duration::from_secs(91);

#[tokio::test]
async fn a_silent_connection_lives_for_ten_read_timeouts_and_still_echoes() {
    let stage = Stage::gateway().read_timeout(READ_TIMEOUT).start().await;
    let mut peer = stage.connect("/ws/echo").await;
    let pings = peer.is_silent_for(TEN_TIMES).await;
    // Three in each read timeout; less than one would have been its end.
    assert!(pings.len() >= 20, "only {} pings in {TEN_TIMES:?}", pings.len());
    peer.echoes("still here").await;
    assert_eq!(stage.ends().len(), 0, "{:?}", stage.ends());
}

#[tokio::test]
async fn a_silent_room_lives_for_ten_read_timeouts_and_still_talks() {
    let stage = Stage::gateway().read_timeout(READ_TIMEOUT).workers(2).start().await;
    let mut room = Vec::new();
    for _ in 0..4 {
        room.push(stage.connect("/ws/rooms/lobby").await);
    }
    silent_together(&mut room, TEN_TIMES).await;
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
    let chatting = async { while chatter.try_raw(&burst).await {} };
    let pings = async || stage.gauge("holdline_pings_sent_total").await;
    tokio::select! {
        _ = until("pings", PATIENCE, pings, |pings| *pings >= 5.0) => {}
        () = chatting => panic!("it was ended"),
    }
}

#[tokio::test]
async fn pings_come_at_their_interval_or_up_to_a_tenth_sooner() {
    let stage = Stage::backend().read_timeout("2s").ping_interval("500ms").start().await;
    let began = Instant::now();
    let mut peer = stage.connect("/ws/echo").await;
    let mut pings = Vec::new();
    while pings.len() < 16 {
        pings.extend(peer.is_silent_for(Duration::from_secs(1)).await);
        assert!(began.elapsed() < PATIENCE, "only {} pings", pings.len());
    }
    for (number, ping) in (1..).zip(&pings) {
        let least = Duration::from_millis(450) * number;
        assert!(*ping - began >= least, "ping {number} after {:?} already", *ping - began);
    }
    // Whatever makes pings late: one that is not, after one that was not, has its true distance.
    let shortest = pings.windows(2).map(|pair| pair[1] - pair[0]).min().expect("a dozen gaps");
    assert!(shortest < Duration::from_millis(495), "no ping came sooner than {shortest:?}");
}

#[tokio::test]
async fn the_pongs_tell_the_round_trip_time() {
    let stage = Stage::backend().read_timeout("2s").ping_interval("200ms").start().await;
    let began = Instant::now();
    let _peer = stage.connect("/ws/echo").await;
    let measured = async || stage.gauge("holdline_ping_rtt_seconds_count").await;
    let measured = until("round trips", PATIENCE, measured, |measured| *measured >= 5.0).await;
    let sent = stage.gauge("holdline_pings_sent_total").await;
    assert!(sent >= measured, "{measured} of {sent} pings measured");
    // One after the other, and no machine turns a ping around in a microsecond.
    let seconds = stage.gauge("holdline_ping_rtt_seconds_sum").await;
    let all = began.elapsed().as_secs_f64();
    assert!(seconds > measured / 1e6 && seconds < all, "{seconds} s in {all} s");
}

/// Silent side by side, each hearing at least one ping.
pub async fn silent_together(peers: &mut [Peer], span: Duration) {
    let until = Instant::now() + span;
    for peer in peers {
        let left = until.saturating_duration_since(Instant::now());
        let pings = peer.is_silent_for(left).await;
        // The later ones have heard theirs while the first was listened to.
        assert!(!pings.is_empty(), "{} heard no ping", peer.request);
    }
}
