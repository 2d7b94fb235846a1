//! A backend on a thread of its own, for a program that has no runtime or wants to keep its own.
//! Leaves to `backend.rs`: everything that such a backend does.

use std::{io, net::SocketAddr, thread};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::Backend;
use crate::{callback::Callback, config::Config, node::Node};

/// A backend that serves, and asks `callback` what to do. What `callback` does on which route is
/// said at [`Callback`]; its own route is `/ws/app`.
///
/// # Errors
/// The configuration's (`InvalidInput`), or those of [`Backend::bind`] and [`Backend::start`].
///
/// ```
/// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
/// use holdline::callback::{Action, on_message};
///
/// // Says everything again.
/// let server = holdline::serve(config, on_message(|_caller, message| Action::Reply(message)))?;
/// assert!(server.node().is_ready());
/// server.stop()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve(config: Config, callback: impl Callback) -> io::Result<Running> {
    let warnings = config.validate();
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    for warning in warnings.map_err(invalid)? {
        log::warn!("{warning}");
    }
    Backend::bind(Node::with_callback(config, callback)?)?.start()
}

/// A backend that serves on a thread of its own, and that thread's workers.
///
/// Dropping it has the backend drain, as [`stop`](Self::stop) does, and waits for nothing.
#[derive(Debug)]
#[must_use = "dropping it stops the backend"]
pub struct Running {
    node: Node,
    public: SocketAddr,
    control: SocketAddr,
    thread: thread::JoinHandle<io::Result<()>>,
    /// Its end is what asks the backend to stop.
    stop: oneshot::Sender<()>,
    /// Completes when the backend has ended by itself.
    ended: oneshot::Receiver<()>,
}

impl Backend {
    /// Serves on a new thread until [`Running`] is told to stop. Whoever has an actix system of
    /// their own can do with [`run`](Self::run).
    ///
    /// # Errors
    /// The system's, when it has no thread to give.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// use holdline::{backend::Backend, node::Node};
    ///
    /// let server = Backend::bind(Node::new(config)?)?.start()?;
    /// println!("ws://{}/ws/echo", server.public_address());
    /// server.stop()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start(self) -> io::Result<Running> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (still, ended) = oneshot::channel::<()>();
        let (public, control) = (self.public_address()?, self.control_address()?);
        let node = self.node.clone();
        let serving = move || {
            // Gone with this thread, however it ends.
            let _still = still;
            let shutdown = async {
                let _ = stopped.await;
            };
            actix_rt::System::new().block_on(self.run(shutdown))
        };
        let thread = thread::Builder::new().name("holdline".to_owned()).spawn(serving)?;
        Ok(Running { node, public, control, thread, stop, ended })
    }
}

impl Running {
    /// The node that is served: to publish, to list and to end connections, from any thread.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # let server = holdline::serve(config, holdline::callback::on_message(|_, _| ()))?;
    /// let node = server.node().clone();
    /// std::thread::spawn(move || {
    ///     let lobby = "lobby".parse().expect("a good name");
    ///     node.publish(&lobby, &"from another thread".into())
    /// });
    /// # server.stop()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The public listener's address.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # let server = holdline::serve(config, holdline::callback::on_message(|_, _| ()))?;
    /// assert_ne!(server.public_address().port(), 0);
    /// # server.stop()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    /// The control listener's address.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # let server = holdline::serve(config, holdline::callback::on_message(|_, _| ()))?;
    /// println!("http://{}/metrics", server.control_address());
    /// # server.stop()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn control_address(&self) -> SocketAddr {
        self.control
    }

    /// Waits for what is done with the [`node`](Self::node), on a thread that has no runtime.
    ///
    /// # Errors
    /// The system's, when it has no runtime to give.
    ///
    /// # Panics
    /// Inside of a runtime: `.await` it there.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # let server = holdline::serve(config, holdline::callback::on_message(|_, _| ()))?;
    /// use holdline::node::To;
    ///
    /// let told = server.block_on(server.node().deliver(&To::Everyone, &"hello".into()))?;
    /// assert_eq!(told, Ok(0), "nobody is here");
    /// # server.stop()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(runtime.block_on(future))
    }

    /// Drains (every connection is told 1012, see [`drain::run`](crate::drain::run)), stops, and
    /// returns when that is done: after `drain.timeout` at the latest. It blocks its thread.
    ///
    /// # Errors
    /// Those of [`Backend::run`].
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # let server = holdline::serve(config, holdline::callback::on_message(|_, _| ()))?;
    /// let node = server.node().clone();
    /// server.stop()?;
    /// assert!(!node.is_ready(), "a node drains once");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(self) -> io::Result<()> {
        drop(self.stop);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the backend's thread panicked")))
    }

    /// Serves until SIGTERM or SIGINT, then does what [`stop`](Self::stop) does. It blocks its
    /// thread, which must not be inside of a runtime. A second signal does nothing more.
    ///
    /// # Errors
    /// Those of [`Backend::run`], also when the backend ends by itself; or the system's, when
    /// signals cannot be caught.
    ///
    /// ```no_run
    /// # use holdline::{callback::on_message, config::Config};
    /// holdline::serve(Config::default(), on_message(|_, _| ()))?.stop_at_signal()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop_at_signal(mut self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let mut term = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
                _ = &mut self.ended => {}
            }
            Ok::<(), io::Error>(())
        })?;
        self.stop()
    }
}
