//! Whatever is wished of a link, in whatever state it is: the wish is fulfilled, its caller is
//! told, and every request has its fate.
//! What a loss that nobody wished leads to is for `supervision` to prove.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use holdline::link::{Failure, Link, Loss, Options, State, Watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::harness::relay::Relay;
use crate::harness::wait::undisturbed;
use crate::harness::{PATIENCE, Stage, heavy, until};
use crate::raw::Raw;
use crate::settings::options;

/// Waits for this state.
async fn is(link: &Link, name: &str) {
    until(name, PATIENCE, async || link.state().name(), |state| *state == name).await;
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let told = tokio::time::timeout(PATIENCE, future).await;
    told.unwrap_or_else(|_| panic!("{what} was not told"))
}

#[tokio::test]
async fn a_reconnect_while_the_server_closes_is_not_forgotten() {
    let server = Raw::start();
    // Far longer than the test: the next try waits for nobody.
    let link =
        Link::open(Options { close_timeout: PATIENCE * 9, ..options(server.address(), "/") });
    let mut stream = server.accept().await;
    // 1008, after which it would stay down; and TCP stays up.
    stream.write_all(&[0x88, 2, 0x03, 0xf0]).await.expect("it reads");
    is(&link, "CLOSING").await;
    soon("the reconnect", link.reconnect()).await;
    let _again = server.accept().await;
    is(&link, "OPEN").await;
    assert_eq!(link.status().last_loss.expect("a loss").0.code(), Some(1008));
}

#[tokio::test]
async fn what_is_asked_after_a_reconnect_is_wished_waits_for_the_new_connection() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let link = Link::open(options(relay.address(), "/ws/echo"));
    assert_eq!(link.request("before").await, Ok("before".into()));
    relay.stall();
    let mut wishes = JoinSet::new();
    let leaving = link.clone();
    wishes.spawn(async move { leaving.disconnect().await });
    is(&link, "CLOSING").await;
    assert_eq!(link.request("too late").await, Err(Failure::Down(None)));
    let (mut returning, mut asking) = (Box::pin(link.reconnect()), Box::pin(link.request("new")));
    // One after the other, both while the goodbye is on its way.
    assert!(futures_util::poll!(&mut returning).is_pending());
    assert!(futures_util::poll!(&mut asking).is_pending());
    until("a queue", PATIENCE, async || link.status().queued, |queued| *queued == 1).await;
    assert_eq!(link.state(), State::Closing);
    relay.resume();
    assert_eq!(soon("the request", asking).await, Ok("new".into()));
    soon("the reconnect", returning).await;
    while let Some(told) = soon("the disconnect", wishes.join_next()).await {
        told.expect("no panic");
    }
}

#[tokio::test]
async fn a_shutdown_says_so_to_whoever_waits() {
    let server = Raw::start();
    // Nobody answers the goodbye.
    let (in_flight_max, close_timeout) = (1, Duration::from_millis(500));
    let options = options(server.address(), "/");
    let link = Link::open(Options { in_flight_max, close_timeout, ..options });
    let _stream = server.accept().await;
    is(&link, "OPEN").await;
    let mut asking = [link.request("in flight"), link.request("queued")].map(Box::pin);
    for asking in &mut asking {
        assert!(futures_util::poll!(asking).is_pending());
    }
    until("a queue", PATIENCE, async || link.status().queued, |queued| *queued == 1).await;
    let ending = link.clone().shutdown();
    let ([mut first, second], ()) = (asking, ending.await);
    assert_eq!(soon("the queued", second).await, Err(Failure::Shutdown(false)));
    let lost = soon("the one in flight", &mut first).await.expect_err("nobody answered");
    assert!(matches!(lost, Failure::Lost(Loss::Ended(_))), "{lost}");
    assert_eq!(link.request("after").await, Err(Failure::Shutdown(false)));
}

