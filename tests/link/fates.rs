//! Every request has one named fate: its own reply, or a failure that says whether the message
//! may have arrived. None is sent twice.
//! What many at once go through is for `storms` to prove.

use std::time::{Duration, Instant};

use holdline::link::{Failure, Link, Loss, Options};
use holdline::message::Message;
use tokio::task::JoinSet;

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::relay::{Direction, Relay};
use crate::harness::{PATIENCE, Stage, until};
use crate::settings::{KINDS, options};

#[tokio::test]
async fn replies_match_requests_in_order_whoever_serves() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let link = Link::open(options(server.address(), "/late/5"));
        let mut asking = JoinSet::new();
        for number in 0..300 {
            let link = link.clone();
            asking.spawn(async move {
                let text = format!("number {number}");
                assert_eq!(link.request(text.clone()).await, Ok(Message::from(text)));
            });
        }
        while let Some(asked) = asking.join_next().await {
            asked.unwrap_or_else(|panic| panic!("{kind:?}: {panic}"));
        }
        assert_eq!(link.status().opened, 1);
    }
}

#[tokio::test]
async fn binary_empty_and_large_messages_return_as_they_went() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let link = Link::open(options(server.address(), "/echo"));
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        for message in [
            Message::from(bytes::Bytes::from(bytes)),
            Message::from(bytes::Bytes::new()),
            Message::from(""),
            Message::from("grün ☂ 雨"),
        ] {
            assert_eq!(link.request(message.clone()).await, Ok(message), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn messages_that_nobody_asked_for_go_to_the_subscribers() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let relay = Relay::to(server.address()).await;
        // Subscribed before the connection is there, so that nothing is missed.
        relay.refuse();
        let link = Link::open(options(relay.address(), "/push"));
        let mut messages = link.messages();
        relay.accept();
        for text in ["push 1", "push 2", "push 3"] {
            let pushed = tokio::time::timeout(PATIENCE, messages.recv()).await;
            assert_eq!(pushed.expect("it comes"), Ok(Message::from(text)), "{kind:?}");
        }
        assert_eq!(link.request("asked").await, Ok("asked".into()), "{kind:?}");
    }
}

#[tokio::test]
async fn while_the_link_is_down_requests_wait_for_it() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let link = Link::open(options(relay.address(), "/ws/echo"));
    let asking = tokio::spawn({
        let link = link.clone();
        async move { link.request("patience").await }
    });
    until("a waiting request", PATIENCE, async || link.status().queued, |it| *it == 1).await;
    relay.accept();
    assert_eq!(asking.await.expect("no panic"), Ok("patience".into()));
}

#[tokio::test]
async fn a_request_that_could_not_be_sent_in_time_says_so_and_why() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let link = Link::open(options(relay.address(), "/ws/echo"));
    until("a try", PATIENCE, async || link.status().last_loss, Option::is_some).await;
    let (limit, began) = (Duration::from_millis(200), Instant::now());
    let failure = link.request_within("too late", limit).await.expect_err("nobody listens");
    assert!(began.elapsed() >= limit, "it gave up early");
    assert!(!failure.maybe_sent());
    match failure {
        Failure::NotSentInTime(told, Some(Loss::Refused(refusal))) => {
            assert_eq!((told, refusal.label()), (limit, "connect"));
        }
        other => panic!("{other}"),
    }
    // And it is not sent behind its caller's back.
    relay.accept();
    assert_eq!(link.request("in time").await, Ok("in time".into()));
    drop(link);
    let ends = stage.all_ended().await;
    assert_eq!(ends[0].value("in"), "1", "{ends:?}");
}

#[tokio::test]
async fn over_the_queues_limit_a_request_fails_at_once() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let link = Link::open(Options { queue_max: 2, ..options(relay.address(), "/ws/echo") });
    let mut waiting = JoinSet::new();
    for text in ["one", "two"] {
        let link = link.clone();
        waiting.spawn(async move { link.request(text).await == Ok(text.into()) });
    }
    until("two waiting requests", PATIENCE, async || link.status().queued, |it| *it == 2).await;
    assert_eq!(link.request("three").await, Err(Failure::QueueFull(2)));
    relay.accept();
    while let Some(replied) = waiting.join_next().await {
        assert!(replied.expect("no panic"), "who was in the queue was served");
    }
}

#[tokio::test]
async fn a_message_whose_reply_was_lost_may_have_arrived_and_is_not_sent_again() {
    let mut stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    // The 101 passes, a reply does not.
    relay.cut_after(Direction::ToDialler, handshake_bytes(&stage).await + 3);
    let quiet = Options { ping_interval: None, ..options(relay.address(), "/ws/echo") };
    let link = Link::open(quiet);
    let failure = link.request("only once").await.expect_err("its reply is cut");
    assert!(failure.maybe_sent(), "{failure}");
    assert!(matches!(failure, Failure::Lost(Loss::Ended(_))), "{failure}");
    // The connection after it carries nothing but what is asked from now on.
    assert_eq!(link.request("another").await, Ok("another".into()));
    drop(link);
    let ends = stage.all_ended().await;
    let heard: f64 = ends.iter().map(|end| end.number("in")).sum();
    assert_eq!(heard, 3.0, "each once, and the sample: {ends:?}");
    assert!(stage.node().troubles().is_empty());
}

