//! The reconnect storm: 5,000 connections that are lost at one moment are all back through the gateway
//! within 30 s, and the shaping that ships refuses none of them.
//!
//! What counts as failed: not to be back in time, and any answer but 101 or, while no backend runs at
//! all, 502. That one says when to come back, and whoever is told so does; a 429 or 503 would be the
//! shaping's doing. That the drain's window fits the shaping is in `tests/e2e/shipped_numbers.rs`, and
//! what a drain sends away is let in here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use holdline::dial::{Answer, End, Refusal};
use holdline::link::{Next, Patience, Retry};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::swarm::{Bee, Outside, QUIET, handshake, home, swarm};
use super::watch::Watch;
use crate::harness::stage::Builder;
use crate::harness::{PATIENCE, Stage, until, wait::undisturbed};

/// How many are lost, and when the last of them must be back.
const LOST: usize = 5000;
const BACK: Duration = Duration::from_secs(30);

/// As it ships, but for the descriptors that a test's machine allows nginx.
fn shipped() -> Builder {
    Stage::gateway().workers(2).log(QUIET).render("GATEWAY_WORKER_FILES", "20000")
}

#[tokio::test]
async fn five_thousand_whose_only_backend_is_killed_and_started_again_are_back_in_30_s() {
    undisturbed("the way back", async || {
        let mut watch = Watch::start();
        let mut stage = shipped().start().await;
        let mut herd = Herd::gather(stage.address(), LOST).await;
        stage.holds(LOST).await;
        stage.node().kill().await;
        let lost = watch.mark();
        // Its supervisor starts it again; meanwhile the first of them knock in vain.
        herd.are_lost(1).await;
        stage.node().restart().await;
        herd.are_back(LOST).await;
        watch.goal("all are back", watch.since(lost), BACK);
        stage.holds(LOST).await;
        herd.were_refused_only_by_absence();
        watch.verdict()
    })
    .await;
}

#[tokio::test]
async fn five_thousand_whose_backend_is_killed_beside_another_are_back_without_a_refusal() {
    undisturbed("the way back", async || {
        let mut watch = Watch::start();
        let mut stage = shipped().backends(2).start().await;
        let mut herd = Herd::gather(stage.address(), 2 * LOST).await;
        stage.holds(2 * LOST).await;
        let killed = stage.node().scrape().await.sum("holdline_connections") as usize;
        assert!(killed.abs_diff(LOST) < LOST / 10, "{killed} on one of two");
        stage.node().kill().await;
        let lost = watch.mark();
        herd.are_back(killed).await;
        watch.goal("all are back", watch.since(lost), BACK);
        let other = async || stage.nodes()[1].scrape().await.sum("holdline_connections");
        until("all on the other", PATIENCE, other, |held| *held == (2 * LOST) as f64).await;
        assert_eq!(herd.refusals(), BTreeMap::new(), "refusals by status");
        watch.verdict()
    })
    .await;
}

#[tokio::test]
async fn five_thousand_whose_backend_is_drained_beside_another_are_back_without_a_refusal() {
    undisturbed("the way back", async || {
        let mut watch = Watch::start();
        let mut stage = shipped().backends(2).start().await;
        let mut herd = Herd::gather(stage.address(), 2 * LOST).await;
        stage.holds(2 * LOST).await;
        let drained = stage.node().scrape().await.sum("holdline_connections") as usize;
        stage.node().terminate();
        let lost = watch.mark();
        herd.are_back(drained).await;
        watch.goal("all are back", watch.since(lost), BACK);
        assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
        assert_eq!(herd.refusals(), BTreeMap::new(), "refusals by status");
        assert_eq!(herd.ends, BTreeMap::from([(1012, drained)]), "ends by code");
        watch.verdict()
    })
    .await;
}

/// Links that come back by the rules of `holdline link`: after a connection that was good at once,
/// after a try in vain by a backoff with full jitter.
struct Herd {
    news: mpsc::Receiver<News>,
    back: usize,
    lost: usize,
    /// How often which code was the end, 1006 without a close frame.
    ends: BTreeMap<u16, usize>,
    /// How often which status was the answer, 0 where there was none.
    refused: BTreeMap<u16, usize>,
    _members: JoinSet<()>,
}

enum News {
    Lost(u16),
    Refused(u16),
    Back,
}

impl Herd {
    /// So many, all in.
    async fn gather(address: SocketAddr, count: usize) -> Self {
        let (tell, news) = mpsc::channel(count * 16);
        let mut members = JoinSet::new();
        // Not faster than they are let in at leisure: that is the storm's business.
        for (number, bee) in swarm(address, "/ws/echo", count, 8).await.into_iter().enumerate() {
            members.spawn(stay(address, number, bee, tell.clone()));
        }
        let (ends, refused) = (BTreeMap::new(), BTreeMap::new());
        Self { news, back: 0, lost: 0, ends, refused, _members: members }
    }

    /// Waits until so many have lost their connection.
    async fn are_lost(&mut self, count: usize) {
        while self.lost < count {
            self.next().await;
        }
    }

    /// Waits until so many are back.
    async fn are_back(&mut self, count: usize) {
        while self.back < count {
            self.next().await;
        }
        eprintln!("{} lost, refusals by status {:?}", self.lost, self.refused);
        assert_eq!(self.lost, count, "lost");
    }

    async fn next(&mut self) {
        let news = tokio::time::timeout(PATIENCE * 3, self.news.recv()).await;
        let (lost, back) = (self.lost, self.back);
        match news.unwrap_or_else(|_| panic!("{back} of {lost} are back")).expect("they live on") {
            News::Lost(code) => {
                self.lost += 1;
                *self.ends.entry(code).or_default() += 1;
            }
            News::Refused(status) => *self.refused.entry(status).or_default() += 1,
            News::Back => self.back += 1,
        }
    }

    fn refusals(&self) -> BTreeMap<u16, usize> {
        self.refused.clone()
    }

    fn were_refused_only_by_absence(&self) {
        assert!(self.refused.keys().all(|status| *status == 502), "{:?}", self.refused);
    }
}

/// One of them: stays in, and when it is lost comes back.
async fn stay(address: SocketAddr, number: usize, mut bee: Bee, tell: mpsc::Sender<News>) {
    let request = handshake(address, "/ws/echo");
    // Each tells its neighbours apart by its own dice.
    let mut retry = Retry::new(Patience::default(), fastrand::Rng::with_seed(number as u64));
    loop {
        let code = bee.ended().await;
        let _ = tell.send(News::Lost(code.unwrap_or(1006))).await;
        let end = code.map_or(End::Fin, |code| End::ClosedByServer(code, String::new()));
        let mut next = retry.after_end(&end, Duration::from_secs(3600));
        bee = loop {
            match next {
                Next::AtOnce => {}
                Next::Wait(wait) => tokio::time::sleep(wait).await,
                Next::Never => panic!("sent away for ever"),
            }
            match Bee::attempt(address, home(number), &request).await {
                Ok(bee) => break bee,
                Err(why) => {
                    let (status, after) = match why {
                        Outside::Refused(status, after) => (status, after),
                        Outside::Unheard(_) => (0, None),
                    };
                    let _ = tell.send(News::Refused(status)).await;
                    let after = after.map(|after| ("retry-after".to_owned(), after.to_string()));
                    let headers = after.into_iter().collect();
                    let answer = Answer { status, headers, body: String::new() };
                    next = retry.after_refusal(&Refusal::Status(answer));
                }
            }
        };
        let _ = tell.send(News::Back).await;
    }
}
