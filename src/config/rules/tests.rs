//! Promises of the rules: each with the last value it allows and the first it refuses.
//! Where values come from is proven beside the loader.

use std::time::Duration;

use crate::config::{Config, Problem};

type Change = fn(&mut Config);

/// The keys that are refused after `change`.
fn refused(change: impl FnOnce(&mut Config)) -> Vec<&'static str> {
    let mut config = Config::default();
    change(&mut config);
    let error = match config.validate() {
        Ok(_) => return Vec::new(),
        Err(error) => error,
    };
    let key = |problem: &Problem| match problem {
        Problem::Value { key, .. } => *key,
        other => panic!("{other}"),
    };
    error.problems().iter().map(key).collect()
}

/// The warnings after `change`, which must be allowed.
fn warned(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let mut config = Config::default();
    change(&mut config);
    config.validate().expect("an allowed configuration")
}

const NOTHING: Duration = Duration::ZERO;

const fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

#[test]
fn pings_are_at_most_half_of_the_read_timeout_apart() {
    let interval = |interval| move |it: &mut Config| it.heartbeat.ping_interval = Some(interval);
    assert_eq!(refused(interval(milliseconds(30_000))), [""; 0]);
    assert_eq!(refused(interval(milliseconds(30_001))), ["heartbeat.ping_interval"]);
    assert_eq!(refused(interval(NOTHING)), ["heartbeat.ping_interval"]);
    assert_eq!(refused(|it| it.heartbeat.ping_interval = None), [""; 0]);
}

#[test]
fn the_drain_ends_before_its_timeout() {
    let timeout = |timeout| move |it: &mut Config| it.drain.timeout = timeout;
    assert_eq!(refused(timeout(milliseconds(13_001))), [""; 0]);
    assert_eq!(refused(timeout(milliseconds(13_000))), ["drain.timeout"]);
    // At once and without delay is a choice.
    assert_eq!(refused(|it| (it.drain.delay, it.drain.window) = (NOTHING, NOTHING)), [""; 0]);
    let mut config = Config::default();
    config.drain.window = milliseconds(30_000);
    let said = config.validate().expect_err("a window longer than the drain").to_string();
    let rule = "drain.timeout = \"25s\" (default): must be more than drain.delay = \"1s\" \
                (default) and drain.window = \"30s\" (code) and limits.close_timeout = \"2s\" \
                (default) together, that is 33s";
    assert!(said.starts_with(rule), "{said}");
}

#[test]
fn an_outbox_and_a_mailbox_hold_at_least_one_whole_message() {
    let message = 64 << 10;
    let outbox = |bytes| move |it: &mut Config| it.limits.outbox_bytes_max = bytes;
    assert_eq!(refused(outbox(message + 10)), [""; 0]);
    assert_eq!(refused(outbox(message + 9)), ["limits.outbox_bytes_max"]);
    let mailbox = |bytes| move |it: &mut Config| it.limits.mailbox_bytes_max = bytes;
    assert_eq!(refused(mailbox(message + 266)), [""; 0]);
    assert_eq!(refused(mailbox(message + 265)), ["limits.mailbox_bytes_max"]);
    let both = ["limits.outbox_bytes_max", "limits.mailbox_bytes_max", "control.body_bytes_max"];
    assert_eq!(refused(|it| it.limits.message_bytes_max = usize::MAX), both);
}

#[test]
fn all_outboxes_together_hold_at_least_one_full_outbox_per_worker() {
    let total = |bytes| {
        move |it: &mut Config| {
            it.server.workers = 3;
            it.limits.outbox_bytes_total = bytes;
        }
    };
    assert_eq!(refused(total(3 << 20)), [""; 0]);
    assert_eq!(refused(total((3 << 20) - 1)), ["limits.outbox_bytes_total"]);
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let changes: [(&str, Change); 14] = [
        ("server.connections_max", |it| it.server.connections_max = 0),
        ("server.handshake_timeout", |it| it.server.handshake_timeout = NOTHING),
        ("heartbeat.pong_timeout", |it| it.heartbeat.pong_timeout = NOTHING),
        ("limits.message_bytes_max", |it| it.limits.message_bytes_max = 0),
        ("limits.message_timeout", |it| it.limits.message_timeout = NOTHING),
        ("limits.message_fragments_max", |it| it.limits.message_fragments_max = 0),
        ("limits.control_frames_max", |it| it.limits.control_frames_max = 0),
        ("limits.outbox_bytes_max", |it| it.limits.outbox_bytes_max = 0),
        ("limits.outbox_frames_max", |it| it.limits.outbox_frames_max = 0),
        ("limits.write_timeout", |it| it.limits.write_timeout = NOTHING),
        ("limits.close_timeout", |it| it.limits.close_timeout = NOTHING),
        ("limits.messages_per_second", |it| it.limits.messages_per_second = Some(0)),
        ("limits.rooms_max", |it| it.limits.rooms_max = 0),
        ("limits.connections_per_ip_max", |it| it.limits.connections_per_ip_max = Some(0)),
    ];
    for (key, change) in changes {
        assert_eq!(refused(change), [key]);
    }
    let read_timeout = refused(|it| it.gateway.read_timeout = NOTHING);
    assert_eq!(read_timeout, ["gateway.read_timeout", "heartbeat.ping_interval"]);
    assert_eq!(refused(|it| it.limits.messages_per_second = Some(1)), [""; 0]);
}

