//! The foreign servers: each does on each path what a promise may count on, seen by our own peer.
//! What a link makes of them stands in the files beside this one.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::timeout;

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::{Event, PATIENCE, Tcp, http};

/// Long enough for an answer, if one is under way.
const SILENCE: Duration = Duration::from_millis(300);

/// Every promise, for every kind.
macro_rules! each_kind_keeps {
    ($($promise:ident)*) => {
        each_kind_keeps!(@ node_ws NodeWs $($promise)*);
        each_kind_keeps!(@ python_websockets PythonWebsockets $($promise)*);
        each_kind_keeps!(@ gorilla Gorilla $($promise)*);
    };
    (@ $module:ident $kind:ident $($promise:ident)*) => {
        mod $module {
            use crate::harness::foreign::{Foreign, Kind};
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(Foreign::start(Kind::$kind).await).await;
                }
            )*
        }
    };
}

each_kind_keeps! {
    messages_return
    three_messages_come_unasked
    a_connection_is_closed_with_the_code_that_was_asked_for
    late_messages_come_late_and_in_order
    the_mute_answer_pings_and_close_only
    the_deaf_answer_no_ping_and_read_nothing
    a_handshake_is_refused_with_the_status_that_was_asked_for
    a_subprotocol_is_chosen_when_it_is_offered
    the_headers_of_the_request_are_told
    it_ends_with_its_standard_input
}

async fn messages_return(server: Foreign) {
    let mut peer = server.connect("/echo").await;
    peer.echoes("grüß Gott").await;
    peer.echoes(&"long ".repeat(100_000)).await;
    peer.binary(&[0, 255, 0]).await;
    assert_eq!(peer.message().await, Event::Binary(vec![0, 255, 0]));
    peer.close(1000, "").await;
    assert_eq!(peer.ended().await.code, 1000);
}

async fn three_messages_come_unasked(server: Foreign) {
    let mut peer = server.connect("/push").await;
    for number in 1..=3 {
        assert_eq!(peer.message().await, Event::Text(format!("push {number}")));
    }
    peer.echoes("and then it echoes").await;
}

async fn a_connection_is_closed_with_the_code_that_was_asked_for(server: Foreign) {
    for code in [1000, 1012, 4001] {
        let mut peer = server.connect(&format!("/close/{code}")).await;
        peer.text("anything").await;
        let end = peer.ended().await;
        assert_eq!((end.code, end.reason.as_str(), end.tcp), (code, "told to", Tcp::Fin));
    }
}

async fn late_messages_come_late_and_in_order(server: Foreign) {
    let mut peer = server.connect("/late/200").await;
    let began = Instant::now();
    for number in 0..200 {
        peer.text(&number.to_string()).await;
    }
    let all = async {
        for number in 0..200 {
            assert_eq!(peer.message().await, Event::Text(number.to_string()));
            assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
        }
    };
    // Each is as late as it was asked for, not as all before it together: that would be 40 s.
    timeout(PATIENCE, all).await.expect("all of them");
}

async fn the_mute_answer_pings_and_close_only(server: Foreign) {
    let mut peer = server.connect("/mute").await;
    peer.text("hello?").await;
    peer.ping(b"there?").await;
    assert_eq!(peer.heard().await.1, Event::Pong(b"there?".to_vec()));
    assert!(peer.is_silent_for(SILENCE).await.is_empty(), "not even pings");
    peer.close(1000, "").await;
    assert_eq!(peer.ended().await.code, 1000);
}

async fn the_deaf_answer_no_ping_and_read_nothing(server: Foreign) {
    let mut peer = server.connect("/deaf").await;
    peer.ping(b"there?").await;
    assert!(peer.is_silent_for(SILENCE).await.is_empty(), "not even pings");
    let flood = vec![0; 32 * 1024 * 1024];
    let written = timeout(Duration::from_secs(1), peer.binary(&flood)).await;
    assert!(written.is_err(), "it was read");
}

async fn a_handshake_is_refused_with_the_status_that_was_asked_for(server: Foreign) {
    for (target, status, later) in [
        ("/refuse/503", 503, Some("7")),
        ("/refuse/401", 401, None),
        ("/refuse/404", 404, None),
        ("/no/such/path", 404, None),
    ] {
        let answer = server.dial(target).refused().await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, later), "{target}");
        assert_eq!(answer.text(), "refused", "{target}");
    }
}

async fn a_subprotocol_is_chosen_when_it_is_offered(server: Foreign) {
    for (offered, chosen) in [
        ("Sec-WebSocket-Protocol: soap, chat.v1\r\n", Some("chat.v1")),
        ("Sec-WebSocket-Protocol: soap\r\n", None),
        ("", None),
    ] {
        let request = format!(
            "GET /echo HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {offered}\r\n",
            server.address()
        );
        let answer = http::send(server.address(), request.as_bytes()).await.expect("an answer");
        let told = (answer.status, answer.header("sec-websocket-protocol"));
        assert_eq!(told, (101, chosen), "{offered:?}");
    }
}

async fn the_headers_of_the_request_are_told(server: Foreign) {
    let dial = server.dial("/headers").header("Authorization", "Bearer of a token");
    let mut peer = dial.open().await;
    let Event::Text(text) = peer.message().await else { panic!("JSON is text") };
    let headers: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(headers["authorization"], "Bearer of a token");
    assert_eq!(headers["host"], server.address().to_string());
    peer.echoes("and then it echoes").await;
}

async fn it_ends_with_its_standard_input(server: Foreign) {
    let (address, mut peer) = (server.address(), server.connect("/deaf").await);
    assert!(server.ended().await.success(), "by itself");
    peer.ended_within(PATIENCE).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens");
}
