//! Rooms: listed and shown, with how many members they have.
//! Leaves to `connections.rs`: who the members are (`?room=`).

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Serialize;

use super::{
    Shared, json,
    query::{Query, path},
};
use crate::{
    message::Room,
    node::{Page, RoomView},
    problem::Problem,
};

/// A list of rooms, or a part of it.
#[derive(Serialize)]
struct Listed {
    rooms: Vec<Shown>,
    /// What to give as `after` for the next part.
    next: Option<String>,
}

/// One room.
#[derive(Serialize)]
struct Shown {
    name: String,
    members: usize,
}

impl From<RoomView> for Shown {
    fn from(room: RoomView) -> Self {
        Self { name: room.name.to_string(), members: room.members }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let after: Option<Room> = query.parsed("after")?;
    let limit = query.limit()?;
    query.finish()?;
    let Page { items, next } = shared.node.list_rooms(after.as_ref(), limit).await?;
    let rooms = items.into_iter().map(Shown::from).collect();
    Ok(json(StatusCode::OK, &Listed { rooms, next: next.map(|name| name.to_string()) }))
}

pub(super) async fn show(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    let name: Room = path(&request, "room")?;
    Query::of(&request)?.finish()?;
    let room = shared.node.room(&name).await?;
    Ok(json(StatusCode::OK, &Shown::from(room)))
}
