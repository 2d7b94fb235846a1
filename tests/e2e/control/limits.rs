//! What a caller of the control API may take: bytes, time, and places.
//! What a message may be is `publishing`'s business.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::{ask, control, is_problem, request, stage};
use crate::harness::Event;
use crate::harness::http::{self, Answer};
use crate::harness::wait::PATIENCE;

/// The rest of an answer on this stream.
async fn answer(stream: &mut TcpStream) -> Answer {
    let mut answer = http::head(stream).await.expect("an answer");
    http::body(stream, &mut answer).await.expect("a whole answer");
    answer
}

#[tokio::test]
async fn a_message_that_is_too_big_is_refused_however_its_length_is_told() {
    let mut stage = stage().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let at = control(&mut stage);
    let largest = "x".repeat(65_536);
    let path = "/rooms/lobby/messages";
    assert_eq!(ask(at, "POST", path, &[], largest.as_bytes()).await.status, 200);
    assert_eq!(peer.message().await, Event::Text(largest.clone()));
    is_problem(&ask(at, "POST", path, &[], format!("{largest}x").as_bytes()).await, 413, "");
    // Nobody waits for a body that is announced as too big.
    let head = format!("POST {path} HTTP/1.1\r\nHost: {at}\r\nContent-Length: 65537\r\n\r\n");
    is_problem(&http::send(at, head.as_bytes()).await.expect("an answer"), 413, "");
    let head = format!("POST {path} HTTP/1.1\r\nHost: {at}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunks = format!("{head}10000\r\n{largest}\r\n1\r\nx\r\n");
    is_problem(&http::send(at, chunks.as_bytes()).await.expect("an answer"), 413, "");
    peer.echoes("nothing else was sent").await;
}

#[tokio::test]
async fn a_batch_may_be_larger_than_a_message_up_to_the_body_s_limit() {
    let mut stage = stage().set("control.body_bytes_max", 200_000).start().await;
    let at = control(&mut stage);
    let batch = |count| {
        let item = format!(r#"{{"everyone": true, "text": "{}"}}"#, "x".repeat(60_000));
        format!(r#"{{"messages": [{}]}}"#, vec![item; count].join(","))
    };
    assert_eq!(ask(at, "POST", "/publish", &[], batch(3).as_bytes()).await.status, 200);
    is_problem(&ask(at, "POST", "/publish", &[], batch(4).as_bytes()).await, 413, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_cut_and_holds_one_place_until_then() {
    let stage = stage().set("control.requests_max", 1);
    let mut stage = stage.set("server.handshake_timeout", "8s").start().await;
    let at = control(&mut stage);
    let (mut one, mut other) = (half_a_message(at).await, half_a_message(at).await);
    // Whichever came first has the place.
    let (full, mut slow) = tokio::select! {
        answer = answer(&mut one) => (answer, other),
        answer = answer(&mut other) => (answer, one),
    };
    let problem = is_problem(&full, 503, "");
    let named = problem["detail"].as_str().is_some_and(|it| it.contains("control.requests_max"));
    assert!(named && full.header("retry-after").is_some(), "{full:?}");
    assert_eq!(ask(at, "GET", "/healthz", &[], b"").await.status, 200, "monitoring has its own");
    let answered = tokio::time::timeout(PATIENCE, answer(&mut slow)).await.expect("it is cut");
    is_problem(&answered, 408, "");
    assert!(http::closed(&mut slow, PATIENCE).await.is_some(), "and its connection closed");
    assert_eq!(ask(at, "GET", "/rooms", &[], b"").await.status, 200, "its place is free");
}

#[tokio::test]
async fn a_caller_that_takes_no_answer_is_cut() {
    let mut stage = stage().set("limits.write_timeout", "500ms").start().await;
    let at = control(&mut stage);
    // Some megabytes of answers, more than both kernels hold.
    let request = request(at, "GET", "/openapi.json", &[("Connection", "keep-alive")], b"");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8 * 1024).expect("a small one");
    let mut deaf = socket.connect(at).await.expect("it listens");
    let requests = String::from_utf8_lossy(&request).replace("Connection: close\r\n", "");
    let asking = async { while deaf.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, asking).await.expect("it is cut");
    assert_eq!(ask(at, "GET", "/rooms", &[], b"").await.status, 200);
}

/// A message that is begun and not finished.
async fn half_a_message(at: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let head = format!("POST /messages HTTP/1.1\r\nHost: {at}\r\nContent-Length: 10\r\n\r\nhalf");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    stream
}