/// How many bytes the backend's 101 has, with the date and all.
async fn handshake_bytes(stage: &Stage) -> u64 {
    let relay = Relay::to(stage.address()).await;
    let quiet = Options { ping_interval: None, ..options(relay.address(), "/ws/echo") };
    Link::open(quiet).request("x").await.expect("the backend answers");
    // The echo is a frame of three bytes, and no ping has an answer.
    relay.bytes(Direction::ToDialler) - 3
}

#[tokio::test]
async fn a_request_without_a_reply_in_time_costs_its_connection_and_nobody_gets_its_reply() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let relay = Relay::to(server.address()).await;
        let link = Link::open(options(relay.address(), "/echo"));
        let mut messages = link.messages();
        until("OPEN", PATIENCE, async || link.status().opened, |opened| *opened == 1).await;
        relay.stall();
        let limit = Duration::from_millis(150);
        let first = link.request_within("slow", limit).await;
        assert_eq!(first, Err(Failure::NoReplyInTime(limit)), "{kind:?}");
        assert!(first.unwrap_err().maybe_sent());
        // Now it arrives, and its reply comes before the answer to the old connection's goodbye.
        relay.resume();
        assert_eq!(link.request("mine").await, Ok("mine".into()), "{kind:?}");
        assert_eq!(link.status().opened, 2, "{kind:?}");
        until("the goodbye", PATIENCE, async || relay.live(), |live| *live == 1).await;
        assert!(messages.try_recv().is_err(), "the late reply is nobody's");
    }
}

#[tokio::test]
async fn requests_in_flight_beside_one_that_timed_out_are_told_that_they_may_have_arrived() {
    let server = Foreign::start(Kind::NodeWs).await;
    let link = Link::open(options(server.address(), "/mute"));
    let beside = tokio::spawn({
        let link = link.clone();
        async move { link.request("beside").await }
    });
    until("one in flight", PATIENCE, async || link.status().in_flight, |it| *it == 1).await;
    let limit = Duration::from_millis(100);
    let failure = link.request_within("mute", limit).await;
    assert_eq!(failure, Err(Failure::NoReplyInTime(limit)));
    let beside = beside.await.expect("no panic");
    assert_eq!(beside, Err(Failure::Lost(Loss::OutOfStep(limit))));
}

#[tokio::test]
async fn a_caller_that_gave_up_leaves_its_place_in_the_order() {
    let server = Foreign::start(Kind::PythonWebsockets).await;
    let relay = Relay::to(server.address()).await;
    let link = Link::open(options(relay.address(), "/echo"));
    until("OPEN", PATIENCE, async || link.status().opened, |opened| *opened == 1).await;
    relay.stall();
    let first = tokio::spawn({
        let link = link.clone();
        async move { link.request("given up").await }
    });
    until("one in flight", PATIENCE, async || link.status().in_flight, |it| *it == 1).await;
    first.abort();
    assert!(first.await.is_err_and(|end| end.is_cancelled()));
    relay.resume();
    assert_eq!(link.request("mine").await, Ok("mine".into()));
    assert_eq!(link.status().opened, 1);
}

#[tokio::test]
async fn in_flight_max_1_is_strict_question_and_answer() {
    let server = Foreign::start(Kind::NodeWs).await;
    let link = Link::open(Options { in_flight_max: 1, ..options(server.address(), "/late/20") });
    let mut asking = JoinSet::new();
    for number in 0..10 {
        let link = link.clone();
        asking.spawn(async move {
            let text = format!("{number}");
            assert_eq!(link.request(text.clone()).await, Ok(Message::from(text)));
            link.status().in_flight
        });
    }
    while let Some(in_flight) = asking.join_next().await {
        assert!(in_flight.expect("no panic") <= 1);
    }
}

#[tokio::test]
async fn behind_others_in_flight_a_request_waits_no_longer_than_its_own_deadline() {
    let server = Foreign::start(Kind::NodeWs).await;
    let mut options = options(server.address(), "/mute");
    // Without pings nothing else wakes it, and the first waits longer than the test.
    (options.in_flight_max, options.ping_interval) = (1, None);
    options.request_timeout = PATIENCE * 9;
    let link = Link::open(options);
    let mut first = Box::pin(link.request("never answered"));
    assert!(futures_util::poll!(&mut first).is_pending());
    until("one in flight", PATIENCE, async || link.status().in_flight, |it| *it == 1).await;
    let limit = Duration::from_millis(200);
    let second = link.request_within("never sent", limit);
    let second = tokio::time::timeout(PATIENCE, second).await.expect("it is told in time");
    assert_eq!(second, Err(Failure::NotSentInTime(limit, None)));
    assert_eq!((link.status().opened, link.status().in_flight), (1, 1), "the first waits on");
    assert!(futures_util::poll!(&mut first).is_pending());
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_before_it_is_sent() {
    let stage = Stage::backend().start().await;
    let link = Link::open(Options { message_bytes_max: 8, ..options(stage.address(), "/ws/echo") });
    assert_eq!(link.request("12345678").await, Ok("12345678".into()));
    assert_eq!(link.request("123456789").await, Err(Failure::TooBig(9, 8)));
    assert_eq!(link.status().opened, 1);
}
