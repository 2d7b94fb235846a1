//! The routes: what may be asked of a bridge, and the answers.
//! Leaves to `send.rs`: messages; to `links.rs`: the links themselves.

use std::sync::Arc;

use actix_http::ConnectionType;
use actix_web::{
    HttpRequest, HttpResponse, Route,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header::CACHE_CONTROL},
    middleware::Next,
    web,
};
use serde::Deserialize;

use super::{
    Shared,
    body::whole,
    feed::Reader,
    links::{Held, parse},
    problem::Problem,
    report::{Entry, Report},
    send::{query, send},
};
use crate::{metrics::CONTENT_TYPE, visitor};

const ROUTES: &str = "POST /sh, /send, /connect, /disconnect, /reconnect; GET /status, /messages, \
                      /metrics, /healthz, /readyz";

/// The largest body of `POST /connect`, in bytes.
const CONNECT_BYTES_MAX: usize = 16 * 1024;

/// Asked also while the bridge shuts down, by whoever watches it.
const WATCHED: [&str; 4] = ["/status", "/metrics", "/healthz", "/readyz"];

/// Reading does not need a pass at the gate: a stream of messages ends by itself.
const STREAM: &str = "/messages";

pub(super) fn routes(app: &mut web::ServiceConfig) {
    for path in ["/sh", "/send"] {
        app.service(resource(path, "POST", web::post().to(send)));
    }
    app.service(resource("/connect", "POST", web::post().to(connect)))
        .service(resource("/disconnect", "POST", web::post().to(disconnect)))
        .service(resource("/reconnect", "POST", web::post().to(reconnect)))
        .service(resource("/status", "GET", web::get().to(status)))
        .service(resource(STREAM, "GET", web::get().to(messages)))
        .service(resource("/metrics", "GET", web::get().to(metrics)))
        .service(resource("/healthz", "GET", web::get().to(healthz)))
        .service(resource("/readyz", "GET", web::get().to(readyz)))
        .default_service(web::to(nowhere));
}

fn resource(path: &str, method: &'static str, route: Route) -> actix_web::Resource {
    let other = move || async move { Problem::method(method).answer() };
    web::resource(path).route(route).default_service(web::to(other))
}

/// Goes before every route: who asks, and whether anybody is still let in.
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let shared: Option<&web::Data<Shared>> = request.app_data();
    let Some(shared) = shared.cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let _visit = (request.path() != STREAM).then(|| shared.gate.visit());
    let watched = WATCHED.contains(&request.path());
    let refusal = visitor::refusal(request.headers(), shared.options.listen.ip().is_loopback());
    let refusal =
        refusal.or_else(|| (shared.gate.is_draining() && !watched).then(Problem::draining));
    let mut response = match refusal {
        Some(problem) => request.into_response(problem.answer()),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let (method, path) = (response.request().method(), response.request().path());
    log::debug!(method:%, path, status = response.status().as_u16(); "request");
    if shared.gate.is_draining() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connect {
    server: String,
}

async fn connect(
    request: HttpRequest,
    body: web::Payload,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let timeout = shared.options.timeout;
    let (body, _room) = whole(&request, body, &shared, CONNECT_BYTES_MAX, timeout).await?;
    let wish: Connect = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad_request(format!(r#"the body must be {{"server": "ws://…"}}: {error}"#))
    })?;
    let (held, opened) = shared.links.meant(Some(&wish.server)).map_err(Problem::refused)?;
    if !opened {
        // A wish to connect is a wish to be connected: it takes back an earlier disconnect.
        shared.links.reconnect(std::slice::from_ref(&held)).await;
    }
    let status = if opened { StatusCode::CREATED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    Ok(answer.insert_header((CACHE_CONTROL, "no-store")).json(Entry::of(&held)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    server: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Farewell {
    server: Option<String>,
    #[serde(default)]
    forget: bool,
}

async fn disconnect(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let farewell: Farewell = query(&request)?;
    let held = named(&shared, farewell.server.as_deref())?;
    shared.links.disconnect(&held).await;
    if farewell.forget {
        shared.links.forget(&held);
    }
    Ok(report(&held))
}

async fn reconnect(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let which: Which = query(&request)?;
    let held = named(&shared, which.server.as_deref())?;
    shared.links.reconnect(&held).await;
    Ok(report(&held))
}

async fn status(request: HttpRequest, shared: web::Data<Shared>) -> Result<HttpResponse, Problem> {
    let which: Which = query(&request)?;
    Ok(report(&named(&shared, which.server.as_deref())?))
}

fn named(shared: &Shared, server: Option<&str>) -> Result<Vec<Arc<Held>>, Problem> {
    let held = shared.links.named(server).map_err(Problem::refused)?;
    match server {
        Some(server) if held.is_empty() => {
            let detail = format!("there is no link to {}; GET /status lists all", parsed(server));
            Err(Problem::new(404, "no_link", "There is no such link", detail))
        }
        _ => Ok(held),
    }
}

/// The server as it may be shown.
fn parsed(server: &str) -> String {
    parse(server).map_or_else(|_| "it".to_owned(), |url| url.without_query())
}

fn report(held: &[Arc<Held>]) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Report::of(held))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    server: Option<String>,
    after: Option<String>,
}

async fn messages(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let from: From = query(&request)?;
    let server = from.server.as_deref().map(parse).transpose().map_err(Problem::refused)?;
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    // A reader that comes back says how far it came; its address is still that of its beginning.
    let place = match last.or(from.after.as_deref()) {
        None => shared.kept.oldest(),
        Some(id) => shared.kept.place(id).ok_or_else(|| {
            Problem::bad_request(format!("{id:?} is not the id of a message: epoch-number"))
        })?,
    };
    let Some(seat) = shared.gate.reader() else {
        let max = shared.options.readers_max;
        let detail = format!("there are {max} readers, which is the limit (--readers-max)");
        return Err(Problem::new(503, "readers_max", "Too many readers", detail).retry_after(1));
    };
    let server = server.map(|url| url.without_query());
    let kept = Arc::clone(&shared.kept);
    let reader = Reader::new(kept, shared.gate.draining(), place, server, seat);
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/event-stream")
        .streaming(reader.body()))
}

async fn metrics(shared: web::Data<Shared>) -> HttpResponse {
    let text = web::block(move || shared.metrics.render()).await;
    let mut answer = match text {
        Ok(_) => HttpResponse::Ok(),
        Err(_) => HttpResponse::ServiceUnavailable(),
    };
    answer.insert_header((CACHE_CONTROL, "no-store")).content_type(CONTENT_TYPE);
    answer.body(text.unwrap_or_default())
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).body("alive\n")
}

/// Ready when everything that should be open is.
async fn readyz(shared: web::Data<Shared>) -> HttpResponse {
    let mut words = String::new();
    if shared.gate.is_draining() {
        words.push_str("draining\n");
    }
    for held in shared.links.down() {
        words.push_str(&format!("{} is {}\n", held.name, held.link.state()));
    }
    let mut answer = match words.is_empty() {
        true => HttpResponse::Ok(),
        false => HttpResponse::ServiceUnavailable(),
    };
    if words.is_empty() {
        words.push_str("ready\n");
    }
    answer.insert_header((CACHE_CONTROL, "no-store")).body(words)
}

async fn nowhere() -> HttpResponse {
    Problem::no_route(ROUTES).answer()
}
