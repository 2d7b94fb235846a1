//! Many requests through restarts and flapping: no message is answered twice, and every request
//! ends in its own reply or a named failure.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use holdline::link::{Link, Options};
use holdline::message::Message;
use tokio::task::JoinSet;

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage, heavy, until};
use crate::settings::{KINDS, options};
use crate::watching::echoes_again;

/// What became of the requests of a storm.
#[derive(Debug, Default)]
struct Fates {
    replies: usize,
    /// How many may have arrived, and were not answered.
    maybe: usize,
    failures: BTreeMap<String, usize>,
}

/// Asks from many tasks until each has asked `each` times; nobody may get another's reply.
async fn storm(links: &[Link], tasks: usize, each: usize) -> Fates {
    let mut asking = JoinSet::new();
    for task in 0..tasks {
        let link = links[task % links.len()].clone();
        asking.spawn(async move {
            let mut fates = Fates::default();
            for number in 0..each {
                let text = format!("task {task}, number {number}");
                match link.request(text.clone()).await {
                    Ok(reply) => {
                        assert_eq!(reply, Message::from(text), "somebody else's reply");
                        fates.replies += 1;
                    }
                    Err(failure) => {
                        fates.maybe += usize::from(failure.maybe_sent());
                        *fates.failures.entry(failure.label().to_owned()).or_default() += 1;
                    }
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            fates
        });
    }
    let mut all = Fates::default();
    while let Some(fates) = asking.join_next().await {
        let fates = fates.expect("every request has a fate");
        all.replies += fates.replies;
        all.maybe += fates.maybe;
        for (label, count) in fates.failures {
            *all.failures.entry(label).or_default() += count;
        }
    }
    all
}

fn links(address: SocketAddr, target: &str, count: usize) -> Vec<Link> {
    let options = Options { request_timeout: PATIENCE, ..options(address, target) };
    std::iter::repeat_with(|| Link::open(options.clone())).take(count).collect()
}

#[tokio::test]
async fn through_nginx_and_restarts_of_the_backend_every_request_has_its_own_fate() {
    let _turn = heavy().await;
    let mut stage = Stage::gateway()
        .set("drain.delay", "50ms")
        .set("drain.window", "100ms")
        .set("drain.timeout", "3s")
        .start()
        .await;
    let links = links(stage.address(), "/ws/echo", 4);
    let asking = tokio::spawn({
        let links = links.clone();
        async move { storm(&links, 32, 150).await }
    });
    let mut heard = 0.0;
    for restart in 0..4 {
        let opened = async || links.iter().filter(|link| link.status().opened > restart).count();
        until("open links", PATIENCE, opened, |open| *open == links.len()).await;
        // Killed and asked to stop in turn.
        if restart % 2 == 0 {
            heard += stage.count("holdline_messages_total", "direction", "in").await;
            stage.node().kill().await;
        } else {
            stage.node().terminate();
            let _ = stage.node().ended(PATIENCE).await;
            heard += stage.ends().iter().map(|end| end.number("in")).sum::<f64>();
        }
        stage.node().restart().await;
    }
    let fates = asking.await.expect("no reply was somebody else's");
    println!("{fates:?}, and {heard} heard by the backends before the last");
    assert_eq!(fates.replies + fates.failures.values().sum::<usize>(), 32 * 150);
    assert!(fates.replies > 32 * 100, "most are served: {fates:?}");
    assert!(fates.failures.keys().all(|label| label == "lost"), "{fates:?}");
    for link in &links {
        echoes_again(link, "all is well").await;
    }
}

#[tokio::test]
async fn a_backend_never_hears_more_messages_than_were_answered_or_may_have_arrived() {
    let _turn = heavy().await;
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let links = links(relay.address(), "/ws/echo", 4);
    relay.flap(Duration::from_millis(60));
    let fates = storm(&links, 32, 60).await;
    relay.pass();
    drop(links);
    let ends = stage.all_ended().await;
    let heard: f64 = ends.iter().map(|end| end.number("in")).sum();
    println!("{fates:?}, {heard} heard on {} connections", ends.len());
    assert!(ends.len() > 10, "it did not flap");
    let most = (fates.replies + fates.maybe) as f64;
    assert!(heard >= fates.replies as f64 && heard <= most, "heard {heard} of {most}");
    assert_eq!(fates.replies + fates.failures.values().sum::<usize>(), 32 * 60);
}

#[tokio::test]
async fn on_a_flapping_wire_every_request_has_its_own_fate_whoever_serves() {
    for kind in KINDS {
        let _turn = heavy().await;
        let server = Foreign::start(kind).await;
        let relay = Relay::to(server.address()).await;
        let links = links(relay.address(), "/echo", 2);
        relay.flap(Duration::from_millis(80));
        let fates = storm(&links, 16, 60).await;
        println!("{kind:?}: {fates:?} on {} connections", relay.accepted());
        assert_eq!(fates.replies + fates.failures.values().sum::<usize>(), 16 * 60);
        assert!(fates.failures.keys().all(|label| label == "lost"), "{kind:?}: {fates:?}");
        assert!(relay.accepted() > 5, "it did not flap");
        relay.pass();
        echoes_again(&links[0], "calm").await;
    }
}