#[test]
fn a_room_s_word_has_a_bit_for_every_worker() {
    let workers = |workers| move |it: &mut Config| it.server.workers = workers;
    assert_eq!(refused(workers(0)), ["server.workers"]);
    assert_eq!(refused(workers(1)), [""; 0]);
    assert_eq!(refused(workers(64)), [""; 0]);
    assert_eq!(refused(workers(65)), ["server.workers"]);
}

#[test]
fn the_watchdog_is_patient_enough_for_a_busy_machine() {
    let stall = |timeout| move |it: &mut Config| it.server.stall_timeout = timeout;
    assert_eq!(refused(stall(milliseconds(99))), ["server.stall_timeout"]);
    assert_eq!(refused(stall(milliseconds(100))), [""; 0]);
}

#[test]
fn the_two_listeners_have_different_addresses() {
    let addresses = |public: &str, control: &str| {
        let (public, control) = (public.parse(), control.parse());
        refused(|it| {
            it.server.listen = public.expect("an address");
            it.control.listen = control.expect("an address");
        })
    };
    assert_eq!(addresses("127.0.0.1:9000", "127.0.0.1:9000"), ["control.listen"]);
    assert_eq!(addresses("0.0.0.0:9000", "127.0.0.1:9000"), ["control.listen"]);
    assert_eq!(addresses("127.0.0.1:9000", "[::]:9000"), ["control.listen"]);
    assert_eq!(addresses("127.0.0.1:9000", "127.0.0.2:9000"), [""; 0]);
    assert_eq!(addresses("127.0.0.1:0", "127.0.0.1:0"), [""; 0]);
}

#[test]
fn every_origin_that_no_browser_sends_is_refused() {
    let origins = |origins: &[&str]| {
        let origins = origins.iter().map(ToString::to_string).collect();
        refused(|it| it.server.allowed_origins = origins)
    };
    assert_eq!(origins(&["https://example.com", "*"]), [""; 0]);
    let twice = ["server.allowed_origins"; 2];
    assert_eq!(origins(&["https://a.example", "b.example", "wss://c.example"]), twice);
}

#[test]
fn what_is_allowed_but_hardly_meant_is_warned_about() {
    let cases: [(&str, Change); 4] = [
        ("heartbeat.ping_interval = \"off\" (code): no pings are sent", |it| {
            it.heartbeat.ping_interval = None;
        }),
        ("server.allowed_origins = [\"*\", \"https://a.example\"] (code): \"*\" admits", |it| {
            it.server.allowed_origins = vec!["*".into(), "https://a.example".into()];
        }),
        ("server.trusted_proxies = [\"0.0.0.0/0\"] (code): everybody is believed", |it| {
            it.server.trusted_proxies = vec!["0.0.0.0/0".parse().expect("a network")];
        }),
        ("limits.connections_per_ip_max = 10 (code): with server.trusted_proxies = []", |it| {
            it.server.trusted_proxies = Vec::new();
            it.limits.connections_per_ip_max = Some(10);
        }),
    ];
    for (beginning, change) in cases {
        let warnings = warned(change);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert!(warnings[0].starts_with(beginning), "{}", warnings[0]);
    }
    assert_eq!(warned(|it| it.server.allowed_origins = vec!["*".into()]), [""; 0]);
    assert_eq!(warned(|it| it.server.trusted_proxies = Vec::new()), [""; 0]);
}
