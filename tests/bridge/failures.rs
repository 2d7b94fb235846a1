//! A message without a reply: the status tells which way it went wrong, and `sent` whether it is
//! safe to send it again.
//! What was never a message is refused in `forms`.

use std::time::{Duration, Instant};

use crate::bridge::{Bridge, ask_patiently, freeze, json, messages_at, problem, thaw, url};
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage, until};

#[tokio::test]
async fn a_server_that_does_not_answer_costs_504_and_the_message_may_have_arrived() {
    let mut stage = Stage::backend().start().await;
    // Whoever waits for anything else waits longer than the test.
    let longer = ["--timeout", "180s", "--timeout-max", "180s"];
    let bridge = Bridge::to_echo(&stage, &longer).await;
    freeze(&mut stage).await;
    let began = Instant::now();
    let answer = bridge.post_sent("/sh?timeout=300ms", "Hello").await;
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    let detail = problem(&answer, 504, "no_reply_in_time", Some("maybe"));
    assert_eq!(detail, "no reply came within 300ms; the message may have arrived");
    let answer = json(&answer);
    assert_eq!(answer["server"], url(stage.address(), "/ws/echo"));
    thaw(&mut stage);
    assert_eq!(bridge.post("/sh", "and on it goes").await.text(), "and on it goes");
    assert_eq!(bridge.link().await["last_disconnect"]["reason"], "out_of_step");
}

#[tokio::test]
async fn the_time_of_a_request_that_does_not_say_is_the_one_given_at_start() {
    let mut stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &["--timeout", "200ms", "--timeout-max", "1s"]).await;
    freeze(&mut stage).await;
    let answer = bridge.post_sent("/sh", "Hello").await;
    assert!(problem(&answer, 504, "no_reply_in_time", Some("maybe")).contains("200ms"));
    thaw(&mut stage);
}

#[tokio::test]
async fn a_server_that_dies_with_the_message_costs_502_and_the_message_may_have_arrived() {
    let mut stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    freeze(&mut stage).await;
    let asked = tokio::spawn(ask_patiently(bridge.address, "Hello"));
    bridge.has("in_flight", 1).await;
    stage.node().kill().await;
    let answer = asked.await.expect("it was asked");
    let detail = problem(&answer, 502, "lost", Some("maybe"));
    assert!(detail.ends_with("; the message may have arrived"), "{detail}");
    stage.node().restart().await;
    bridge.reconnects().await;
    bridge.is("OPEN").await;
    assert_eq!(messages_at(&stage, &bridge).await, 0, "the message was not sent a second time");
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_in_time_costs_504_and_has_not_arrived() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let bridge = Bridge::start(&["--server", &url(relay.address(), "/ws/echo")]).await;
    bridge.is("RECONNECTING").await;
    let answer = bridge.post("/sh?timeout=300ms", "Hello").await;
    let detail = problem(&answer, 504, "not_sent_in_time", Some("no"));
    assert!(detail.contains("within 300ms") && detail.contains("nobody listens"), "{detail}");
    relay.accept();
    bridge.reconnects().await;
    bridge.is("OPEN").await;
    assert_eq!(messages_at(&stage, &bridge).await, 0, "and does not arrive later");
}

#[tokio::test]
async fn a_request_waits_for_a_server_that_is_being_restarted() {
    let mut stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    stage.node().kill().await;
    bridge.is("RECONNECTING").await;
    let asked = tokio::spawn(ask_patiently(bridge.address, "Hello"));
    bridge.has("queued", 1).await;
    stage.node().restart().await;
    let answer = asked.await.expect("it was asked");
    assert_eq!((answer.status, answer.text().as_str()), (200, "Hello"));
}

#[tokio::test]
async fn a_full_queue_costs_503_with_the_time_to_come_back() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let server = url(relay.address(), "/ws/echo");
    let bridge = Bridge::start(&["--server", &server, "--queue-max", "2"]).await;
    let ask_one = || tokio::spawn(ask_patiently(bridge.address, "Hello"));
    let asked = [ask_one(), ask_one()];
    bridge.has("queued", 2).await;
    let answer = bridge.post("/sh", "one too many").await;
    problem(&answer, 503, "queue_full", Some("no"));
    let seconds = answer.header("retry-after").and_then(|it| it.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=31).contains(&seconds)), "{answer:?}");
    relay.accept();
    bridge.reconnects().await;
    for asked in asked {
        assert_eq!(asked.await.expect("it was asked").status, 200);
    }
}

#[tokio::test]
async fn a_link_closed_by_request_costs_503_and_says_how_to_open_it() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    assert_eq!(bridge.post("/disconnect", "").await.status, 200);
    let answer = bridge.post("/sh", "Hello").await;
    let detail = problem(&answer, 503, "down", Some("no"));
    assert!(detail.contains("POST /reconnect"), "{detail}");
    assert_eq!(answer.header("retry-after"), None, "waiting alone does not help");
    assert_eq!(json(&answer)["state"], "CLOSED");
}

#[tokio::test]
async fn a_server_that_does_not_want_us_costs_502_with_its_words() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.answer_wrong("HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nno badge\n");
    let bridge = Bridge::start(&["--server", &url(relay.address(), "/ws/echo")]).await;
    let closed = bridge.is("CLOSED").await;
    assert_eq!(closed["last_disconnect"]["reason"], "status");
    assert_eq!(closed["last_disconnect"]["status"], 401);
    let answer = bridge.post("/sh", "Hello").await;
    let detail = problem(&answer, 502, "down", Some("no"));
    assert!(detail.contains("401") && detail.contains("POST /reconnect"), "{detail}");
    relay.pass();
    assert_eq!(bridge.post("/reconnect", "").await.status, 200);
    assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
}

#[tokio::test]
async fn whoever_stops_waiting_takes_nobody_s_reply_and_leaves_nothing_behind() {
    let mut stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    freeze(&mut stage).await;
    let gone = tokio::spawn(ask_patiently(bridge.address, "gone"));
    bridge.has("in_flight", 1).await;
    gone.abort();
    let stays = tokio::spawn(ask_patiently(bridge.address, "stays"));
    bridge.has("in_flight", 2).await;
    thaw(&mut stage);
    assert_eq!(stays.await.expect("it was asked").text(), "stays");
    bridge.has("in_flight", 0).await;
    let count = async || bridge.scrape().await.sum("holdline_link_unasked_messages_total");
    assert_eq!(until("no stray reply", PATIENCE, count, |_| true).await, 0.0);
}
