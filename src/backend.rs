//! A running backend: both listeners, their workers, and the order in which they stop.
//! Leaves to `server.rs` and `control.rs`: the routes; to whoever runs it: signals.

mod running;

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::web;

pub use self::running::{Running, serve};
use crate::{control, drain, listener, node::Node, server, watchdog::Watchdog};

/// Handshakes that the kernel may keep waiting; a reconnect storm comes all at once.
const BACKLOG: i32 = 4096;

/// Both listeners bound, and nothing served yet.
pub struct Backend {
    node: Node,
    public: TcpListener,
    control: TcpListener,
    watchdog: Option<Watchdog>,
    added: Vec<server::Configure>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = (&self.public, &self.control);
        f.debug_struct("Backend").field("listeners", &listeners).finish_non_exhaustive()
    }
}

impl Backend {
    /// Binds `server.listen` and `control.listen`; port 0 takes a free one.
    ///
    /// # Errors
    /// The system's, with the key and the address that could not be bound.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// use holdline::{backend::Backend, config::Config, node::Node};
    ///
    /// let first = Backend::bind(Node::new(config)?)?;
    /// let mut config = Config::default();
    /// config.server.listen = first.public_address()?;
    /// let taken = Backend::bind(Node::new(config)?).unwrap_err();
    /// assert!(taken.to_string().starts_with("server.listen = 127.0.0.1:"), "{taken}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(node: Node) -> io::Result<Self> {
        let config = node.config();
        let public = bind("server.listen", config.server.listen)?;
        let control = bind("control.listen", config.control.listen)?;
        Ok(Self { node, public, control, watchdog: None, added: Vec::new() })
    }

    /// Has the process aborted when a worker stalls (`server.stall_timeout`): for a process
    /// that is nothing but a backend.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// use holdline::{backend::Backend, node::Node};
    ///
    /// let backend = Backend::bind(Node::new(config)?)?.abort_when_stalled();
    /// backend.start()?.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn abort_when_stalled(mut self) -> Self {
        self.watchdog = Some(Watchdog::new(self.node.config().server.stall_timeout));
        self
    }

    /// Adds routes of an application of yours to the public listener, where they have what
    /// Holdline's own have: a stream that never outlives its deadlines. Theirs come first, so they
    /// may replace one of ours. Each worker calls `configure` once. The application's handlers get
    /// the [`Node`] and the [`Upgrader`](crate::server::Upgrader) as `web::Data`.
    ///
    /// A request must be answered within `server.handshake_timeout`, the answer's body included,
    /// unless its handler calls [`lift_deadline`](crate::server::lift_deadline).
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use actix_web::{HttpResponse, web};
    /// use holdline::{backend::Backend, message::Room, node::Node};
    ///
    /// /// `POST /say`: the body goes to everybody in the lobby.
    /// async fn say(node: web::Data<Node>, words: String) -> HttpResponse {
    ///     let lobby: Room = "lobby".parse().expect("a good name");
    ///     match node.publish(&lobby, &words.into()) {
    ///         Ok(()) => HttpResponse::Accepted().finish(),
    ///         Err(busy) => HttpResponse::ServiceUnavailable().body(busy.to_string()),
    ///     }
    /// }
    ///
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// let backend = Backend::bind(Node::new(config).unwrap())?.configure(|app| {
    ///     app.route("/say", web::post().to(say));
    ///     // One of ours that should not be there.
    ///     app.route("/ws/echo", web::to(HttpResponse::NotFound));
    /// });
    /// backend.run(std::future::ready(())).await
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn configure(
        mut self,
        configure: impl Fn(&mut web::ServiceConfig) + Send + Sync + 'static,
    ) -> Self {
        self.added.push(Arc::new(configure));
        self
    }

    /// The public listener's address.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # use holdline::{backend::Backend, node::Node};
    /// let backend = Backend::bind(Node::new(config)?)?;
    /// assert_ne!(backend.public_address()?.port(), 0, "the free one that was taken");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn public_address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// The control listener's address.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// # use holdline::{backend::Backend, node::Node};
    /// let backend = Backend::bind(Node::new(config)?)?;
    /// assert_ne!(backend.control_address()?.port(), 0, "the free one that was taken");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn control_address(&self) -> io::Result<SocketAddr> {
        self.control.local_addr()
    }

    /// Serves until `shutdown` completes or the node is told to [drain](Node::drain), over the
    /// control listener for one; then drains and closes the listeners. Must run inside an
    /// [`actix_rt::System`].
    ///
    /// `shutdown` is polled while it drains too: a signal that comes then is not lost.
    ///
    /// Poll it to its end: dropped before, it leaves the listeners to their workers.
    ///
    /// While it drains both listeners stay open: handshakes are answered 503, so that the
    /// gateway can try another backend, and the operator can watch.
    ///
    /// # Errors
    /// The system's, when a listener or a thread cannot be had; or that the workers ended before
    /// `shutdown` did.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// use std::time::Duration;
    /// use holdline::{backend::Backend, node::Node};
    ///
    /// // Serves for a moment; usually until a signal.
    /// let shutdown = async { actix_rt::time::sleep(Duration::from_millis(10)).await };
    /// actix_rt::System::new().block_on(Backend::bind(Node::new(config)?)?.run(shutdown))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let config = self.node.config();
        let builder = actix_server::Server::build()
            .workers(config.server.workers)
            .max_concurrent_connections(usize::MAX / 2)
            .disable_signals();
        let builder =
            server::listen(builder, self.public, &self.node, self.watchdog.as_ref(), self.added)?;
        let server = control::listen(builder, self.control, &self.node)?.run();
        if let Some(watchdog) = self.watchdog.clone() {
            watchdog.start()?;
        }
        let handle = server.handle();
        let mut running = actix_rt::spawn(server);
        let drained = async {
            self.node.drain_asked().await;
            drain::run(&self.node).await;
        };
        let asked = async {
            shutdown.await;
            self.node.drain();
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            () = drained => None,
            () = asked => None,
            ended = &mut running => Some(ended),
        };
        if let Some(watchdog) = &self.watchdog {
            watchdog.stop();
        }
        match ended {
            // A worker's panic ends actix's server; whoever supervises us must notice.
            Some(ended) => {
                ended.map_err(io::Error::other)??;
                Err(io::Error::other("the workers ended by themselves"))
            }
            None => {
                handle.stop(false).await;
                running.await.map_err(io::Error::other)?
            }
        }
    }
}

fn bind(key: &str, address: SocketAddr) -> io::Result<TcpListener> {
    listener::bind(&format!("{key} = {address}"), address, BACKLOG)
}
