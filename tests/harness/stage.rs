//! The stage: real backends, and if wanted a real gateway in front, in a run folder of their own.
//! Each is started, talked to, disturbed and cleared away here; the peers come from outside.

mod backend;
mod builder;
mod gateway;

pub use self::backend::{BINARY, Backend};
pub use self::builder::Builder;
pub use self::gateway::Gateway;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::http::{self, Answer};
use super::log::Line;
use super::peer::{Dial, Peer};
use super::tls::{Authority, connect};
use super::wait::{PATIENCE, until};

/// What a promise is proven on. Dropping it ends every process it started, and shows their last
/// words when the test has failed.
pub struct Stage {
    backends: Vec<Backend>,
    gateway: Option<Gateway>,
    authority: Option<Authority>,
    folder: TempDir,
}

impl Stage {
    /// A gateway and a backend behind it.
    pub fn gateway() -> Builder {
        Builder::new(true)
    }

    /// A backend alone.
    pub fn backend() -> Builder {
        Builder::new(false)
    }

    /// Where peers connect to: the gateway, or the only backend.
    pub fn address(&self) -> SocketAddr {
        self.gateway.as_ref().map_or_else(|| self.backends[0].server, |gateway| gateway.address)
    }

    /// A peer about to come in by the front door.
    pub fn dial(&self, target: &str) -> Dial<'static> {
        Dial::new(self.address(), target)
    }

    /// Where peers connect to under TLS.
    ///
    /// # Panics
    /// On a stage without a gateway.
    pub fn secure_address(&self) -> SocketAddr {
        self.gateway.as_ref().expect("a stage with a gateway").secure
    }

    /// A peer about to come in under TLS.
    pub fn secure_dial(&self, target: &str) -> Dial<'static> {
        Dial::new(self.secure_address(), target).tls(&self.authority().trusted())
    }

    /// GETs `path` under TLS.
    pub async fn secure_get(&self, path: &str) -> Answer {
        let address = self.secure_address();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let mut stream = connect(&self.authority().trusted(), address).await;
        let answer = http::exchange(&mut stream, request.as_bytes()).await;
        answer.unwrap_or_else(|why| panic!("GET {path}: {why}"))
    }

    /// Who signed the gateway's certificate.
    ///
    /// # Panics
    /// On a stage without TLS.
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("a stage with TLS")
    }

    /// A peer that is in.
    pub async fn connect(&self, target: &str) -> Peer {
        self.dial(target).open().await
    }

    /// This many peers, all in.
    pub async fn connect_many(&self, target: &str, count: usize) -> Vec<Peer> {
        let mut peers = Vec::with_capacity(count);
        for number in 0..count {
            // Each dozen shares an address, as an office does; all of 127.0.0.0/8 is loopback.
            let from = format!("127.0.{}.{}", 1 + number / 12 / 250, 1 + number / 12 % 250);
            peers.push(self.dial(target).from(&from).open().await);
        }
        peers
    }

    /// GETs `path` by the front door.
    pub async fn get(&self, path: &str) -> Answer {
        http::get(self.address(), path).await
    }

    /// The first backend, on most stages the only one.
    pub fn node(&mut self) -> &mut Backend {
        &mut self.backends[0]
    }

    /// All backends.
    pub fn nodes(&mut self) -> &mut [Backend] {
        &mut self.backends
    }

    /// The gateway.
    ///
    /// # Panics
    /// On a stage without one.
    pub fn proxy(&mut self) -> &mut Gateway {
        self.gateway.as_mut().expect("a stage with a gateway")
    }

    /// The sum of a metric over all backends and labels.
    pub async fn gauge(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for backend in &self.backends {
            sum += backend.scrape().await.sum(name);
        }
        sum
    }

    /// The sum of a metric over all backends where `label` is `value`.
    pub async fn count(&self, name: &str, label: &str, value: &str) -> f64 {
        let mut sum = 0.0;
        for backend in &self.backends {
            sum += backend.scrape().await.sum_of(name, label, value);
        }
        sum
    }

    /// Waits until this many connections are open.
    ///
    /// # Panics
    /// When it does not come to that in time.
    pub async fn holds(&self, connections: usize) {
        let what = format!("{connections} connections");
        let wanted = connections as f64;
        let count = async || self.gauge("holdline_connections").await;
        until(&what, PATIENCE, count, |count| *count == wanted).await;
    }

    /// Waits until no connection is open and the log has told the end of each; the log comes by
    /// another way than the metrics, and later.
    ///
    /// # Panics
    /// When it does not come to that in time.
    pub async fn all_ended(&self) -> Vec<Line> {
        self.holds(0).await;
        let opened = self.gauge("holdline_connections_opened_total").await as usize;
        until("the last end's line", PATIENCE, async || self.ends(), |ends| ends.len() >= opened)
            .await
    }

    /// Waits until at least this many connections are open.
    ///
    /// # Panics
    /// When it does not come to that in time.
    pub async fn holds_at_least(&self, connections: usize) {
        let what = format!("{connections} connections or more");
        let wanted = connections as f64;
        let count = async || self.gauge("holdline_connections").await;
        until(&what, PATIENCE, count, |count| *count >= wanted).await;
    }

    /// Waits for the end of this peer's connection, and checks that it is told alike everywhere:
    /// one line at its open, one at its end with this reason and code, and the metric agrees.
    ///
    /// # Panics
    /// When it is told otherwise, or not in time.
    pub async fn ended_as(&self, peer: &Peer, reason: &str, code: &str) -> Line {
        let line = self.end_of(peer).await;
        assert!(line.says("reason", reason) && line.says("code", code), "not {reason}: {line:?}");
        let opens = self.opens();
        let opens = opens.iter().filter(|line| line.says("request", &peer.request)).count();
        assert_eq!((opens, self.ends_of(peer).len()), (1, 1), "lines at open and end");
        let counted = async || {
            let ends = self.ends().iter().filter(|line| line.says("reason", reason)).count();
            let counted = self.count("holdline_disconnects_total", "reason", reason).await;
            (ends, counted as usize)
        };
        until("the metric to agree", PATIENCE, counted, |(ends, counted)| ends == counted).await;
        line
    }

    /// The log line that tells how this peer's connection ended, once it is written.
    ///
    /// # Panics
    /// When none is written in time.
    pub async fn end_of(&self, peer: &Peer) -> Line {
        self.end_of_within(peer, PATIENCE).await
    }

    /// The log line that tells how this peer's connection ended.
    ///
    /// # Panics
    /// When none is written within this time.
    pub async fn end_of_within(&self, peer: &Peer, within: Duration) -> Line {
        let what = format!("the end of {}", peer.request);
        let found = until(&what, within, async || self.ends_of(peer).pop(), Option::is_some).await;
        found.expect("the wait was for a line")
    }

    /// The log line that tells of the open of this peer's connection, once it is written.
    ///
    /// # Panics
    /// When none is written in time.
    pub async fn open_of(&self, peer: &Peer) -> Line {
        let mine = |line: &Line| line.says("request", &peer.request);
        let find = async || self.opens().into_iter().find(mine);
        let what = format!("the open of {}", peer.request);
        until(&what, PATIENCE, find, Option::is_some).await.expect("the wait was for a line")
    }

    /// Waits until at least this many lines say that something went wrong, and returns them all.
    ///
    /// # Panics
    /// When there are fewer.
    pub async fn has_troubles(&self, least: usize) -> Vec<Line> {
        until("troubles", PATIENCE, async || self.troubles(), |told| told.len() >= least).await
    }

    /// Every end line of this peer's connection; one is right.
    pub fn ends_of(&self, peer: &Peer) -> Vec<Line> {
        self.ends().into_iter().filter(|line| line.says("request", &peer.request)).collect()
    }

    /// Every end line so far.
    pub fn ends(&self) -> Vec<Line> {
        self.backends.iter().flat_map(|backend| backend.log().about("end")).collect()
    }

    /// Every open line so far.
    pub fn opens(&self) -> Vec<Line> {
        self.backends.iter().flat_map(|backend| backend.log().about("open")).collect()
    }

    /// Every line of any backend so far.
    pub fn lines(&self) -> Vec<Line> {
        self.backends.iter().flat_map(|backend| backend.log().lines()).collect()
    }

    /// A file with every line of any backend so far, written now, for tools that read files.
    pub fn own_log(&self) -> PathBuf {
        let file = self.folder.path().join("holdline.log");
        let lines = self.lines().into_iter().map(|line| line.raw + "\n");
        std::fs::write(&file, lines.collect::<String>()).expect("the run folder is ours");
        file
    }

    /// Every line of any backend that says something went wrong since it listens.
    pub fn troubles(&self) -> Vec<Line> {
        self.backends.iter().flat_map(Backend::troubles).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (number, backend) in self.backends.iter().enumerate() {
            eprintln!("--- backend {number} ---\n{}", backend.log().tail(40));
        }
        if let Some(gateway) = &self.gateway {
            eprintln!(
                "--- gateway, {} ---\n{}",
                self.folder.path().display(),
                gateway.last_words()
            );
        }
    }
}
