//! The peer made with fastwebsockets: its example on hyper, with reader and writer apart.
//! Leaves to `serve.rs`: how it is started; to `members.rs`: who is in a room; to `gather.rs`: joining writes.
//!
//! The library writes each frame at once. Its writer's `flush` is made for a stream that waits for
//! it, which the example has not: this one has, so that what is ready together leaves in one write.

mod gather;
mod members;
mod serve;

use std::{convert::Infallible, pin::pin, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use fastwebsockets::{
    FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError, WebSocketWrite,
    upgrade::{UpgradeFut, upgrade},
};
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::unconstrained,
};

use self::{
    gather::Gather,
    members::{Member, Rooms},
    serve::{PingClock, Pinging, QUEUED_MESSAGES_MAX},
};

type Stream = TokioIo<Upgraded>;
type Reader = FragmentCollectorRead<ReadHalf<Stream>>;
type Writer = WebSocketWrite<Gather<WriteHalf<Stream>>>;
type Message = (OpCode, Bytes);

fn main() -> Result<()> {
    serve::run(accept)
}

async fn accept(listener: TcpListener, pinging: Pinging) -> Result<()> {
    let rooms = Rooms::new();
    loop {
        // Out of descriptors, or gone before it was accepted: the next may fare better.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let rooms = Arc::clone(&rooms);
        tokio::spawn(async move {
            let serve = service_fn(|request| route(request, Arc::clone(&rooms), pinging));
            connection(stream, serve).await
        });
    }
}

async fn connection<S>(stream: TcpStream, service: S) -> Result<()>
where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<Empty<Bytes>>,
            Error = Infallible,
            Future: Send,
        > + Send,
{
    stream.set_nodelay(true)?;
    let stream = TokioIo::new(stream);
    Ok(http1::Builder::new().serve_connection(stream, service).with_upgrades().await?)
}

async fn route(
    mut request: Request<Incoming>,
    rooms: Arc<Rooms<Message>>,
    pinging: Pinging,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let room = path.strip_prefix("/ws/rooms/").map(str::to_owned);
    if room.is_none() && path != "/ws/echo" {
        return Ok(refused(StatusCode::NOT_FOUND));
    }
    let Ok((response, upgraded)) = upgrade(&mut request) else {
        return Ok(refused(StatusCode::BAD_REQUEST));
    };
    // However a connection ends, it concerns nobody else. Unconstrained as in the library's example.
    tokio::spawn(unconstrained(async move {
        let (reader, writer) = open(upgraded).await?;
        match room {
            Some(room) => {
                let (member, queue) = rooms.join(&room);
                converse(reader, writer, member, queue, pinging.clock()).await
            }
            None => echo(reader, writer, pinging.clock()).await,
        }
    }));
    Ok(response)
}

/// Control frames are answered here: what answers by itself cannot share the writer.
async fn open(upgraded: UpgradeFut) -> Result<(Reader, Writer), WebSocketError> {
    let mut socket = upgraded.await?;
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    let (reader, writer) = socket.split(|stream| {
        let (reader, writer) = tokio::io::split(stream);
        (reader, Gather::new(writer))
    });
    Ok((FragmentCollectorRead::new(reader), writer))
}

async fn echo(
    mut reader: Reader,
    mut writer: Writer,
    mut pings: PingClock,
) -> Result<(), WebSocketError> {
    loop {
        let frame = {
            // Ending it midway would lose what it has of the frame: it goes on past pings.
            let mut reading = pin!(read(&mut reader));
            let mut flushed = false;
            loop {
                tokio::select! {
                    biased;
                    frame = &mut reading => break frame?,
                    // Nothing more has come: all that has goes back in one write.
                    done = writer.flush(), if !flushed => { done?; flushed = true; }
                    () = pings.due() => { ping(&mut writer).await?; }
                }
            }
        };
        match frame.opcode {
            OpCode::Text | OpCode::Binary => writer.write_frame(frame).await?,
            OpCode::Ping => writer.write_frame(Frame::pong(frame.payload)).await?,
            OpCode::Close => return goodbye(&mut writer, frame.payload).await,
            OpCode::Pong | OpCode::Continuation => {}
        }
    }
}

async fn converse(
    mut reader: Reader,
    writer: Writer,
    member: Member<Message>,
    queue: mpsc::Receiver<Message>,
    pings: PingClock,
) -> Result<(), WebSocketError> {
    // What only this member is to be told: the answers to its control frames.
    let (answers, answered) = mpsc::channel(1);
    tokio::spawn(unconstrained(write(writer, queue, answered, pings)));
    loop {
        let Frame { opcode, payload, .. } = read(&mut reader).await?;
        let payload = match payload {
            Payload::Bytes(bytes) => bytes.freeze(),
            other => Vec::from(other).into(),
        };
        match opcode {
            OpCode::Text | OpCode::Binary => member.say(&(opcode, payload)),
            // A writer that is gone has nobody to tell.
            OpCode::Ping => drop(answers.send((OpCode::Pong, payload)).await),
            OpCode::Close => {
                let _ = answers.send((OpCode::Close, payload)).await;
                return Ok(());
            }
            OpCode::Pong | OpCode::Continuation => {}
        }
    }
}

async fn write(
    mut writer: Writer,
    mut queue: mpsc::Receiver<Message>,
    mut answers: mpsc::Receiver<Message>,
    mut pings: PingClock,
) -> Result<(), WebSocketError> {
    let mut ready = Vec::new();
    loop {
        tokio::select! {
            count = queue.recv_many(&mut ready, QUEUED_MESSAGES_MAX) => {
                if count == 0 {
                    return goodbye(&mut writer, Payload::Borrowed(&[])).await;
                }
                for (opcode, payload) in ready.drain(..) {
                    writer.write_frame(Frame::new(true, opcode, None, payload[..].into())).await?;
                }
                writer.flush().await?;
            }
            Some((opcode, payload)) = answers.recv() => match opcode {
                OpCode::Close => return goodbye(&mut writer, payload[..].into()).await,
                _ => {
                    writer.write_frame(Frame::pong(payload[..].into())).await?;
                    writer.flush().await?;
                }
            },
            () = pings.due() => ping(&mut writer).await?,
        }
    }
}

async fn read(reader: &mut Reader) -> Result<Frame<'_>, WebSocketError> {
    // There is nothing it could want to send: it answers nothing by itself.
    reader.read_frame(&mut |_| std::future::ready(Ok::<_, WebSocketError>(()))).await
}

async fn ping(writer: &mut Writer) -> Result<(), WebSocketError> {
    writer.write_frame(Frame::new(true, OpCode::Ping, None, Payload::Borrowed(&[]))).await?;
    writer.flush().await
}

async fn goodbye(writer: &mut Writer, payload: Payload<'_>) -> Result<(), WebSocketError> {
    writer.write_frame(Frame::close_raw(payload)).await?;
    writer.flush().await
}

fn refused(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}
