//! R4: what an idle connection costs, what one peer can make a backend take at most, and that it
//! comes back. To the byte, as far as that goes, it is in `tests/inbound_memory.rs`.

use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::swarm::{Bee, QUIET, handshake, home, swarm};
use super::watch::Watch;
use crate::harness::peer::codec;
use crate::harness::stage::Builder;
use crate::harness::{PATIENCE, Stage, Vice, until};

/// R4: of resident memory, for each idle connection.
const IDLE: usize = 20 << 10;
const IDLERS: usize = 5000;

/// R4: under any input of one connection, beside its largest message and its outbox.
const OVERHEAD: usize = 64 << 10;
const MESSAGE: usize = 64 << 10;
const OUTBOX: usize = 1 << 20;

/// What is thrown at a backend behind the beginning of an attack, at most.
const JUNK: usize = 64 << 20;

/// Attackers that come together.
const TOGETHER: usize = 100;

/// Connections that a node holds meanwhile, idle.
const HELD: usize = 1000;

/// Pings nobody, for the swarm does not answer; with the allocator's setting that ships in `deploy/Dockerfile` and `scripts/up`.
fn stage() -> Builder {
    Stage::backend().ping_interval("off").log(QUIET).environment("MALLOC_TRIM_THRESHOLD_", "131072")
}

#[tokio::test]
async fn an_idle_connection_costs_20_kib_at_most() {
    let mut stage = stage().workers(2).start().await;
    let address = stage.address();
    // What the process takes once, however many come, is no connection's.
    drop(swarm(address, "/ws/echo", 200, 8).await);
    stage.holds(0).await;
    let before = stage.node().process.resident_bytes();
    let mut idlers = swarm(address, "/ws/echo", IDLERS, 8).await;
    stage.holds(IDLERS).await;
    let each = (stage.node().process.resident_bytes() - before) / IDLERS;
    eprintln!("an idle connection: {each} bytes");
    assert!(each <= IDLE, "{each} bytes each");
    let last = idlers.last_mut().expect("thousands");
    use tokio::io::AsyncWriteExt;
    last.stream.write_all(&codec::encode(true, codec::TEXT, b"awake")).await.expect("it is there");
    assert_eq!(last.hears(codec::TEXT).await.as_deref(), Some(&b"awake"[..]));
}

