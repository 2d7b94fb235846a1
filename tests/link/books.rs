//! What links count is true: after a known sequence every metric has its known value, and what
//! was counted up is counted down again.
//! Their names are for `src/metrics/link.rs` to prove.

use std::sync::Arc;
use std::time::Duration;

use holdline::dial::{End, Refusal};
use holdline::link::{Failure, Link, Loss, Options, State};
use holdline::metrics::LinkMetrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::metrics::Scrape;
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage, until};
use crate::raw::Raw;
use crate::settings::options;

fn books() -> Arc<LinkMetrics> {
    let losses: Vec<_> = End::LABELS.iter().chain(&Refusal::LABELS).copied().collect();
    let outcomes: Vec<_> = Failure::LABELS.into_iter().chain(["reply"]).collect();
    Arc::new(LinkMetrics::new(&State::NAMES, &[&losses[..], &["out_of_step"]].concat(), &outcomes))
}

fn scrape(metrics: &LinkMetrics) -> Scrape {
    Scrape::parse(&String::from_utf8(metrics.render()).expect("text"))
}

/// How many links there are, by state, in the order of [`State::NAMES`].
fn states(metrics: &LinkMetrics) -> [f64; 5] {
    let scrape = scrape(metrics);
    State::NAMES.map(|name| scrape.sum_of("holdline_links", "state", name))
}

async fn is(link: &Link, name: &str) {
    until(name, PATIENCE, async || link.state().name(), |state| *state == name).await;
}

/// Waits for the connection of this number.
async fn opens(link: &Link, number: u64) {
    until("OPEN", PATIENCE, async || link.status().opened, |opened| *opened == number).await;
}

#[tokio::test]
async fn after_a_known_sequence_every_metric_has_its_known_value() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let metrics = books();
    let link = Link::open(Options {
        ping_interval: None,
        message_bytes_max: 8,
        queue_max: 2,
        metrics: Some(metrics.clone()),
        ..options(relay.address(), "/ws/echo")
    });
    let mut messages = link.messages();
    assert_eq!(link.request("one").await, Ok("one".into()));
    assert_eq!(link.request("three").await, Ok("three".into()));
    link.send("four").await.expect("it is open");
    assert_eq!(messages.recv().await, Ok("four".into()));
    assert_eq!(link.request("123456789").await, Err(Failure::TooBig(9, 8)));
    relay.cut().await;
    opens(&link, 2).await;

    relay.stall();
    let late = link.request_within("late", Duration::from_millis(200)).await;
    assert!(matches!(late, Err(Failure::NoReplyInTime(_))), "{late:?}");
    relay.resume();
    opens(&link, 3).await;

    relay.refuse();
    relay.cut().await;
    until("a loss", PATIENCE, async || link.state(), |state| *state != State::Open).await;
    let unsent = link.request_within("unsent", Duration::from_millis(50)).await;
    assert!(matches!(unsent, Err(Failure::NotSentInTime(..))), "{unsent:?}");
    let mut waiting = [link.request("waiting"), link.request("waiting")].map(Box::pin);
    for waiting in &mut waiting {
        assert!(futures_util::poll!(waiting).is_pending());
    }
    let queued = async || scrape(&metrics).sum("holdline_link_queued");
    until("a queue", PATIENCE, queued, |queued| *queued == 2.0).await;
    assert_eq!(link.request("one more").await, Err(Failure::QueueFull(2)));
    link.disconnect().await;
    for waiting in waiting {
        assert_eq!(waiting.await, Err(Failure::Down(None)));
    }
    assert_eq!(link.request("down").await, Err(Failure::Down(None)));
    // Not a request, and not counted as one.
    assert_eq!(link.send("down").await, Err(Failure::Down(None)));
    assert_eq!(states(&metrics), [0.0, 0.0, 0.0, 1.0, 0.0]);

    relay.accept();
    link.reconnect().await;
    opens(&link, 4).await;
    relay.stall();
    let mut lost = Box::pin(link.request("lost"));
    assert!(futures_util::poll!(&mut lost).is_pending());
    let in_flight = async || scrape(&metrics).sum("holdline_link_in_flight");
    until("a request on its way", PATIENCE, in_flight, |count| *count == 1.0).await;
    relay.reset().await;
    assert_eq!(lost.await, Err(Failure::Lost(Loss::Ended(End::Reset))));
    relay.resume();
    opens(&link, 5).await;
    assert_eq!((link.status().in_flight, in_flight().await), (0, 0.0));
    assert_eq!(link.status().attempts, 0, "none since it is open");
    assert_eq!(states(&metrics), [0.0, 1.0, 0.0, 0.0, 0.0]);
    let clone = link.clone();
    link.shutdown().await;
    assert_eq!(clone.request("over").await, Err(Failure::Shutdown(false)));
    holds(&metrics);
}

