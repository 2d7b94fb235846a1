//! Promise 6, at the backend's own door: what is a WebSocket handshake and who may make one.
//! What the gateway adds is in `front_door`.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::http::{self, Answer};
use crate::harness::{Stage, Tcp, until, wait::PATIENCE};

/// A correct handshake, to be spoilt.
const GOOD: &str = "GET /ws/echo HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn spoilt(stage: &Stage, good: &str, bad: &str) -> Answer {
    assert!(GOOD.contains(good), "{good:?} is in the good one");
    let request = GOOD.replacen(good, bad, 1);
    http::send(stage.address(), request.as_bytes()).await.expect("an answer")
}

#[tokio::test]
async fn a_plain_request_is_told_to_upgrade() {
    let stage = Stage::backend().start().await;
    for path in ["/ws/echo", "/ws/rooms/lobby"] {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, 426, "{answer:?}");
        assert_eq!(answer.header("upgrade"), Some("websocket"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_spoilt_handshake_is_refused_and_told_why() {
    let stage = Stage::backend().start().await;
    assert_eq!(spoilt(&stage, "GET", "GET").await.status, 101, "the unspoilt one");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cases = [
        (key, &*key.repeat(2), "Sec-WebSocket-Key"),
        (key, "", "Sec-WebSocket-Key"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dG9vIHNob3J0", "Sec-WebSocket-Key"),
        ("HTTP/1.1", "HTTP/1.0", "HTTP/1.1"),
        ("Upgrade: websocket", "Upgrade: notwebsocketx", "Upgrade"),
        ("Connection: Upgrade", "Connection: keep-alive", "Connection"),
        ("Version: 13", "Version: 8", "Sec-WebSocket-Version"),
        ("Sec-WebSocket-Version: 13\r\n", "", "Sec-WebSocket-Version"),
        ("\r\n\r\n", "\r\nContent-Length: 4\r\n\r\nbody", "body"),
        ("GET", "POST", ""),
    ];
    for (good, bad, named) in cases {
        let answer = spoilt(&stage, good, bad).await;
        assert!((400..500).contains(&answer.status), "{bad:?}: {answer:?}");
        assert!(answer.text().contains(named), "{bad:?} is not told {named}: {}", answer.text());
    }
    let answer = spoilt(&stage, "Version: 13", "Version: 8").await;
    assert_eq!(answer.header("sec-websocket-version"), Some("13"), "RFC 6455 §4.4: {answer:?}");
    let refused =
        stage.count("holdline_handshakes_rejected_total", "reason", "bad_handshake").await;
    assert!(refused >= 9.0, "only {refused} counted");
    stage.holds(0).await;
}

#[tokio::test]
async fn an_upgrade_token_may_be_written_in_any_case_and_among_others() {
    let stage = Stage::backend().start().await;
    for (good, bad) in [
        ("Upgrade: websocket", "Upgrade: WebSocket"),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade"),
    ] {
        assert_eq!(spoilt(&stage, good, bad).await.status, 101, "{bad}");
    }
}

#[tokio::test]
async fn an_origin_is_the_host_s_own_or_listed() {
    let stage = Stage::backend()
        .set("server.allowed_origins", vec!["https://app.example", "http://localhost:3000"])
        .start()
        .await;
    let dial = |origin: &str| {
        stage.dial("/ws/echo").header("Host", "chat.example:8443").header("Origin", origin)
    };
    for fine in ["https://chat.example:8443", "https://app.example", "http://localhost:3000"] {
        dial(fine).open().await.echoes(fine).await;
    }
    stage.connect("/ws/echo").await.echoes("none at all").await;
    for foreign in [
        "https://chat.example",
        "https://chat.example:8444",
        "https://evil.example",
        "https://app.example.evil.example",
        "http://localhost:3001",
        "null",
    ] {
        let answer = dial(foreign).refused().await;
        assert_eq!(answer.status, 403, "{foreign}: {answer:?}");
        let text = answer.text();
        assert!(text.contains(foreign) && text.contains("server.allowed_origins"), "{text}");
    }
    let anyone = Stage::backend().set("server.allowed_origins", vec!["*"]).start().await;
    anyone.dial("/ws/echo").header("Origin", "https://evil.example").open().await;
}

#[tokio::test]
async fn a_room_has_a_plain_name() {
    let stage = Stage::backend().start().await;
    let longest = "a".repeat(128);
    for fine in ["lobby", "A-Z_0.9~", longest.as_str()] {
        stage.connect(&format!("/ws/rooms/{fine}")).await.echoes(fine).await;
    }
    for odd in ["b%20c", "a%2Fb", "%F0%9F%98%80", &"a".repeat(129), "a:b", "a%00"] {
        let answer = stage.dial(&format!("/ws/rooms/{odd}")).refused().await;
        assert_eq!(answer.status, 400, "{odd}: {answer:?}");
    }
    for nowhere in ["/ws/rooms/", "/ws/rooms/a/b", "/ws", "/ws/", "/ws/app", "/metrics", "/x"] {
        let answer = stage.dial(nowhere).refused().await;
        assert!([400, 404].contains(&answer.status), "{nowhere}: {answer:?}");
    }
    stage.holds(0).await;
}

#[tokio::test]
async fn a_full_node_says_so_and_when_to_come_back() {
    let stage = Stage::backend().workers(2).set("server.connections_max", 3).start().await;
    let mut first = stage.connect("/ws/echo").await;
    let _rest = [stage.connect("/ws/echo").await, stage.connect("/ws/rooms/lobby").await];
    let answer = stage.dial("/ws/echo").refused().await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()));
    let reason =
        stage.count("holdline_handshakes_rejected_total", "reason", "connections_max").await;
    assert_eq!(reason, 1.0);
    assert_eq!(stage.gauge("holdline_connections_max").await, 3.0);
    first.echoes("unharmed").await;
    drop(first);
    stage.holds(2).await;
    stage.connect("/ws/echo").await.echoes("room again").await;
}

#[tokio::test]
async fn an_address_has_its_share_and_no_more() {
    let stage = Stage::backend().workers(2).set("limits.connections_per_ip_max", 2).start().await;
    let dial = |client: &str| stage.dial("/ws/echo").header("X-Forwarded-For", client);
    let anna = [dial("203.0.113.7").open().await, dial("203.0.113.7").open().await];
    let answer = dial("203.0.113.7").refused().await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    dial("203.0.113.8").open().await.echoes("somebody else").await;
    // What a client writes in front of what the gateway adds is not believed.
    assert_eq!(dial("198.51.100.1, 203.0.113.7").refused().await.status, 429);
    drop(anna);
    stage.holds(0).await;
    dial("203.0.113.7").open().await.echoes("back again").await;
}

#[tokio::test]
async fn forwarding_headers_count_only_from_trusted_proxies() {
    let stage = Stage::backend().set("server.trusted_proxies", vec!["10.9.0.0/16"]).start().await;
    let dial = || stage.dial("/ws/echo").header("X-Forwarded-For", "203.0.113.7");
    let peer = dial().from("127.0.0.5").open().await;
    opened_from(&stage, &peer.request, "127.0.0.5").await;

    let stage = Stage::backend().set("server.trusted_proxies", vec!["127.0.0.5/32"]).start().await;
    let dial = |list: &str| stage.dial("/ws/echo").header("X-Forwarded-For", list);
    let peer = dial("198.51.100.1, 203.0.113.7").from("127.0.0.5").open().await;
    opened_from(&stage, &peer.request, "203.0.113.7").await;
    let peer = dial("203.0.113.7").from("127.0.0.6").open().await;
    opened_from(&stage, &peer.request, "127.0.0.6").await;
}

#[tokio::test]
async fn a_silent_or_half_handshake_is_cut_also_the_second_on_a_connection() {
    let stage = Stage::backend().set("server.handshake_timeout", "1s").start().await;
    // The control: it is this timeout that cuts, and no other.
    let patient = Stage::backend().set("server.handshake_timeout", "180s").start().await;
    let whole = "GET /readyz HTTP/1.1\r\nHost: node\r\n\r\n";
    let half = "GET /ws/echo HTTP/1.1\r\nHost: node\r\nUpgra";
    let body = "POST /ws/echo HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    for (first, second) in [("", ""), (half, ""), (body, ""), (whole, half), (whole, "G")] {
        let mut kept = says(&patient, first, second).await;
        let mut cut = says(&stage, first, second).await;
        let took = http::closed(&mut cut, PATIENCE).await;
        assert!(took.is_some(), "{first:?} {second:?} is not cut");
        let took = http::closed(&mut kept, Duration::from_millis(100)).await;
        assert_eq!(took, None, "{first:?} {second:?} is cut by something else");
    }
    // One that was in time is not cut afterwards.
    let mut peer = stage.connect("/ws/echo").await;
    peer.is_silent_for(Duration::from_secs(2)).await;
    peer.echoes("in time").await;
    peer.close(1000, "").await;
    assert_eq!(peer.ended().await.tcp, Tcp::Fin);
}

/// Says this on a connection of its own; what comes second, behind the answer to the first.
async fn says(stage: &Stage, first: &str, second: &str) -> TcpStream {
    let mut stream = TcpStream::connect(stage.address()).await.expect("it listens");
    stream.write_all(first.as_bytes()).await.expect("it reads");
    if !second.is_empty() {
        let mut answer = http::head(&mut stream).await.expect("an answer");
        http::body(&mut stream, &mut answer).await.expect("its body");
        assert_eq!(answer.status, 200, "{answer:?}");
        stream.write_all(second.as_bytes()).await.expect("it reads");
    }
    stream
}

#[tokio::test]
async fn readiness_is_public_and_metrics_are_not() {
    let mut stage = Stage::backend().start().await;
    assert_eq!(stage.get("/readyz").await.status, 200);
    for hidden in ["/metrics", "/healthz", "/connections", "/rooms", "/publish"] {
        assert_eq!(stage.get(hidden).await.status, 404, "{hidden}");
    }
    let control = stage.node().control;
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(http::get(control, path).await.status, 200, "{path}");
    }
    assert_eq!(http::get(control, "/ws/echo").await.status, 404);
}

/// The open line of this request tells where the peer is.
pub async fn opened_from(stage: &Stage, request: &str, peer: &str) {
    let opens = async || {
        let opens = stage.opens().into_iter();
        opens.filter(|line| line.says("request", request)).collect::<Vec<_>>()
    };
    let lines = until("its open line", PATIENCE, opens, |lines| lines.len() == 1).await;
    assert!(lines[0].says("peer", peer), "not from {peer}: {lines:?}");
}
