//! What a node tells about itself: every metric of the design that exists so far, and a log that a
//! person and a machine can read. That each end is told alike everywhere is checked by the others.

use crate::harness::{Peer, Stage, until, wait::PATIENCE};

#[tokio::test]
async fn the_metrics_are_all_there_from_the_start_and_each_explains_itself() {
    let mut stage = Stage::backend().start().await;
    let control = stage.node().control;
    let text = crate::harness::http::get(control, "/metrics").await.text();
    for (name, kind) in [
        ("holdline_connections", "gauge"),
        ("holdline_connections_max", "gauge"),
        ("holdline_rooms", "gauge"),
        ("holdline_connections_opened_total", "counter"),
        ("holdline_handshakes_rejected_total", "counter"),
        ("holdline_disconnects_total", "counter"),
        ("holdline_messages_total", "counter"),
        ("holdline_message_bytes_total", "counter"),
        ("holdline_pings_sent_total", "counter"),
        ("holdline_pongs_received_total", "counter"),
        ("holdline_ping_rtt_seconds", "histogram"),
        ("holdline_connection_duration_seconds", "histogram"),
        ("holdline_outbox_bytes", "gauge"),
        ("holdline_draining", "gauge"),
        ("holdline_callback_duration_seconds", "histogram"),
        ("holdline_callback_in_flight", "gauge"),
        ("holdline_callback_retries_total", "counter"),
        ("holdline_callback_dropped_total", "counter"),
        ("holdline_joins_refused_total", "counter"),
        ("holdline_rest_duration_seconds", "histogram"),
        ("holdline_rest_in_flight", "gauge"),
        ("holdline_build_info", "gauge"),
        ("process_cpu_seconds_total", "counter"),
        ("process_open_fds", "gauge"),
        ("process_max_fds", "gauge"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_start_time_seconds", "gauge"),
    ] {
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "no {kind} {name}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} does not explain itself");
    }
    // A rate over a reason that appears only when it happens for the first time misses that one.
    for reason in ["peer_closed", "peer_gone", "no_pong", "write_timeout", "slow", "drain"] {
        let series = format!("holdline_disconnects_total{{reason=\"{reason}\"}} 0");
        assert!(text.contains(&series), "no {series}");
    }
}

#[tokio::test]
async fn the_metrics_count_what_happened() {
    let mut stage = Stage::backend().workers(2).ping_interval("200ms").start().await;
    let mut echo = stage.connect("/ws/echo").await;
    let mut room = [stage.connect("/ws/rooms/a").await, stage.connect("/ws/rooms/a").await];
    let _other = stage.connect("/ws/rooms/b").await;
    echo.echoes("12345").await;
    room[0].text("six").await;
    for peer in &mut room {
        peer.message().await;
    }
    let count = async |label, value| stage.count("holdline_connections", label, value).await;
    assert_eq!((count("route", "/ws/echo").await, count("route", "/ws/rooms").await), (1.0, 3.0));
    assert_eq!(stage.gauge("holdline_rooms").await, 2.0);
    let messages =
        async |direction| stage.count("holdline_messages_total", "direction", direction).await;
    // What goes out is counted with the next ping at the latest.
    let both = async || (messages("in").await, messages("out").await);
    until("every message in the books", PATIENCE, both, |both| *both == (2.0, 3.0)).await;
    assert_eq!(stage.count("holdline_message_bytes_total", "direction", "in").await, 8.0);
    let scraped = stage.node().scrape().await;
    let descriptors = scraped.sum("process_open_fds") as usize;
    assert!(descriptors.abs_diff(stage.node().process.descriptors()) < 5, "{descriptors}");
    drop((echo, room));
    stage.holds(1).await;
    let ended = async || stage.gauge("holdline_connection_duration_seconds_count").await;
    until("three lives in the books", PATIENCE, ended, |ended| *ended == 3.0).await;
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, 4.0);
}

#[tokio::test]
async fn a_connection_has_one_line_at_its_open_and_one_at_its_end() {
    let stage = Stage::backend().start().await;
    let dial = stage.dial("/ws/rooms/secret-name").header("User-Agent", "agent \"007\"");
    let mut peer: Peer = dial.header("X-Forwarded-For", "203.0.113.7").open().await;
    peer.echoes("a secret word").await;
    peer.close(1001, "leaving").await;
    peer.ended().await;
    let end = stage.ended_as(&peer, "peer_closed", "1001").await;
    let open = stage.opens().remove(0);
    assert_eq!((open.level.as_str(), end.level.as_str()), ("INFO", "INFO"));
    assert!(
        open.says("peer", "203.0.113.7") && open.says("user_agent", "agent \"007\""),
        "{open:?}"
    );
    assert!(open.value("route").starts_with("/ws/rooms"), "{open:?}");
    let id = open.value("id");
    assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{open:?}");
    assert_eq!(end.value("id"), id);
    assert_eq!((end.number("in"), end.number("out")), (1.0, 1.0), "{end:?}");
    let age = end.value("age");
    assert_eq!(age.split_once('.').map(|(_, decimals)| decimals.len()), Some(3), "{end:?}");
    // Nothing per message, never contents.
    let all = stage.opens().into_iter().chain(stage.ends()).map(|line| line.raw);
    assert!(!all.chain([everything(&stage)]).any(|line| line.contains("a secret word")));
}

fn everything(stage: &Stage) -> String {
    stage.troubles().into_iter().map(|line| line.raw).collect()
}

#[tokio::test]
async fn the_log_can_be_json_with_the_same_keys() {
    let mut stage = Stage::backend().set("log.format", "json").start().await;
    let mut peer = stage.dial("/ws/echo").header("User-Agent", "a \"quoted\\\" one").open().await;
    peer.close(4000, "").await;
    peer.ended().await;
    let end = stage.ended_as(&peer, "peer_closed", "4000").await;
    let open = stage.opens().remove(0);
    for key in ["time", "id", "request", "peer", "route", "user_agent"] {
        assert!(open.has(key), "no {key} in {open:?}");
    }
    for key in ["time", "id", "request", "reason", "code", "age", "in", "out"] {
        assert!(end.has(key), "no {key} in {end:?}");
    }
    assert!(open.says("user_agent", "a \"quoted\\\" one"), "{open:?}");
    assert_eq!(end.level, "WARN", "4000 is the application's, not an expected end");
    for line in stage.node().log().lines() {
        let parsed = serde_json::from_str::<serde_json::Value>(&line.raw);
        assert!(parsed.is_ok_and(|value| value.is_object()), "not JSON: {line:?}");
    }
}