/// What that sequence must have come to.
fn holds(metrics: &LinkMetrics) {
    let scrape = scrape(metrics);
    for (outcome, count) in [
        ("reply", 2.0),
        ("too_big", 1.0),
        ("no_reply_in_time", 1.0),
        ("not_sent_in_time", 1.0),
        ("queue_full", 1.0),
        ("down", 3.0),
        ("lost", 1.0),
        ("shutdown", 1.0),
    ] {
        let counted = scrape.sum_of("holdline_link_requests_total", "outcome", outcome);
        assert_eq!(counted, count, "{outcome}");
    }
    for (reason, count) in [("fin", 2.0), ("out_of_step", 1.0), ("reset", 1.0)] {
        let counted = scrape.sum_of("holdline_link_losses_total", "reason", reason);
        assert_eq!(counted, count, "{reason}");
    }
    let by_us = scrape.sum_of("holdline_link_losses_total", "reason", "closed_by_us");
    let refused = scrape.sum_of("holdline_link_losses_total", "reason", "connect");
    assert_eq!(by_us, 1.0, "the shutdown; the disconnect found no connection");
    assert!(refused >= 1.0, "how often it tried is a matter of luck");
    assert_eq!(scrape.sum("holdline_link_losses_total"), 5.0 + refused, "and nothing else");
    for (direction, count, bytes) in [("in", 3.0, 12.0), ("out", 5.0, 20.0)] {
        let name = "holdline_link_messages_total";
        assert_eq!(scrape.sum_of(name, "direction", direction), count, "{direction}");
        let name = "holdline_link_message_bytes_total";
        assert_eq!(scrape.sum_of(name, "direction", direction), bytes, "{direction}");
    }
    for (name, value) in [
        ("holdline_links", 0.0),
        ("holdline_link_queued", 0.0),
        ("holdline_link_in_flight", 0.0),
        ("holdline_link_connections_opened_total", 5.0),
        ("holdline_link_request_duration_seconds_count", 2.0),
        ("holdline_link_unasked_messages_total", 1.0),
        ("holdline_link_pings_sent_total", 0.0),
        ("holdline_link_pongs_received_total", 0.0),
        ("holdline_link_ping_rtt_seconds_count", 0.0),
    ] {
        assert_eq!(scrape.sum(name), value, "{name}");
    }
    assert!(scrape.sum("holdline_link_request_duration_seconds_sum") > 0.0);
}

/// By a server that keeps books of its own.
#[tokio::test]
async fn pings_and_their_pongs_are_counted_and_timed() {
    let (server, metrics) = (Raw::start(), books());
    let link = Link::open(Options {
        ping_interval: Some(Duration::from_millis(100)),
        metrics: Some(metrics.clone()),
        ..options(server.address(), "/")
    });
    let mut stream = server.accept().await;
    let books = || {
        let scrape = scrape(&metrics);
        let pongs = scrape.sum("holdline_link_pongs_received_total") as usize;
        let timed = scrape.sum("holdline_link_ping_rtt_seconds_count") as usize;
        (scrape.sum("holdline_link_pings_sent_total") as usize, pongs, timed)
    };
    // Each ping has its answer, and after it a pong that answers nothing. An answer is timed
    // unless the next ping has left already, which is for the machine to say.
    let (mut pings, mut timed) = (0, 0);
    while timed < 3 {
        pings += 1;
        let mut ping = [0; 6 + 8];
        stream.read_exact(&mut ping).await.expect("a ping");
        let (mask, payload) = ping[2..].split_at(4);
        let payload: Vec<_> = payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
        let pongs = [&[0x8a, 8][..], &payload, &[0x8a, 2], b"no"].concat();
        stream.write_all(&pongs).await.expect("it reads");
        let heard = async || books();
        timed = until("pongs", PATIENCE, heard, |books| books.1 == 2 * pings).await.2;
        assert_eq!(timed > 0, link.status().rtt.is_some());
        assert!(timed <= pings && pings < 100, "{timed} timed of {pings}");
    }
    assert!(link.status().rtt.is_some_and(|rtt| rtt > Duration::ZERO));
    drop(stream);
    let lost = async || link.status().last_loss;
    until("a loss", PATIENCE, lost, Option::is_some).await;
    assert_eq!(link.status().rtt, None, "that was another connection");
    let (sent, heard, _) = books();
    assert!(sent >= pings && heard == 2 * pings, "{sent} sent and {heard} heard of {pings}");
}

