//! What the relay does to new connections: refused, answered wrongly or never, cut.
//! Faults of connections that live are seen in the file above.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{Wire, end, ends_by_fin, hears, hears_nothing, says, talk};
use crate::harness::http;
use crate::harness::relay::{Direction, Relay};

#[tokio::test]
async fn refused_connects_are_refused_by_the_kernel_until_accepted_on_the_same_port() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    for back in [Relay::accept, Relay::pass] {
        wire.relay.refuse();
        // Twice is no harm.
        wire.relay.refuse();
        for _ in 0..3 {
            let refused = TcpStream::connect(wire.relay.address()).await.map_err(|why| why.kind());
            assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
        }
        talk(&mut dialler, &mut server).await;
        back(&wire.relay);
        let (mut next, mut other) = wire.connect().await;
        talk(&mut next, &mut other).await;
    }
    assert_eq!(wire.relay.accepted(), 3);
}

#[tokio::test]
async fn a_moment_of_refusal_that_nobody_met_changes_nothing() {
    let wire = Wire::new().await;
    for back in [Relay::accept, Relay::pass] {
        let (mut dialler, mut server) = wire.connect().await;
        let moment = Duration::from_millis(1);
        let mut awake = Box::pin(tokio::time::sleep(moment));
        assert!(futures_util::poll!(&mut awake).is_pending());
        wire.relay.refuse();
        // The thread stands still: we and the relay are woken together, and it has its turn after us.
        std::thread::sleep(5 * moment);
        awake.await;
        back(&wire.relay);
        talk(&mut dialler, &mut server).await;
    }
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
}

#[tokio::test]
async fn a_wrong_answer_is_what_a_new_connection_gets_and_the_server_hears_nothing() {
    let wire = Wire::new().await;
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\nlater";
    wire.relay.answer_wrong(busy);
    let answer = http::get(wire.relay.address(), "/ws").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    assert_eq!(answer.text(), "later", "and a FIN, for there is no length");
    for bytes in ["\0\u{7f}garbage", ""] {
        wire.relay.answer_wrong(bytes);
        let mut dialler = wire.dial().await;
        says(&mut dialler, "GET / HTTP/1.1\r\n").await;
        hears_nothing(&mut dialler).await;
        says(&mut dialler, "\r\nand more").await;
        assert_eq!(end(&mut dialler).await, (bytes.as_bytes().to_vec(), Ok(())));
    }
    wire.leads_nobody().await;
    wire.lives(0).await;
    wire.relay.pass();
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
}

#[tokio::test]
async fn a_black_hole_accepts_and_never_answers() {
    let wire = Wire::new().await;
    let (mut early, mut server) = wire.connect().await;
    wire.relay.black_hole();
    let mut dialler = wire.dial().await;
    says(&mut dialler, "GET / HTTP/1.1\r\n\r\n").await;
    hears_nothing(&mut dialler).await;
    wire.leads_nobody().await;
    talk(&mut early, &mut server).await;
    assert_eq!((wire.relay.accepted(), wire.relay.live()), (2, 2));
    drop(dialler);
    wire.lives(1).await;
}

#[tokio::test]
async fn cut_after_passes_exactly_so_many_bytes_of_the_next_connection() {
    let wire = Wire::new().await;
    for direction in [Direction::ToServer, Direction::ToDialler] {
        for bytes in [0, 3, "ques".len() as u64] {
            wire.relay.cut_after(direction, bytes);
            let (mut dialler, mut server) = wire.connect().await;
            let (from, to) = match direction {
                Direction::ToServer => (&mut dialler, &mut server),
                Direction::ToDialler => (&mut server, &mut dialler),
            };
            if bytes > 0 {
                // The other way is free until then.
                says(to, "go on").await;
                hears(from, "go on").await;
            }
            says(from, "question").await;
            let passed = b"question"[..bytes as usize].to_vec();
            assert_eq!(end(to).await, (passed, Ok(())));
            ends_by_fin(from).await;
        }
        let (mut dialler, mut server) = wire.connect().await;
        talk(&mut dialler, &mut server).await;
    }
}
