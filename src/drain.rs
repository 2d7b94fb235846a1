//! Shutdown: refuse newcomers, say goodbye spread over a window, wait, let go.
//! Leaves to `hub.rs`: whose turn it is; to `backend.rs`: closing the listeners.

use std::time::{Duration, Instant};

use crate::node::Node;

/// How often the wait looks whether everybody is gone.
const LOOK: Duration = Duration::from_millis(20);

/// The part of `drain.timeout` that is kept for resetting whoever is left, at most.
const CUT: Duration = Duration::from_secs(1);

/// How long after the last goodbye's closing handshake should be over a peer may still take what
/// is queued for it.
const STRAGGLING: Duration = Duration::from_secs(2);

/// Drains the node: not ready at once, the first goodbye after `drain.delay`, the last one
/// `drain.window` later. Whoever is left then, `limits.close_timeout` and two seconds later, or
/// shortly before `drain.timeout`, is reset. Returns when nobody is left and the callback has been
/// told, or at the timeout, with the number of connections that are left.
///
/// ```
/// # actix_rt::System::new().block_on(async {
/// use holdline::{config::Config, drain, node::Node};
///
/// # let mut config = Config::default();
/// # config.drain.delay = std::time::Duration::ZERO;
/// let node = Node::new(config).unwrap();
/// assert_eq!(drain::run(&node).await, 0, "nobody is left");
/// assert!(!node.is_ready());
/// # });
/// ```
pub async fn run(node: &Node) -> usize {
    let limits = &node.config().drain;
    let start = Instant::now();
    let hub = node.hub();
    hub.refuse_new();
    log::info!(connections = hub.connections(); "draining");
    let idle = async || {
        while hub.connections() > 0 {
            actix_rt::time::sleep(LOOK).await;
        }
    };
    let all = async {
        // The delay lets whoever asks /readyz see it before the first connection is closed.
        actix_rt::time::sleep(limits.delay).await;
        hub.drain(limits.window);
        idle().await;
    };
    let cut = CUT.min(limits.timeout / 4);
    let last_slot = limits.delay + limits.window;
    let patience = last_slot + node.config().limits.close_timeout + STRAGGLING;
    if actix_rt::time::timeout(patience.min(limits.timeout - cut), all).await.is_err() {
        log::warn!(connections = hub.connections(); "cutting who is left");
        hub.cut();
        let _ = actix_rt::time::timeout(cut, idle()).await;
    }
    let left = hub.connections();
    if let Some(callback) = node.callback() {
        // What is not told in time, the callback itself reports as lost.
        let time = limits.timeout.saturating_sub(start.elapsed() + cut / 4);
        let _ = actix_rt::time::timeout(time, callback.flushed()).await;
    }
    log::info!(left, seconds:% = format_args!("{:.3}", start.elapsed().as_secs_f64()); "drained");
    left
}
