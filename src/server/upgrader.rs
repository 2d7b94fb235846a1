//! A node's place in an actix-web application: its routes, and what upgrades a request anywhere.
//! Leaves to `server.rs`: how a request becomes a connection; to whoever has the listener: the rest.

use std::{
    any::Any,
    cell::RefCell,
    io,
    rc::{Rc, Weak},
    sync::Arc,
};

use actix_rt::net::TcpStream;
use actix_web::{HttpRequest, HttpResponse, dev::Extensions, web};

use super::{handshake::Refusal, routes, upgrade};
use crate::{
    hub::Shard,
    node::Node,
    rest::Rest,
    route::Route,
    socket::{self, SocketControl},
};

/// What turns HTTP requests into connections of a node, on one worker; the analogue of gorilla's
/// `Upgrader`.
///
/// Whoever has Holdline's routes in an application ([`mount`], [`Backend`](crate::backend::Backend))
/// gets it in a handler of their own as [`web::Data<Upgrader>`](web::Data), and the [`Node`] too.
/// Cheap to clone, and bound to its thread.
///
/// ```
/// # actix_rt::System::new().block_on(async {
/// use actix_web::{App, HttpRequest, HttpResponse, test, web};
/// use holdline::{config::Config, node::Node, route::Route, server::{Upgrader, mount}};
///
/// /// A room at an address of our own, and only for those who know the word.
/// async fn chat(holdline: web::Data<Upgrader>, request: HttpRequest, body: web::Payload)
///     -> HttpResponse
/// {
///     if request.query_string() != "word=sesame" {
///         return HttpResponse::Unauthorized().finish();
///     }
///     let Ok(room) = request.match_info()["room"].parse() else {
///         return HttpResponse::NotFound().finish();
///     };
///     holdline.upgrade(request, body, Route::Room(room)).await
/// }
///
/// let node = Node::new(Config::default()).unwrap();
/// let app = App::new().configure(mount(&node)).route("/chat/{room}", web::get().to(chat));
/// let app = test::init_service(app).await;
/// let ask = test::TestRequest::get().uri("/chat/attic?word=sesame").to_request();
/// assert_eq!(test::call_service(&app, ask).await.status(), 426, "no WebSocket handshake");
/// # });
/// ```
#[derive(Clone)]
pub struct Upgrader(pub(super) Rc<Worker>);

/// One worker's node, shard and connections to the application.
pub(super) struct Worker {
    pub(super) node: Node,
    pub(super) shard: Rc<Shard>,
    pub(super) rest: Option<Rest>,
}

thread_local! {
    /// The shards of this thread, one for each node: a worker has as many applications as its
    /// server has addresses, and a node has room for [`WORKERS_MAX`](crate::config::WORKERS_MAX)
    /// shards.
    static SHARDS: RefCell<Vec<Weak<Shard>>> = const { RefCell::new(Vec::new()) };
}

impl Upgrader {
    /// For requests that this thread serves. Must run inside an actix runtime, as the closure given
    /// to `HttpServer::new` does.
    ///
    /// # Panics
    /// Outside such a runtime; and on the 65th thread of one node.
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// use holdline::{config::Config, node::Node, server::Upgrader};
    ///
    /// let (lobby, attic) = (Node::new(Config::default()).unwrap(), Node::new(Config::default()).unwrap());
    /// // Two nodes in one application know nothing of each other.
    /// let (lobby, attic) = (Upgrader::new(&lobby), Upgrader::new(&attic));
    /// assert!(lobby.node().is_ready() && attic.node().is_ready());
    /// # });
    /// ```
    pub fn new(node: &Node) -> Self {
        let rest = node.rest().unwrap_or_else(|error| {
            log::error!("/ws/rest is not served: {error}");
            None
        });
        let (shard, rest) = (shard(node), rest.map(Rest::own_pool));
        Self(Rc::new(Worker { node: node.clone(), shard, rest }))
    }

