//! `POST /sh` and `/send`: a body becomes a message, and the reply to it the answer.
//! Leaves to `links.rs`: which link it goes by; to `link.rs`: everything in between.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web,
};
use bytes::Bytes;
use serde::Deserialize;

use super::{
    Shared,
    body::whole,
    problem::{Problem, Sent},
};
use crate::{
    config::parse_duration,
    message::Message,
    request::{media_type, text},
};

/// The body that names its server itself.
const SEND_JSON: &str = "application/vnd.holdline.send+json";

/// What may be added to the address. Nothing else: a misspelt `server` would send the message to
/// another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    server: Option<String>,
    timeout: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    server: Option<String>,
    message: String,
}

pub(super) async fn send(
    request: HttpRequest,
    body: web::Payload,
    shared: web::Data<Shared>,
) -> HttpResponse {
    match relay(&request, body, &shared).await {
        Ok(reply) => answer(reply),
        Err(problem) => problem.sent(Sent::No).answer(),
    }
}

async fn relay(
    request: &HttpRequest,
    body: web::Payload,
    shared: &Shared,
) -> Result<Message, Problem> {
    let Some(_seat) = shared.gate.request() else {
        let max = shared.options.requests_max;
        let detail =
            format!("{max} requests are being served, which is the limit (--requests-max)");
        let problem = Problem::new(503, "requests_max", "Too many requests", detail);
        return Err(problem.retry_after(1));
    };
    let query: Query = query(request)?;
    let timeout = match &query.timeout {
        None => shared.options.timeout,
        Some(text) => asked(text, shared.options.timeout_max)?,
    };
    let max = shared.options.message_bytes_max;
    let (body, _room) = whole(request, body, shared, max, timeout).await?;
    let (server, message) = understand(request, body, query.server)?;
    let (held, _) = shared.links.meant(server.as_deref()).map_err(Problem::refused)?;
    let reply = held.link.request_within(message, timeout).await;
    reply.map_err(|failure| {
        log::debug!(server = &*held.name, reason = failure.label(); "no reply: {failure}");
        Problem::failed(&failure, &held)
    })
}

fn answer(reply: Message) -> HttpResponse {
    let kind = match reply {
        Message::Text(_) => "text/plain; charset=utf-8",
        Message::Binary(_) => "application/octet-stream",
    };
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, kind))
        .body(reply.as_bytes().clone())
}

/// The part of the address behind `?`.
pub(super) fn query<T: for<'a> Deserialize<'a>>(request: &HttpRequest) -> Result<T, Problem> {
    let query = web::Query::from_query(request.query_string());
    query.map(web::Query::into_inner).map_err(|error| {
        let words = error.to_string();
        let words = words.trim_start_matches("Query deserialize error: ");
        Problem::bad_request(format!("the query of the address: {words}"))
    })
}

fn asked(text: &str, max: Duration) -> Result<Duration, Problem> {
    let wrong = |rule: String| Problem::bad_request(format!("timeout={text}: {rule}"));
    let timeout = parse_duration(text).map_err(wrong)?;
    if timeout.is_zero() || timeout > max {
        return Err(wrong(format!("must be more than 0s and at most {max:?} (--timeout-max)")));
    }
    Ok(timeout)
}

/// The message, and the server that the request names.
fn understand(
    request: &HttpRequest,
    body: Bytes,
    server: Option<String>,
) -> Result<(Option<String>, Message), Problem> {
    let kind = media_type(request);
    if kind == "application/octet-stream" {
        return Ok((server, Message::Binary(body)));
    }
    if kind != SEND_JSON {
        return text(body).map(|text| (server, Message::Text(text)));
    }
    let letter: Letter = serde_json::from_slice(&body).map_err(|error| {
        let form = r#"{"server": "ws://…", "message": "…"}"#;
        Problem::bad_request(format!("a body of the type {SEND_JSON} must be {form}: {error}"))
    })?;
    match (&letter.server, &server) {
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("the server is named twice, in the address and in the body"))
        }
        _ => Ok((server.or(letter.server), Message::from(letter.message))),
    }
}
