//! The steps from a host's name to an opened WebSocket, each with its own way to fail.
//! Leaves to `dial.rs`: what is opened, and the time for all of it.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    Answer, ConnectFault, Dial, Line, Opened, Refusal, Step, end,
    handshake::{Asking, Failure, Request, upgrade},
    secured::Secured,
    tls,
    wire::Wire,
};

/// How long the kernel tries to deliver what nobody acknowledges (`TCP_USER_TIMEOUT`, tcp(7)):
/// above any pong timeout in use, and far below the kernel's own quarter of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// As much as the kernel may hold unsent before it takes more (`TCP_NOTSENT_LOWAT`, tcp(7)). It
/// would take megabytes, and on a slow line give no sign of progress until a third of them is
/// gone: a write timeout would take that for a standstill.
const UNSENT_BYTES: u32 = 64 * 1024;

impl Dial {
    pub(super) async fn steps(&self, step: &mut Step) -> Result<(Line, Opened), Refusal> {
        let mut clock = Stopwatch(Instant::now());
        let addresses = self.resolve().await?;
        let resolve = clock.lap();
        *step = Step::Connect;
        let (wire, address) = self.connect(&addresses).await?;
        let connect = clock.lap();
        *step = Step::Tls;
        let mut stream = self.secure(wire).await?;
        let tls = clock.lap();
        *step = Step::Handshake;
        let (answer, early) = self.ask(&mut stream, Asking::Upgrade).await?;
        let subprotocol = answer.header("sec-websocket-protocol").map(str::to_owned);
        let took = [resolve, connect, tls, clock.lap()];
        let line = Line::new(stream, early, self.message_bytes_max).await;
        Ok((line, Opened { address, subprotocol, answer, took }))
    }

    /// Resolves, connects, secures and asks, for a diagnosis: returns the answer and what is open.
    pub(super) async fn inquire(
        &self,
        asking: Asking,
        step: &mut Step,
    ) -> Result<(Line, Answer), Refusal> {
        let addresses = self.resolve().await?;
        *step = Step::Connect;
        let (wire, _) = self.connect(&addresses).await?;
        *step = Step::Tls;
        let mut stream = self.secure(wire).await?;
        *step = Step::Handshake;
        let (answer, early) = self.ask(&mut stream, asking).await?;
        Ok((Line::new(stream, early, self.message_bytes_max).await, answer))
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Refusal> {
        let found = lookup_host((self.url.host(), self.url.port())).await;
        match found.map(Iterator::collect::<Vec<_>>) {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(Refusal::Resolve("the resolver knows none".to_owned())),
            Err(error) => Err(Refusal::Resolve(error.to_string())),
        }
    }

    /// The first address that answers. Each gets an even share of the time, so that one behind a
    /// firewall that drops does not use it up.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<(Wire, SocketAddr), Refusal> {
        let share = self.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut refusal = Refusal::Timeout(Step::Connect, share);
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    tune(&stream);
                    return Ok((Wire::new(stream), *address));
                }
                Ok(Err(error)) => refusal = Refusal::Connect(*address, fault_of(&error)),
                Err(_) => refusal = Refusal::Timeout(Step::Connect, share),
            }
        }
        Err(refusal)
    }

    async fn secure(&self, wire: Wire) -> Result<Secured, Refusal> {
        if !self.url.is_secure() {
            return Ok(Secured::Plain(wire));
        }
        let connector = match self.connector.get() {
            Some(connector) => connector,
            None => {
                let made = self.tls.connector()?;
                self.connector.get_or_init(|| made)
            }
        };
        let stream = tls::secure(connector, &self.url, wire).await?;
        Ok(Secured::Tls(Box::new(stream)))
    }

    async fn ask(
        &self,
        stream: &mut Secured,
        asking: Asking,
    ) -> Result<(Answer, Vec<u8>), Refusal> {
        let authority = self.url.authority();
        let request = Request {
            asking,
            path_and_query: &self.url.path_and_query(),
            host: self.host.as_ref().unwrap_or(&authority),
            subprotocols: &self.subprotocols,
            fields: &self.fields,
        };
        upgrade(stream, request).await.map_err(|failure| match failure {
            Failure::Status(answer) => Refusal::Status(answer),
            Failure::NotWebSocket(why, answer) => Refusal::NotWebSocket(why, answer),
            Failure::Io(error) => match end::tls_fault(&error) {
                Some(fault) => Refusal::Tls(fault),
                None => Refusal::HungUp(Step::Handshake, stream.wire().notes().reset),
            },
        })
    }
}

fn fault_of(error: &io::Error) -> ConnectFault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectFault::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ConnectFault::Unreachable
        }
        kind => ConnectFault::Other(kind),
    }
}

/// What cannot be set costs memory or time, and no connection.
#[cfg(target_os = "linux")]
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
}

#[cfg(not(target_os = "linux"))]
fn tune(_: &TcpStream) {}

struct Stopwatch(Instant);

impl Stopwatch {
    fn lap(&mut self) -> Duration {
        let began = std::mem::replace(&mut self.0, Instant::now());
        self.0.saturating_duration_since(began)
    }
}