    /// The node whose connections these become.
    ///
    /// ```
    /// # actix_rt::System::new().block_on(async {
    /// # use holdline::{config::Config, node::Node, server::Upgrader};
    /// let upgrader = Upgrader::new(&Node::new(Config::default()).unwrap());
    /// assert_eq!(upgrader.node().connections(), 0);
    /// # });
    /// ```
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// Answers a handshake as a route of Holdline's own would: with 101, whereupon the connection
    /// lives by itself, or with the refusal. `route` says what becomes of its messages, whatever
    /// the address was. [`Route::App`] is 404 without a callback, [`Route::Rest`] without
    /// `rest.base_url`.
    ///
    /// Who may connect can be judged before this is called; origin, token, limits and form are
    /// judged here. To the answer headers may be added, such as a cookie.
    ///
    /// ```
    /// use actix_web::{HttpRequest, HttpResponse, http::header::{HeaderValue, SET_COOKIE}, web};
    /// use holdline::{route::Route, server::Upgrader};
    ///
    /// async fn live(holdline: web::Data<Upgrader>, request: HttpRequest, body: web::Payload)
    ///     -> HttpResponse
    /// {
    ///     let mut answer = holdline.upgrade(request, body, Route::App).await;
    ///     answer.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("seen=yes"));
    ///     answer
    /// }
    /// # let _route = web::get().to(live);
    /// ```
    pub async fn upgrade(
        &self,
        request: HttpRequest,
        body: web::Payload,
        route: Route,
    ) -> HttpResponse {
        upgrade(&self.0, request, body, |_, worker| served(route, worker)).await
    }

    /// The routes and what their handlers need.
    pub(super) fn mount(self) -> impl FnOnce(&mut web::ServiceConfig) {
        move |app| {
            app.app_data(web::Data::new(self.node().clone()));
            app.app_data(web::Data::new(self));
            routes(app);
        }
    }
}

/// The route, if it is served.
fn served(route: Route, worker: &Worker) -> Result<Route, Refusal> {
    match route {
        Route::App if worker.node.callback().is_none_or(|it| !it.sees(&Route::App)) => {
            Err(Refusal::not_configured("callback.url"))
        }
        Route::Rest if worker.rest.is_none() => Err(Refusal::not_configured("rest.base_url")),
        route => Ok(route),
    }
}

/// Holdline's routes (`/ws/echo`, `/ws/rooms/{room}`, …) for an application of your own, under your
/// own `HttpServer`. In a [`web::scope`] they lie below its path. Handlers of the same application
/// or scope get [`web::Data<Node>`](web::Data) and [`web::Data<Upgrader>`](web::Data).
///
/// Limits, heartbeat, outboxes, rooms and disconnects work as on Holdline's own listener. Lost is
/// what only the owner of the accepted stream can do, for actix offers no way to reach it:
///
/// | On Holdline's listener | Under an `HttpServer` |
/// |---|---|
/// | a stream that takes nothing for `limits.write_timeout` is reset | the connection ends in that time, as `write_timeout`; its stream stays with actix, with at most 32 KiB and one message, until the peer reads, or TCP gives up: after as long again with [`on_connect`] (`TCP_USER_TIMEOUT`), unless the peer reads a trickle; without it maybe never |
/// | time is up: the stream is reset at once | the same: the connection ends, TCP when actix has written what it holds |
/// | while reading pauses, the kernel holds what comes | actix reads about 450 KiB on |
/// | every request must be answered within `server.handshake_timeout` | what `HttpServer::client_request_timeout` cuts, the first request's head |
/// | after the closing handshake TCP is closed at once | actix waits one second longer, unless `HttpServer::client_disconnect_timeout` is zero (set it so; 1 to 499 ms leak) |
/// | who goes away while a callback is asked about it is noticed at once | when the callback has answered, or after `server.handshake_timeout` |
/// | `peer_gone` and `write_timeout` are told apart also when nothing was queued | it is `peer_gone` |
///
/// So a peer can hold a descriptor of such a server, though no place in the node: keep
/// `HttpServer::max_connections` within the descriptor limit. Who wants the first column serves the
/// application's routes on Holdline's listener:
/// [`Backend::configure`](crate::backend::Backend::configure).
///
/// Each worker holds a part of the node, so `HttpServer::workers` should be `server.workers`, by
/// which `limits.outbox_bytes_total` is divided; more than 64 are refused. At a shutdown
/// [`drain::run`](crate::drain::run) says goodbye to everybody:
///
/// ```no_run
/// use std::time::Duration;
/// use actix_web::{App, HttpServer};
/// use holdline::{config::Config, drain, node::Node, server};
///
/// #[actix_web::main]
/// async fn main() -> std::io::Result<()> {
///     let node = Node::new(Config::default())?;
///     let (mounted, drained) = (node.clone(), node.clone());
///     HttpServer::new(move || App::new().configure(server::mount(&mounted)))
///         .on_connect(server::on_connect(&node))
///         .client_disconnect_timeout(Duration::ZERO)
///         .workers(node.config().server.workers)
///         .shutdown_signal(async move {
///             tokio::select! {
///                 _ = tokio::signal::ctrl_c() => {}
///                 () = drained.drain_asked() => {}
///             }
///             drain::run(&drained).await;
///         })
///         .shutdown_timeout(1)
///         .bind("127.0.0.1:8080")?
///         .run()
///         .await
/// }
/// ```
///
/// # Panics
/// As [`Upgrader::new`].
pub fn mount(node: &Node) -> impl FnOnce(&mut web::ServiceConfig) + use<> {
    Upgrader::new(node).mount()
}

