//! What is said of a handshake that failed, by answers as servers and gateways give them.
//! Leaves to `tests/probe`: the real ones.

use super::*;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Answer { status, headers: headers.iter().map(field).collect(), body: body.to_owned() }
}

fn said(url: &str, answer: Answer, page: Option<&Answer>) -> String {
    diagnose(&Refusal::Status(answer), page, &url.parse().unwrap()).join("\n")
}

#[test]
fn the_field_that_a_server_misses_is_named() {
    for (body, field) in [
        // gorilla/websocket, its `Upgrade`.
        (
            "Bad Request\nwebsocket: the client is not using the websocket protocol: 'upgrade' token not found in 'Connection' header",
            "Connection",
        ),
        (
            "Bad Request\nwebsocket: the client is not using the websocket protocol: 'websocket' token not found in 'Upgrade' header",
            "Upgrade",
        ),
        // aiohttp, Tornado, Spring.
        ("No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".", "Upgrade"),
        ("Can \"Upgrade\" only to \"WebSocket\".", "Upgrade"),
        ("\"Connection\" must be \"Upgrade\".", "Connection"),
        // websockets for Python.
        ("Failed to open a WebSocket connection: invalid Connection header: close.", "Connection"),
        // ws for Node.
        ("Invalid Upgrade header", "Upgrade"),
        ("Missing or invalid Sec-WebSocket-Key header", "Sec-WebSocket-Key"),
    ] {
        let said = said("ws://a.example/", answer(400, &[], body), None);
        assert!(said.contains(&format!("did not get our {field} field")), "{body}: {said}");
    }
}

#[test]
fn a_subprotocol_that_is_missed_is_no_header_that_was_dropped() {
    let said = said("ws://a.example/", answer(400, &[], "Missing Sec-WebSocket-Protocol"), None);
    assert!(said.contains("--subprotocol") && !said.contains("did not get"), "{said}");
}

#[test]
fn a_status_without_a_known_saying_has_its_usual_meaning() {
    for (status, words) in [
        (200, "a page was served"),
        (400, "takes the request for no handshake"),
        (401, "credentials are asked for"),
        (403, "Origin"),
        (404, "no such path"),
        (426, "asks for an upgrade that we had asked for"),
        (429, "a limit of requests"),
        (502, "no good answer from the server"),
        (503, "no server is ready"),
        (504, "in time"),
        (522, "Cloudflare"),
    ] {
        let said = said("ws://a.example/", answer(status, &[], ""), None);
        assert!(said.contains(words), "{status}: {said}");
    }
    assert_eq!(said("ws://a.example/", answer(418, &[], ""), None), "");
}

#[test]
fn an_answer_that_does_not_depend_on_the_upgrade_is_said_to_be_that() {
    let page = answer(404, &[], "nothing here");
    let same = said("ws://a.example/", page.clone(), Some(&page));
    assert!(same.contains("gets the same answer"), "{same}");
    let other = said("ws://a.example/", page, Some(&answer(200, &[], "a page")));
    assert!(!other.contains("same answer"), "{other}");
    // Who is over a limit or not welcome is told so whatever is asked for.
    let limit = answer(429, &[], "");
    assert!(!said("ws://a.example/", limit.clone(), Some(&limit)).contains("same answer"));
}

#[test]
fn a_redirect_says_where_to_and_what_it_means() {
    let to =
        |url: &str, location: &str| said(url, answer(301, &[("location", location)], ""), None);
    let slash = to("ws://a.example/ws?token=x", "http://a.example/ws/?token=x");
    assert!(slash.contains("ends in a slash") && !slash.contains("token"), "{slash}");
    let tls = to("ws://a.example/ws", "https://a.example/ws");
    assert!(tls.contains("use wss://"), "{tls}");
    let elsewhere = to("ws://a.example/ws", "/login\u{1b}[2J");
    assert!(elsewhere.contains("to /login?[2J, which"), "{elsewhere:?}");
    assert!(said("ws://a.example/", answer(302, &[], ""), None).contains("to nowhere"));
}

#[test]
fn who_answered_is_told_by_its_marks() {
    let headers = [("server", "cloudflare"), ("cf-ray", "8a1-FRA"), ("via", "1.1 varnish")];
    assert_eq!(hops(&answer(403, &headers, "")), ["cloudflare", "1.1 varnish"]);
    let headers = [("x-envoy-upstream-service-time", "3"), ("x-amz-cf-id", "abc")];
    assert_eq!(hops(&answer(403, &headers, "")), ["CloudFront", "Envoy"]);
    let said = said("ws://a.example/", answer(403, &headers, ""), None);
    assert!(said.ends_with("by way of: CloudFront, Envoy"), "{said}");
}

#[test]
fn what_failed_before_http_is_told_by_its_step() {
    let said =
        |refusal: &Refusal, url: &str| diagnose(refusal, None, &url.parse().unwrap()).join("\n");
    let ten = std::time::Duration::from_secs(10);
    for (refusal, words) in [
        (Refusal::Resolve("unknown".to_owned()), "\"a.example\""),
        (Refusal::Connect(([127, 0, 0, 1], 1).into(), ConnectFault::Refused), "no program listens"),
        (
            Refusal::Tls("received corrupt message of type InvalidContentType".to_owned()),
            "use ws://",
        ),
        (Refusal::Tls("invalid peer certificate: UnknownIssuer".to_owned()), "--ca"),
        (Refusal::HungUp(Step::Handshake, false), "worker_connections"),
        (Refusal::HungUp(Step::Handshake, true), "RST"),
        (Refusal::Timeout(Step::Handshake, ten), "504"),
        (Refusal::Timeout(Step::Connect, ten), "a firewall drops them"),
        (Refusal::NotWebSocket("no".to_owned(), None), "no HTTP server"),
        (Refusal::NotWebSocket("no".to_owned(), Some(answer(101, &[], ""))), "section 4.1"),
    ] {
        let said = said(&refusal, "wss://a.example/");
        assert!(said.contains(words), "{refusal:?}: {said}");
    }
}
