//! Connections: listed, shown and kicked.
//! Leaves to `node.rs`: finding them.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Serialize;

use super::{
    Shared, json,
    query::{Query, path},
};
use crate::{
    disconnect::{Close, Disconnect},
    message::{ConnectionId, Room},
    node::{Page, Snapshot},
    problem::Problem,
};

/// What is sent to who is kicked without a code: a policy was violated (RFC 6455 section 7.4.1).
const CODE: usize = 1008;

/// A list of connections, or a part of it.
#[derive(Serialize)]
struct Listed {
    connections: Vec<Shown>,
    /// What to give as `after` for the next part.
    next: Option<String>,
}

/// One connection.
#[derive(Serialize)]
struct Shown {
    id: String,
    request: Option<String>,
    peer: String,
    route: String,
    user: Option<String>,
    subprotocol: Option<String>,
    rooms: Vec<String>,
    age_seconds: f64,
    silent_seconds: f64,
    round_trip_seconds: Option<f64>,
    outbox_bytes: usize,
    messages_in: u64,
    messages_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    ending: Option<&'static str>,
}

impl From<Snapshot> for Shown {
    fn from(told: Snapshot) -> Self {
        let caller = &told.caller;
        Self {
            id: caller.id.to_string(),
            request: Some(caller.request.clone()).filter(|request| request != "-"),
            peer: caller.peer.to_string(),
            route: caller.route.to_string(),
            user: caller.user.clone(),
            subprotocol: caller.subprotocol.clone(),
            rooms: told.rooms.iter().map(Room::to_string).collect(),
            age_seconds: seconds(told.age),
            silent_seconds: seconds(told.silent),
            round_trip_seconds: told.round_trip.map(seconds),
            outbox_bytes: told.outbox_bytes,
            messages_in: told.messages_in,
            messages_out: told.messages_out,
            bytes_in: told.bytes_in,
            bytes_out: told.bytes_out,
            ending: told.ending.as_ref().map(Disconnect::label),
        }
    }
}

/// Whole microseconds: finer is noise.
fn seconds(duration: std::time::Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

pub(super) async fn list(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let room: Option<Room> = query.parsed("room")?;
    let after: Option<ConnectionId> = query.parsed("after")?;
    let limit = query.limit()?;
    query.finish()?;
    let Page { items, next } = shared.node.list_connections(room.as_ref(), after, limit).await?;
    let connections = items.into_iter().map(Shown::from).collect();
    let next = next.map(|id| id.to_string());
    Ok(json(StatusCode::OK, &Listed { connections, next }))
}

pub(super) async fn show(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let id: ConnectionId = path(&request, "id")?;
    Query::of(&request)?.finish()?;
    let told = shared.node.connection(id).await?;
    Ok(json(StatusCode::OK, &Shown::from(told)))
}

pub(super) async fn kick(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let id: ConnectionId = path(&request, "id")?;
    let mut query = Query::of(&request)?;
    let close = close(&mut query)?;
    query.finish()?;
    shared.node.kick(id, close).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The close frame that was asked for.
fn close(query: &mut Query) -> Result<Close, Problem> {
    const RULE: &str = "must be a code that a close frame may carry: 1000 to 1003, 1007 to 1014 or \
                        3000 to 4999";
    let code = query.number("code", RULE)?.unwrap_or(CODE);
    let code = u16::try_from(code).ok().filter(|code| Close::is_legal(*code));
    let code = code.ok_or_else(|| Problem::bad_field("code", RULE))?;
    let text = query.text("text").unwrap_or_default();
    if text.len() > Close::TEXT_BYTES_MAX {
        let rule = format!("has at most 123 bytes of UTF-8, this one has {}", text.len());
        return Err(Problem::bad_field("text", rule));
    }
    Ok(Close::new(code, text))
}
