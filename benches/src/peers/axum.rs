//! The peer made with axum: its chat example, a broadcast channel for each room and two tasks for each member.
//! Leaves to `serve.rs`: how it is started.
//!
//! One thing is done better than the example does: messages that are ready together are fed and
//! then flushed once. Buffers are as the library sets them (128 KiB for reading).

mod serve;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Error, Router,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
    routing::any,
    serve::ListenerExt,
};
use futures_util::{FutureExt, SinkExt, StreamExt, stream::SplitSink};
use tokio::{net::TcpListener, sync::broadcast};

use self::serve::{PingClock, Pinging, QUEUED_MESSAGES_MAX};

/// What the routes share.
#[derive(Clone)]
struct Server {
    pinging: Pinging,
    /// Rooms are few and stay.
    rooms: Arc<Mutex<HashMap<String, broadcast::Sender<Message>>>>,
}

fn main() -> Result<()> {
    serve::run(|listener: TcpListener, pinging| async move {
        let server = Server { pinging, rooms: Arc::default() };
        let routes = Router::new()
            .route("/ws/echo", any(upgrade_to_echo))
            .route("/ws/rooms/{room}", any(upgrade_to_room))
            .with_state(server);
        // Who is gone already needs no option.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or_default());
        Ok(axum::serve(listener, routes).await?)
    })
}

async fn upgrade_to_echo(upgrade: WebSocketUpgrade, State(server): State<Server>) -> Response {
    // However a connection ends, it concerns nobody else.
    upgrade.on_upgrade(move |socket| async move {
        let _ = echo(socket, server.pinging.clock()).await;
    })
}

async fn upgrade_to_room(
    upgrade: WebSocketUpgrade,
    Path(name): Path<String>,
    State(server): State<Server>,
) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        let room = server.room(name);
        let _ = member(socket, room, server.pinging.clock()).await;
    })
}

impl Server {
    fn room(&self, name: String) -> broadcast::Sender<Message> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(name).or_insert_with(|| broadcast::channel(QUEUED_MESSAGES_MAX).0).clone()
    }
}

async fn echo(mut socket: WebSocket, mut pings: PingClock) -> Result<(), Error> {
    loop {
        let mut next = tokio::select! {
            next = socket.recv() => next,
            () = pings.due() => {
                socket.send(Message::Ping("".into())).await?;
                continue;
            }
        };
        if next.is_none() {
            return Ok(());
        }
        // All that has come goes back in one write.
        while let Some(message) = next {
            let message = message?;
            if is_data(&message) {
                socket.feed(message).await?;
            }
            match socket.recv().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        socket.flush().await?;
    }
}

async fn member(
    socket: WebSocket,
    room: broadcast::Sender<Message>,
    pings: PingClock,
) -> Result<(), Error> {
    let (writer, mut reader) = socket.split();
    let writing = tokio::spawn(write(writer, room.subscribe(), pings));
    while let Some(Ok(message)) = reader.next().await {
        if is_data(&message) {
            // It is heard by this member at least.
            let _ = room.send(message);
        }
    }
    writing.abort();
    Ok(())
}

async fn write(
    mut writer: SplitSink<WebSocket, Message>,
    mut heard: broadcast::Receiver<Message>,
    mut pings: PingClock,
) -> Result<(), Error> {
    loop {
        let mut next = tokio::select! {
            next = heard.recv() => next.ok(),
            () = pings.due() => {
                writer.send(Message::Ping("".into())).await?;
                continue;
            }
        };
        // Who has missed something is not sent the rest.
        if next.is_none() {
            return writer.close().await;
        }
        while let Some(message) = next {
            writer.feed(message).await?;
            next = heard.try_recv().ok();
        }
        writer.flush().await?;
    }
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
