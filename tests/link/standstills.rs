//! A link whose own thread stood still for longer than its timeouts: what the server did in time
//! counts, however late it is looked at.
//! What a server that really was late costs is for `partings` and `fates` to prove.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use holdline::link::{Link, Options};
use holdline::metrics::LinkMetrics;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::harness::PATIENCE;
use crate::settings::options;

const TIMEOUT: Duration = Duration::from_millis(300);

/// A server on a thread of its own, for one connection: it answers pings and a goodbye, says text messages
/// back, and tells of each answer that it has given.
fn server() -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (told, answers) = sync_channel(1024);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody dials");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).expect("ASCII");
        let key = request.split("Sec-WebSocket-Key: ").nth(1).expect("a key").lines().next();
        let accept = derive_accept_key(key.expect("a key").as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).expect("it reads");
        // Only short frames come.
        let mut head = [0; 6];
        while stream.read_exact(&mut head).is_ok() {
            let mut payload = vec![0; usize::from(head[1] & 0x7f)];
            stream.read_exact(&mut payload).expect("a whole frame");
            payload.iter_mut().zip(head[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            let first = if head[0] == 0x89 { 0x8a } else { head[0] };
            let answer = [&[first, payload.len() as u8][..], &payload].concat();
            stream.write_all(&answer).expect("it reads");
            if told.send(()).is_err() || head[0] == 0x88 {
                return;
            }
        }
    });
    (address, answers)
}

#[tokio::test]
async fn a_pong_that_came_in_time_counts_however_late_it_is_looked_at() {
    let (address, answers) = server();
    let metrics = Arc::new(LinkMetrics::new(&[], &[], &[]));
    let link = Link::open(Options {
        ping_interval: Some(Duration::from_millis(50)),
        pong_timeout: TIMEOUT,
        metrics: Some(metrics.clone()),
        ..options(address, "/")
    });
    // Each time it is a matter of luck what a link would look at first.
    for number in 1..=8 {
        let before = metrics.pings_sent.get();
        while metrics.pings_sent.get() == before {
            tokio::task::yield_now().await;
            assert_eq!(link.status().last_loss, None, "standstill {number}");
        }
        // From here on nothing runs on this thread until the answer is there and its time over.
        answers.recv_timeout(PATIENCE).expect("an answer");
        while answers.try_recv().is_ok() {}
        std::thread::sleep(TIMEOUT + TIMEOUT / 3);
    }
    link.disconnect().await;
    assert_eq!(link.status().opened, 1);
}

#[tokio::test]
async fn a_reply_that_came_in_time_counts_however_late_it_is_looked_at() {
    for number in 1..=8 {
        let (address, answers) = server();
        let link = Link::open(Options { ping_interval: None, ..options(address, "/") });
        assert_eq!(link.request("open?").await, Ok("open?".into()));
        answers.recv_timeout(PATIENCE).expect("an answer");
        let mut asking = Box::pin(link.request_within("in time", TIMEOUT));
        assert!(futures_util::poll!(&mut asking).is_pending());
        while link.status().in_flight == 0 {
            tokio::task::yield_now().await;
        }
        answers.recv_timeout(PATIENCE).expect("an answer");
        std::thread::sleep(TIMEOUT + TIMEOUT / 3);
        assert_eq!(asking.await, Ok("in time".into()), "standstill {number}");
    }
}
