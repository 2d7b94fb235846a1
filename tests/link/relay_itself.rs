//! The relay itself: every fault is seen happening, at both ends, before anything is proven by it.
//! What a link does about a fault stands in the files beside this one.

mod newcomers;

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::harness::relay::{Direction, Relay};
use crate::harness::{PATIENCE, until};

/// Long enough for anything on the loopback to arrive, if it is under way.
const SILENCE: Duration = Duration::from_millis(300);

/// More than the windows of two connections hold, with one of them small.
const FLOOD_BYTES: usize = 32 * 1024 * 1024;

/// A relay, the server behind it, and what is connected.
struct Wire {
    relay: Relay,
    server: TcpListener,
}

impl Wire {
    async fn new() -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is left");
        let address = server.local_addr().expect("it listens");
        Self { relay: Relay::to(address).await, server }
    }

    async fn dial(&self) -> TcpStream {
        let dialled = timeout(PATIENCE, TcpStream::connect(self.relay.address())).await;
        dialled.expect("an answer of some kind").expect("the relay accepts")
    }

    /// The next connection, as the dialler and as the server has it.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let dialler = self.dial().await;
        let accepted = timeout(PATIENCE, self.server.accept()).await;
        (dialler, accepted.expect("led to the server").expect("it listens").0)
    }

    async fn lives(&self, connections: usize) {
        let count = async || self.relay.live();
        until("the count of live connections", PATIENCE, count, |live| *live == connections).await;
    }

    /// Nobody was led to the server.
    async fn leads_nobody(&self) {
        assert!(timeout(SILENCE, self.server.accept()).await.is_err(), "the server was bothered");
    }
}

async fn says(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("it can be written to");
}

async fn hears(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut heard)).await;
    read.expect("something in time").expect("no end");
    assert_eq!(String::from_utf8_lossy(&heard), text);
}

async fn hears_nothing(stream: &mut TcpStream) {
    let heard = timeout(SILENCE, stream.read_u8()).await;
    assert!(heard.is_err(), "{heard:?}");
}

/// What is heard until the end, and which end: a FIN or an error.
async fn end(stream: &mut TcpStream) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time");
    (heard, read.map(drop).map_err(|error| error.kind()))
}

async fn ends_by_fin(stream: &mut TcpStream) {
    assert_eq!(end(stream).await, (vec![], Ok(())), "a FIN and nothing else");
}

async fn ends_by_rst(stream: &mut TcpStream) {
    assert_eq!(end(stream).await, (vec![], Err(ErrorKind::ConnectionReset)), "an RST");
}

/// Words pass both ways.
async fn talk(dialler: &mut TcpStream, server: &mut TcpStream) {
    says(dialler, "question").await;
    hears(server, "question").await;
    says(server, "answer").await;
    hears(dialler, "answer").await;
}

/// Writes until nothing more is taken for so long, and tells how many bytes that were.
async fn flood(stream: &TcpStream, pattern: &[u8], rest: Duration) -> usize {
    let mut written = 0;
    while written < pattern.len() {
        if timeout(rest, stream.writable()).await.is_err() {
            break;
        }
        match stream.try_write(&pattern[written..]) {
            Ok(count) => written += count,
            Err(why) => assert_eq!(why.kind(), ErrorKind::WouldBlock, "after {written} bytes"),
        }
    }
    written
}

#[tokio::test]
async fn what_is_said_passes_both_ways_and_is_counted() {
    let wire = Wire::new().await;
    assert_eq!((wire.relay.accepted(), wire.relay.live()), (0, 0));
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
    let (mut second, mut other) = wire.connect().await;
    talk(&mut second, &mut other).await;
    assert_eq!((wire.relay.accepted(), wire.relay.live()), (2, 2));
    let bytes = [Direction::ToServer, Direction::ToDialler].map(|way| wire.relay.bytes(way));
    assert_eq!(bytes, ["question".len() as u64 * 2, "answer".len() as u64 * 2]);
}

#[tokio::test]
async fn an_end_is_passed_on_as_it_was_made() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    dialler.shutdown().await.unwrap();
    ends_by_fin(&mut server).await;
    says(&mut server, "the other half still stands").await;
    hears(&mut dialler, "the other half still stands").await;
    drop(server);
    ends_by_fin(&mut dialler).await;
    wire.lives(0).await;

    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
    socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    ends_by_rst(&mut dialler).await;
    wire.lives(0).await;
}

#[tokio::test]
async fn a_server_that_does_not_listen_is_a_fin() {
    let Wire { relay, server } = Wire::new().await;
    drop(server);
    let mut dialler = TcpStream::connect(relay.address()).await.unwrap();
    ends_by_fin(&mut dialler).await;
}

#[tokio::test]
async fn a_cut_is_a_fin_to_both_sides_of_every_live_connection() {
    let wire = Wire::new().await;
    let mut pairs = [wire.connect().await, wire.connect().await];
    // Unread bytes make a close an RST, and must not make a cut one.
    wire.relay.stall();
    for (dialler, server) in &mut pairs {
        says(dialler, "never read").await;
        says(server, "neither").await;
    }
    wire.relay.cut().await;
    assert_eq!(wire.relay.live(), 0, "done when it returns");
    for (dialler, server) in &mut pairs {
        ends_by_fin(dialler).await;
        ends_by_fin(server).await;
        says(dialler, "into the void").await;
    }
    wire.leads_nobody().await;
    for (dialler, _) in &mut pairs {
        says(dialler, "which is not torn by it").await;
    }
    wire.relay.pass();
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
}

