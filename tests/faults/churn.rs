//! R7 and R11: coming and going a hundred thousand times, four ways, and thousands that tear their
//! connections at one moment leave nothing behind. A thousand of them are in `tests/e2e`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::swarm::{Bee, QUIET, handshake, home, swarm};
use super::watch::Watch;
use crate::harness::peer::codec;
use crate::harness::{PATIENCE, Stage, until, wait::undisturbed};

/// How many come and go, each way; the first tenth warms everything up.
const EACH_WAY: usize = 25_000;
const WARM: usize = EACH_WAY / 10;

/// What the rest may add to memory.
const GROWTH: usize = 5 << 20;

/// A storm of RSTs, and how many follow each other.
const TORN: usize = 2000;
const STORMS: usize = 3;

/// How one goes.
#[derive(Clone, Copy)]
enum Way {
    Closing,
    Fin,
    Reset,
    /// Refused every other time, else torn before the answer.
    Never,
}

const WAYS: [Way; 4] = [Way::Closing, Way::Fin, Way::Reset, Way::Never];

#[tokio::test]
async fn a_hundred_thousand_that_come_and_go_four_ways_leave_nothing_behind() {
    let mut watch = Watch::start();
    let mut stage = Stage::backend()
        .workers(2)
        .log(QUIET)
        .environment("MALLOC_TRIM_THRESHOLD_", "131072")
        .start()
        .await;
    let address = stage.address();
    let pause = Duration::from_millis(50);
    let neighbours = Neighbours::in_room(address, "/ws/rooms/steady", 200, pause).await;
    let cold = Ledger::open(&mut stage).await;
    come_and_go(address, 0..WARM).await;
    let mark = watch.mark();
    cold.balances_within("after the first tenth", &mut stage, mark, PATIENCE, &mut watch).await;
    let warm = stage.node().process.resident_bytes();
    come_and_go(address, WARM..EACH_WAY).await;
    let mark = watch.mark();
    cold.balances_within("after all of them", &mut stage, mark, PATIENCE, &mut watch).await;
    let grown = stage.node().process.resident_bytes().saturating_sub(warm);
    eprintln!("memory: {} KiB, {} KiB more than after a tenth", warm >> 10, grown >> 10);
    assert!(grown < GROWTH, "{warm} bytes have grown by {grown}");
    neighbours.speak_again().await;
    let opened = stage.gauge("holdline_connections_opened_total").await;
    assert_eq!(opened, (3 * EACH_WAY + Neighbours::COUNT) as f64);
    for (reason, least) in [("peer_closed", EACH_WAY), ("peer_gone", 2 * EACH_WAY)] {
        let count = stage.count("holdline_disconnects_total", "reason", reason).await;
        assert_eq!(count, least as f64, "{reason}");
    }
    let refused =
        stage.count("holdline_handshakes_rejected_total", "reason", "foreign_origin").await;
    assert_eq!(refused, (EACH_WAY / 2) as f64);
    neighbours.leave();
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

/// Has these come and go, each of them in every way, a thread for each way.
async fn come_and_go(address: SocketAddr, numbers: std::ops::Range<usize>) {
    let lanes = WAYS.map(|way| {
        let numbers = numbers.clone();
        thread::spawn(move || {
            let lane = way as usize;
            for number in numbers {
                // Each lane has its own addresses: their closed ports are not used again so soon.
                once(address, home(12 * (number / 100 % 250 + 250 * lane)), way, number);
            }
        })
    });
    let done = async || lanes.iter().filter(|lane| lane.is_finished()).count();
    until("all to have been there", PATIENCE * 15, done, |done| *done == WAYS.len()).await;
    for lane in lanes {
        lane.join().expect("every one of them was treated well");
    }
}

/// One life, with the kernel's own calls: a hundred thousand have no time for more.
fn once(address: SocketAddr, from: Ipv4Addr, way: Way, number: usize) {
    let mut stream = connect(address, from);
    let linger = |stream: &TcpStream| {
        SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("any socket can linger");
    };
    let mut read = [0; 1024];
    if let Way::Never = way {
        let mut request = handshake(address, "/ws/echo");
        if number.is_multiple_of(2) {
            request.truncate(request.len() - 2);
            request.extend_from_slice(b"Origin: http://elsewhere.example\r\n\r\n");
            stream.write_all(&request).expect("it reads");
            let count = stream.read(&mut read).expect("an answer");
            assert!(read[..count].starts_with(b"HTTP/1.1 403"), "{:?}", &read[..count]);
        } else {
            stream.write_all(&request[..request.len() / 2]).expect("it reads");
        }
        return linger(&stream);
    }
    stream.write_all(&handshake(address, "/ws/echo")).expect("it reads");
    let count = stream.read(&mut read).expect("an answer");
    assert!(read[..count].starts_with(b"HTTP/1.1 101"), "{:?}", &read[..count]);
    match way {
        Way::Closing => {
            let close = codec::encode(true, codec::CLOSE, &codec::close_payload(1000, ""));
            stream.write_all(&close).expect("it reads");
            let count = stream.read(&mut read).expect("an answer");
            assert_eq!(read[..count], [0x88, 2, 0x03, 0xE8], "a close of 1000");
        }
        Way::Fin => stream.shutdown(std::net::Shutdown::Write).expect("it is open"),
        Way::Reset | Way::Never => return linger(&stream),
    }
    // To the end of the stream, so that both sides know.
    while stream.read(&mut read).is_ok_and(|count| count > 0) {}
}

fn connect(address: SocketAddr, from: Ipv4Addr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((from, 0)).into()).expect("an address of this machine");
    socket.set_read_timeout(Some(PATIENCE)).expect("any socket has a timeout");
    socket.connect(&address.into()).expect("it listens");
    socket.set_tcp_nodelay(true).expect("it is TCP");
    socket.into()
}

#[tokio::test]
async fn storms_of_resets_leave_nothing_behind_and_disturb_nobody() {
    undisturbed("the books after a storm of resets", async || {
        let mut watch = Watch::start();
        // The swarm does not answer pings.
        let unasked = Stage::backend().ping_interval("off");
        let mut stage = unasked.workers(2).log(QUIET).start().await;
        let address = stage.address();
        let pause = Duration::from_millis(20);
        let neighbours = Neighbours::in_room(address, "/ws/rooms/steady", 200, pause).await;
        let ledger = Ledger::open(&mut stage).await;
        watch.on(&stage.node().process);
        for storm in 1..=STORMS {
            let bees = swarm(address, "/ws/rooms/torn", TORN, 8).await;
            stage.holds(Neighbours::COUNT + TORN).await;
            bees.into_iter().for_each(Bee::reset);
            let fault = watch.mark();
            ledger.balances(&mut stage, fault, &mut watch).await;
            let torn = stage.count("holdline_disconnects_total", "reason", "peer_gone").await;
            assert_eq!(torn, (storm * TORN) as f64);
            neighbours.speak_again().await;
        }
        neighbours.leave();
        watch.verdict()
    })
    .await;
}
