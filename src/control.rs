//! The control listener: metrics and health, and the control API, for the operator and the
//! application and never for peers. Leaves to `server.rs`: everything that peers may ask.

mod admit;
mod token;

mod connections;
mod rooms;

mod batch;
mod publish;

mod document;
mod failure;
mod query;

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use actix_http::{HttpService, KeepAlive};
use actix_server::ServerBuilder;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route,
    dev::AppConfig,
    guard,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, ContentType},
    },
    middleware::from_fn,
    web,
};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Semaphore;

use self::query::Query;
use crate::{
    metrics::CONTENT_TYPE,
    node::Node,
    problem::Problem,
    readiness,
    socket::{Socket, SocketLimits},
};

/// Longer than a usual scrape interval, so that Prometheus keeps its connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What is told to who asks for something else.
const ROUTES: &str = "GET /metrics, /healthz, /readyz; GET /connections; GET and DELETE \
                      /connections/{id}; POST /connections/{id}/messages; GET /rooms, \
                      /rooms/{room}; POST /rooms/{room}/messages, /messages, /publish, /drain; \
                      GET /openapi.json";

/// What the routes share.
struct Shared {
    node: Node,
    /// One permit for each request to the API (`control.requests_max`).
    requests: Arc<Semaphore>,
    /// The OpenAPI document.
    document: Bytes,
}

/// Adds the control listener to `builder`.
///
/// # Errors
/// The listener's.
pub fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    node: &Node,
) -> io::Result<ServerBuilder> {
    let config = &node.config().control;
    let requests = config.requests_max.min(Semaphore::MAX_PERMITS);
    let shared = web::Data::new(Shared {
        node: node.clone(),
        requests: Arc::new(Semaphore::new(requests)),
        document: document::of(config.token.is_some()),
    });
    builder.listen("control", listener, move || {
        let app = App::new().app_data(shared.clone()).wrap(from_fn(admit::admit)).configure(routes);
        let config = shared.node.config();
        let http = HttpService::build()
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(config.server.handshake_timeout)
            .client_disconnect_timeout(Duration::ZERO)
            .h1(map_config(app, |()| AppConfig::default()));
        // Whoever asks and takes no answer is not kept for ever either.
        let limits = SocketLimits {
            write_timeout: config.limits.write_timeout,
            handshake_timeout: KEEP_ALIVE.max(config.server.handshake_timeout),
        };
        fn_service(Socket::acceptor(limits)).and_then(http)
    })
}

fn routes(app: &mut web::ServiceConfig) {
    app.service(looking("/metrics", metrics))
        .service(looking("/healthz", healthz))
        .service(looking("/readyz", readyz))
        .service(looking("/connections", connections::list))
        .service(
            resource("/connections/{id}", "GET, HEAD, DELETE")
                .route(look().to(connections::show))
                .route(web::delete().to(connections::kick)),
        )
        .service(posting("/connections/{id}/messages", publish::to_connection))
        .service(looking("/rooms", rooms::list))
        .service(looking("/rooms/{room}", rooms::show))
        .service(posting("/rooms/{room}/messages", publish::to_room))
        .service(posting("/messages", publish::to_everyone))
        .service(posting("/publish", batch::publish))
        .service(posting("/drain", drain))
        .service(looking("/openapi.json", document::show))
        .default_service(web::to(nowhere));
}

/// A route that is only looked at.
fn looking<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "GET, HEAD").route(look().to(handler))
}

/// HEAD is GET without the body (RFC 9110 section 9.3.2); actix leaves that out itself.
fn look() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn posting<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "POST").route(web::post().to(handler))
}

fn resource(path: &str, allow: &'static str) -> Resource {
    let other = move || async move { Problem::method(allow).answer() };
    web::resource(path).default_service(web::to(other))
}

async fn metrics(shared: web::Data<Shared>) -> HttpResponse {
    let text = web::block(move || shared.node.render_metrics()).await;
    match text {
        Ok(text) => HttpResponse::Ok().content_type(CONTENT_TYPE).body(text),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn healthz() -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-store")).content_type(ContentType::plaintext());
    answer.body("alive\n")
}

async fn readyz(shared: web::Data<Shared>) -> HttpResponse {
    readiness::answer(&shared.node)
}

#[derive(Serialize)]
struct Draining {
    draining: bool,
    /// How many are to be told goodbye.
    connections: usize,
}

async fn drain(request: HttpRequest, shared: web::Data<Shared>) -> Result<HttpResponse, Problem> {
    Query::of(&request)?.finish()?;
    let peer = request.peer_addr().map_or_else(|| "-".to_owned(), |peer| peer.to_string());
    log::info!(peer; "asked to drain");
    shared.node.drain();
    let connections = shared.node.connections();
    Ok(json(StatusCode::ACCEPTED, &Draining { draining: true, connections }))
}

async fn nowhere() -> HttpResponse {
    Problem::no_route(ROUTES).answer()
}

/// An answer that is true now and not later.
fn json(status: StatusCode, answer: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(answer)
}
