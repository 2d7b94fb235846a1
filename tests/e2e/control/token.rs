//! Who may use the control API: whoever has the token; without one, whoever is on this machine.
//! Monitoring asks without.

use super::{ask, control, is_problem, stage};
use crate::harness::{PATIENCE, Stage, until};

const OPEN: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// All others, and some that are none.
const CLOSED: [(&str, &str); 13] = [
    ("GET", "/connections"),
    ("GET", "/connections/0123456789abcdef"),
    ("DELETE", "/connections/0123456789abcdef"),
    ("POST", "/connections/0123456789abcdef/messages"),
    ("GET", "/rooms"),
    ("GET", "/rooms/lobby"),
    ("POST", "/rooms/lobby/messages"),
    ("POST", "/messages"),
    ("POST", "/publish"),
    ("POST", "/drain"),
    ("GET", "/openapi.json"),
    ("PUT", "/rooms"),
    ("GET", "/nowhere"),
];

async fn refuses_everything(stage: &mut Stage, headers: &[(&str, &str)]) {
    let at = control(stage);
    for path in OPEN {
        assert_eq!(ask(at, "GET", path, headers, b"").await.status, 200, "{path}");
    }
    for (method, path) in CLOSED {
        let answer = ask(at, method, path, headers, b"").await;
        let problem = is_problem(&answer, 401, "");
        assert!(problem["detail"].as_str().is_some_and(|it| it.contains("control.token")));
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer "), "{method} {path}: {answer:?}");
    }
    assert_eq!(ask(at, "GET", "/readyz", &[], b"").await.status, 200, "it drains");
}

#[tokio::test]
async fn without_a_token_only_loopback_serves_more_than_monitoring() {
    let mut open = stage().set("control.listen", "0.0.0.0:0").start().await;
    let log = open.node().log().clone();
    let warned = async || log.lines().iter().any(|line| line.raw.contains("no control.token"));
    until("a line in the log", PATIENCE, warned, |warned| *warned).await;
    // All of this machine's addresses are meant.
    let port = open.node().control.port();
    open.node().control = ([127, 0, 0, 1], port).into();
    refuses_everything(&mut open, &[]).await;
    refuses_everything(&mut open, &[("Authorization", "Bearer ")]).await;
    let mut own = stage().start().await;
    let at = control(&mut own);
    assert_eq!(ask(at, "GET", "/connections", &[], b"").await.status, 200);
}

#[tokio::test]
async fn with_a_token_everybody_needs_it_wherever_the_listener_is() {
    for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
        let stage = stage().set("control.token", "sesame-sesame-sesame");
        let mut stage = stage.set("control.listen", listen).start().await;
        let port = stage.node().control.port();
        stage.node().control = ([127, 0, 0, 1], port).into();
        refuses_everything(&mut stage, &[]).await;
        for wrong in ["Bearer sesame-sesame-sesam", "Basic sesame-sesame-sesame", "Bearer"] {
            refuses_everything(&mut stage, &[("Authorization", wrong)]).await;
        }
        let right = [("Authorization", "Bearer sesame-sesame-sesame")];
        let at = control(&mut stage);
        assert_eq!(ask(at, "GET", "/connections", &right, b"").await.status, 200);
        assert_eq!(ask(at, "POST", "/messages", &right, b"x").await.status, 200);
        assert_eq!(ask(at, "PUT", "/rooms", &right, b"").await.status, 405);
        let log = stage.node().log().tail(1000);
        assert!(!log.contains("sesame"), "the log tells the token");
    }
}

#[tokio::test]
async fn no_web_page_uses_the_control_api() {
    let mut stage = stage().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let at = control(&mut stage);
    for header in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let answer = ask(at, "POST", "/rooms/lobby/messages", &[header], b"from a page").await;
        is_problem(&answer, 403, "");
    }
    // A page that has bent its own name to this address.
    let rebound = format!("GET /connections HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", at.port());
    let answer = crate::harness::http::send(at, rebound.as_bytes()).await.expect("an answer");
    is_problem(&answer, 421, "");
    peer.echoes("nobody else").await;
}