#[tokio::test]
async fn a_reset_is_an_rst_to_both_sides_of_every_live_connection() {
    let wire = Wire::new().await;
    let mut pairs = [wire.connect().await, wire.connect().await];
    for (dialler, server) in &mut pairs {
        talk(dialler, server).await;
    }
    wire.relay.reset().await;
    assert_eq!(wire.relay.live(), 0, "done when it returns");
    for (dialler, server) in &mut pairs {
        ends_by_rst(dialler).await;
        ends_by_rst(server).await;
    }
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
}

#[tokio::test]
async fn a_stall_takes_nothing_and_its_end_brings_everything() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
    let before = wire.relay.bytes(Direction::ToServer);
    wire.relay.stall();
    let pattern: Vec<u8> = (0..FLOOD_BYTES).map(|at| (at / 7) as u8).collect();
    let written = flood(&dialler, &pattern, SILENCE).await;
    assert!(written < FLOOD_BYTES, "the window never filled");
    says(&mut server, "late").await;
    hears_nothing(&mut server).await;
    hears_nothing(&mut dialler).await;
    let (mut late, mut newcomer) = wire.connect().await;
    says(&mut late, "me too").await;
    hears_nothing(&mut newcomer).await;
    assert_eq!((wire.relay.bytes(Direction::ToServer), wire.relay.live()), (before, 2));

    wire.relay.resume();
    hears(&mut dialler, "late").await;
    hears(&mut newcomer, "me too").await;
    dialler.shutdown().await.unwrap();
    let (heard, how) = end(&mut server).await;
    assert!(heard == pattern[..written] && how == Ok(()), "{} of {written}", heard.len());
}

#[tokio::test]
async fn a_stall_holds_what_was_on_its_way_and_an_end_as_well() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    // The server does not read: the relay has bytes in its hands when the stall begins.
    let pattern: Vec<u8> = (0..FLOOD_BYTES).map(|at| (at / 7) as u8).collect();
    let written = flood(&dialler, &pattern, SILENCE).await;
    wire.relay.stall();
    let before = wire.relay.bytes(Direction::ToServer) as usize;
    dialler.shutdown().await.unwrap();
    let mut heard = vec![0; before];
    timeout(PATIENCE, server.read_exact(&mut heard)).await.unwrap().unwrap();
    hears_nothing(&mut server).await;
    wire.relay.resume();
    let (rest, how) = end(&mut server).await;
    heard.extend(rest);
    assert!(heard == pattern[..written] && how == Ok(()), "{} of {written}", heard.len());
}

#[tokio::test]
async fn half_open_the_server_is_gone_and_the_dialler_knows_nothing() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
    wire.relay.half_open().await;
    ends_by_fin(&mut server).await;
    says(&mut server, "from the grave").await;
    let before = wire.relay.bytes(Direction::ToServer);
    let written = flood(&dialler, &vec![0; FLOOD_BYTES], PATIENCE).await;
    assert_eq!(written, FLOOD_BYTES, "all is taken");
    hears_nothing(&mut dialler).await;
    assert_eq!((wire.relay.bytes(Direction::ToServer), wire.relay.live()), (before, 1));
    let (mut next, mut other) = wire.connect().await;
    talk(&mut next, &mut other).await;

    wire.relay.half_open().await;
    wire.relay.reset().await;
    ends_by_rst(&mut dialler).await;
    ends_by_rst(&mut next).await;
    wire.lives(0).await;
}

#[tokio::test]
async fn slow_is_a_trickle_in_both_directions_until_it_passes() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    wire.relay.slow(10, Duration::from_millis(20));
    let text = "x".repeat(100);
    for _ in 0..2 {
        let began = Instant::now();
        says(&mut dialler, &text).await;
        hears(&mut server, &text).await;
        assert!(began.elapsed() >= Duration::from_millis(180), "{:?}", began.elapsed());
        std::mem::swap(&mut dialler, &mut server);
    }
    wire.relay.slow(1, Duration::from_secs(3600));
    let (mut late, mut newcomer) = wire.connect().await;
    says(&mut late, "one by one").await;
    hears(&mut newcomer, "o").await;
    hears_nothing(&mut newcomer).await;
    wire.relay.pass();
    hears(&mut newcomer, "ne by one").await;
}

#[tokio::test]
async fn flapping_ends_live_connections_by_fin_and_by_rst_in_turn_until_it_passes() {
    let wire = Wire::new().await;
    let every = Duration::from_millis(100);
    wire.relay.flap(every);
    // A tick that finds nobody does not count.
    tokio::time::sleep(every * 3 / 2).await;
    for _ in 0..2 {
        ends_by_fin(&mut wire.dial().await).await;
        ends_by_rst(&mut wire.dial().await).await;
    }
    wire.relay.pass();
    let mut dialler = wire.dial().await;
    assert!(timeout(every * 5, end(&mut dialler)).await.is_err(), "it flaps on");
    wire.lives(1).await;
}

#[tokio::test]
async fn everything_ends_with_the_relay() {
    let wire = Wire::new().await;
    let (mut dialler, mut server) = wire.connect().await;
    talk(&mut dialler, &mut server).await;
    let address = wire.relay.address();
    wire.relay.flap(Duration::from_secs(3600));
    drop(wire.relay);
    let _ = end(&mut dialler).await;
    let _ = end(&mut server).await;
    let refused = async || TcpStream::connect(address).await.is_err();
    until("a port where nobody listens", PATIENCE, refused, |refused| *refused).await;
}
