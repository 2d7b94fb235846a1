//! `/status`, `/readyz` and `/metrics` tell how each link is doing.
//! What makes a link do so is proven in `tests/link`.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::bridge::{Bridge, ask, freeze, json, thaw, url};
use crate::harness::foreign::{Foreign, Kind};
use crate::harness::log::Line;
use crate::harness::relay::Relay;
use crate::harness::wait::undisturbed;
use crate::harness::{PATIENCE, Stage, until};

/// Whether the text is a time of RFC 3339 with milliseconds; how it is computed is proven beside
/// the code.
fn is_time(value: &Value) -> bool {
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    value.as_str().is_some_and(|text| shape(text) == "0000-00-00T00:00:00.000Z")
}

/// Seconds between two such times of one day.
fn seconds(value: &Value) -> f64 {
    let text = value.as_str().expect("a time");
    let parts = text[11..23].split(':').map(|part| part.parse::<f64>().expect("a number"));
    parts.fold(0.0, |sum, part| sum * 60.0 + part)
}

fn members(link: &Value) -> Vec<&str> {
    link.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_open_link_tells_since_when_and_how_far_away_its_server_is() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &["--ping-interval", "100ms"]).await;
    let look = async || bridge.link().await;
    let link = until("a round trip", PATIENCE, look, |it| it["round_trip_ms"].is_number()).await;
    assert!(is_time(&link["since"]), "{link}");
    // One of those that are in the books, and longer than any machine takes to turn around.
    let all = bridge.scrape().await.sum("holdline_link_ping_rtt_seconds_sum") * 1000.0;
    let trip = link["round_trip_ms"].as_f64().expect("a number");
    assert!((0.005..=all + 0.001).contains(&trip), "{trip} ms, all of them {all} ms");
    assert_eq!(link["server"], url(stage.address(), "/ws/echo"));
    assert_eq!((&link["attempts"], &link["opened"]), (&0.into(), &1.into()));
    assert_eq!((&link["queued"], &link["in_flight"]), (&0.into(), &0.into()));
    let told = members(&link);
    assert!(!told.contains(&"next_try") && !told.contains(&"last_disconnect"), "{told:?}");
    let answer = bridge.get("/status").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn the_subprotocol_that_the_server_chose_is_told() {
    let server = Foreign::start(Kind::NodeWs).await;
    let url = url(server.address(), "/echo");
    let arguments = ["--server", &url, "-s", "chat.v0", "--subprotocol", "chat.v1"];
    let bridge = Bridge::start(&arguments).await;
    assert_eq!(bridge.is("OPEN").await["subprotocol"], "chat.v1");
    assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
}

#[tokio::test]
async fn a_link_that_is_lost_tells_why_and_when_it_tries_again() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let bridge = Bridge::start(&["--server", &url(relay.address(), "/ws/echo")]).await;
    bridge.is("OPEN").await;
    relay.refuse();
    relay.reset().await;
    let lost = bridge.is("RECONNECTING").await;
    assert!(is_time(&lost["next_try"]) && is_time(&lost["last_disconnect"]["at"]), "{lost}");
    let look = async || bridge.link().await;
    let tried = until("a try", PATIENCE, look, |link| {
        link["state"] == "RECONNECTING" && link["last_disconnect"]["reason"] == "connect"
    });
    let tried = tried.await;
    assert!(tried["attempts"].as_u64().is_some_and(|attempts| attempts > 0), "{tried}");
    let words = tried["last_disconnect"]["words"].as_str().expect("words");
    assert_eq!(words, format!("nobody listens at {}", relay.address()));
    // From the loss to the state is no time, unless the machine stands still or midnight lies there.
    let since = |at: &Value| seconds(&tried["next_try"]) - seconds(at);
    let least = since(&tried["last_disconnect"]["at"]);
    assert!(!(-80_000.0..0.0).contains(&least), "{tried}");
    assert!(since(&tried["since"]) <= 30.0, "{tried}");
    let answer = bridge.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains(&relay.address().to_string()), "{}", answer.text());
    assert_eq!(bridge.get("/healthz").await.status, 200);
    relay.accept();
    bridge.reconnects().await;
    let open = bridge.is("OPEN").await;
    assert_eq!((&open["opened"], &open["attempts"]), (&2.into(), &0.into()));
    assert_eq!(bridge.get("/readyz").await.text(), "ready\n");
}

