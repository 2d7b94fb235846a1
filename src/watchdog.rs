//! Ends the process when a worker's runtime stalls.
//! Leaves to the service manager: starting it again.
//!
//! The gateway runs with `max_fails=0`, so a backend that hangs would swallow handshakes for as
//! long as it hangs. One that is gone costs only its own connections.

use std::{
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the line in the log may take.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Watches the workers of one process.
#[derive(Clone, Debug)]
pub struct Watchdog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    timeout: Duration,
    stopped: AtomicBool,
    /// When each worker last showed that it lives, in milliseconds since `start`.
    workers: Mutex<Vec<Arc<AtomicU64>>>,
}

impl Watchdog {
    /// A watchdog that barks when a worker is silent for `timeout` (`server.stall_timeout`)
    /// twice in a row.
    ///
    /// ```
    /// use std::time::Duration;
    /// use holdline::watchdog::Watchdog;
    ///
    /// let watchdog = Watchdog::new(Duration::from_secs(5));
    /// ```
    pub fn new(timeout: Duration) -> Self {
        let (stopped, workers) = Default::default();
        Self(Arc::new(Inner { start: Instant::now(), timeout, stopped, workers }))
    }

    /// Makes the calling worker show signs of life, as long as its runtime runs.
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// # use std::time::Duration;
    /// # use holdline::watchdog::Watchdog;
    /// let watchdog = Watchdog::new(Duration::from_secs(5));
    /// watchdog.watch_this_worker();
    /// # });
    /// ```
    pub fn watch_this_worker(&self) {
        let last = Arc::new(AtomicU64::new(self.now()));
        self.workers().push(Arc::clone(&last));
        let watchdog = self.clone();
        actix_rt::spawn(async move {
            loop {
                last.store(watchdog.now(), Relaxed);
                actix_rt::time::sleep(watchdog.0.timeout / 4).await;
            }
        });
    }

    /// Starts the watching thread; it aborts the process, with a line in the log, until
    /// [`stop`](Self::stop).
    ///
    /// # Errors
    /// The system's, when it has no thread to give.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use holdline::watchdog::Watchdog;
    /// let watchdog = Watchdog::new(Duration::from_secs(5));
    /// watchdog.clone().start()?;
    /// watchdog.stop();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(self) -> std::io::Result<()> {
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || self.run())?;
        Ok(())
    }

    /// Ends the watch: the workers are about to stop.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use holdline::watchdog::Watchdog;
    /// let watchdog = Watchdog::new(Duration::from_secs(5));
    /// watchdog.clone().start()?;
    /// // … the workers end …
    /// watchdog.stop();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self) {
        self.0.stopped.store(true, Relaxed);
    }

    fn run(self) {
        let mut misses = 0;
        loop {
            thread::sleep(self.0.timeout);
            if self.0.stopped.load(Relaxed) {
                return;
            }
            misses = if self.is_stalled(self.now()) { misses + 1 } else { 0 };
            // One miss may be the machine that was asleep; a second one is ours.
            if misses == 2 {
                self.bark();
            }
        }
    }

    /// Says why, if it can: a worker may have stalled inside the log, holding its lock.
    fn bark(&self) -> ! {
        let timeout = self.0.timeout;
        let words = move || {
            log::error!(
                stall_timeout:? = timeout;
                "a worker has stalled, aborting: the gateway must not wait for this process"
            );
        };
        let _ = thread::Builder::new().spawn(words);
        thread::sleep(LAST_WORDS);
        process::abort();
    }

    /// Whether a worker has been silent for longer than the timeout at `now`.
    fn is_stalled(&self, now: u64) -> bool {
        let timeout = u64::try_from(self.0.timeout.as_millis()).unwrap_or(u64::MAX);
        self.workers().iter().any(|last| now.saturating_sub(last.load(Relaxed)) > timeout)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        self.0.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_stalled_when_it_was_silent_for_longer_than_the_timeout() {
        let watchdog = Watchdog::new(Duration::from_secs(5));
        assert!(!watchdog.is_stalled(60_000), "nobody is watched");
        let last = Arc::new(AtomicU64::new(1_000));
        watchdog.workers().push(Arc::clone(&last));
        assert!(!watchdog.is_stalled(6_000));
        assert!(watchdog.is_stalled(6_001));
        last.store(6_000, Relaxed);
        assert!(!watchdog.is_stalled(6_001));
    }
}
