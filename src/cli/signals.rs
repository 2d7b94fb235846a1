//! The signals that ask a process to stop: the first one politely, the second one at once.
//! Leaves to the commands: what stopping politely means.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Some supervisors signal the process and its group, so that one request to stop comes twice.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// SIGTERM and SIGINT, caught from when this is made.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Catches them from now on. Must run inside a tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Completes at the first signal; the second one then ends the process at once, with 1. Must
    /// run inside an actix system.
    pub(super) async fn asked_to_stop(mut self) {
        let signal = self.next().await;
        log::info!(signal; "shutting down");
        actix_rt::spawn(exit_at_second_signal());
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

async fn exit_at_second_signal() {
    let first = Instant::now();
    actix_rt::time::sleep(SAME_SIGNAL).await;
    if first.elapsed() > SAME_SIGNAL * 3 / 2 {
        // We stood still; what came meanwhile is delivered as we go on.
        actix_rt::time::sleep(SAME_SIGNAL).await;
    }
    let Ok(mut second) = Signals::new() else { return };
    let signal = second.next().await;
    log::warn!(signal; "second signal, exiting at once");
    std::process::exit(1);
}
