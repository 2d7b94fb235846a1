//! What is said about the asker, and the words of failures.
//! Whole exchanges are proven in `tests/e2e`.

use std::time::Duration;

use super::*;
use crate::{message::ConnectionId, metrics::REST_OUTCOMES, route::Route};

fn caller(request: &str, user: Option<&str>) -> Caller {
    Caller {
        id: ConnectionId::new(1, 2, 3),
        request: request.to_owned(),
        route: Route::Rest,
        peer: "2001:db8::7".parse().unwrap(),
        user: user.map(str::to_owned),
        subprotocol: None,
    }
}

#[test]
fn the_application_is_told_who_asks_whatever_the_message_said() {
    let caller = caller("4bf92f", Some("mallory@example.org"));
    let mut headers = HeaderMap::new();
    for name in [USER, FORWARDED_FOR, REQUEST_ID, CONNECTION] {
        headers.append(&name, HeaderValue::from_static("root"));
        headers.append(&name, HeaderValue::from_static("admin"));
    }
    sign(&mut headers, &caller);
    let all = |name: HeaderName| {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all(USER), ["mallory@example.org"]);
    assert_eq!(all(FORWARDED_FOR), ["2001:db8::7"]);
    assert_eq!(all(REQUEST_ID), ["4bf92f"]);
    assert_eq!(all(CONNECTION), [caller.id.to_string()]);
}

#[test]
fn what_is_not_known_is_not_said_and_a_strange_name_is_encoded() {
    let mut headers = HeaderMap::new();
    sign(&mut headers, &caller("-", None));
    assert!(!headers.contains_key(USER) && !headers.contains_key(REQUEST_ID));
    for (user, written) in
        [("a\r\nx: y", "a%0D%0Ax: y"), ("100%", "100%25"), ("é", "%C3%A9"), ("a b", "a b")]
    {
        sign(&mut headers, &caller("-", Some(user)));
        assert_eq!(headers[USER], written, "{user:?}");
    }
}

#[test]
fn every_outcome_has_its_series_and_tells_the_peer_nothing_of_the_network() {
    let mut config = Config::default();
    config.rest.base_url = Some("http://10.1.2.3:3000".parse().unwrap());
    let rest = Rest::new(&config, &Metrics::new()).unwrap().unwrap();
    let secret = "tcp connect error: 10.1.2.3:3000 refused".to_owned();
    let mut words = vec![busy()];
    for failure in [
        upstream::Failure::Timeout(Duration::from_secs(3)),
        upstream::Failure::Unreachable(secret.clone()),
        upstream::Failure::Broken(secret),
        upstream::Failure::TooBig(7),
    ] {
        words.push(rest.0.told(&failure));
    }
    for (label, failure) in words {
        assert!(REST_OUTCOMES.contains(&label), "{label}");
        assert_eq!(failure.r#type, format!("urn:holdline:problem:{label}"));
        assert!(!failure.to_string().contains("10.1.2.3"), "{failure}");
    }
}

#[tokio::test]
async fn a_request_that_finds_no_place_in_time_is_not_sent() {
    let application = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config::default();
    let base = format!("http://{}", application.local_addr().unwrap());
    config.rest.base_url = Some(base.parse().unwrap());
    config.rest.timeout = Duration::from_millis(50);
    let metrics = Metrics::new();
    let rest = Rest::new(&config, &metrics).unwrap().unwrap();
    let _places = rest.0.places.acquire_many(256).await.unwrap();
    let message = r#"{"id": 7, "method": "GET", "path": "/"}"#.into();
    // Another worker's; the places are the same.
    let Answer::Later(answer) = rest.own_pool().answer(&message, &caller("-", None)) else {
        panic!("it waits for a place")
    };
    let actions = answer.await.unwrap();
    let [Action::Reply(Message::Text(text))] = &actions[..] else { panic!("{actions:?}") };
    assert!(text.starts_with(r#"{"id":7,"error":{"type":"urn:holdline:problem:busy","#), "{text}");
    let came = tokio::time::timeout(Duration::from_millis(50), application.accept()).await;
    assert!(came.is_err(), "nobody was asked");
    let counted = String::from_utf8(metrics.render()).unwrap();
    assert!(
        counted.contains("holdline_rest_duration_seconds_count{outcome=\"busy\"} 1"),
        "{counted}"
    );
}

#[test]
fn without_a_base_there_is_nothing() {
    assert!(Rest::new(&Config::default(), &Metrics::new()).unwrap().is_none());
}
