//! A handshake that fails is diagnosed: which header or hop is at fault, by status, headers and
//! body. What is measured after a good one is for the others.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::gate::{Certificate, Gate, UPGRADES};
use crate::harness::Stage;
use crate::harness::foreign::{Foreign, Kind};
use crate::harness::relay::Relay;
use crate::plain::{Manner, Plain};
use crate::probing::probe;

/// Probes and is refused: by this label and status, with these words in the diagnosis.
async fn refused(url: &str, more: &[&str], label: &str, status: Option<u16>, words: &[&str]) {
    let report = probe(url, more).await;
    assert_eq!(report.code, Some(1), "{report}");
    report.says("/finished", "refused").says("/handshake/refused", label);
    report.says("/handshake/status", status).says("/idle_timeout", ()).says("/cut", ());
    report.says("/round_trip_ms", ()).says("/safe_ping_interval_seconds", ());
    let diagnosis = report.at("/handshake/diagnosis");
    let hints = diagnosis.as_array().expect("a list of hints");
    let hints: Vec<_> = hints.iter().map(|it| it.as_str().expect("a hint")).collect();
    assert!(!hints.is_empty() && hints.iter().all(|hint| hint.len() > 20), "{report}");
    // What was seen, and what that means.
    let all = format!("{}\n{}", report.text("/handshake/words"), hints.join("\n"));
    for word in words {
        assert!(all.contains(word), "{word:?} is not in the diagnosis: {report}");
    }
}

/// What answers everybody with these bytes, and hangs up.
async fn answers(bytes: &str) -> Relay {
    let relay = Relay::to(nowhere()).await;
    relay.answer_wrong(bytes.to_owned().into_bytes());
    relay
}

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    "127.0.0.1:1".parse().expect("an address")
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

#[tokio::test]
async fn a_gateway_that_does_not_pass_the_upgrade_on_is_named_with_the_headers_it_drops() {
    let stage = Stage::backend().start().await;
    let forgets = Gate::nginx("proxy_pass http://UPSTREAM;", stage.address()).await;
    let to_echo = format!("{}ws/echo", forgets.url());
    let words = ["Upgrade", "Connection", "proxy_set_header"];
    refused(&to_echo, &[], "status", Some(426), &words).await;
    // A header of one's own in a location drops all that it would inherit.
    let inherits = UPGRADES.split_once(';').expect("two directives").1;
    let server = format!(
        "{inherits} location / {{ proxy_pass http://UPSTREAM; proxy_set_header X-Mine yes; }}"
    );
    let loses = Gate::nginx_server(&server, stage.address()).await;
    let to_echo = format!("{}ws/echo", loses.url());
    refused(&to_echo, &[], "status", Some(426), &words).await;
    // Servers of others say it in other ways.
    for (kind, status, word) in [
        (Kind::NodeWs, 426, "Upgrade"),
        // It looks at nginx's HTTP/1.0 before it looks at the fields.
        (Kind::PythonWebsockets, 505, "proxy_http_version 1.1"),
        (Kind::Gorilla, 400, "Upgrade"),
    ] {
        let server = Foreign::start(kind).await;
        let gate = Gate::nginx("proxy_pass http://UPSTREAM;", server.address()).await;
        let to_echo = format!("{}echo", gate.url());
        refused(&to_echo, &[], "status", Some(status), &[word]).await;
    }
}

#[tokio::test]
async fn a_redirect_is_named_with_where_it_leads() {
    let gate = Gate::nginx("return 301 https://there.example/ws/;", nowhere()).await;
    let words = ["301", "https://there.example/ws/", "wss://"];
    refused(&gate.url(), &[], "status", Some(301), &words).await;
}

#[tokio::test]
async fn what_the_application_refuses_is_told_from_what_the_path_refuses() {
    let stage = Stage::backend().start().await;
    let base = url(stage.address());
    let foreign = ["-o", "https://evil.example"];
    let echo = format!("{base}ws/echo");
    let words = ["Origin", "https://evil.example"];
    refused(&echo, &foreign, "status", Some(403), &words).await;
    refused(&format!("{base}ws/nowhere"), &[], "status", Some(404), &["404", "path"]).await;
    let limited = Gate::nginx_server(
        "location / { add_header Retry-After 7 always; return 429 'slow down'; }",
        nowhere(),
    )
    .await;
    let words = ["429", "limit", "Retry-After"];
    refused(&limited.url(), &[], "status", Some(429), &words).await;
    let asks = Gate::nginx_server(
        "location / { add_header WWW-Authenticate 'Bearer' always; return 401; }",
        nowhere(),
    )
    .await;
    refused(&asks.url(), &[], "status", Some(401), &["401", "--header"]).await;
}

#[tokio::test]
async fn a_gateway_without_a_backend_and_one_whose_backend_hangs_are_told_apart() {
    let alone = Gate::nginx(UPGRADES, nowhere()).await;
    let words = ["502", "nginx", "gateway"];
    refused(&alone.url(), &[], "status", Some(502), &words).await;
    let hung = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = hung.local_addr().expect("it listens");
    let waits = Gate::nginx(&format!("{UPGRADES} proxy_read_timeout 1s;"), address).await;
    let words = ["504", "nginx", "in time"];
    refused(&waits.url(), &[], "status", Some(504), &words).await;
    let drained = answers(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 9\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
    )
    .await;
    refused(&url(drained.address()), &[], "status", Some(503), &["503", "Retry-After"]).await;
}

#[tokio::test]
async fn a_page_in_place_of_a_handshake_is_recognized() {
    let page = "default_type text/html; return 200 '<!doctype html><title>Hello</title>';";
    let gate = Gate::nginx(page, nowhere()).await;
    refused(&gate.url(), &[], "status", Some(200), &["200", "page"]).await;
    let old = answers("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello").await;
    refused(&url(old.address()), &[], "status", Some(200), &["200"]).await;
}

#[tokio::test]
async fn tls_where_there_is_none_and_none_where_it_is_wanted_are_recognized() {
    let certificate = Certificate::new();
    let server = Plain::start(Manner::default()).await;
    let secured = Gate::nginx_server(&certificate.server(UPGRADES), server.address).await;
    let words = ["400", "wss://", "TLS"];
    refused(&secured.url(), &[], "status", Some(400), &words).await;
    let plain = Gate::nginx(UPGRADES, server.address).await;
    let swapped = plain.url().replace("ws://", "wss://");
    refused(&swapped, &[], "tls", None, &["ws://", "TLS"]).await;
    let stranger = secured.url().replace("ws://", "wss://");
    refused(&stranger, &[], "tls", None, &["certificate", "--ca"]).await;
}

#[tokio::test]
async fn who_speaks_something_else_or_nothing_is_recognized() {
    let wrong = answers(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    )
    .await;
    let words = ["Sec-WebSocket-Accept", "101"];
    refused(&url(wrong.address()), &[], "not_websocket", Some(101), &words).await;
    let other = answers("SSH-2.0-OpenSSH_9.2p1\r\n").await;
    refused(&url(other.address()), &[], "not_websocket", None, &["HTTP"]).await;
    let rude = answers("").await;
    refused(&url(rude.address()), &[], "hung_up", None, &["FIN", "closed"]).await;
    let hole = Relay::to(nowhere()).await;
    hole.black_hole();
    let patience = ["--connect-timeout", "1s"];
    refused(&url(hole.address()), &patience, "timeout", None, &["1s", "not answered"]).await;
    refused(&url(nowhere()), &[], "connect", None, &["127.0.0.1:1", "listens"]).await;
}