/// What it is called, what is sent at first, and what behind it.
type Attack = (&'static str, Vec<u8>, Vec<u8>);

/// What somebody sends who means no good, again and again up to [`JUNK`]: first this, then that.
fn attacks() -> Vec<Attack> {
    let mut giant = codec::header(true, codec::BINARY, 1 << 62);
    giant.extend([0; 4]);
    let pong = codec::encode(true, codec::PONG, &[b'!'; 125]);
    let crumb = codec::encode(false, codec::CONTINUATION, b"x");
    vec![
        ("a giant", giant, vec![0; 1 << 16]),
        (
            "crumbs",
            codec::encode(false, codec::TEXT, b"x"),
            [pong.clone(), crumb].concat().repeat(500),
        ),
        ("pongs", Vec::new(), pong.repeat(500)),
        ("pings", Vec::new(), codec::encode(true, codec::PING, &[b'?'; 125]).repeat(500)),
        ("large messages", Vec::new(), codec::encode(true, codec::BINARY, &vec![7; MESSAGE])),
        ("small messages", Vec::new(), codec::encode(true, codec::TEXT, b"x").repeat(1000)),
    ]
}

#[tokio::test]
async fn whatever_one_peer_sends_and_does_not_read_costs_a_message_and_an_outbox_at_most() {
    let attacks = async {
        let mut aftermaths = JoinSet::new();
        for (name, first, again) in attacks() {
            let (stage, neighbours, ledger) = attacked_by_one(name, &first, &again).await;
            // It is mostly waiting: the next backend is attacked meanwhile.
            aftermaths.spawn_local(recovers(name, stage, neighbours, ledger));
        }
        aftermaths.join_all().await;
    };
    LocalSet::new().run_until(attacks).await;
}

/// Has somebody do this to a backend of its own, which takes no more memory for it than it may.
async fn attacked_by_one(name: &str, first: &[u8], again: &[u8]) -> (Stage, Neighbours, Ledger) {
    let mut stage = stage().set("limits.close_timeout", "500ms");
    stage = stage.set("limits.write_timeout", "5s");
    let mut stage = stage.start().await;
    let pause = Duration::from_millis(50);
    let neighbours = Neighbours::in_room(stage.address(), "/ws/rooms/near", 1000, pause).await;
    let ledger = Ledger::open(&mut stage).await;
    let before = stage.node().process.forget_peak();
    // One that reads nothing: whatever is answered waits here.
    let attacker = stage.dial("/ws/echo").vice(Vice::Deaf).open().await;
    let attack = async {
        let mut sent = first.len();
        let mut on = attacker.try_raw(first).await;
        while on && sent < JUNK {
            on = attacker.try_raw(again).await;
            sent += again.len();
        }
    };
    // It ends by itself, by being cut, or by waiting for a backend that does not read.
    let _ = tokio::time::timeout(Duration::from_secs(4), attack).await;
    let grown = stage.node().process.peak_bytes() - before;
    eprintln!("{name}: {} KiB more at most", grown >> 10);
    let most = MESSAGE + OUTBOX + OVERHEAD;
    assert!(grown <= most, "{name}: {grown} bytes, over {most}");
    (stage, neighbours, ledger)
}

/// Whom it was done to is as before, without whoever did it.
async fn recovers(name: &'static str, mut stage: Stage, neighbours: Neighbours, ledger: Ledger) {
    let mut unhurried = Watch::start();
    let mark = unhurried.mark();
    ledger.balances_within(name, &mut stage, mark, PATIENCE * 2, &mut unhurried).await;
    neighbours.speak_again().await;
    neighbours.leave();
    ledger.memory_is_back(&mut stage).await;
}

#[tokio::test]
async fn a_hundred_attackers_at_once_leave_no_memory_behind() {
    let mut stage = stage()
        .workers(2)
        .set("limits.close_timeout", "500ms")
        .set("limits.write_timeout", "2s")
        .start()
        .await;
    let address = stage.address();
    let pause = Duration::from_millis(50);
    let neighbours = Neighbours::in_room(address, "/ws/rooms/near", 1000, pause).await;
    // Those whom it is there for; a node that holds nobody is small, and a tenth of that is noise.
    let _held = swarm(address, "/ws/echo", HELD, 8).await;
    // What the first crowd of a kind takes may stay with the allocator, in pieces between what lives
    // on; the next one must find room in them.
    for attack in attacks() {
        together(&mut stage, &attack).await;
    }
    let ledger = Ledger::open(&mut stage).await;
    for attack in attacks() {
        together(&mut stage, &attack).await;
        neighbours.speak_again().await;
    }
    let mut unhurried = Watch::start();
    let mark = unhurried.mark();
    ledger.balances_within("a crowd", &mut stage, mark, PATIENCE * 2, &mut unhurried).await;
    neighbours.speak_again().await;
    ledger.memory_is_back(&mut stage).await;
    neighbours.leave();
}

/// A hundred do this at once.
async fn together(stage: &mut Stage, (name, first, again): &Attack) {
    let mut attackers = Vec::new();
    for _ in 0..TOGETHER {
        attackers.push(stage.dial("/ws/echo").vice(Vice::Deaf).open().await);
    }
    for attacker in &attackers {
        let attack = async {
            attacker.try_raw(first).await;
            for _ in 0..10 {
                attacker.try_raw(again).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(20), attack).await;
    }
    eprintln!("{name}: {} KiB", stage.node().process.resident_bytes() >> 10);
    drop(attackers);
    // What they sent before they left is still read, and that is much.
    let left = async || stage.gauge("holdline_connections").await;
    let gone = (Neighbours::COUNT + HELD) as f64;
    until("the end of the attack", PATIENCE * 3, left, |count| *count == gone).await;
}
