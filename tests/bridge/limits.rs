//! What is too big, too slow or too much is refused, and costs nobody else anything.
//! The queue's limit is proven in `failures`, that of links in `links`.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::bridge::{Bridge, ask, ask_patiently, freeze, problem, thaw, url};
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage, http, until};

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &["--message-bytes-max", "1KiB"]).await;
    let most = "x".repeat(1024);
    assert_eq!(bridge.post("/sh", &most).await.text(), most);
    // Announced, and not one byte of it sent.
    let head = "POST /sh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1025\r\n\r\n";
    let answer = http::send(bridge.address, head.as_bytes()).await.expect("an answer");
    let detail = problem(&answer, 413, "too_big", Some("no"));
    assert!(detail.contains("1024 bytes"), "{detail}");
    // Not announced.
    let head = "POST /sh HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request = format!("{head}401\r\n{}\r\n", "x".repeat(0x401));
    let answer = http::send(bridge.address, request.as_bytes()).await.expect("an answer");
    problem(&answer, 413, "too_big", Some("no"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_longer_than_for_a_reply() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let head =
        "POST /sh?timeout=200ms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nHalf";
    let answer = http::send(bridge.address, head.as_bytes()).await.expect("an answer");
    problem(&answer, 408, "body_timeout", Some("no"));
    assert_eq!(bridge.post("/sh", "others go on").await.text(), "others go on");
}

#[tokio::test]
async fn a_body_that_breaks_off_sends_nothing() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let mut stream = TcpStream::connect(bridge.address).await.expect("it listens");
    let head = "POST /sh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nHalf";
    stream.write_all(head.as_bytes()).await.expect("it reads");
    stream.shutdown().await.expect("it stands");
    http::closed(&mut stream, PATIENCE).await.expect("it is closed");
    assert_eq!(bridge.scrape().await.sum("holdline_link_messages_total"), 0.0);
}

#[tokio::test]
async fn more_requests_at_once_than_allowed_cost_503_and_the_others_go_on() {
    let mut stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &["--requests-max", "2", "--in-flight-max", "1"]).await;
    freeze(&mut stage).await;
    let ask_one = || tokio::spawn(ask_patiently(bridge.address, "Hello"));
    let asked = [ask_one(), ask_one()];
    bridge.has("in_flight", 1).await;
    bridge.has("queued", 1).await;
    let answer = bridge.post("/sh", "one too many").await;
    assert!(problem(&answer, 503, "requests_max", Some("no")).contains("--requests-max"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    thaw(&mut stage);
    for asked in asked {
        assert_eq!(asked.await.expect("it was asked").text(), "Hello");
    }
}

#[tokio::test]
async fn more_bytes_at_once_than_allowed_cost_503_and_come_back_with_the_replies() {
    let mut stage = Stage::backend().start().await;
    let limits = ["--message-bytes-max", "4KiB", "--requests-bytes-max", "6KiB"];
    let bridge = Bridge::to_echo(&stage, &limits).await;
    freeze(&mut stage).await;
    let (address, large) = (bridge.address, "x".repeat(4096));
    let body = large.clone();
    let target = "/sh?timeout=60s";
    let asked =
        tokio::spawn(async move { ask(address, "POST", target, &[], body.as_bytes()).await });
    bridge.has("in_flight", 1).await;
    let answer = bridge.post("/sh", &large).await;
    let detail = problem(&answer, 503, "requests_bytes_max", Some("no"));
    assert!(detail.contains("--requests-bytes-max"), "{detail}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    thaw(&mut stage);
    assert_eq!(asked.await.expect("it was asked").text(), large);
    for _ in 0..3 {
        assert_eq!(bridge.post("/sh", &large).await.text(), large);
    }
}

#[tokio::test]
async fn bytes_that_wait_to_be_sent_have_their_limit_too() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let server = url(relay.address(), "/ws/echo");
    let limits = ["--server", &server, "--queue-bytes-max", "10", "--queue-max", "100"];
    let bridge = Bridge::start(&limits).await;
    let ask_one = || tokio::spawn(ask_patiently(bridge.address, "Hello"));
    let asked = [ask_one(), ask_one()];
    bridge.has("queued", 2).await;
    problem(&bridge.post("/sh", "!").await, 503, "queue_full", Some("no"));
    relay.accept();
    bridge.reconnects().await;
    for asked in asked {
        assert_eq!(asked.await.expect("it was asked").text(), "Hello");
    }
}

#[tokio::test]
async fn a_request_may_ask_for_timeout_max_and_for_no_more() {
    let stage = Stage::backend().start().await;
    let limits = ["--timeout", "20s", "--timeout-max", "30s"];
    let bridge = Bridge::to_echo(&stage, &limits).await;
    assert_eq!(bridge.post("/sh?timeout=30s", "Hello").await.text(), "Hello");
    let answer = bridge.post("/sh?timeout=30001ms", "Hello").await;
    assert!(problem(&answer, 400, "bad_request", Some("no")).contains("--timeout-max"));
}

#[tokio::test]
async fn a_server_that_leaves_a_ping_unanswered_for_pong_timeout_is_lost() {
    let mut stage = Stage::backend().start().await;
    let limits = ["--ping-interval", "200ms", "--pong-timeout", "3s"];
    let bridge = Bridge::to_echo(&stage, &limits).await;
    freeze(&mut stage).await;
    let look = async || bridge.link().await;
    let lost = |link: &serde_json::Value| link["last_disconnect"]["reason"] == "no_pong";
    let link = until("a lost server", PATIENCE, look, lost).await;
    assert!(link["last_disconnect"].to_string().contains("within 3s"), "{link}");
    thaw(&mut stage);
}

#[tokio::test]
async fn no_wait_between_two_tries_is_longer_than_retry_max() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let server = url(relay.address(), "/ws/echo");
    let bridge = Bridge::start(&["--server", &server, "--retry-max", "100ms"]).await;
    // Waits that double from 100 ms to half a minute make a dozen tries in this time at the most,
    // and on average eight.
    let look = async || bridge.link().await;
    let many = |link: &serde_json::Value| link["attempts"].as_u64().is_some_and(|it| it >= 40);
    until("forty tries", PATIENCE, look, many).await;
    relay.accept();
    bridge.is("OPEN").await;
}