/// For `HttpServer::on_connect`, to be called before `bind`: sets on every accepted stream without
/// TLS what [`set_stream_options`] sets. Where TLS is, call that with the stream below it.
///
/// ```
/// use actix_web::{App, HttpServer};
/// use holdline::{config::Config, node::Node, server};
///
/// let node = Node::new(Config::default()).unwrap();
/// let server = HttpServer::new(App::new).on_connect(server::on_connect(&node));
/// # drop(server);
/// ```
pub fn on_connect(node: &Node) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + use<> {
    let node = node.clone();
    move |stream, _| {
        if let Some(stream) = stream.downcast_ref::<TcpStream>()
            && let Err(error) = set_stream_options(&node, stream)
        {
            log::debug!(error:%; "an accepted stream could not be set up");
        }
    }
}

/// Gives an accepted stream what Holdline's own listener gives each of its own: no delay, a send
/// buffer of 64 KiB (`SO_SNDBUF`), and an end when the peer takes nothing for
/// `limits.write_timeout` (`TCP_USER_TIMEOUT`, tcp(7), on Linux).
///
/// # Errors
/// The kernel's, when the peer is gone already.
///
/// ```
/// # actix_rt::System::new().block_on(async {
/// use holdline::{config::Config, node::Node, server};
///
/// let listener = actix_rt::net::TcpListener::bind("127.0.0.1:0").await?;
/// let _peer = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let (stream, _) = listener.accept().await?;
/// server::set_stream_options(&Node::new(Config::default())?, &stream)?;
/// assert!(stream.nodelay()?);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn set_stream_options(node: &Node, stream: &TcpStream) -> io::Result<()> {
    socket::set_options(stream, node.config().limits.write_timeout)
}

/// Lets this request, and those that follow on its connection, take longer than
/// `server.handshake_timeout`: for an upload, a download or an event stream of an application on
/// Holdline's listener. `limits.write_timeout` goes on. Under an `HttpServer` it does nothing.
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse};
///
/// async fn report(request: HttpRequest) -> HttpResponse {
///     holdline::server::lift_deadline(&request);
///     actix_rt::time::sleep(std::time::Duration::from_secs(60)).await;
///     HttpResponse::Ok().body("that took a while\n")
/// }
/// # let _route = actix_web::web::get().to(report);
/// ```
pub fn lift_deadline(request: &HttpRequest) {
    if let Some(socket) = request.conn_data::<SocketControl>() {
        socket.set_upgraded();
    }
}

/// This thread's shard of the node.
fn shard(node: &Node) -> Rc<Shard> {
    SHARDS.with_borrow_mut(|shards| {
        shards.retain(|shard| shard.strong_count() > 0);
        let mut known = shards.iter().filter_map(Weak::upgrade);
        if let Some(shard) = known.find(|shard| Arc::ptr_eq(shard.hub(), node.hub())) {
            return shard;
        }
        let shard = Shard::attach(node.hub());
        shards.push(Rc::downgrade(&shard));
        shard
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_thread_has_one_shard_of_a_node_however_many_applications_it_serves() {
        actix_rt::System::new().block_on(async {
            let node = || Node::new(Config::default()).unwrap();
            let (node, other) = (node(), node());
            let (first, second) = (Upgrader::new(&node), Upgrader::new(&node));
            assert!(Rc::ptr_eq(&first.0.shard, &second.0.shard));
            let other = Upgrader::new(&other);
            assert!(!Rc::ptr_eq(&first.0.shard, &other.0.shard));
            drop((first, second));
            // Gone with its last user, so that its place is free.
            let shards =
                SHARDS.with_borrow(|shards| shards.iter().filter_map(Weak::upgrade).count());
            assert_eq!(shards, 1);
        });
    }
}
