//! How a peer gets in: target, headers, where it comes from, and what answer it takes.
//! What it does once inside is the peer's business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use super::wire::Wire;
use super::{Peer, Vice};
use crate::harness::http::{self, Answer};
use crate::harness::namespace::Namespace;
use crate::harness::tls;
use crate::harness::wait::PATIENCE;

/// The example of RFC 6455 §1.3: a key and the one right answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A handshake about to be made.
pub struct Dial<'a> {
    address: SocketAddr,
    target: String,
    headers: Vec<(String, String)>,
    from: Option<IpAddr>,
    namespace: Option<&'a Namespace>,
    window: Option<usize>,
    tls: Option<Arc<ClientConfig>>,
    vice: Vice,
}

impl<'a> Dial<'a> {
    /// A correct handshake for `target`.
    pub fn new(address: SocketAddr, target: &str) -> Self {
        let headers = [
            ("Host", address.to_string().as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
            ("X-Request-ID", &format!("{:032x}", fastrand::u128(..))),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let target = target.to_owned();
        Self {
            address,
            target,
            headers,
            from: None,
            namespace: None,
            window: None,
            tls: None,
            vice: Vice::None,
        }
    }

    /// Sets a header, in place of one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Comes from this local address; all of 127.0.0.0/8 is ours to choose from.
    pub fn from(mut self, address: &str) -> Self {
        self.from = Some(address.parse().expect("an IP address"));
        self
    }

    /// Comes under TLS.
    pub fn tls(mut self, config: &Arc<ClientConfig>) -> Self {
        self.tls = Some(config.clone());
        self
    }

    /// Comes from another host, whose wire can be cut.
    pub fn within(mut self, namespace: &'a Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Will misbehave once it is in. A peer that does not read has a small receive buffer too, or
    /// the kernel would read for it.
    pub fn vice(mut self, vice: Vice) -> Self {
        self.window = match vice {
            Vice::Deaf => Some(8 * 1024),
            Vice::Trickling(_) => Some(32 * 1024),
            Vice::None | Vice::Mute => None,
        };
        self.vice = vice;
        self
    }

    /// Gets in.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn open(self) -> Peer {
        let target = self.target.clone();
        match self.attempt().await {
            Ok(Ok(peer)) => peer,
            Ok(Err(answer)) => panic!("{target} refused: {} {}", answer.status, answer.text()),
            Err(why) => panic!("{target}: {why}"),
        }
    }

    /// Is refused.
    ///
    /// # Panics
    /// When it is let in, or gets no answer.
    pub async fn refused(self) -> Answer {
        let target = self.target.clone();
        match self.attempt().await {
            Ok(Ok(_)) => panic!("{target} was let in"),
            Ok(Err(answer)) => answer,
            Err(why) => panic!("{target}: {why}"),
        }
    }

    /// Tries: in, or refused with an answer.
    ///
    /// # Errors
    /// When there is no answer at all: refused by TCP, closed before one, or silence.
    pub async fn attempt(self) -> Result<Result<Peer, Answer>, String> {
        timeout(PATIENCE, self.shake()).await.unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    async fn shake(self) -> Result<Result<Peer, Answer>, String> {
        let mut stream = self.stream().await?;
        let (wire, answer) = match &self.tls {
            None => {
                let answer = self.ask(&mut stream).await?;
                (Wire::Plain(stream), answer)
            }
            Some(config) => {
                let mut stream = tls::shake(config, stream, self.address).await?;
                let answer = self.ask(&mut stream).await?;
                (Wire::Tls(Box::new(stream)), answer)
            }
        };
        if answer.status != 101 {
            return Ok(Err(answer));
        }
        assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT), "{answer:?}");
        assert_eq!(answer.header("sec-websocket-extensions"), None, "none was offered");
        // The gateway gives each request an id of its own; without one ours is used.
        let ours = self.headers.iter().find(|(name, _)| name == "X-Request-ID");
        let ours = ours.map(|(_, value)| value.clone()).unwrap_or_default();
        let request = answer.header("x-request-id").map_or(ours, str::to_owned);
        let subprotocol = answer.header("sec-websocket-protocol").map(str::to_owned);
        Ok(Ok(Peer::start(wire, request, subprotocol, self.vice, answer.body)))
    }

    async fn ask(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Answer, String> {
        let mut request = format!("GET {} HTTP/1.1\r\n", self.target);
        for (name, value) in &self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        http::exchange(stream, request.as_bytes()).await
    }

    async fn stream(&self) -> Result<TcpStream, String> {
        let stream = match self.namespace {
            Some(namespace) => namespace.connect(self.address.port()).await,
            None => {
                let socket = TcpSocket::new_v4().map_err(|error| error.to_string())?;
                if let Some(from) = self.from {
                    socket.bind(SocketAddr::new(from, 0)).map_err(|error| error.to_string())?;
                }
                if let Some(window) = self.window {
                    // Before connecting: the window a peer offers first is never taken back.
                    socket
                        .set_recv_buffer_size(window as u32)
                        .map_err(|error| error.to_string())?;
                }
                socket.connect(self.address).await.map_err(|error| error.to_string())?
            }
        };
        let socket = SockRef::from(&stream);
        if let Some(window) = self.window {
            socket.set_recv_buffer_size(window).map_err(|error| error.to_string())?;
        }
        socket.set_tcp_nodelay(true).map_err(|error| error.to_string())?;
        Ok(stream)
    }
}