#[tokio::test]
async fn connecting_and_closing_are_told_while_they_last() {
    let mut stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.black_hole();
    let server = url(relay.address(), "/ws/echo");
    let bridge = Bridge::start(&["--server", &server, "--connect-timeout", "1s"]).await;
    let accepted = async || relay.accepted();
    until("a connection that is not answered", PATIENCE, accepted, |accepted| *accepted > 0).await;
    bridge.is("CONNECTING").await;
    relay.pass();
    let open = bridge.is("OPEN").await;
    let reason = &open["last_disconnect"]["reason"];
    assert!(reason == "timeout" || reason == "hung_up", "{open}");
    // A goodbye is waited for two seconds.
    undisturbed("a goodbye that lasts", async || {
        bridge.reconnects().await;
        bridge.is("OPEN").await;
        freeze(&mut stage).await;
        let address = bridge.address;
        let asked =
            tokio::spawn(async move { ask(address, "POST", "/disconnect", &[], b"").await });
        let look = async || bridge.link().await["state"].clone();
        let seen = until("CLOSING", PATIENCE, look, |state| state != "OPEN").await;
        thaw(&mut stage);
        assert_eq!(json(&asked.await.expect("it was asked"))["links"][0]["state"], "CLOSED");
        (seen == "CLOSING").then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_disconnect_is_told_in_words_with_its_code_or_status() {
    let stage = Stage::backend().set("drain.delay", "0s").set("drain.window", "0s");
    let mut stage = stage.set("drain.timeout", "5s").start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    stage.node().terminate();
    stage.node().ended(PATIENCE).await;
    let log = bridge.process.log.clone();
    let look = async || log.lines();
    let words = "link down: closed by the server with 1012 (service restart)";
    let told = |lines: &Vec<Line>| lines.iter().any(|line| line.words.starts_with(words));
    until("a line that tells of the close", PATIENCE, look, told).await;
    // A try after it may have failed by now.
    assert!(bridge.link().await["last_disconnect"].is_object());

    let relay = Relay::to(stage.address()).await;
    relay.answer_wrong("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
    let bridge = Bridge::start(&["--server", &url(relay.address(), "/ws/echo")]).await;
    let told = bridge.is("RECONNECTING").await["last_disconnect"].clone();
    assert_eq!((&told["reason"], &told["status"]), (&"status".into(), &404.into()), "{told}");
    assert_eq!(told["words"], "handshake refused with 404: \"gone\"");
    assert_eq!(told.get("code"), None);
}

#[tokio::test]
async fn readiness_asks_for_every_link_that_should_be_open() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let bridge = Bridge::start(&[]).await;
    assert_eq!(bridge.get("/readyz").await.status, 200, "nothing is wanted");
    let (one, two) = (url(stage.address(), "/ws/echo"), url(relay.address(), "/ws/echo"));
    let bridge = Bridge::start(&["--server", &one, "--server", &two]).await;
    bridge.all_are("OPEN").await;
    assert_eq!(bridge.get("/readyz").await.status, 200);
    relay.answer_wrong("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    relay.cut().await;
    // A server that refuses us is given up; that is no wish of ours.
    let look = async || bridge.get("/readyz").await;
    let answer = until("CLOSED", PATIENCE, look, |it| it.text().contains("CLOSED")).await;
    assert_eq!((answer.status, answer.text()), (503, format!("{two} is CLOSED\n")));
    bridge.post(&format!("/disconnect?server={two}"), "").await;
    assert_eq!(bridge.get("/readyz").await.status, 200, "it is not wanted any more");
}

#[tokio::test]
async fn the_metrics_follow_what_happens() {
    let mut stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &["--ping-interval", "100ms"]).await;
    for text in ["Hello", "World"] {
        assert_eq!(bridge.post("/sh", text).await.text(), text);
    }
    let scrape = bridge.scrape().await;
    assert_eq!(scrape.sum_of("holdline_links", "state", "OPEN"), 1.0);
    assert_eq!(scrape.sum("holdline_link_connections_opened_total"), 1.0);
    assert_eq!(scrape.sum_of("holdline_link_requests_total", "outcome", "reply"), 2.0);
    assert_eq!(scrape.sum_of("holdline_link_message_bytes_total", "direction", "out"), 10.0);
    assert_eq!(scrape.sum("holdline_link_request_duration_seconds_count"), 2.0);
    let pongs = async || bridge.scrape().await.sum("holdline_link_pongs_received_total");
    until("a pong", PATIENCE, pongs, |pongs| *pongs > 0.0).await;
    freeze(&mut stage).await;
    bridge.post_sent("/sh?timeout=100ms", "Hello").await;
    thaw(&mut stage);
    let scrape = bridge.scrape().await;
    assert_eq!(scrape.sum_of("holdline_link_requests_total", "outcome", "no_reply_in_time"), 1.0);
    let lost = async || {
        bridge.scrape().await.sum_of("holdline_link_losses_total", "reason", "out_of_step")
    };
    until("a counted loss", PATIENCE, lost, |lost| *lost == 1.0).await;
    let text = bridge.get("/metrics").await.text();
    for series in [
        "holdline_link_losses_total{reason=\"closed_by_server\"} 0",
        "holdline_link_losses_total{reason=\"not_websocket\"} 0",
        "holdline_link_requests_total{outcome=\"queue_full\"} 0",
        "holdline_links{state=\"CLOSED\"} 0",
        "holdline_build_info{version=",
        "process_open_fds ",
    ] {
        assert!(text.contains(series), "{series} is missing in\n{text}");
    }
    assert!(!text.contains(&stage.address().to_string()), "servers are never labels");
}
