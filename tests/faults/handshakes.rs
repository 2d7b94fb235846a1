//! R12: whoever began a request and does not come to be upgraded is gone in ten seconds, in whichever
//! way it drags on, also with the second request of a connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::swarm::{connect, home, swarm};
use super::watch::Watch;
use crate::harness::{PATIENCE, Stage, wait::undisturbed};

/// R12, and half a second for the news.
const R12: Duration = Duration::from_millis(10_500);

/// How many of each kind there are.
const EACH: usize = 40;

const WHOLE: &str = "GET /readyz HTTP/1.1\r\nHost: node\r\n\r\n";
const HALF: &str = "GET /ws/echo HTTP/1.1\r\nHost: node\r\nUpgra";
const BODY: &str =
    "POST /ws/echo HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";

/// How one drags on: what it says at first, what behind the answer to that, and what it then says
/// again and again, a byte at a time.
const KINDS: [(&str, &str, &str); 7] = [
    ("", "", ""),
    (HALF, "", ""),
    (BODY, "", ""),
    (WHOLE, HALF, ""),
    (WHOLE, "G", ""),
    (HALF, "", "x"),
    (WHOLE, HALF, "x"),
];

#[tokio::test]
async fn slow_and_silent_handshakes_are_gone_in_ten_seconds_also_the_second_on_a_connection() {
    undisturbed("the end of those who drag on", async || {
        let mut watch = Watch::start();
        let trimming = Stage::backend().environment("MALLOC_TRIM_THRESHOLD_", "131072");
        let mut stage = trimming.workers(2).start().await;
        let address = stage.address();
        let pause = Duration::from_millis(20);
        let neighbours = Neighbours::in_room(address, "/ws/rooms/inside", 200, pause).await;
        // What a crowd as such costs once is not theirs.
        drop(swarm(address, "/ws/echo", EACH * KINDS.len(), 8).await);
        stage.holds(Neighbours::COUNT).await;
        let ledger = Ledger::open(&mut stage).await;
        watch.on(&stage.node().process);
        let fault = watch.mark();
        let mut all = JoinSet::new();
        for number in 0..EACH * KINDS.len() {
            all.spawn(drag_on(address, number));
        }
        let lives = all.join_all().await;
        let longest = lives.iter().max().expect("there were some");
        let wall = watch.since(fault);
        // Each by the clock, of which they all lost the same to a machine that stood still.
        watch.goal("the longest life of a handshake", (*longest).min(wall), R12);
        let fault = watch.mark();
        ledger.balances(&mut stage, fault, &mut watch).await;
        neighbours.speak_again().await;
        neighbours.leave();
        stage.holds(0).await;
        ledger.memory_is_back(&mut stage).await;
        watch.verdict()
    })
    .await;
}

/// How long it was let live, from the first byte of the request that is not finished.
async fn drag_on(address: SocketAddr, number: usize) -> Duration {
    let (first, second, more) = KINDS[number % KINDS.len()];
    let mut stream = connect(address, home(number)).await.expect("it listens");
    let mut began = Instant::now();
    let _ = stream.write_all(first.as_bytes()).await;
    if !second.is_empty() {
        let mut answer = crate::harness::http::head(&mut stream).await.expect("an answer");
        crate::harness::http::body(&mut stream, &mut answer).await.expect("its body");
        began = Instant::now();
        let _ = stream.write_all(second.as_bytes()).await;
    }
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        while !more.is_empty() && writer.write_all(more.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        std::future::pending::<()>().await;
    };
    let end = async {
        let mut waste = [0; 4096];
        while matches!(reader.read(&mut waste).await, Ok(1..)) {}
    };
    tokio::select! {
        () = trickle => {}
        ended = tokio::time::timeout(PATIENCE * 2, end) => ended.expect("it is cut"),
    }
    began.elapsed()
}
