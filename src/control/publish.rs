//! One message to a connection, a room or everyone: the body of the request is the message.
//! Leaves to `node.rs`: the way to each peer; to `batch.rs`: many at once.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Serialize;

use super::{
    Shared, json,
    query::{Query, path},
};
use crate::{
    message::Message,
    node::To,
    problem::Problem,
    request::{body, media_type, text},
};

#[derive(Serialize)]
pub(super) struct Delivered {
    /// How many outboxes it was queued to.
    pub(super) delivered: usize,
}

pub(super) async fn to_connection(
    request: HttpRequest,
    body: web::Payload,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let to = To::Connection(path(&request, "id")?);
    deliver(&request, body, &shared, to).await
}

pub(super) async fn to_room(
    request: HttpRequest,
    body: web::Payload,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let to = To::Room(path(&request, "room")?);
    deliver(&request, body, &shared, to).await
}

pub(super) async fn to_everyone(
    request: HttpRequest,
    body: web::Payload,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    deliver(&request, body, &shared, To::Everyone).await
}

async fn deliver(
    request: &HttpRequest,
    payload: web::Payload,
    shared: &Shared,
    to: To,
) -> Result<HttpResponse, Problem> {
    Query::of(request)?.finish()?;
    let config = shared.node.config();
    let (max, patience) = (config.limits.message_bytes_max, config.server.handshake_timeout);
    let body = body(request, payload, max, patience, |_| Ok(())).await?;
    let message = match &*media_type(request) {
        "application/octet-stream" => Message::Binary(body),
        _ => Message::Text(text(body)?),
    };
    let delivered = shared.node.deliver(&to, &message).await?;
    Ok(json(StatusCode::OK, &Delivered { delivered }))
}