#[tokio::test]
async fn links_are_counted_by_the_state_that_each_is_in() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let metrics = books();
    let told = Options { metrics: Some(metrics.clone()), ..options(relay.address(), "/ws/echo") };
    let mut patient = told.clone();
    (patient.patience.backoff_first, patient.patience.backoff_max) = (PATIENCE * 9, PATIENCE * 9);
    let silent = Raw::start();
    let open = Link::open(told.clone());
    let closed = Link::open(told.clone());
    opens(&open, 1).await;
    closed.disconnect().await;
    relay.refuse();
    let waiting = Link::open(patient);
    is(&waiting, "RECONNECTING").await;
    // Nobody accepts: the handshake is never answered.
    let metrics_of = Some(metrics.clone());
    let connecting = Link::open(Options { metrics: metrics_of, ..options(silent.address(), "/") });
    let mut asking = Box::pin(connecting.request("never"));
    assert!(futures_util::poll!(&mut asking).is_pending());
    until("a queue", PATIENCE, async || connecting.status().queued, |queued| *queued == 1).await;
    // One that waits tries again now and then.
    let counted = async || states(&metrics);
    until("each", PATIENCE, counted, |states| *states == [1.0, 1.0, 0.0, 1.0, 1.0]).await;
    drop(asking);
    drop((open, closed, waiting, connecting));
    let links = async || scrape(&metrics).sum("holdline_links");
    until("no link", PATIENCE, links, |links| *links == 0.0).await;
    assert_eq!(states(&metrics), [0.0; 5]);
    assert_eq!(scrape(&metrics).sum("holdline_link_queued"), 0.0);
}

#[test]
fn a_runtime_that_ends_leaves_no_link_behind() {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    let (theirs, ours, metrics) = (runtime(), runtime(), books());
    let link = theirs.block_on(async {
        let server = Raw::start();
        let metrics = Some(metrics.clone());
        let link = Link::open(Options { metrics, ..options(server.address(), "/") });
        // The server goes with this block, and the link finds nobody any more.
        is(&link, "CONNECTING").await;
        link
    });
    let asking = ours.spawn({
        let link = link.clone();
        async move { link.request("is anybody there?").await }
    });
    let queued = async || link.status().queued;
    ours.block_on(until("a queue", PATIENCE, queued, |queued| *queued == 1));
    let mut watch = link.watch();
    drop(theirs);
    let told = ours.block_on(asking).expect("no panic");
    assert_eq!(told, Err(Failure::Shutdown(false)), "it was never sent");
    assert_eq!((link.state(), states(&metrics)), (State::Closed, [0.0; 5]));
    assert_eq!(scrape(&metrics).sum("holdline_link_queued"), 0.0);
    let last = async {
        let mut last = None;
        while let Some(status) = watch.changed().await {
            last = Some(status.state);
        }
        last
    };
    assert_eq!(ours.block_on(last), Some(State::Closed));
}

#[tokio::test]
async fn a_change_tells_how_many_requests_wait() {
    let server = Raw::start();
    let link = Link::open(options(server.address(), "/"));
    let mut watch = link.watch();
    let mut asking = Box::pin(link.request("waiting"));
    assert!(futures_util::poll!(&mut asking).is_pending());
    until("a queue", PATIENCE, async || link.status().queued, |queued| *queued == 1).await;
    let _stream = server.accept().await;
    loop {
        let status = watch.changed().await.expect("the link lives");
        if status.state == State::Open {
            break assert_eq!((status.queued, status.in_flight), (1, 0));
        }
    }
}
