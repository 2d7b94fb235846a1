//! The harness: what a promise needs to set the stage and to play the peer.
//! What is promised stands in the files beside it.

pub mod stage;

pub mod peer;
pub mod wscat;

#[allow(dead_code, reason = "only what is asked of an application meets one")]
pub mod application;
#[allow(dead_code, reason = "only the promises of a link meet servers that are not ours")]
pub mod foreign;
#[allow(dead_code, reason = "only the promises of a link disturb the wire")]
pub mod relay;

pub mod http;
pub mod log;
pub mod metrics;
pub mod namespace;
pub mod port;
pub mod process;
pub mod shipped;
pub mod tls;
pub mod tool;
#[allow(dead_code, reason = "not every proof has something that a slow machine can spoil")]
pub mod wait;

pub use self::peer::{Event, Peer, Tcp, Vice};
pub use self::stage::Stage;
pub use self::wait::{PATIENCE, until};

use tokio::sync::{Mutex, MutexGuard};

/// Waits for the turn of a test that loads both cores; its neighbours measure time meanwhile, so
/// one such test at a time is enough.
pub async fn heavy() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
