//! Promise 8: the numbers that ship agree with each other. They are read from the shipped files
//! themselves: the backend's own defaults, nginx.conf with its includes, the compose file.

use std::process::Command;
use std::time::Duration;

use crate::harness::shipped::{Backend, Gateway, Settings, argument, duration, files, text};
use crate::harness::tool::repository;

#[test]
fn the_backend_believes_the_gateway_s_read_timeout_and_pings_twice_within_it() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    let read_timeout = gateway.duration("http", "proxy_read_timeout");
    assert_eq!(backend.duration("gateway.read_timeout"), read_timeout);
    let interval = backend.duration("heartbeat.ping_interval");
    assert!(interval * 2 <= read_timeout, "{interval:?} twice in {read_timeout:?}");
    // Also the wait for a hung backend, of which another is asked while there is time left.
    assert!(gateway.duration("http", "proxy_next_upstream_timeout") > read_timeout);
    let compose = text("docker-compose.yml");
    let defaults: Vec<_> = compose.split("${HOLDLINE_READ_TIMEOUT:-").skip(1).collect();
    assert_eq!(defaults.len(), 2, "one variable, for gateway and backend");
    for default in defaults {
        let default = default.split('}').next().expect("a closing brace");
        assert_eq!(duration(default), read_timeout);
    }
}

#[test]
fn a_container_is_given_longer_to_stop_than_the_drain_takes() {
    let backend = Backend::shipped();
    let drain = backend.duration("drain.timeout");
    let compose = text("docker-compose.yml");
    let graces = compose.lines().filter_map(|line| line.trim().strip_prefix("stop_grace_period:"));
    let graces: Vec<_> = graces.map(|grace| duration(grace.trim())).collect();
    assert!(!graces.is_empty(), "the engine's default is 10 s");
    for grace in graces {
        assert!(grace > drain + Duration::from_secs(2), "{grace:?} for a drain of {drain:?}");
    }
    // The gateway's connections may live for hours; a reload must not cut them sooner.
    let gateway = Gateway::shipped();
    assert!(gateway.duration("", "worker_shutdown_timeout") >= Duration::from_secs(3600));
}

#[test]
fn a_drain_sends_nobody_away_faster_than_the_gateway_lets_them_in_again() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    let connections = backend.number("server.connections_max");
    let rate = connections as f64 / backend.duration("drain.window").as_secs_f64();
    let zone = gateway.only("http", "limit_req_zone", "zone=handshakes:");
    let admitted: f64 = argument(&zone, "rate=").trim_end_matches("r/s").parse().expect("a rate");
    assert!(rate <= admitted, "{rate} leave per second, {admitted} are let in");
    // And when all come back at once, the queue is long enough for everyone.
    let limit = gateway.only("location ^~ /ws/", "limit_req", "zone=handshakes");
    let burst: u64 = argument(&limit, "burst=").parse().expect("a number");
    assert!(burst >= connections, "{burst} may wait, {connections} come");
    // Nobody's client gives up on a handshake before its turn has come.
    assert!(burst as f64 / admitted <= 15.0, "the last one waits {} s", burst as f64 / admitted);
}

#[test]
fn a_gateway_worker_has_room_for_every_connection_of_a_backend() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    // Each has two sides, and nothing makes the workers share evenly.
    let both_sides = 2 * backend.number("server.connections_max");
    let connections = gateway.number("events", "worker_connections");
    let files = gateway.number("", "worker_rlimit_nofile");
    assert!(connections >= both_sides, "{connections} for {both_sides}");
    assert!(files > connections, "{files} descriptors for {connections} connections");
    let office: u64 = gateway.number("http", "limit_conn address_connections");
    assert!((100..backend.number("server.connections_max")).contains(&office), "{office}");
}

#[test]
fn both_sides_give_up_on_slow_peers_and_handshakes_at_the_same_time() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    assert_eq!(gateway.duration("http", "send_timeout"), backend.duration("limits.write_timeout"));
    let handshake = backend.duration("server.handshake_timeout");
    assert_eq!(gateway.duration("http", "client_header_timeout"), handshake);
}

#[test]
fn the_manual_shows_the_defaults_that_are_in_force() {
    let backend = Backend::shipped();
    let manual = Settings::read(&text("holdline.toml").replace("\n#", "\n"));
    let auto = ["server.workers", "heartbeat.ping_interval"];
    for (key, value) in backend.settings() {
        let shown = manual.value(key);
        assert!(shown == value || auto.contains(&key), "{key}: {shown} is not {value}");
    }
}

#[test]
fn the_committed_includes_are_the_rendering_with_all_defaults() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rendered = folder.path().join("holdline.d");
    let script = repository().join("deploy/nginx/render");
    let status = Command::new(script).arg(&rendered).env_clear().status();
    assert!(status.expect("the shipped script runs").success());
    assert_eq!(files(&rendered), files(&repository().join("deploy/nginx/holdline.d")));
}
