//! A server that shakes hands like any other and then does only what the test tells it.
//! It is no good server; what it proves is how its far end takes that.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A frame of the far end: opcode and payload.
pub type Frame = (u8, Vec<u8>);

/// A server; its address, and what it has heard on all its connections.
pub struct Stub {
    pub address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The heads of the requests.
    pub heads: Vec<String>,
    /// The frames.
    pub frames: Vec<Frame>,
}

/// What the stub does after a frame.
pub enum Deed {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Reads nothing for so long.
    Rest(Duration),
    /// Ends TCP.
    HangUp,
}

/// The bytes of a server's frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        length @ ..126 => bytes.push(length as u8),
        length @ ..0x1_0000 => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// A close frame.
pub fn close(code: Option<u16>) -> Vec<u8> {
    frame(CLOSE, &code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec()))
}

impl Stub {
    /// Sends `greeting` after the handshake, and reacts to each frame as told.
    pub async fn start<F>(greeting: Vec<u8>, react: F) -> Self
    where
        F: FnMut(&Frame) -> Deed + Clone + Send + 'static,
    {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Takes little into the kernel, so that a far end soon feels that nobody reads; but more than
        // a packet, or every packet would wait.
        socket.set_recv_buffer_size(128 * 1024).expect("a small buffer");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener = socket.listen(64).expect("it listens");
        let address = listener.local_addr().expect("it listens");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let log = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, greeting.clone(), react.clone(), log.clone()));
            }
        });
        Self { address, heard }
    }

    /// One that never says anything.
    pub async fn silent() -> Self {
        Self::start(Vec::new(), |_| Deed::Say(Vec::new())).await
    }

    /// What it has heard so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().expect("nobody panics with it").clone()
    }

    /// The URL of its root.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

async fn serve<F>(mut stream: TcpStream, greeting: Vec<u8>, mut react: F, log: Arc<Mutex<Heard>>)
where
    F: FnMut(&Frame) -> Deed,
{
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            break String::from_utf8_lossy(&std::mem::replace(&mut read, rest)).into_owned();
        }
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return;
        }
    };
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.expect("a key").as_bytes());
    let protocol = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
    let protocol = protocol.and_then(|offered| offered.split(", ").next());
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{}\r\n",
        protocol.unwrap_or_default()
    );
    log.lock().expect("nobody panics with it").heads.push(head);
    let _ = stream.write_all(&[answer.as_bytes(), &greeting].concat()).await;
    loop {
        while let Some(frame) = take(&mut read) {
            let deed = react(&frame);
            log.lock().expect("nobody panics with it").frames.push(frame);
            match deed {
                Deed::Say(bytes) => drop(stream.write_all(&bytes).await),
                Deed::Rest(span) => tokio::time::sleep(span).await,
                Deed::HangUp => return,
            }
        }
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return;
        }
    }
}

/// A whole frame, unmasked, if there is one.
fn take(read: &mut Vec<u8>) -> Option<Frame> {
    let (opcode, short) = (*read.first()? & 15, *read.get(1)? & 127);
    let (length, at) = match short {
        126 => (u16::from_be_bytes(read.get(2..4)?.try_into().ok()?).into(), 4),
        127 => (u64::from_be_bytes(read.get(2..10)?.try_into().ok()?).try_into().ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mask: [u8; 4] = read.get(at..at + 4)?.try_into().ok()?;
    let payload = read.get(at + 4..at + 4 + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    read.drain(..at + 4 + length);
    Some((opcode, payload))
}
