//! The peer made with tokio-tungstenite: its echo and its chat example, with what is ready leaving in one write.
//! Leaves to `serve.rs`: how it is started; to `members.rs`: who is in a room.
//!
//! Two things are done better than the examples do: messages that are ready together are fed and
//! then flushed once, and the queue of a member is bounded. Buffers are as the library sets them:
//! 128 KiB for reading, which its documentation advises for high load.

mod members;
mod serve;

use std::sync::Arc;

use anyhow::Result;
use futures_util::{FutureExt, SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};

use self::{
    members::Rooms,
    serve::{PingClock, Pinging, QUEUED_MESSAGES_MAX},
};

type Socket = WebSocketStream<TcpStream>;

fn main() -> Result<()> {
    serve::run(accept)
}

async fn accept(listener: TcpListener, pinging: Pinging) -> Result<()> {
    let rooms = Rooms::new();
    loop {
        // Out of descriptors, or gone before it was accepted: the next may fare better.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let rooms = Arc::clone(&rooms);
        // However a connection ends, it concerns nobody else.
        tokio::spawn(async move { connection(stream, rooms, pinging.clock()).await });
    }
}

async fn connection(
    stream: TcpStream,
    rooms: Arc<Rooms<Message>>,
    pings: PingClock,
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut path = String::new();
    // The callback's type is the library's.
    #[allow(clippy::result_large_err)]
    let look = |request: &Request, response: Response| {
        path.push_str(request.uri().path());
        match path == "/ws/echo" || path.starts_with("/ws/rooms/") {
            true => Ok(response),
            false => Err(not_found()),
        }
    };
    let socket = accept_hdr_async(stream, look).await?;
    match path.strip_prefix("/ws/rooms/") {
        Some(room) => member(socket, room, &rooms, pings).await,
        None => echo(socket, pings).await,
    }
}

async fn echo(mut socket: Socket, mut pings: PingClock) -> Result<(), Error> {
    loop {
        let mut next = tokio::select! {
            next = socket.next() => next,
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
            if message.is_text() || message.is_binary() {
                socket.feed(message).await?;
            }
            match socket.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        socket.flush().await?;
    }
}

async fn member(
    socket: Socket,
    room: &str,
    rooms: &Arc<Rooms<Message>>,
    pings: PingClock,
) -> Result<(), Error> {
    let (writer, mut reader) = socket.split();
    let (member, queue) = rooms.join(room);
    tokio::spawn(write(writer, queue, pings));
    // The writer ends with its queue, which ends with the member.
    while let Some(message) = reader.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            member.say(&message);
        }
    }
    Ok(())
}

async fn write(
    mut writer: SplitSink<Socket, Message>,
    mut queue: mpsc::Receiver<Message>,
    mut pings: PingClock,
) -> Result<(), Error> {
    let mut ready = Vec::new();
    loop {
        tokio::select! {
            count = queue.recv_many(&mut ready, QUEUED_MESSAGES_MAX) => {
                if count == 0 {
                    return writer.close().await;
                }
                for message in ready.drain(..) {
                    writer.feed(message).await?;
                }
                writer.flush().await?;
            }
            () = pings.due() => writer.send(Message::Ping("".into())).await?,
        }
    }
}

fn not_found() -> ErrorResponse {
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::NOT_FOUND;
    refusal
}
