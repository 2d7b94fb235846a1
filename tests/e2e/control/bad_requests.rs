//! Whoever asks wrongly is told what is wrong, and by which part of the request.
//! The parts of a batch are `batches`' business.

use super::{ask, control, id_of, is_problem, stage};

#[tokio::test]
async fn a_bad_part_of_a_request_is_named() {
    let mut stage = stage().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let (at, id) = (control(&mut stage), id_of(&stage, &peer).await);
    let long = "x".repeat(124);
    let own = |rest: &str| format!("/connections/{id}{rest}");
    for (method, path, field) in [
        ("GET", "/connections?limit=0".to_owned(), "limit"),
        ("GET", "/connections?limit=1001".to_owned(), "limit"),
        ("GET", "/connections?limit=ten".to_owned(), "limit"),
        ("GET", "/connections?room=a%2Fb".to_owned(), "room"),
        ("GET", "/connections?room=".to_owned(), "room"),
        ("GET", "/connections?after=lobby".to_owned(), "after"),
        ("GET", "/connections?rom=lobby".to_owned(), "rom"),
        ("GET", "/connections?room=a&room=b".to_owned(), "room"),
        ("GET", "/connections/17".to_owned(), "id"),
        ("GET", own("?code=1000"), "code"),
        ("DELETE", "/connections/17".to_owned(), "id"),
        ("DELETE", own("?code=1005"), "code"),
        ("DELETE", own("?code=999"), "code"),
        ("DELETE", own("?code=5000"), "code"),
        ("DELETE", own("?code=66537"), "code"),
        ("DELETE", own("?code=bye"), "code"),
        ("DELETE", own(&format!("?text={long}")), "text"),
        ("DELETE", own("?text=%FF"), "text"),
        ("DELETE", own("?reason=bye"), "reason"),
        ("POST", "/connections/17/messages".to_owned(), "id"),
        ("POST", own("/messages?binary=true"), "binary"),
        ("GET", "/rooms?limit=-1".to_owned(), "limit"),
        ("GET", "/rooms?after=a%20b".to_owned(), "after"),
        ("GET", format!("/rooms/{}", "x".repeat(129)), "room"),
        ("POST", "/rooms/a%2Fb/messages".to_owned(), "room"),
        ("POST", "/rooms/lobby/messages?text=x".to_owned(), "text"),
        ("POST", "/messages?room=lobby".to_owned(), "room"),
        ("POST", "/publish?dry".to_owned(), "dry"),
        ("POST", "/drain?now".to_owned(), "now"),
        ("GET", "/openapi.json?pretty".to_owned(), "pretty"),
    ] {
        is_problem(&ask(at, method, &path, &[], b"").await, 400, field);
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = ask(at, "POST", "/publish", &form, br#"{"messages": []}"#).await;
    is_problem(&answer, 415, "content-type");
    // The id of another node, or of another life of this one.
    let other = if id.starts_with('0') { "1" } else { "0" };
    let stale = format!("/connections?after={other}{}", &id[1..]);
    is_problem(&ask(at, "GET", &stale, &[], b"").await, 409, "after");
    // None of these did anything.
    peer.echoes("still here").await;
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let mut stage = stage().start().await;
    let at = control(&mut stage);
    for path in ["/", "/connection", "/rooms/", "/rooms//messages", "/rooms/a/b", "/metrics/x"] {
        let problem = is_problem(&ask(at, "GET", path, &[], b"").await, 404, "");
        let told = problem["detail"].as_str().unwrap_or_default();
        assert!(told.contains("/connections/{id}") && told.contains("/drain"), "{problem}");
    }
    for (method, path, allow) in [
        ("POST", "/connections", "GET, HEAD"),
        ("PATCH", "/connections/0123456789abcdef", "GET, HEAD, DELETE"),
        ("GET", "/rooms/lobby/messages", "POST"),
        ("DELETE", "/rooms/lobby", "GET, HEAD"),
        ("OPTIONS", "/messages", "POST"),
        ("GET", "/drain", "POST"),
        ("POST", "/metrics", "GET, HEAD"),
    ] {
        let answer = ask(at, method, path, &[], b"").await;
        is_problem(&answer, 405, "");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    let head = b"HEAD /rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = crate::harness::http::send(at, head).await;
    // Its length is that of the body that is left out.
    assert!(answer.is_err_and(|why| why.contains("status: 200") && why.contains("body: []")));
}
