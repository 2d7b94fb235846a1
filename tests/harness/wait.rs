//! Waiting for a condition, bounded, and telling what was seen last when it never came; trying anew
//! what the machine has spoilt. How long is reasonable is the caller's to say.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long to wait for something that is quick on an idle machine. Generous on purpose: many
/// stages share two cores, and only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often the machine may stand still at the wrong moment.
const ATTEMPTS: usize = 5;

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

/// Makes attempts until one was not disturbed, and returns what came of it. `attempt` tells by
/// `None` that something was late which only a machine that stood still makes late, so that nothing
/// can be said. Only for a time that cannot be configured to be long, and for a promise that is
/// broken each time when it is broken.
///
/// # Panics
/// When each of some attempts was disturbed: that is no accident.
pub async fn undisturbed<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        if let Some(done) = attempt().await {
            return done;
        }
    }
    panic!("{what}: late in each of {ATTEMPTS} attempts");
}
