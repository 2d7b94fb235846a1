//! What is written down about one connection: the two log lines and the metrics of its end.
//! Leaves to `connection.rs`: when it opened and why it ended.

use log::Level;

use crate::{
    callback::{Caller, Ended},
    metrics::Metrics,
};

/// Opens one connection's account, with its 101.
pub(super) fn open(caller: &Caller, user_agent: &str, metrics: &Metrics) {
    let Caller { id, request, route, peer, user, .. } = caller;
    let user = user.as_deref().unwrap_or("-");
    log::info!(id:%, request, peer:%, route:%, user, user_agent; "open");
    metrics.opened(route.label());
}

/// Closes it, with the connection's end.
pub(super) fn close(caller: &Caller, ended: &Ended, metrics: &Metrics) {
    let Caller { id, request, route, .. } = caller;
    let Ended { why, age, messages_in, messages_out } = ended;
    metrics.ended(route.label(), why, age.as_secs_f64());
    let age = age.as_millis() as f64 / 1000.0;
    let level = if why.is_expected() { Level::Info } else { Level::Warn };
    let code = why.code().map_or_else(|| "-".to_owned(), |code| code.to_string());
    log::log!(
        level,
        id:%, request, reason = why.label(), code, age, "in" = messages_in, "out" = messages_out;
        "end"
    );
}
