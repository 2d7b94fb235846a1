//! The gateway's own limits, each at its number: what is at it passes, and one more does not.
//! That its numbers fit the backend's is `shipped_numbers`' business.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::http;
use crate::harness::{PATIENCE, Stage, until};

/// Asks for `/ws/echo` without the makings of a handshake, again and again, from one address; the
/// statuses, each 426 when the backend was asked.
async fn ask(stage: &Stage, from: &str, count: usize) -> Vec<u16> {
    // nginx closes a connection after 1000 requests.
    const EACH: usize = 500;
    let mut statuses = Vec::new();
    while statuses.len() < count {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("it is ours");
        let mut stream = socket.connect(stage.address()).await.expect("it listens");
        for _ in 0..EACH.min(count - statuses.len()) {
            let request = format!("GET /ws/echo HTTP/1.1\r\nHost: {}\r\n\r\n", stage.address());
            stream.write_all(request.as_bytes()).await.expect("it reads");
            let mut answer = http::head(&mut stream).await.expect("an answer");
            http::body(&mut stream, &mut answer).await.expect("its body");
            statuses.push(answer.status);
        }
    }
    statuses
}

#[tokio::test]
async fn an_address_has_its_burst_of_handshakes_and_then_its_rate() {
    let stage = Stage::gateway()
        .render("GATEWAY_ADDRESS_HANDSHAKE_RATE", "1")
        .render("GATEWAY_HANDSHAKE_RATE", "100000")
        .start()
        .await;
    // One and a burst of 1000; nothing is refused before.
    let statuses = ask(&stage, "127.0.0.7", 1001).await;
    assert!(statuses.iter().all(|status| *status == 426), "{statuses:?}");
    // Each second that passes meanwhile lets one more in.
    let more = ask(&stage, "127.0.0.7", 300).await;
    let refused = more.iter().filter(|status| **status == 429).count();
    assert!(refused > 0, "{more:?}");
    assert_eq!(refused + more.iter().filter(|status| **status == 426).count(), 300, "{more:?}");
    assert_eq!(ask(&stage, "127.0.0.8", 1).await, [426], "somebody else");
}

#[tokio::test]
async fn in_a_storm_the_first_200_come_at_once_and_the_others_in_turn() {
    let mut stage = Stage::gateway().render("GATEWAY_HANDSHAKE_RATE", "1").start().await;
    let limited = |entry: &Value| entry["uri"] == "/ws/echo";
    let mut asked = 0;
    // Each second lets one more in at once, of which a busy machine may need some.
    for count in [203, 20, 20, 20] {
        let statuses = ask(&stage, "127.0.0.7", count).await;
        assert!(statuses.iter().all(|status| *status == 426), "{statuses:?}");
        asked += count;
        let entries = async || {
            let entries = stage.proxy().access().into_iter().filter(limited);
            entries.map(|entry| entry["limit_req"].as_str().unwrap_or("").to_owned()).collect()
        };
        let all = |told: &Vec<String>| told.len() == asked;
        let told: Vec<String> = until("all of them", PATIENCE, entries, all).await;
        assert!(told[..200].iter().all(|it| it == "PASSED"), "{told:?}");
        if told.iter().any(|it| it == "DELAYED") {
            return;
        }
    }
    panic!("nobody has to wait, of {asked}");
}

#[tokio::test]
async fn a_body_at_the_gateway_has_its_bound() {
    let mut stage = Stage::gateway().start().await;
    let asks = async |bytes: usize| {
        let head = format!(
            "POST /ws/echo HTTP/1.1\r\nHost: {}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n",
            stage.address()
        );
        let request = head + &"x".repeat(bytes);
        http::send(stage.address(), request.as_bytes()).await.expect("an answer").status
    };
    assert_eq!(asks(1024).await, 405, "the backend's own answer");
    assert_eq!(asks(1025).await, 413, "the gateway's");
    let entries = async || stage.proxy().access();
    let told = |all: &Vec<Value>| all.iter().any(|entry| entry["status"] == "413");
    let entries = until("the refusal's line", PATIENCE, entries, told).await;
    let refused = entries.iter().find(|entry| entry["status"] == "413").expect("it was found");
    assert_eq!(refused["upstream"], "", "the backend has not heard of it");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_by_the_gateway_and_by_the_backend() {
    for (stage, longest) in [(Stage::gateway(), 8000), (Stage::backend(), 60_000)] {
        let stage = stage.start().await;
        let dial = |bytes: usize| stage.dial("/ws/echo").header("X-Long", &"x".repeat(bytes));
        dial(longest).open().await.echoes("long, and fine").await;
        let answer = dial(1 << 20).attempt().await;
        // Whoever refuses does not read the rest, so that the answer may be lost with it.
        match answer {
            Ok(Err(answer)) => {
                assert!([400, 413, 414, 431, 494].contains(&answer.status), "{answer:?}")
            }
            Ok(Ok(_)) => panic!("a head of a mebibyte is let in"),
            Err(_) => {}
        }
        assert_eq!(stage.gauge("holdline_connections_opened_total").await, 1.0);
        stage.connect("/ws/echo").await.echoes("everybody else").await;
    }
}

#[tokio::test]
async fn who_is_silent_at_the_gateway_before_during_and_after_a_request_is_cut() {
    let stage = Stage::gateway().start().await;
    let (address, began) = (stage.address(), Instant::now());
    let host = format!("Host: {address}\r\n");
    let cuts = [
        // client_header_timeout, client_body_timeout, keepalive_timeout.
        (format!("GET /ws/echo HTTP/1.1\r\n{host}Upgra"), 10),
        (format!("POST /ws/echo HTTP/1.1\r\n{host}Content-Length: 9\r\n\r\nhalf"), 10),
        (format!("GET /ws/echo HTTP/1.1\r\n{host}\r\n"), 15),
    ];
    let cut = cuts.map(|(said, seconds)| async move {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(said.as_bytes()).await.expect("it reads");
        let closed = http::closed(&mut stream, PATIENCE * 3).await;
        assert!(closed.is_some(), "{said:?} is not cut");
        // nginx's clock ticks coarsely.
        let waited = began.elapsed() + Duration::from_millis(500);
        assert!(waited >= Duration::from_secs(seconds), "{said:?} is cut after {waited:?}");
    });
    futures_util::future::join_all(cut).await;
}

/// A listener whose queue is full: the kernel drops whatever else wants to connect.
fn full() -> (Socket, Vec<Socket>, SocketAddr) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).expect("a port");
    listener.listen(0).expect("it listens");
    let address = listener.local_addr().expect("it is bound");
    let waiting = (0..3).map(|_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("it can");
        let _ = socket.connect(&address);
        socket
    });
    let waiting = waiting.collect();
    (listener, waiting, address.as_socket().expect("an address"))
}

#[tokio::test]
async fn a_backend_whose_host_does_not_answer_costs_a_handshake_five_seconds() {
    let (_listener, _waiting, address) = full();
    let stage = Stage::gateway().behind(address).start().await;
    let began = Instant::now();
    let answer = stage.dial("/ws/echo").refused().await;
    // Were it nginx's default of a minute, nobody would have the patience.
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let waited = began.elapsed() + Duration::from_millis(500);
    assert!(waited >= Duration::from_secs(5), "after {waited:?}");
}
