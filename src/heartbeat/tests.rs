//! The heartbeat's rules, on a clock that the test turns.
//! Leaves to the e2e tests: that a connection follows them.

use proptest::prelude::*;

use super::*;
use fastrand::Rng;

const INTERVAL: Duration = Duration::from_secs(20);
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
const NO_TIME: Duration = Duration::ZERO;
const TICK: Duration = Duration::from_nanos(1);

fn heartbeat(now: Instant) -> Heartbeat {
    Heartbeat::new(Some(INTERVAL), PONG_TIMEOUT, now, Rng::with_seed(7))
}

/// Waits for the next ping, lets it be taken at once, and says when that was.
fn next_ping(heartbeat: &mut Heartbeat) -> (Instant, [u8; 8]) {
    let now = heartbeat.deadline().unwrap();
    match heartbeat.beat(now) {
        Beat::Ping(payload) => {
            heartbeat.ping_taken(now);
            (now, payload)
        }
        other => panic!("{other:?} instead of a ping"),
    }
}

#[test]
fn nothing_is_due_before_the_deadline_and_a_ping_at_it() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    let due = heartbeat.deadline().unwrap();
    assert_eq!(heartbeat.beat(due - TICK), Beat::Wait);
    assert_eq!(heartbeat.beat(due), Beat::Ping(*b"00000001"));
    assert_eq!(heartbeat.beat(due), Beat::Wait, "it is not due again");
}

#[test]
fn pings_are_numbered_in_eight_hexadecimal_digits() {
    assert_eq!(payload_of(0), *b"00000000");
    assert_eq!(payload_of(0x0123_abcd), *b"0123abcd");
    assert_eq!(payload_of(u32::MAX), *b"ffffffff");
}

#[test]
fn the_pong_clock_starts_when_the_ping_is_taken_for_writing() {
    let mut heartbeat = heartbeat(Instant::now());
    let due = heartbeat.deadline().unwrap();
    heartbeat.beat(due);
    let taken = due + Duration::from_secs(5);
    heartbeat.ping_taken(taken);
    assert_eq!(heartbeat.deadline(), Some(taken + PONG_TIMEOUT));
    assert_eq!(heartbeat.beat(taken + PONG_TIMEOUT - TICK), Beat::Wait);
    assert_eq!(heartbeat.beat(taken + PONG_TIMEOUT), Beat::Dead);
}

#[test]
fn any_whole_frame_clears_the_clock() {
    let mut heartbeat = heartbeat(Instant::now());
    let (taken, _) = next_ping(&mut heartbeat);
    heartbeat.alive();
    assert_eq!(heartbeat.beat(taken + PONG_TIMEOUT), Beat::Wait);
}

#[test]
fn further_pings_do_not_give_a_silent_peer_more_time() {
    let interval = Duration::from_secs(1);
    let mut heartbeat =
        Heartbeat::new(Some(interval), PONG_TIMEOUT, Instant::now(), Rng::with_seed(7));
    let (first, _) = next_ping(&mut heartbeat);
    while heartbeat.deadline().unwrap() < first + PONG_TIMEOUT {
        next_ping(&mut heartbeat);
    }
    assert_eq!(heartbeat.beat(first + PONG_TIMEOUT), Beat::Dead);
}

#[test]
fn only_a_pong_to_the_latest_ping_has_a_round_trip_time() {
    let mut heartbeat = heartbeat(Instant::now());
    let (now, _) = next_ping(&mut heartbeat);
    assert_eq!(heartbeat.pong(b"unsolicited", now), None);
    assert_eq!(heartbeat.pong(b"", now), None);
    assert_eq!(heartbeat.pong(b"00000002", now), None, "that one is not sent yet");
    let late = now + Duration::from_millis(30);
    assert_eq!(heartbeat.pong(b"00000001", late), Some(Duration::from_millis(30)));
    assert_eq!(heartbeat.pong(b"00000001", late), None, "it is answered already");
    let (now, payload) = next_ping(&mut heartbeat);
    assert_eq!(heartbeat.pong(b"00000001", now), None, "that was the one before");
    assert_eq!(heartbeat.pong(&payload, now), Some(NO_TIME));
}

#[test]
fn a_pong_to_a_ping_that_was_not_written_yet_has_none() {
    let mut heartbeat = heartbeat(Instant::now());
    next_ping(&mut heartbeat);
    heartbeat.alive();
    let due = heartbeat.deadline().unwrap();
    assert_eq!(heartbeat.beat(due), Beat::Ping(*b"00000002"));
    assert_eq!(heartbeat.pong(b"00000002", due), None);
}

#[test]
fn a_pong_is_a_frame_too() {
    let mut heartbeat = heartbeat(Instant::now());
    let (taken, _) = next_ping(&mut heartbeat);
    heartbeat.pong(b"unsolicited", taken);
    assert_eq!(heartbeat.beat(taken + PONG_TIMEOUT), Beat::Wait);
}

#[test]
fn switched_off_it_never_pings_and_finds_nobody_dead() {
    let now = Instant::now();
    let mut heartbeat = Heartbeat::new(None, PONG_TIMEOUT, now, Rng::with_seed(7));
    heartbeat.ping_taken(now);
    assert_eq!(heartbeat.deadline(), None);
    assert_eq!(heartbeat.beat(now + Duration::from_secs(1_000_000)), Beat::Wait);
}

#[test]
fn a_ping_that_is_taken_during_a_pause_has_the_whole_time_after_it() {
    let mut heartbeat = heartbeat(Instant::now());
    heartbeat.pause(Instant::now());
    let (taken, _) = next_ping(&mut heartbeat);
    assert!(heartbeat.deadline().unwrap() > taken + PONG_TIMEOUT, "only the next ping");
    let resumed = taken + Duration::from_secs(3);
    heartbeat.resume(resumed);
    assert_eq!(heartbeat.deadline(), Some(resumed + PONG_TIMEOUT));
}

