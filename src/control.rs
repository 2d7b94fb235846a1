//! The control listener: metrics, health and readiness, for the operator and never for peers.
//! Leaves to `server.rs`: everything that peers may ask.

use std::{io, net::TcpListener, time::Duration};

use actix_http::{HttpService, KeepAlive};
use actix_server::ServerBuilder;
use actix_service::map_config;
use actix_web::{App, HttpResponse, dev::AppConfig, http::header::CACHE_CONTROL, web};

use crate::{metrics::CONTENT_TYPE, node::Node, readiness};

/// Longer than a usual scrape interval, so that Prometheus keeps its connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Adds the control listener to `builder`.
///
/// # Errors
/// The listener's.
pub fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    node: &Node,
) -> io::Result<ServerBuilder> {
    let node = node.clone();
    builder.listen("control", listener, move || {
        let app = App::new().app_data(web::Data::new(node.clone())).configure(routes);
        HttpService::build()
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(node.config().server.handshake_timeout)
            .client_disconnect_timeout(Duration::ZERO)
            .h1(map_config(app, |()| AppConfig::default()))
            .tcp()
    })
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/metrics", web::get().to(metrics))
        .route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz))
        .default_service(web::to(nowhere));
}

async fn metrics(node: web::Data<Node>) -> HttpResponse {
    let text = web::block(move || node.render_metrics()).await;
    match text {
        Ok(text) => HttpResponse::Ok().content_type(CONTENT_TYPE).body(text),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).body("alive\n")
}

async fn readyz(node: web::Data<Node>) -> HttpResponse {
    readiness::answer(&node)
}

async fn nowhere() -> HttpResponse {
    HttpResponse::NotFound().body("no such route: /metrics, /healthz and /readyz are here\n")
}
