//! What is written down about one connection: the two log lines and the metrics of its end.
//! Leaves to `connection.rs`: why it ended.

use std::sync::Arc;

use log::Level;

use crate::{
    callback::{Caller, Ended},
    metrics::Metrics,
};

/// One connection's account, opened with its 101 and closed with its end.
pub(super) struct Record {
    caller: Arc<Caller>,
    metrics: Metrics,
}

impl Record {
    pub(super) fn open(caller: &Arc<Caller>, user_agent: &str, metrics: &Metrics) -> Self {
        let Caller { id, request, route, peer, user, .. } = &**caller;
        let user = user.as_deref().unwrap_or("-");
        log::info!(id:%, request, peer:%, route:%, user, user_agent; "open");
        metrics.opened(route.label());
        Self { caller: Arc::clone(caller), metrics: metrics.clone() }
    }

    pub(super) fn close(&self, ended: &Ended) {
        let Caller { id, request, route, .. } = &*self.caller;
        let Ended { why, age, messages_in, messages_out } = ended;
        self.metrics.ended(route.label(), why, age.as_secs_f64());
        let age = age.as_millis() as f64 / 1000.0;
        let level = if why.is_expected() { Level::Info } else { Level::Warn };
        let code = why.code().map_or_else(|| "-".to_owned(), |code| code.to_string());
        log::log!(
            level,
            id:%, request, reason = why.label(), code, age, "in" = messages_in, "out" = messages_out;
            "end"
        );
    }
}
