//! R9: one peer that sends as fast as it can, whatever it sends, makes nobody else wait; and where a
//! limit is set, it is sent away. What each kind of frame is worth is in `tests/e2e/protocol.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::swarm::{Bee, QUIET, handshake, home};
use super::watch::Watch;
use crate::harness::peer::codec;
use crate::harness::{PATIENCE, Stage, until, wait::undisturbed};

/// R9: the others' p99, and how soon an offender is gone where there are limits.
const P99: Duration = Duration::from_millis(20);
const GONE: Duration = Duration::from_secs(1);

/// How often the others speak while one floods.
const ROUNDS: usize = 200;

/// What it floods with, and how many of it at once.
const KINDS: [(&str, u8, &[u8]); 4] = [
    ("pings", codec::PING, b"are you there?"),
    ("pongs", codec::PONG, b"I am"),
    ("empty messages", codec::BINARY, b""),
    ("tiny messages", codec::TEXT, b"x"),
];
const AT_ONCE: usize = 1000;

/// A peer on a thread of its own that sends without a pause, and takes whatever comes back.
struct Flooder {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Option<u16>>,
}

impl Flooder {
    fn start(address: SocketAddr, opcode: u8, payload: &'static [u8]) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(flood(address, opcode, payload, stopped))
        });
        Self { stop, thread }
    }

    /// The code of the close frame that it got, if it got one; it leaves by itself when told to.
    fn stop(self) -> Option<u16> {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("it only floods")
    }
}

async fn flood(
    address: SocketAddr,
    opcode: u8,
    payload: &[u8],
    stop: Arc<AtomicBool>,
) -> Option<u16> {
    let request = handshake(address, "/ws/echo");
    let Bee { stream, mut decoder } =
        Bee::attempt(address, home(0), &request).await.expect("let in");
    let (mut reader, writer) = stream.into_split();
    let frames = codec::encode(true, opcode, payload).repeat(AT_ONCE);
    let flooding = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let mut writer = writer;
        while !stop.load(Relaxed) && writer.write_all(&frames).await.is_ok() {}
        // The end of the stream is the end of the flood.
        drop(writer);
    });
    let (mut code, mut read) = (None, vec![0; 1 << 16]);
    loop {
        use tokio::io::AsyncReadExt;
        match reader.read(&mut read).await {
            Ok(0) | Err(_) => break,
            Ok(count) => decoder.push(&read[..count]),
        }
        while let Some(frame) = decoder.next() {
            if frame.opcode == codec::CLOSE {
                code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                flooding.abort();
            }
        }
    }
    code
}

#[tokio::test]
async fn the_neighbours_of_a_flooder_wait_for_20_ms_at_most() {
    for (kind, opcode, payload) in KINDS {
        undisturbed(kind, async || {
            let mut watch = Watch::start();
            // One worker: whoever floods it floods the neighbours'.
            let mut stage = Stage::backend().log(QUIET).start().await;
            let address = stage.address();
            let neighbours =
                Neighbours::in_room(address, "/ws/rooms/calm", 100, Duration::from_millis(5)).await;
            let ledger = Ledger::open(&mut stage).await;
            watch.on(&stage.node().process);
            neighbours.on(&stage.node().process);
            let flooder = Flooder::start(address, opcode, payload);
            stage.holds(Neighbours::COUNT + 1).await;
            let rounds = neighbours.speak(ROUNDS).await;
            watch.goal(&format!("p99 beside {kind}"), rounds.p99(), P99);
            assert_eq!(flooder.stop(), None, "nobody told it to go");
            let fault = watch.mark();
            ledger.balances(&mut stage, fault, &mut watch).await;
            neighbours.leave();
            ledger.memory_is_back(&mut stage).await;
            watch.verdict()
        })
        .await;
    }
}

#[tokio::test]
async fn where_a_limit_is_set_a_flooder_is_sent_away_within_a_second() {
    for (kind, opcode, payload) in KINDS {
        undisturbed(kind, async || {
            let mut watch = Watch::start();
            let limited = Stage::backend().set("limits.messages_per_second", 300);
            let mut stage = limited.start().await;
            let address = stage.address();
            let neighbours =
                Neighbours::in_room(address, "/ws/rooms/calm", 100, Duration::from_millis(20))
                    .await;
            let ledger = Ledger::open(&mut stage).await;
            watch.on(&stage.node().process);
            let fault = watch.mark();
            let flooder = Flooder::start(address, opcode, payload);
            let ended =
                async || stage.count("holdline_disconnects_total", "reason", "rate_limited").await;
            until("the end of the flood", PATIENCE, ended, |ended| *ended == 1.0).await;
            watch.goal(&format!("the end of {kind}"), watch.since(fault), GONE);
            assert_eq!(flooder.stop(), Some(1013));
            let fault = watch.mark();
            ledger.balances(&mut stage, fault, &mut watch).await;
            neighbours.speak_again().await;
            neighbours.leave();
            watch.verdict()
        })
        .await;
    }
}
