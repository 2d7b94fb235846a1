//! The public listener: its routes, and the way from a request to a connection.
//! Leaves to `connection.rs`: everything after the 101; to `control.rs`: the operator's routes.

mod handshake;
mod introduction;
mod origin;
mod peer;
mod subprotocol;
mod upgrader;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, KeepAlive};
use actix_server::ServerBuilder;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::AppConfig,
    http::header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL},
    web,
};

pub use self::upgrader::{Upgrader, lift_deadline, mount, on_connect, set_stream_options};
use self::{handshake::Refusal, introduction::Undecided, subprotocol::Offer, upgrader::Worker};
use crate::{
    callback::{Action, Answer, Callback, Caller, Handshake},
    connection::{Connection, Farewell, Upgraded},
    deflate::{self, Terms},
    disconnect::Disconnect,
    hub::Reservation,
    inbound::{self, InboundLimits, Observed},
    message::Room,
    node::Node,
    outbox::OutboxBody,
    page, readiness,
    route::Route,
    socket::{Socket, SocketControl, SocketLimits},
    watchdog::Watchdog,
};

/// How long a plain HTTP connection may idle between two requests, unless
/// `server.handshake_timeout` is shorter. The gateway's own keepalive towards the backend (5 s)
/// is shorter than both usually are, so that it does not reuse a connection that is being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Routes and data that somebody else adds to an application.
pub(crate) type Configure = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// Adds the public listener to `builder`. Every worker gets a hub shard of its own, and is
/// watched if there is a watchdog. What is `added` comes before our own routes.
///
/// # Errors
/// The listener's.
pub(crate) fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    node: &Node,
    watchdog: Option<&Watchdog>,
    added: Vec<Configure>,
) -> io::Result<ServerBuilder> {
    let (node, watchdog) = (node.clone(), watchdog.cloned());
    node.rest()?;
    builder.listen("public", listener, move || {
        if let Some(watchdog) = &watchdog {
            watchdog.watch_this_worker();
        }
        let config = node.config();
        let mut app = App::new().default_service(web::to(nowhere));
        for added in &added {
            app = app.configure(|app| added(app));
        }
        let app = app
            .configure(mount(&node))
            .route("/readyz", web::get().to(readyz))
            .configure(page::routes(config.server.page));
        let limits = SocketLimits {
            write_timeout: config.limits.write_timeout,
            handshake_timeout: config.server.handshake_timeout,
        };
        let http = HttpService::build()
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE.min(limits.handshake_timeout)))
            .client_request_timeout(limits.handshake_timeout)
            // Anything between 1 and 499 ms leaks connections, 0 closes cleanly and at once.
            .client_disconnect_timeout(Duration::ZERO)
            .on_connect_ext(|socket: &Socket, data| {
                data.insert(socket.control());
            });
        fn_service(Socket::acceptor(limits))
            .and_then(http.h1(map_config(app, |()| AppConfig::default())))
    })
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/ws/echo", web::to(echo))
        .route("/ws/rooms/{room}", web::to(room))
        .route("/ws/rooms/", web::to(room))
        .route("/ws/app", web::to(application))
        .route("/ws/rest", web::to(rest));
}

/// What a route's handler is given.
type Worked = web::Data<Upgrader>;

async fn echo(worker: Worked, request: HttpRequest, body: web::Payload) -> HttpResponse {
    upgrade(&worker.0, request, body, |_, _| Ok(Route::Echo)).await
}

async fn room(worker: Worked, request: HttpRequest, body: web::Payload) -> HttpResponse {
    upgrade(&worker.0, request, body, |request, _| {
        let name = request.match_info().get("room").unwrap_or_default();
        let room = name.parse::<Room>().map_err(|error| Refusal::bad_room(error.to_string()))?;
        Ok(Route::Room(room))
    })
    .await
}

async fn application(worker: Worked, request: HttpRequest, body: web::Payload) -> HttpResponse {
    worker.upgrade(request, body, Route::App).await
}

