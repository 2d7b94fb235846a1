//! Ctrl-C and SIGTERM for commands that talk: the first asks to end, the second ends at once, even
//! where the command hangs. Leaves to `signals.rs`: commands that only serve.

use std::{
    io, process, thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

/// Some supervisors signal the process and its group, so that one request to stop comes twice.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// The request to end.
#[derive(Debug)]
pub(super) struct Interrupt(mpsc::Receiver<()>);

impl Interrupt {
    /// Listens from now on. The second signal runs `last` and exits with 1; a thread of its own
    /// sees to that, because the command may hang in writing to somebody who does not read.
    ///
    /// # Errors
    /// When no thread or no signal handler can be had.
    pub(super) fn listen(last: fn()) -> io::Result<Self> {
        let (asked, interrupt) = mpsc::channel(1);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut int, mut term) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let mut next = async move || {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
        };
        let listener = move || {
            runtime.block_on(next());
            let _ = asked.try_send(());
            runtime.block_on(async {
                let first = Instant::now();
                sleep(SAME_SIGNAL).await;
                if first.elapsed() > SAME_SIGNAL * 3 / 2 {
                    // We stood still; what came meanwhile is delivered as we go on.
                    sleep(SAME_SIGNAL).await;
                }
                // What has come by now is the same, however late we are to look at it.
                while next().now_or_never().is_some() {}
                next().await;
            });
            last();
            process::exit(1);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listener)?;
        Ok(Self(interrupt))
    }

    /// Waits until the end is asked for; after that, for ever.
    pub(super) async fn asked(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
