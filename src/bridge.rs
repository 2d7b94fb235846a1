//! Links offered over HTTP: local programs post a message and get the reply.
//! Leaves to `link.rs`: each link; to whoever runs it: signals.

mod options;

mod routes;

mod body;
mod send;

mod feed;
mod kept;

mod gate;
mod links;

mod problem;
mod report;
mod time;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use actix_http::{HttpService, KeepAlive};
use actix_rt::net::TcpStream;
use actix_service::map_config;
use actix_web::{App, dev::AppConfig, middleware::from_fn, web};
use socket2::SockRef;

pub use self::options::{Allowed, Options};
use self::{gate::Gate, kept::Kept, links::Links};
use crate::{
    dial::{End, Refusal},
    link::{Failure, State},
    listener,
    metrics::LinkMetrics,
};

/// Connections that the kernel may keep waiting; scripts start many curls at once.
const BACKLOG: i32 = 1024;

/// Longer than a usual scrape interval, so that Prometheus keeps its connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the kernel tries to deliver what a reader's machine does not acknowledge
/// (`TCP_USER_TIMEOUT`, tcp(7)): a reader that vanished gives its seat back.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// The most threads for HTTP; the links have one of their own.
const WORKERS_MAX: usize = 4;

/// How long the last answers may take to leave, in seconds.
const FAREWELL: u64 = 1;

/// A bridge: its listener bound, and nothing served yet.
#[derive(Debug)]
pub struct Bridge {
    options: Arc<Options>,
    listener: TcpListener,
}

/// What the routes share.
struct Shared {
    options: Arc<Options>,
    links: Arc<Links>,
    kept: Arc<Kept>,
    gate: Gate,
    metrics: Arc<LinkMetrics>,
}

impl Bridge {
    /// Binds [`Options::listen`]; port 0 takes a free one.
    ///
    /// # Errors
    /// The system's, with the address that could not be bound.
    ///
    /// ```
    /// use holdline::bridge::{Bridge, Options};
    ///
    /// let options = Options { listen: ([127, 0, 0, 1], 0).into(), ..Options::default() };
    /// let bridge = Bridge::bind(options)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(options: Options) -> io::Result<Self> {
        let asked = format!("--listen {}", options.listen);
        let listener = listener::bind(&asked, options.listen, BACKLOG)?;
        Ok(Self { options: Arc::new(options), listener })
    }

    /// The listener's address.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// # use holdline::bridge::{Bridge, Options};
    /// # let options = Options { listen: ([127, 0, 0, 1], 0).into(), ..Options::default() };
    /// println!("http://{}/status", Bridge::bind(options)?.address()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Opens the links and serves until `shutdown` completes. Then requests are refused, those
    /// that are being served end (for at most [`Options::drain_timeout`]), and every link is
    /// closed with 1000. Must run inside an [`actix_rt::System`].
    ///
    /// Poll it to its end: dropped before, it leaves the listener to its workers.
    ///
    /// # Errors
    /// The system's, when a thread cannot be had; or that the workers ended before `shutdown`
    /// did.
    ///
    /// ```
    /// # use holdline::bridge::{Bridge, Options};
    /// # let options = Options { listen: ([127, 0, 0, 1], 0).into(), ..Options::default() };
    /// let bridge = Bridge::bind(options)?;
    /// // At once; usually at a signal.
    /// let shutdown = std::future::ready(());
    /// actix_rt::System::new().block_on(bridge.run(shutdown))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Self { options, listener } = self;
        if !options.listen.ip().is_loopback() {
            log::warn!(
                listen:% = options.listen;
                "not on loopback: whoever reaches this address may send by these links"
            );
        }
        let metrics = Arc::new(metrics());
        let kept = Arc::new(Kept::new(options.messages_max, options.messages_bytes_max));
        let links = Links::new(Arc::clone(&options), Arc::clone(&metrics), Arc::clone(&kept));
        let (requests, bytes) = (options.requests_max, options.requests_bytes_max);
        let gate = Gate::new(requests, bytes, options.readers_max);
        let shared = web::Data::new(Shared { options, links, kept, gate, metrics });
        let server = serve(listener, &shared)?;
        let handle = server.handle();
        let mut running = actix_rt::spawn(server);
        tokio::select! {
            () = shutdown => {}
            // A worker's panic ends actix's server; whoever supervises us must notice.
            ended = &mut running => {
                ended.map_err(io::Error::other)??;
                return Err(io::Error::other("the workers ended by themselves"));
            }
        }
        drain(&shared).await;
        handle.stop(true).await;
        running.await.map_err(io::Error::other)?
    }
}

fn serve(listener: TcpListener, shared: &web::Data<Shared>) -> io::Result<actix_server::Server> {
    let shared = shared.clone();
    let workers = available_parallelism().map_or(1, usize::from).min(WORKERS_MAX);
    let builder = actix_server::Server::build()
        .workers(workers)
        .shutdown_timeout(FAREWELL)
        .disable_signals()
        .listen("link", listener, move || {
            let app = App::new()
                .app_data(shared.clone())
                .wrap(from_fn(routes::admit))
                .configure(routes::routes);
            HttpService::build()
                .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(Duration::ZERO)
                .on_connect_ext(|stream: &TcpStream, _| accepted(stream))
                .h1(map_config(app, |()| AppConfig::default()))
                .tcp()
        })?;
    Ok(builder.run())
}

fn accepted(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

/// Lets nobody in, has those inside finish, and closes the links.
async fn drain(shared: &Shared) {
    shared.gate.drain();
    let left = shared.gate.empty(shared.options.drain_timeout).await;
    if left > 0 {
        log::warn!(left; "requests are cut short: they took longer than the drain may take");
    }
    shared.links.shutdown().await;
    log::info!("drained");
}

fn metrics() -> LinkMetrics {
    let losses: Vec<_> =
        End::LABELS.into_iter().chain(Refusal::LABELS).chain(["out_of_step"]).collect();
    let outcomes: Vec<_> = Failure::LABELS.into_iter().chain(["reply"]).collect();
    LinkMetrics::new(&State::NAMES, &losses, &outcomes)
}