#[test]
fn a_ping_that_is_taken_after_a_pause_has_its_time_at_once() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    heartbeat.pause(start);
    heartbeat.resume(start);
    let (taken, _) = next_ping(&mut heartbeat);
    assert_eq!(heartbeat.deadline(), Some(taken + PONG_TIMEOUT));
}

#[test]
fn pings_go_on_during_a_pause() {
    let mut heartbeat = heartbeat(Instant::now());
    heartbeat.pause(Instant::now());
    for _ in 0..100 {
        next_ping(&mut heartbeat);
    }
}

#[test]
fn a_heartbeat_is_small() {
    assert!(size_of::<Heartbeat>() <= 120);
}

/// Intervals and pong timeouts, in either relation.
fn times() -> impl Strategy<Value = (Duration, Duration)> {
    let millis = (100..100_000_u64).prop_map(Duration::from_millis);
    (millis.clone(), millis)
}

proptest! {
    #[test]
    fn pings_are_an_interval_apart_less_at_most_a_tenth(
        (interval, pong_timeout) in times(),
        seed: u64,
        origin in proptest::option::of(0..1_000_000_000_u64),
    ) {
        let origin = origin.map(|ago| (Instant::now(), Duration::from_nanos(ago)));
        let mut last = origin.map_or_else(Instant::now, |(origin, ago)| origin + ago);
        let rng = Rng::with_seed(seed);
        let mut heartbeat = Heartbeat::new(Some(interval), pong_timeout, last, rng);
        if let Some((origin, _)) = origin {
            heartbeat = heartbeat.in_step(origin);
        }
        let mut gaps = std::collections::HashSet::new();
        for _ in 0..20 {
            let (now, _) = next_ping(&mut heartbeat);
            heartbeat.alive();
            let gap = now - last;
            prop_assert!(gap <= interval && gap >= interval * 9 / 10, "{gap:?} of {interval:?}");
            if let Some((origin, _)) = origin {
                let off = (now - origin).as_nanos() % (interval / 200).as_nanos();
                prop_assert_eq!(off, 0, "at a common moment");
            }
            gaps.insert(gap);
            last = now;
        }
        prop_assert!(gaps.len() > if origin.is_some() { 3 } else { 10 }, "each gap is drawn afresh");
    }

    #[test]
    fn a_peer_that_answers_every_ping_in_time_is_never_dead(
        (interval, pong_timeout) in times(),
        seed: u64,
        delays in proptest::collection::vec(0.0..1.0_f64, 1..30),
    ) {
        let start = Instant::now();
        let rng = Rng::with_seed(seed);
        let mut heartbeat = Heartbeat::new(Some(interval), pong_timeout, start, rng);
        let mut frames = std::collections::BTreeSet::new();
        for delay in delays {
            loop {
                let due = heartbeat.deadline().unwrap();
                match frames.first() {
                    Some(&frame) if frame <= due => {
                        frames.pop_first();
                        heartbeat.alive();
                    }
                    _ => match heartbeat.beat(due) {
                        Beat::Ping(_) => {
                            heartbeat.ping_taken(due);
                            frames.insert(due + pong_timeout.mul_f64(delay).min(pong_timeout - TICK));
                            break;
                        }
                        other => prop_assert_eq!(other, Beat::Wait),
                    },
                }
            }
        }
    }

    #[test]
    fn a_silent_peer_is_dead_an_interval_and_a_pong_timeout_after_its_last_frame(
        (interval, pong_timeout) in times(),
        seed: u64,
        pings_before in 0..30_u32,
        quiet in 0.0..1.0_f64,
    ) {
        let mut last_frame = Instant::now();
        let rng = Rng::with_seed(seed);
        let mut heartbeat = Heartbeat::new(Some(interval), pong_timeout, last_frame, rng);
        for _ in 0..pings_before {
            let (now, _) = next_ping(&mut heartbeat);
            heartbeat.alive();
            // A frame somewhere between two pings.
            last_frame = now + (heartbeat.deadline().unwrap() - now).mul_f64(quiet);
            heartbeat.alive();
        }
        let mut first_ping = None;
        let dead = loop {
            let due = heartbeat.deadline().unwrap();
            prop_assert!(due <= last_frame + interval + pong_timeout, "it is not found");
            match heartbeat.beat(due) {
                Beat::Ping(_) => {
                    first_ping.get_or_insert(due);
                    heartbeat.ping_taken(due);
                }
                Beat::Dead => break due,
                Beat::Wait => prop_assert!(false, "it is not due at its own deadline"),
            }
        };
        prop_assert_eq!(Some(dead), first_ping.map(|ping| ping + pong_timeout));
    }

    #[test]
    fn only_time_in_which_we_read_counts_against_the_peer(
        spells in proptest::collection::vec((0..3_000_u64, 0..100_000_u64), 0..10),
    ) {
        let mut heartbeat = heartbeat(Instant::now());
        let (mut now, _) = next_ping(&mut heartbeat);
        let mut left = PONG_TIMEOUT;
        for (reading, paused) in spells {
            let reading = Duration::from_millis(reading);
            if reading >= left {
                break;
            }
            now += reading;
            left -= reading;
            heartbeat.pause(now);
            heartbeat.pause(now);
            now += Duration::from_millis(paused);
            prop_assert_ne!(heartbeat.beat(now), Beat::Dead);
            heartbeat.resume(now);
            heartbeat.resume(now);
        }
        prop_assert_ne!(heartbeat.beat(now + left - TICK), Beat::Dead);
        prop_assert_eq!(heartbeat.beat(now + left), Beat::Dead);
    }
}