#[tokio::test]
async fn a_long_goodbye_moves_no_requests_deadline() {
    undisturbed("a goodbye before a deadline", async || {
        let server = Raw::start();
        let mut options = options(server.address(), "/");
        // Who waits for the goodbye waits longer than the test.
        (options.close_timeout, options.request_timeout) = (PATIENCE * 9, PATIENCE * 9);
        let link = Link::open(options);
        let mut stream = server.accept().await;
        is(&link, "OPEN").await;
        let (began, limit) = (Instant::now(), Duration::from_millis(1000));
        let mut first = Box::pin(link.request_within("first", limit));
        let mut second = Box::pin(link.request("second"));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        let mut leaving = Box::pin(link.disconnect());
        assert!(futures_util::poll!(&mut leaving).is_pending());
        while link.state() != State::Closing && began.elapsed() < limit {
            tokio::task::yield_now().await;
        }
        if began.elapsed() >= limit {
            return None;
        }
        assert_eq!(link.status().in_flight, 2);
        assert_eq!(soon("the first", first).await, Err(Failure::NoReplyInTime(limit)));
        // Its place in the order stays: the first reply is nobody's.
        stream.write_all(b"\x81\x05first\x81\x06second").await.expect("it reads");
        assert_eq!(soon("the second", second).await, Ok("second".into()));
        drop(stream);
        soon("the disconnect", leaving).await;
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_message_that_the_wire_takes_too_slowly_is_told_to_be_late() {
    let server = Raw::start();
    let mut options = options(server.address(), "/");
    (options.ping_interval, options.request_timeout) = (None, Duration::from_millis(600));
    let link = Link::open(options);
    let mut stream = server.accept().await;
    is(&link, "OPEN").await;
    // Always some progress: no write timeout ends it.
    let trickle = tokio::spawn(async move {
        let mut bytes = vec![0; 1024];
        while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let sent = soon("the send", link.send("x".repeat(16 << 20))).await;
    assert_eq!(sent, Err(Failure::NoReplyInTime(Duration::from_millis(600))));
    assert_eq!(link.status().opened, 1, "nobody's reply can be taken for another's");
    trickle.abort();
}

#[tokio::test]
async fn whatever_is_wished_in_whatever_order_everybody_is_told() {
    let _turn = heavy().await;
    let stage = Stage::backend().start().await;
    for seed in 0..12 {
        let relay = Relay::to(stage.address()).await;
        let mut options = options(relay.address(), "/ws/echo");
        // Nobody need wait for long to be told.
        options.request_timeout = Duration::from_millis(300);
        let link = Link::open(Options { close_timeout: Duration::from_millis(50), ..options });
        let (mut dice, mut told) = (fastrand::Rng::with_seed(seed), JoinSet::new());
        for _ in 0..60 {
            match dice.u8(..4) {
                0 => relay.stall(),
                1 => relay.refuse(),
                _ => (relay.pass(), relay.accept()).1,
            }
            if dice.u8(..4) == 0 {
                relay.reset().await;
            }
            let (link, wish) = (link.clone(), dice.u8(..12));
            let limit = Duration::from_millis(dice.u64(..200));
            told.spawn(async move {
                match wish {
                    0 => link.disconnect().await,
                    1..4 => link.reconnect().await,
                    4 => _ = link.send("word").await,
                    _ => _ = link.request_within("word", limit).await,
                }
            });
            tokio::time::sleep(Duration::from_millis(dice.u64(2..8))).await;
        }
        // In whatever state that left it: the last wish, or the last handle's end.
        match dice.bool() {
            true => drop(link),
            false => soon("the shutdown", link.shutdown()).await,
        }
        while let Some(told) = soon("somebody", told.join_next()).await {
            told.expect("no panic");
        }
    }
}

#[tokio::test]
async fn a_reconnect_while_it_connects_changes_nothing() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.black_hole();
    let link = Link::open(options(relay.address(), "/ws/echo"));
    until("a try", PATIENCE, async || relay.accepted(), |accepted| *accepted == 1).await;
    soon("the reconnect", link.reconnect()).await;
    // Time enough for another try, had one begun.
    let unsent = link.request_within("nobody answers", Duration::from_millis(200)).await;
    assert!(unsent.is_err_and(|failure| !failure.maybe_sent()));
    assert_eq!((link.state(), relay.accepted()), (State::Connecting, 1));
}

#[tokio::test]
async fn while_a_link_connects_or_waits_every_deadline_is_kept() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let mut options = options(relay.address(), "/ws/echo");
    options.dial = options.dial.timeout(PATIENCE * 9);
    (options.patience.backoff_first, options.patience.backoff_max) = (PATIENCE * 99, PATIENCE * 99);
    relay.black_hole();
    let connecting = Link::open(options.clone());
    until("a try", PATIENCE, async || relay.accepted(), |accepted| *accepted == 1).await;
    relay.refuse();
    let waiting = Link::open(options);
    is(&waiting, "RECONNECTING").await;
    for link in [connecting, waiting] {
        let (state, limit) = (link.state(), Duration::from_millis(100));
        let unsent = soon("the request", link.request_within("in time", limit)).await;
        assert!(matches!(unsent, Err(Failure::NotSentInTime(told, _)) if told == limit));
        assert_eq!(link.state(), state);
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(2);

/// A link that has failed so often that its next wait is drawn from a second or more.
async fn tired(address: SocketAddr) -> Link {
    let mut options = options(address, "/ws/echo");
    (options.patience.backoff_first, options.patience.backoff_max) = (FIRST_WAIT, PATIENCE * 9);
    let link = Link::open(options);
    until("tries", PATIENCE, async || link.status().attempts, |tries| *tries >= 9).await;
    link
}

/// The wait for the next try, as soon as one has failed.
async fn next_wait(watch: &mut Watch) -> Duration {
    loop {
        let status = soon("a change", watch.changed()).await.expect("it lives");
        if let State::Reconnecting(next) = status.state {
            return next.duration_since(status.since).unwrap_or_default();
        }
    }
}

#[tokio::test]
async fn a_reconnect_lets_the_waits_begin_anew() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let link = tired(relay.address()).await;
    is(&link, "RECONNECTING").await;
    soon("the reconnect", link.reconnect()).await;
    // The first is the state as it is.
    let mut watch = link.watch();
    let waits = [next_wait(&mut watch).await, next_wait(&mut watch).await];
    assert!(waits.iter().all(|wait| *wait <= 16 * FIRST_WAIT), "{waits:?}");
}

#[tokio::test]
async fn a_reconnect_lets_the_waits_begin_anew_also_while_a_try_is_made() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let link = tired(relay.address()).await;
    relay.black_hole();
    relay.accept();
    until("a try", PATIENCE, async || relay.accepted(), |accepted| *accepted == 1).await;
    assert_eq!(link.state(), State::Connecting);
    let mut watch = link.watch();
    soon("the reconnect", link.reconnect()).await;
    // This try fails, and so do those after it.
    relay.refuse();
    relay.reset().await;
    let waits = [next_wait(&mut watch).await, next_wait(&mut watch).await];
    assert!(waits.iter().all(|wait| *wait <= 16 * FIRST_WAIT), "{waits:?}");
}
