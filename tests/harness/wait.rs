//! Waiting for a condition, bounded, and telling what was seen last when it never came.
//! How long is reasonable is the caller's to say.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long to wait for something that is quick on an idle machine. Generous on purpose: many
/// stages share two cores, and only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until what it sees is `good`, and returns it.
///
/// # Panics
/// After `within`, with `what` was waited for and what was seen last.
pub async fn until<T: Debug>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> T,
    good: impl Fn(&T) -> bool,
) -> T {
    let began = Instant::now();
    loop {
        let seen = look().await;
        if good(&seen) {
            return seen;
        }
        assert!(began.elapsed() < within, "waited {within:?} for {what}; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
