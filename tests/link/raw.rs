//! A server that makes the handshake and then says nothing of its own: what a real one never does.
//! What it says is for each test to write.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::harness::PATIENCE;

/// Listens on a free port.
#[derive(Debug)]
pub struct Raw(TcpListener);

impl Raw {
    /// Takes little into the kernel, so that a writer soon feels that nobody reads.
    pub fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        Self(socket.listen(64).expect("it listens"))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    /// The next connection, its handshake made.
    pub async fn accept(&self) -> TcpStream {
        let accepting = async {
            let (mut stream, _) = self.0.accept().await.expect("somebody dials");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read_buf(&mut request).await.expect("a request");
                assert!(read > 0, "the dialler hung up");
            }
            let request = String::from_utf8(request).expect("ASCII");
            let key = request.split("Sec-WebSocket-Key: ").nth(1).expect("a key").lines().next();
            let accept = derive_accept_key(key.expect("a key").as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.expect("it reads");
            stream
        };
        tokio::time::timeout(PATIENCE, accepting).await.expect("somebody dials")
    }
}

/// The codes of the close frames in what a dialler said. It says nothing long.
pub fn close_codes(mut heard: &[u8]) -> Vec<u16> {
    let mut codes = Vec::new();
    while let [first, second, m0, m1, rest @ ..] = heard {
        let length = usize::from(second & 0x7f);
        assert!(second & 0x80 != 0 && length < 126, "a short, masked frame");
        let payload = &rest[2..2 + length];
        if *first == 0x88 {
            codes.push(u16::from_be_bytes([payload[0] ^ m0, payload[1] ^ m1]));
        }
        heard = &rest[2 + length..];
    }
    codes
}
