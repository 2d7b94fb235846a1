//! A node inside this process, and its books: who is here, and how others ended.
//! The servers around it are each promise's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use holdline::config::Config;
use holdline::node::Node;

use crate::harness::metrics::Scrape;
use crate::harness::{PATIENCE, until};

/// A configuration whose listeners have free ports and whose shutdown takes no time.
pub fn config() -> Config {
    let mut config = Config::default();
    config.server.listen = free();
    config.control.listen = free();
    config.server.workers = 2;
    config.limits.close_timeout = Duration::from_millis(500);
    config.drain.delay = Duration::ZERO;
    config.drain.window = Duration::ZERO;
    config
}

/// An address with whatever port is free.
pub fn free() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Waits until the node holds as many connections.
pub async fn holds(node: &Node, connections: usize) {
    let held = async || node.connections();
    until("its connections", PATIENCE, held, |held| *held == connections).await;
}

/// Waits until as many bytes are queued in all outboxes.
pub async fn queued(node: &Node, good: impl Fn(f64) -> bool) {
    let bytes = async || scrape(node).sum("holdline_outbox_bytes");
    until("its outboxes", PATIENCE, bytes, |bytes| good(*bytes)).await;
}

fn scrape(node: &Node) -> Scrape {
    Scrape::parse(&String::from_utf8_lossy(&node.render_metrics()))
}

/// Waits until as many connections have ended for this reason, and sees that no other has.
pub async fn ended_as(node: &Node, reason: &str, times: usize) {
    let ends = async || {
        let scrape = scrape(node);
        let name = "holdline_disconnects_total";
        (scrape.sum_of(name, "reason", reason), scrape.sum(name))
    };
    let all = times as f64;
    let ends = until(&format!("{times} × {reason}"), PATIENCE, ends, |ends| ends.1 >= all).await;
    assert_eq!(ends, (all, all), "as {reason}, and in all");
}
