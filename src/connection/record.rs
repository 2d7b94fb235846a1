//! What is written down about one connection: the two log lines and the metrics of its end.
//! Leaves to `connection.rs`: why it ended.

use std::{net::IpAddr, time::Instant};

use log::Level;

use crate::{callback::Callback, disconnect::Disconnect, message::ConnectionId, metrics::Metrics};

/// What the handshake said about its sender, for the log.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The gateway's `X-Request-ID`, by which the two logs are joined; `-` without one.
    pub request: String,
    /// The peer's own address, behind trusted proxies.
    pub peer: IpAddr,
    /// The peer's `User-Agent`, shortened.
    pub user_agent: String,
}

/// One connection's account, opened with its 101 and closed with its end.
pub(super) struct Record {
    id: ConnectionId,
    request: String,
    route: &'static str,
    opened: Instant,
    metrics: Metrics,
}

impl Record {
    pub(super) fn open(
        id: ConnectionId,
        origin: Origin,
        callback: &Callback,
        metrics: &Metrics,
        opened: Instant,
    ) -> Self {
        log::info!(
            id:%, request = origin.request, peer:% = origin.peer, route:% = callback,
            user_agent = origin.user_agent;
            "open"
        );
        let route = callback.label();
        metrics.opened(route);
        Self { id, request: origin.request, route, opened, metrics: metrics.clone() }
    }

    pub(super) fn close(&self, why: &Disconnect, messages_in: u64, messages_out: u64) {
        let age = self.opened.elapsed();
        self.metrics.ended(self.route, why, age.as_secs_f64());
        let age = age.as_millis() as f64 / 1000.0;
        let level = if why.is_expected() { Level::Info } else { Level::Warn };
        let code = why.code().map_or_else(|| "-".to_owned(), |code| code.to_string());
        log::log!(
            level,
            id:% = self.id, request = self.request, reason = why.label(), code, age,
            "in" = messages_in, "out" = messages_out;
            "end"
        );
    }
}
