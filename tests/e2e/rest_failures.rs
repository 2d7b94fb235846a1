//! WebSocket to REST when something is wrong: with the message, the application or the network.
//! Every time the peer is told with the id of its message, and its connection stays.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::rest::{answer, before, get};
use crate::harness::application::{Application, Reply};
use crate::harness::{Peer, until, wait::PATIENCE};

/// The word of an error.
fn word(answer: &Value) -> &str {
    let word = answer["error"]["type"].as_str().unwrap_or_else(|| panic!("no error: {answer}"));
    assert!(answer["error"]["title"].is_string() && answer.get("status").is_none(), "{answer}");
    word.strip_prefix("urn:holdline:problem:").expect("our words")
}

#[tokio::test]
async fn every_refusal_names_the_fault_reaches_nobody_and_leaves_the_connection_open() {
    let application = Application::start(|_| Reply::text("here")).await;
    let stage = before(&application).set("rest.path_prefixes", json!(["/api/"])).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    let asks = |fields: Value| {
        let mut message = json!({"id": "x", "method": "POST", "path": "/api/"});
        message.as_object_mut().expect("it is").extend(fields.as_object().expect("too").clone());
        message.to_string()
    };
    let deep = format!(r#"{{"id": "x", "method": {}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    for (message, id, problem, named) in [
        ("hello".to_owned(), json!(null), "bad_request", "JSON object"),
        ("[".repeat(60_000), json!(null), "bad_request", "JSON object"),
        (deep, json!("x"), "bad_request", "method"),
        (asks(json!({"id": null})), json!(null), "bad_request", "id"),
        (asks(json!({"id": "y".repeat(300)})), json!(null), "bad_request", "id"),
        (asks(json!({"url": "http://evil/"})), json!("x"), "bad_request", "url"),
        (asks(json!({"method": "TRACE"})), json!("x"), "method_not_allowed", "TRACE"),
        (asks(json!({"path": 7})), json!("x"), "bad_request", "path"),
        (asks(json!({"path": "/other"})), json!("x"), "path_not_allowed", "/api/"),
        (asks(json!({"path": "/api/%2e%2e/x"})), json!("x"), "path_not_allowed", "dots"),
        (asks(json!({"path": "/api/..%252fx"})), json!("x"), "path_not_allowed", "slash"),
        (asks(json!({"path": "//evil/api/"})), json!("x"), "path_not_allowed", "one slash"),
        (asks(json!({"path": "http://evil/"})), json!("x"), "path_not_allowed", "one slash"),
        (asks(json!({"path": "/api/\r\nX: y"})), json!("x"), "path_not_allowed", "character"),
        (asks(json!({"headers": {"Host": "evil"}})), json!("x"), "header_not_allowed", "Host"),
        (asks(json!({"headers": {"accept": "a\r\nX: y"}})), json!("x"), "bad_request", "accept"),
        (asks(json!({"body_base64": "?"})), json!("x"), "bad_request", "body_base64"),
    ] {
        peer.text(&message).await;
        let answer = answer(&mut peer).await;
        assert_eq!((&answer["id"], word(&answer)), (&id, problem), "{message:.100}: {answer}");
        let detail = answer["error"]["detail"].as_str().expect("a detail");
        assert!(detail.contains(named), "{named:?} is not in {detail:?}");
    }
    peer.binary(br#"{"id": 1, "method": "GET", "path": "/api/"}"#).await;
    let refused = answer(&mut peer).await;
    assert_eq!((&refused["id"], word(&refused)), (&json!(null), "bad_request"));
    assert_eq!(get(&mut peer, "/api/").await["body"], "here");
    application.was_asked(1).await;
    assert_eq!(application.connections(), 1);
    let counted = "holdline_rest_duration_seconds_count";
    assert_eq!(stage.count(counted, "outcome", "refused").await, 18.0);
}

#[tokio::test]
async fn nobody_can_write_a_header_that_tells_who_asks_nor_end_one() {
    let application = Application::start(|_| Reply::text("here")).await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.1"),
        ("X-Request-ID", "mine"),
        ("x-holdline-user", "root"),
        ("x-holdline-connection", "0"),
        ("transfer-encoding", "chunked"),
        ("content-length", "0"),
        ("connection", "x-forwarded-for"),
        ("expect", "100-continue"),
        ("accept", "a\nx-holdline-user: root"),
        ("accept", "a\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("accept\r\nx-holdline-user", "root"),
        ("accept: a\r\nx-holdline-user", "root"),
        ("x-holdline-user ", "root"),
        ("accept\0", "a"),
    ] {
        let message =
            json!({"id": name, "method": "POST", "path": "/", "headers": {(name): value}});
        peer.text(&message.to_string()).await;
        let answer = answer(&mut peer).await;
        assert_eq!(answer["id"], name);
        let expected = if name == "accept" { "bad_request" } else { "header_not_allowed" };
        assert_eq!(word(&answer), expected, "{name:?}");
    }
    // A body is a body, whatever it looks like.
    let hidden = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    let message = json!({"id": 1, "method": "POST", "path": "/", "body": hidden});
    peer.text(&message.to_string()).await;
    assert_eq!(answer(&mut peer).await["status"], 200);
    let asked = &application.was_asked(1).await[0];
    assert_eq!((asked.text().as_str(), asked.target.as_str()), (hidden, "/v1/"));
    assert_eq!(asked.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(asked.header("x-request-id"), Some(peer.request.as_str()));
    assert_eq!(asked.header("x-holdline-user"), None);
}

#[tokio::test]
async fn a_redirect_is_passed_on_and_not_followed() {
    let elsewhere = Application::start(|_| Reply::text("secret")).await;
    let location = elsewhere.url("/x");
    let application = Application::start(move |asked| match asked.target.as_str() {
        "/v1/a" => Reply::new(302).header("location", "/v1/b"),
        "/v1/c" => Reply::new(307).header("location", &location),
        _ => Reply::text("followed"),
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    let told = get(&mut peer, "/a").await;
    assert_eq!((&told["status"], &told["headers"]["location"]), (&json!(302), &json!("/v1/b")));
    let told = get(&mut peer, "/c").await;
    assert_eq!((&told["status"], told.get("body")), (&json!(307), None));
    assert_eq!(told["headers"]["location"], elsewhere.url("/x"));
    application.was_asked(2).await;
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_application_that_hangs_costs_the_timeout_and_not_the_connection() {
    let application = Application::start(|asked| match asked.target.as_str() {
        "/v1/hang" => Reply::hang(),
        "/v1/half" => Reply::raw("HTTP/1.1 200 OK\r\nContent-Le"),
        _ => Reply::text("here"),
    })
    .await;
    let stage = before(&application).set("rest.timeout", "5s").start().await;
    let mut peer = stage.connect("/ws/rest").await;
    let told = get(&mut peer, "/hang").await;
    assert_eq!(word(&told), "timeout");
    assert!(told["error"]["detail"].as_str().expect("a text").contains("5s"), "{told}");
    // Nobody waits for it any more.
    until("it cut", PATIENCE, async || application.abandoned(), |count| *count == 1).await;
    assert_eq!(word(&get(&mut peer, "/half").await), "broken");
    assert_eq!(get(&mut peer, "/").await["body"], "here");
    let counted = "holdline_rest_duration_seconds_count";
    for outcome in ["timeout", "broken", "answered"] {
        let count = async || stage.count(counted, "outcome", outcome).await;
        until(outcome, PATIENCE, count, |count| *count == 1.0).await;
    }
}

#[tokio::test]
async fn an_application_that_is_away_is_unreachable_until_it_is_back() {
    let application = Application::start(|_| Reply::text("here")).await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/rest").await;
    assert_eq!(get(&mut peer, "/").await["body"], "here");
    let address: SocketAddr = application.stop().await;
    let told = get(&mut peer, "/").await;
    assert_eq!(word(&told), "unreachable");
    assert!(!told.to_string().contains(&address.port().to_string()), "told too much: {told}");
    let _back = Application::start_at(address, |_| Reply::text("back")).await;
    assert_eq!(get(&mut peer, "/").await["body"], "back");
}

#[tokio::test]
async fn answers_that_end_early_or_never_or_are_too_long_are_told_apart() {
    let application = Application::start(|asked| match &asked.target["/v1/".len()..] {
        "close" => Reply::close(),
        "cut" => Reply::text("half of it").cut(5),
        "mail" => Reply::raw("220 mail.example.org ESMTP\r\n"),
        "switch" => {
            Reply::raw("HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        }
        "long" => Reply::text(&"x".repeat(1001)),
        "endless" => Reply::text("again").endless(),
        "exact" => Reply::text(&"x".repeat(1000)).chunked(),
        "grown" => Reply::text(&"\u{1}".repeat(1000)),
        "old" => Reply::text("to the end").old(),
        "none" => Reply::new(204),
        "error" => Reply::new(500).body("no"),
        other => panic!("{other}"),
    })
    .await;
    let stage = before(&application)
        .set("rest.answer_bytes_max", 1000)
        .set("limits.outbox_bytes_max", 10_000)
        .set("limits.message_bytes_max", 5000)
        .start()
        .await;
    let mut peer = stage.connect("/ws/rest").await;
    for (path, problem) in [
        ("/close", "broken"),
        ("/cut", "broken"),
        ("/mail", "broken"),
        ("/switch", "broken"),
        ("/long", "answer_too_big"),
        ("/endless", "answer_too_big"),
        // 6000 bytes as JSON, more than half of the outbox.
        ("/grown", "answer_too_big"),
    ] {
        assert_eq!(word(&get(&mut peer, path).await), problem, "{path}");
    }
    for (path, status, length) in [
        ("/exact", 200, Some(1000)),
        ("/old", 200, Some(10)),
        ("/none", 204, None),
        ("/error", 500, Some(2)),
    ] {
        let told = get(&mut peer, path).await;
        let body = told.get("body").and_then(Value::as_str).map(str::len);
        assert_eq!((told["status"].as_i64(), body), (Some(status), length), "{path}");
    }
    stays(&mut peer).await;
}

/// Whether a connection is still of use.
async fn stays(peer: &mut Peer) {
    peer.ping(b"?").await;
    let pong = crate::harness::Event::Pong(b"?".to_vec());
    while peer.heard().await.1 != pong {}
}
