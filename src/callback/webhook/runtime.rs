//! The thread that requests to the application run on: they outlive the worker that wants them.
//! Leaves to `webhook.rs`: what runs there.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// A runtime with a thread of its own. Dropping it ends what runs there, and the thread.
#[derive(Debug)]
pub(super) struct Runtime {
    handle: Handle,
    /// Dropped to stop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Runtime {
    /// # Errors
    /// The system's, when it has no thread or no descriptor left.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("callback".to_owned()).spawn(move || {
            let _ = runtime.block_on(stopped);
            // A look-up of a name cannot be interrupted, and is not worth waiting for.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs it there to its end.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread of the callback panicked");
        }
    }
}
