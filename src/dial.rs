//! Opens one client WebSocket, and tells FIN, RST, close frame, refusal and silence apart.
//! Leaves to the floors above: whether to try again.

mod end;
mod handshake;
mod invalid;
mod line;
mod refusal;
mod secured;
mod tls;
mod url;
mod wire;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

pub use self::{
    end::End,
    invalid::Invalid,
    line::{Event, Line},
    refusal::{Answer, ConnectFault, Refusal, Step},
    tls::Tls,
    url::ServerUrl,
    wire::Notes,
};
use self::{
    handshake::{Failure, Request, upgrade},
    invalid::is_token,
    secured::Secured,
    wire::Wire,
};

/// How long the kernel tries to deliver what nobody acknowledges (`TCP_USER_TIMEOUT`, tcp(7)):
/// above any pong timeout in use, and far below the kernel's own quarter of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// As much as the kernel may hold unsent before it takes more (`TCP_NOTSENT_LOWAT`, tcp(7)). It
/// would take megabytes, and on a slow line give no sign of progress until a third of them is
/// gone: a write timeout would take that for a standstill.
const UNSENT_BYTES: u32 = 64 * 1024;

/// Fields that the handshake writes itself, or that would make it another request.
const OWN_FIELDS: [&str; 8] = [
    "connection",
    "upgrade",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "content-length",
    "transfer-encoding",
];

/// Fields that say who we are, which is one server's business.
const PRIVATE_FIELDS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// What to open, and how. Cheap to clone; can be opened again and again.
#[derive(Clone)]
pub struct Dial {
    url: ServerUrl,
    host: Option<String>,
    fields: Vec<(String, String)>,
    subprotocols: Vec<String>,
    timeout: Duration,
    message_bytes_max: usize,
    tls: Tls,
    /// Made when first needed.
    connector: Arc<OnceLock<TlsConnector>>,
}

/// What is known of a WebSocket that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where the server was reached.
    pub address: SocketAddr,
    /// The subprotocol it chose.
    pub subprotocol: Option<String>,
    /// Its 101.
    pub answer: Answer,
    /// How long looking up, TCP, TLS (zero without) and the handshake took, in this order.
    pub took: [Duration; 4],
}

impl Dial {
    /// Dials `url` within 10 s, takes messages of up to 16 MiB, trusts whom the system trusts.
    pub fn new(url: ServerUrl) -> Self {
        let fields =
            url.authorization().map(|value| ("Authorization".to_owned(), value.to_owned()));
        Self {
            url,
            host: None,
            fields: fields.into_iter().collect(),
            subprotocols: Vec::new(),
            timeout: Duration::from_secs(10),
            message_bytes_max: 16 * 1024 * 1024,
            tls: Tls::default(),
            connector: Arc::default(),
        }
    }

    /// Adds a header field to the handshake; `Host` replaces the usual one.
    ///
    /// # Errors
    /// When it is no field of HTTP, or one that the handshake writes itself.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Invalid> {
        let (name, value) = (name.trim(), value.trim());
        if !is_token(name) {
            return Err(Invalid::new(format!("{name:?} is no header name (RFC 9110 section 5.1)")));
        }
        if OWN_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(Invalid::new(format!("the handshake writes {name} itself")));
        }
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            // Not the value: it may be a secret.
            return Err(Invalid::new(format!("the value of {name} holds a control character")));
        }
        if name.eq_ignore_ascii_case("host") {
            self.host = Some(value.to_owned());
            return Ok(self);
        }
        if name.eq_ignore_ascii_case("authorization") {
            self.fields.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        }
        self.fields.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Offers a subprotocol, after those offered before.
    ///
    /// # Errors
    /// When it is no token (RFC 6455 section 4.1), or offered already.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, Invalid> {
        if !is_token(name) {
            return Err(Invalid::new(format!("{name:?} is no subprotocol: a token is due")));
        }
        if self.subprotocols.iter().any(|offered| offered == name) {
            return Err(Invalid::new(format!("subprotocol {name:?} is offered twice")));
        }
        self.subprotocols.push(name.to_owned());
        Ok(self)
    }

    /// The time for everything from the look-up to the 101.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The largest message taken from the server, in bytes.
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Whom to trust.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self.connector = Arc::default();
        self
    }

    /// Where this leads.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The same dial to another server. What is meant for one server does not go along: neither
    /// credentials, in the URL or a header field, nor `Host`.
    pub fn to(&self, url: ServerUrl) -> Self {
        let mut dial = Self { url, host: None, ..self.clone() };
        dial.fields.retain(|(name, _)| !PRIVATE_FIELDS.contains(&&*name.to_ascii_lowercase()));
        let own = dial.url.authorization().map(str::to_owned);
        dial.fields.extend(own.map(|value| ("Authorization".to_owned(), value)));
        dial
    }

    /// Opens a WebSocket. Needs a tokio runtime.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub async fn open(&self) -> Result<(Line, Opened), Refusal> {
        let mut step = Step::Resolve;
        let opened = timeout(self.timeout, self.steps(&mut step)).await;
        opened.unwrap_or_else(|_| Err(Refusal::Timeout(step, self.timeout)))
    }

    async fn steps(&self, step: &mut Step) -> Result<(Line, Opened), Refusal> {
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
        let (answer, early) = self.upgrade(&mut stream).await?;
        let subprotocol = answer.header("sec-websocket-protocol").map(str::to_owned);
        let took = [resolve, connect, tls, clock.lap()];
        let line = Line::new(stream, early, self.message_bytes_max).await;
        Ok((line, Opened { address, subprotocol, answer, took }))
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

    async fn upgrade(&self, stream: &mut Secured) -> Result<(Answer, Vec<u8>), Refusal> {
        let authority = self.url.authority();
        let request = Request {
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

/// Without the values of header fields, which may be secrets.
impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Dial")
            .field("url", &self.url.without_query())
            .field("headers", &names)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
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
