//! WebSocket to REST: messages become requests of a real application, and its answers messages.
//! The application that misbehaves, or is away, is in `rest_failures`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::application::{Application, Gate, Reply};
use crate::harness::stage::Builder;
use crate::harness::{Event, Peer, Stage, Vice, until, wait::PATIENCE};

/// A gateway, and a node behind it that asks this application.
pub(crate) fn before(application: &Application) -> Builder {
    Stage::gateway().set("rest.base_url", application.url("/v1"))
}

/// The next message, as JSON.
pub(crate) async fn answer(peer: &mut Peer) -> Value {
    match peer.message().await {
        Event::Text(text) => serde_json::from_str(&text).expect("answers are JSON"),
        other => panic!("an answer was due, not {other:?}"),
    }
}

/// Asks for `GET path` and waits for what comes of it.
pub(crate) async fn get(peer: &mut Peer, path: &str) -> Value {
    peer.text(&json!({"id": path, "method": "GET", "path": path}).to_string()).await;
    let answer = answer(peer).await;
    assert_eq!(answer["id"], path, "{answer}");
    answer
}

#[tokio::test]
async fn a_message_is_sent_as_a_request_and_its_answer_comes_back_with_its_id() {
    let application = Application::start(|_| {
        Reply::new(201)
            .header("Content-Type", "application/json")
            .header("Location", "/orders/7")
            .header("Set-Cookie", "session=1")
            .header("Vary", "accept")
            .header("Vary", "origin")
            .body("{\"id\": 12345678901234567890,\n \"price\": 1.10}")
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    peer.text(
        r#"{"id": 123456789012345678901, "method": "POST", "path": "/orders?x=1&y=%2F",
            "headers": {"Authorization": "Bearer t", "Idempotency-Key": "k 1"},
            "body": {"sku": "é", "count": 10000000000000000001, "price": 1.10}}"#,
    )
    .await;
    // As it is written, so that no digit is lost on the way.
    let expected = concat!(
        r#"{"id":123456789012345678901,"status":201,"headers":{"content-type":"application/json","#,
        r#""location":"/orders/7","vary":"accept, origin","content-length":"49"},"#,
        "\"body\":{\"id\": 12345678901234567890,\n \"price\": 1.10}}",
    );
    let length = "{\"id\": 12345678901234567890,\n \"price\": 1.10}".len();
    let expected = expected.replace("\"49\"", &format!("\"{length}\""));
    assert_eq!(peer.message().await, Event::Text(expected));
    let asked = &application.was_asked(1).await[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/v1/orders?x=1&y=%2F"));
    assert_eq!(asked.text(), r#"{"sku": "é", "count": 10000000000000000001, "price": 1.10}"#);
    let id = stage.open_of(&peer).await.value("id").to_owned();
    let length = asked.body.len().to_string();
    let mut headers: Vec<_> = asked.headers.clone();
    headers.sort();
    let mut expected = [
        ("authorization", "Bearer t"),
        ("content-length", &length),
        ("content-type", "application/json"),
        ("host", &application.address.to_string()),
        ("idempotency-key", "k 1"),
        ("user-agent", concat!("holdline/", env!("CARGO_PKG_VERSION"))),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-holdline-connection", &id),
        ("x-request-id", &peer.request),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    expected.sort();
    assert_eq!(headers, expected, "these and no others");
}

#[tokio::test]
async fn bodies_are_text_json_or_bytes_in_both_directions() {
    let application = Application::start(|asked| {
        let kind = asked.header("content-type").unwrap_or("none").to_owned();
        Reply::new(200).header("content-type", &kind).body(&asked.body).chunked()
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    for (body, kind) in [
        (json!({"body": "text\n\u{1F680}"}), "text/plain; charset=utf-8"),
        (json!({"body": [1, "a", null]}), "application/json"),
        (json!({"body_base64": "/wD+"}), "application/octet-stream"),
        (json!({"body": "x".repeat(30_000)}), "text/plain; charset=utf-8"),
        (json!({}), "none"),
    ] {
        let mut message = json!({"id": "b", "method": "PUT", "path": "/"});
        message.as_object_mut().expect("it is one").extend(body.as_object().expect("too").clone());
        peer.text(&message.to_string()).await;
        let answer = answer(&mut peer).await;
        assert_eq!(answer["headers"]["content-type"], kind, "{answer}");
        assert_eq!(
            (answer.get("body"), answer.get("body_base64")),
            (body.get("body"), body.get("body_base64"))
        );
    }
}

#[tokio::test]
async fn sixteen_requests_are_under_way_at_once_the_next_waits_and_pings_go_on() {
    let gates: Arc<Vec<_>> = Arc::new((0..17).map(|_| Gate::new()).collect());
    let held = gates.clone();
    let application = Application::start(move |asked| {
        let number: usize = asked.target["/v1/".len()..].parse().expect("a number");
        Reply::text(&number.to_string()).held(&held[number])
    })
    .await;
    let stage = before(&application).ping_interval("200ms").start().await;
    let mut peer = stage.connect("/ws/rest").await;
    for number in 0..17 {
        let request = json!({"id": number, "method": "GET", "path": format!("/{number}")});
        peer.text(&request.to_string()).await;
    }
    let under_way = async || application.under_way();
    until("16 requests at once", PATIENCE, under_way, |count| *count == 16).await;
    for _ in 0..3 {
        assert!(matches!(peer.heard().await.1, Event::Ping(_)), "only pings");
    }
    assert_eq!((application.asked().len(), application.most_under_way()), (16, 16));
    assert_eq!(stage.gauge("holdline_rest_in_flight").await, 16.0);
    // One that is answered makes room for the next, whichever it is.
    gates[5].open();
    let told = answer(&mut peer).await;
    assert_eq!((&told["id"], &told["body"]), (&json!(5), &json!("5")));
    until("the 17th", PATIENCE, async || application.asked().len(), |count| *count == 17).await;
    // In the order in which they are ready.
    for number in (0..17).rev().filter(|number| *number != 5) {
        gates[number].open();
        let told = answer(&mut peer).await;
        assert_eq!((&told["id"], &told["body"]), (&json!(number), &json!(number.to_string())));
    }
    assert_eq!(application.most_under_way(), 16);
    let answered =
        async || stage.count("holdline_rest_duration_seconds_count", "outcome", "answered").await;
    until("17 answers", PATIENCE, answered, |count| *count == 17.0).await;
    assert_eq!(stage.gauge("holdline_rest_in_flight").await, 0.0);
    peer.close(1000, "").await;
    assert_eq!(peer.ended().await.code, 1000);
}

#[tokio::test]
async fn two_requests_with_one_id_are_both_answered() {
    let application = Application::start(|asked| Reply::text(&asked.target)).await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    for path in ["/a", "/b"] {
        peer.text(&json!({"id": "same", "method": "GET", "path": path}).to_string()).await;
    }
    let mut bodies = [answer(&mut peer).await, answer(&mut peer).await].map(|answer| {
        assert_eq!(answer["id"], "same");
        answer["body"].as_str().expect("a text").to_owned()
    });
    bodies.sort();
    assert_eq!(bodies, ["/v1/a", "/v1/b"]);
}

#[tokio::test]
async fn all_connections_together_have_in_flight_total_places() {
    let gate = Gate::new();
    let held = gate.clone();
    let application = Application::start(move |_| Reply::text("here").held(&held)).await;
    let stage = before(&application)
        .workers(2)
        .set("rest.in_flight_max", 2)
        .set("rest.in_flight_total", 3)
        .start()
        .await;
    let mut peers = stage.connect_many("/ws/rest", 4).await;
    for peer in &peers {
        peer.text(r#"{"id": 1, "method": "GET", "path": "/"}"#).await;
    }
    let waiting = async || (application.under_way(), stage.gauge("holdline_rest_in_flight").await);
    until("one that waits", PATIENCE, waiting, |seen| *seen == (3, 4.0)).await;
    assert_eq!(application.asked().len(), 3);
    // A place that is given back is the next one's, on whichever worker it waits.
    gate.let_one();
    until("the fourth", PATIENCE, waiting, |seen| *seen == (3, 3.0)).await;
    gate.open();
    for peer in &mut peers {
        assert_eq!(answer(peer).await["body"], "here");
    }
    assert_eq!((application.asked().len(), application.most_under_way()), (4, 3));
}

#[tokio::test]
async fn large_answers_that_are_ready_at_once_do_not_make_their_peer_slow() {
    let gate = Gate::new();
    let held = gate.clone();
    let body = "x".repeat(256 << 10);
    let application = Application::start(move |_| Reply::text(&body).held(&held)).await;
    let stage = before(&application).start().await;
    // Four times what an outbox holds.
    let mut peer = stage.dial("/ws/rest").vice(Vice::Trickling(8_000_000)).open().await;
    for number in 0..16 {
        let request = json!({"id": number, "method": "GET", "path": "/"});
        peer.text(&request.to_string()).await;
    }
    until("16 requests", PATIENCE, async || application.under_way(), |count| *count == 16).await;
    gate.open();
    let mut ids = Vec::new();
    for _ in 0..16 {
        let answer = answer(&mut peer).await;
        assert_eq!(answer["body"].as_str().map(str::len), Some(256 << 10));
        ids.push(answer["id"].as_u64().expect("a number"));
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..16).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_peer_that_leaves_cuts_its_requests() {
    let application = Application::start(|_| Reply::hang()).await;
    let stage = before(&application).start().await;
    let mut polite = stage.connect("/ws/rest").await;
    let rude = stage.connect("/ws/rest").await;
    for peer in [&polite, &rude] {
        for id in 0..2 {
            let request = json!({"id": id, "method": "GET", "path": "/"});
            peer.text(&request.to_string()).await;
        }
    }
    until("4 requests", PATIENCE, async || application.under_way(), |count| *count == 4).await;
    polite.close(1000, "").await;
    assert_eq!(polite.ended().await.code, 1000);
    until("2 cut", PATIENCE, async || application.abandoned(), |count| *count == 2).await;
    rude.reset().await;
    until("4 cut", PATIENCE, async || application.abandoned(), |count| *count == 4).await;
    let counted = "holdline_rest_duration_seconds_count";
    let abandoned = async || stage.count(counted, "outcome", "abandoned").await;
    until("4 abandoned", PATIENCE, abandoned, |count| *count == 4.0).await;
    assert_eq!(stage.gauge("holdline_rest_in_flight").await, 0.0);
}

#[tokio::test]
async fn a_drained_stop_waits_for_no_request() {
    let application = Application::start(|_| Reply::hang()).await;
    let mut stage = before(&application)
        .set("drain.delay", "100ms")
        .set("drain.window", "100ms")
        .set("drain.timeout", "15s")
        .set("rest.timeout", "300s")
        .start()
        .await;
    let mut peer = stage.connect("/ws/rest").await;
    peer.text(r#"{"id": 1, "method": "GET", "path": "/"}"#).await;
    until("a request", PATIENCE, async || application.under_way(), |count| *count == 1).await;
    stage.node().terminate();
    assert_eq!(peer.ended().await.code, 1012);
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    until("it cut", PATIENCE, async || application.abandoned(), |count| *count == 1).await;
}

#[tokio::test]
async fn without_a_base_url_there_is_no_such_route() {
    let stage = Stage::gateway().start().await;
    let answer = stage.dial("/ws/rest").refused().await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("rest.base_url"), "{}", answer.text());
    let refused = stage.count("holdline_handshakes_rejected_total", "reason", "not_configured");
    assert_eq!(refused.await, 1.0);
}
