//! Which silence is a loss: a link notices a server that vanished or reads nothing, and is patient with one that is
//! slow. What it does after a loss is for `supervision` to prove.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use holdline::dial::End;
use holdline::link::{Failure, Link, Loss, Options, State};

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::relay::{Direction, Relay};
use crate::harness::wait::undisturbed;
use crate::harness::{PATIENCE, Stage, until};
use crate::settings::options;
use crate::watching::{echoes, echoes_again, opens};

const PONG_TIMEOUT: Duration = Duration::from_millis(400);

/// Soon notices who does not answer.
fn careful(address: SocketAddr) -> Options {
    Options { pong_timeout: PONG_TIMEOUT, ..options(address, "/ws/echo") }
}

#[tokio::test]
async fn a_server_that_vanished_is_noticed_by_the_heartbeat() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let link = Link::open(careful(relay.address()));
    let mut watch = link.watch();
    opens(&mut watch).await;
    relay.half_open().await;
    // Long before anything else could notice it: no other time is shorter than `PATIENCE`.
    let again = opens(&mut watch).await;
    let noticed = Loss::Ended(End::NoPong(PONG_TIMEOUT));
    assert_eq!(again.last_loss.expect("a reason").0, noticed);
    echoes_again(&link, "back").await;
}

#[tokio::test]
async fn without_pings_a_vanished_server_is_not_noticed() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let quiet = Options { ping_interval: None, ..options(relay.address(), "/ws/echo") };
    let (quiet, careful) = (Link::open(quiet), Link::open(careful(relay.address())));
    let (mut first, mut second) = (quiet.watch(), careful.watch());
    opens(&mut first).await;
    opens(&mut second).await;
    relay.half_open().await;
    opens(&mut second).await;
    assert_eq!((quiet.state(), quiet.status().opened), (State::Open, 1), "nothing tells it");
}

#[tokio::test]
async fn a_stall_that_is_shorter_than_the_pong_timeout_is_no_loss() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let mut options = options(relay.address(), "/ws/echo");
    options.pong_timeout = PATIENCE;
    let link = Link::open(options);
    echoes(&link, "before").await;
    relay.stall();
    let asking = tokio::spawn({
        let link = link.clone();
        async move { link.request("through the stall").await }
    });
    until("a request on its way", PATIENCE, async || link.status().in_flight, |it| *it == 1).await;
    relay.resume();
    assert_eq!(asking.await.expect("no panic"), Ok("through the stall".into()));
    assert_eq!(link.status().opened, 1);
}

#[tokio::test]
async fn a_trickling_line_is_slow_and_not_dead() {
    let server = Foreign::start(Kind::NodeWs).await;
    let write_timeout = Duration::from_secs(1);
    undisturbed("a trickle", async || {
        let relay = Relay::to(server.address()).await;
        // Far shorter than the message takes: only a standstill may end it.
        let link = Link::open(Options { write_timeout, ..options(relay.address(), "/echo") });
        echoes(&link, "fast").await;
        relay.slow(16_384, Duration::from_millis(10));
        let began = Instant::now();
        let sent = tokio::select! {
            biased;
            () = stands_still(&relay, 128 * 1024, write_timeout / 2) => return None,
            sent = link.send("x".repeat(6_000_000)) => sent,
        };
        assert_eq!(sent, Ok(()));
        assert!(began.elapsed() > 2 * write_timeout, "it was not slow");
        assert_eq!(link.status().opened, 1);
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_reads_nothing_is_given_up_after_the_write_timeout() {
    let server = Foreign::start(Kind::NodeWs).await;
    let mut options = options(server.address(), "/deaf");
    options.write_timeout = Duration::from_millis(300);
    options.ping_interval = None;
    let link = Link::open(options);
    let large = vec![0_u8; 12 * 1024 * 1024];
    let failure = link.request(bytes::Bytes::from(large)).await.expect_err("nobody reads it");
    let timeout = End::WriteTimeout(Duration::from_millis(300));
    assert_eq!(failure, Failure::Lost(Loss::Ended(timeout)));
}

/// Completes when the relay, once it has begun, has not forwarded this much within this time: then the
/// kernels beside it may rightly see a standstill, for what they tell of comes in pieces of that size.
async fn stands_still(relay: &Relay, piece: u64, within: Duration) {
    let (mut bytes, mut since, mut begun) =
        (relay.bytes(Direction::ToServer), Instant::now(), false);
    while !begun || since.elapsed() < within {
        let now = relay.bytes(Direction::ToServer);
        if now >= bytes + piece || !begun {
            begun |= now > bytes;
            (bytes, since) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