async fn rest(worker: Worked, request: HttpRequest, body: web::Payload) -> HttpResponse {
    worker.upgrade(request, body, Route::Rest).await
}

async fn readyz(worker: Worked) -> HttpResponse {
    readiness::answer(worker.node())
}

async fn nowhere() -> HttpResponse {
    HttpResponse::NotFound()
        .body("no such route: /ws/echo, /ws/rooms/{room}, /ws/app and /ws/rest are here\n")
}

/// From a request to a running connection, or to a refusal; `find` decides on which route it is.
async fn upgrade(
    worker: &Worker,
    request: HttpRequest,
    body: web::Payload,
    find: impl FnOnce(&HttpRequest, &Worker) -> Result<Route, Refusal>,
) -> HttpResponse {
    let answered = match admit(&request, worker, find).await {
        Ok(admitted) => start(&request, body, worker, admitted),
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| {
        let request = peer::request_id(request.headers());
        log::debug!(request, reason = refusal.label; "refused");
        worker.node.metrics().rejected(refusal.label);
        refusal.response()
    })
}

/// A handshake that will be answered with 101.
struct Admitted {
    place: Reservation,
    caller: Arc<Caller>,
    /// On which messages are deflated, if they are.
    terms: Option<Terms>,
    callback: Option<(Arc<dyn Callback>, Farewell)>,
    actions: Vec<Action>,
}

/// Judges a handshake: its form first, the application's opinion last. Its place is held from the
/// moment when only the application may still refuse it, so that a flood is refused by us alone.
async fn admit(
    request: &HttpRequest,
    worker: &Worker,
    find: impl FnOnce(&HttpRequest, &Worker) -> Result<Route, Refusal>,
) -> Result<Admitted, Refusal> {
    let (headers, rules) = (request.headers(), &worker.node.config().server);
    handshake::check(request.method(), request.version(), headers)?;
    origin::check(headers, &rules.allowed_origins)
        .map_err(|origin| Refusal::foreign_origin(&origin))?;
    let route = find(request, worker)?;
    let offer = subprotocol::offer(headers).map_err(Refusal::malformed)?;
    let terms = deflation(request, worker)?;
    let user = identify(request, worker, &offer, &route)?;
    let from = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| from.ip());
    let peer = peer::address(headers, from, &rules.trusted_proxies);
    let place = worker.shard.reserve(peer).map_err(Refusal::no_room)?;
    let subprotocol = offer.choose(&rules.subprotocols).map(str::to_owned);
    let request_id = peer::request_id(headers);
    let caller = Caller { id: place.id(), request: request_id, route, peer, user, subprotocol };
    let admitted =
        Admitted { place, caller: Arc::new(caller), terms, callback: None, actions: Vec::new() };
    match worker.node.callback().filter(|callback| callback.sees(&admitted.caller.route)) {
        None => Ok(admitted),
        Some(callback) => {
            let newcomer = introduction::of(request, offer, worker.node.auth());
            // Short of the stream's own deadline, so that a refusal still arrives.
            let patience = rules.handshake_timeout - rules.handshake_timeout / 10;
            introduce(request, newcomer, patience, Arc::clone(callback), admitted).await
        }
    }
}

/// The terms on which messages are deflated, where `compression.mode` allows it.
fn deflation(request: &HttpRequest, worker: &Worker) -> Result<Option<Terms>, Refusal> {
    if worker.node.config().compression.deflate_from().is_none() {
        return Ok(None);
    }
    let offers = request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS).map(HeaderValue::as_bytes);
    deflate::negotiate(offers).map_err(Refusal::malformed)
}

