//! Peers by the thousand: TCP and as much of the protocol as a storm needs, no task and no large
//! allocation each. What they do to a backend is for the promises to say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::PATIENCE;
use crate::harness::peer::codec::{self, Decoder};

/// What a backend logs whom thousands visit: no line for each of them, but that it listens.
pub const QUIET: &str = "warn,actix_http=off,holdline::cli=info";

/// One of the swarm, and in.
pub struct Bee {
    /// Its connection.
    pub stream: TcpStream,
    /// What it has read and not looked at.
    pub decoder: Decoder,
}

/// Why one did not get in.
#[derive(Debug, PartialEq)]
pub enum Outside {
    /// Refused with this status, and how many seconds it was asked to wait.
    Refused(u16, Option<u64>),
    /// No answer: refused by TCP, or closed before one.
    Unheard(String),
}

/// A correct handshake for `target`, written once for all.
pub fn handshake(address: SocketAddr, target: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// Where the bee of this number comes from: a dozen share an address, as an office does, so that no
/// address runs out of ports or into a limit.
pub fn home(number: usize) -> Ipv4Addr {
    let office = number / 12;
    Ipv4Addr::new(
        127,
        1 + (office / 62_500 % 100) as u8,
        (office / 250 % 250) as u8,
        1 + (office % 250) as u8,
    )
}

/// Connects from there.
pub async fn connect(address: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Bee {
    /// Tries to get in.
    ///
    /// # Errors
    /// Why it did not.
    pub async fn attempt(
        address: SocketAddr,
        from: Ipv4Addr,
        request: &[u8],
    ) -> Result<Self, Outside> {
        let unheard = |error: std::io::Error| Outside::Unheard(error.to_string());
        let shake = async {
            let mut stream = connect(address, from).await.map_err(unheard)?;
            stream.write_all(request).await.map_err(unheard)?;
            let mut read = Vec::with_capacity(512);
            loop {
                if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                    return judge(stream, &read, end + 4);
                }
                if stream.read_buf(&mut read).await.map_err(unheard)? == 0 {
                    return Err(Outside::Unheard("FIN".to_owned()));
                }
            }
        };
        // Longer than the gateway's shaping makes anybody wait.
        let silence = || Err(Outside::Unheard("no answer".to_owned()));
        timeout(PATIENCE * 2, shake).await.unwrap_or_else(|_| silence())
    }

    /// Waits for the end, answering what is to be answered: the code of the close frame, none when
    /// there was none.
    pub async fn ended(&mut self) -> Option<u16> {
        let (mut code, mut read) = (None, Vec::with_capacity(1024));
        loop {
            while let Some(frame) = self.decoder.next() {
                let answer = match frame.opcode {
                    codec::PING => codec::PONG,
                    codec::CLOSE => {
                        let first = frame.payload.first_chunk().copied();
                        code = Some(first.map_or(1005, u16::from_be_bytes));
                        codec::CLOSE
                    }
                    _ => continue,
                };
                let _ = self.stream.write_all(&codec::encode(true, answer, &frame.payload)).await;
            }
            read.clear();
            match self.stream.read_buf(&mut read).await {
                Ok(1..) => self.decoder.push(&read),
                Ok(0) | Err(_) => return code,
            }
        }
    }

    /// Waits for one frame of this kind, past others.
    pub async fn hears(&mut self, opcode: u8) -> Option<Vec<u8>> {
        let mut read = Vec::with_capacity(1024);
        loop {
            while let Some(frame) = self.decoder.next() {
                if frame.opcode == opcode {
                    return Some(frame.payload);
                }
            }
            read.clear();
            match self.stream.read_buf(&mut read).await {
                Ok(1..) => self.decoder.push(&read),
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// Tears the connection: the other end gets an RST.
    pub fn reset(self) {
        let socket = SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("any socket can linger for nothing");
    }
}

fn judge(stream: TcpStream, read: &[u8], end: usize) -> Result<Bee, Outside> {
    let head = String::from_utf8_lossy(&read[..end]);
    let status = head.get(9..12).and_then(|digits| digits.parse().ok());
    match status {
        Some(101) => {
            let mut decoder = Decoder::default();
            decoder.push(&read[end..]);
            Ok(Bee { stream, decoder })
        }
        Some(status) => {
            let after = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("retry-after:")?.trim().parse().ok()
            });
            Err(Outside::Refused(status, after))
        }
        None => Err(Outside::Unheard(head.into_owned())),
    }
}

/// So many bees, all in, this many knocking at once.
///
/// # Panics
/// When one of them is not let in.
pub async fn swarm(address: SocketAddr, target: &str, count: usize, lanes: usize) -> Vec<Bee> {
    let mut all = JoinSet::new();
    for lane in 0..lanes {
        let request = handshake(address, target);
        all.spawn(async move {
            let mut mine = Vec::new();
            for number in (lane..count).step_by(lanes) {
                let bee = Bee::attempt(address, home(number), &request).await;
                mine.push(bee.unwrap_or_else(|why| panic!("{number} of the swarm: {why:?}")));
            }
            mine
        });
    }
    all.join_all().await.into_iter().flatten().collect()
}
