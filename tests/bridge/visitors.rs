//! Who may ask, and what: programs and no web pages; known routes, each by its own method.
//! What is asked is proven in the files beside.

use crate::bridge::{Bridge, problem};
use crate::harness::{PATIENCE, Stage, until};

#[tokio::test]
async fn a_web_page_is_refused_on_every_route_and_told_why() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    for (method, route) in [
        ("POST", "/sh"),
        ("POST", "/send"),
        ("POST", "/connect"),
        ("POST", "/disconnect"),
        ("POST", "/reconnect"),
        ("GET", "/status"),
        ("GET", "/messages"),
        ("GET", "/metrics"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("OPTIONS", "/sh"),
    ] {
        for field in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
            let answer = bridge.ask(method, route, &[field], b"").await;
            assert!(problem(&answer, 403, "web_page", None).contains("web page"), "{route}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    assert_eq!(bridge.link().await["state"], "OPEN", "nothing was done");
    // A person who types the address into a browser is no page.
    let answer = bridge.ask("GET", "/status", &["Sec-Fetch-Site: none"], b"").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_name_that_was_bent_to_lead_here_is_refused() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let ask = async |host: &str| {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
        crate::harness::http::send(bridge.address, request.as_bytes()).await.expect("an answer")
    };
    for host in ["evil.example", "evil.example:7456", "localhost.evil.example"] {
        let answer = ask(host).await;
        assert!(problem(&answer, 421, "foreign_host", None).contains("rebinding"));
    }
    for host in ["localhost:7456", "127.0.0.1", "[::1]:7456"] {
        assert_eq!(ask(host).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_listener_that_is_not_on_loopback_is_warned_of_and_may_be_called_by_any_name() {
    let bridge = Bridge::start(&["--listen", "0.0.0.0:0"]).await;
    let look = async || bridge.troubles();
    let warnings = until("a warning", PATIENCE, look, |warnings| !warnings.is_empty()).await;
    assert!(warnings[0].words.contains("not on loopback"), "{warnings:?}");
    let address = ([127, 0, 0, 1], bridge.address.port()).into();
    let request = "GET /healthz HTTP/1.1\r\nHost: link:7456\r\n\r\n";
    let answer = crate::harness::http::send(address, request.as_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let quiet = Bridge::start(&[]).await;
    // Whoever answers has said what it had to say.
    assert_eq!(quiet.get("/healthz").await.status, 200);
    assert!(quiet.troubles().is_empty(), "{:?}", quiet.troubles());
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one_and_a_wrong_route_all_of_them() {
    let bridge = Bridge::start(&[]).await;
    for route in ["/sh", "/send", "/connect", "/disconnect", "/reconnect"] {
        let answer = bridge.get(route).await;
        problem(&answer, 405, "method", None);
        assert_eq!(answer.header("allow"), Some("POST"), "{route}");
    }
    for route in ["/status", "/messages", "/metrics", "/healthz", "/readyz"] {
        let answer = bridge.post(route, "").await;
        problem(&answer, 405, "method", None);
        assert_eq!(answer.header("allow"), Some("GET"), "{route}");
    }
    let detail = problem(&bridge.get("/nowhere").await, 404, "no_route", None);
    for route in ["/sh", "/connect", "/status", "/messages", "/healthz"] {
        assert!(detail.contains(route), "{detail}");
    }
}