/// Whom the newcomer's token says it belongs to, where a token is asked for; and whether that one
/// may go there.
fn identify(
    request: &HttpRequest,
    worker: &Worker,
    offer: &Offer,
    route: &Route,
) -> Result<Option<String>, Refusal> {
    let Some(auth) = worker.node.auth() else { return Ok(None) };
    let identity = auth
        .authenticate(request.headers(), request.query_string(), &offer.tokens)
        .map_err(Refusal::denied)?;
    if let Route::Room(room) = route {
        identity.may_join(room).map_err(Refusal::denied)?;
    }
    Ok(identity.user)
}

/// Asks the application whether it wants the newcomer. `patience` bounds it under every server: a
/// stream's own deadline is not seen while its peer floods it.
async fn introduce(
    request: &HttpRequest,
    newcomer: Handshake,
    patience: Duration,
    callback: Arc<dyn Callback>,
    mut admitted: Admitted,
) -> Result<Admitted, Refusal> {
    let mut farewell = Farewell::new(Arc::clone(&callback), Arc::clone(&admitted.caller));
    let asked = callback.on_connect(&admitted.caller, newcomer);
    let decided = match asked {
        Answer::Now(decided) => decided,
        Answer::Later(decided) => {
            match introduction::in_time(request, decided, patience).await {
                Ok(decided) => decided,
                // The farewell is said: the application may let it in all the same.
                Err(Undecided::PeerGone) => return Err(Refusal::peer_gone()),
                Err(Undecided::Late) => {
                    farewell.ended.why = Disconnect::CallbackFailed;
                    return Err(Refusal::undecided());
                }
            }
        }
    };
    let welcome = match decided {
        Ok(welcome) => welcome,
        Err(refusal) => {
            farewell.forget();
            return Err(Refusal::by_callback(refusal));
        }
    };
    if welcome.user.is_some() {
        let caller = Caller { user: welcome.user, ..Caller::clone(&admitted.caller) };
        admitted.caller = Arc::new(caller);
        farewell.caller = Arc::clone(&admitted.caller);
    }
    Ok(Admitted { callback: Some((callback, farewell)), actions: welcome.actions, ..admitted })
}

/// Joins, answers 101 and starts the connection's task, in one synchronous turn: a peer that is
/// told 101 is in the hub before a drain can look.
fn start(
    request: &HttpRequest,
    body: web::Payload,
    Worker { node, rest, .. }: &Worker,
    Admitted { place, caller, terms, mut callback, actions }: Admitted,
) -> Result<HttpResponse, Refusal> {
    let refuse = |error: actix_web::Error| Refusal::malformed(error.to_string());
    let agreed = caller.subprotocol.as_deref().and_then(|name| HeaderValue::from_str(name).ok());
    let seat = place.join(caller, terms.map(|terms| terms.window)).map_err(|refused| {
        if let Some((_, farewell)) = &mut callback {
            farewell.ended.why = refused.why();
        }
        Refusal::no_room(refused)
    })?;
    let limits = InboundLimits {
        message_bytes_max: node.config().limits.message_bytes_max,
        message_fragments_max: node.config().limits.message_fragments_max,
        is_deflated: terms.is_some(),
    };
    let observed = Rc::new(Observed::default());
    let (response, _, guard) =
        inbound::handle(request, body, limits, Rc::clone(&observed)).map_err(refuse)?;
    let outbox = Rc::clone(&seat.outbox);
    let mut response = response.map_body(|_, _| BoxBody::new(OutboxBody::new(outbox)));
    if let Some(agreed) = agreed {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, agreed);
    }
    if let Some(agreed) = terms.and_then(|terms| HeaderValue::from_str(&terms.answer()).ok()) {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, agreed);
    }
    // Under a server that is not ours the stream is out of reach.
    let socket = request.conn_data::<SocketControl>().cloned().unwrap_or_default();
    socket.set_upgraded();
    let (rest, user_agent) = (rest.clone(), peer::user_agent(request.headers()));
    let upgraded = Upgraded { seat, socket, observed, guard, callback, rest, actions, user_agent };
    let mut connection = Connection::open(node, upgraded);
    actix_rt::spawn(async move { connection.run().await });
    Ok(response)
}
