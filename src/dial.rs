//! Opens one client WebSocket, and tells FIN, RST, close frame, refusal and silence apart.
//! Leaves to the floors above: whether to try again.

mod end;
mod handshake;
mod inquiry;
mod invalid;
mod line;
mod opening;
mod refusal;
mod secured;
mod tls;
mod url;
mod wire;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use self::invalid::is_token;
pub use self::{
    end::End,
    invalid::Invalid,
    line::{Event, Line},
    refusal::{Answer, ConnectFault, Refusal, Step},
    tls::Tls,
    url::ServerUrl,
    wire::Notes,
};

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
    ///
    /// ```
    /// use holdline::dial::Dial;
    ///
    /// let dial = Dial::new("wss://example.com/ws/app".parse()?);
    /// assert_eq!(dial.url().port(), 443);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use holdline::dial::Dial;
    /// let dial = Dial::new("wss://example.com/ws/app".parse()?);
    /// let dial = dial.header("Authorization", "Bearer some-token")?;
    /// assert!(dial.header("Upgrade", "h2c").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use holdline::dial::Dial;
    ///
    /// let dial = Dial::new(server.parse()?).subprotocol("chat.v2")?.subprotocol("chat.v1")?;
    /// let (_line, opened) = dial.open().await?;
    /// assert_eq!(opened.subprotocol, None, "an echo server chooses none");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
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
    ///
    /// ```
    /// # use holdline::dial::Dial;
    /// use std::time::Duration;
    ///
    /// let dial = Dial::new("ws://example.com".parse()?).timeout(Duration::from_secs(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The largest message taken from the server, in bytes.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use holdline::dial::{Dial, End};
    ///
    /// let (mut line, _) = Dial::new(server.parse()?).message_bytes_max(3).open().await?;
    /// line.send("four".into());
    /// let end = loop {
    ///     if let Err(end) = line.event().await {
    ///         break end;
    ///     }
    /// };
    /// assert_eq!(end, End::TooBig(4, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Whom to trust.
    ///
    /// ```
    /// use holdline::dial::{Dial, Tls};
    ///
    /// let dial = Dial::new("wss://localhost".parse()?).tls(Tls::default().trust_anybody());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self.connector = Arc::default();
        self
    }

    /// Where this leads.
    ///
    /// ```
    /// # use holdline::dial::Dial;
    /// let dial = Dial::new("wss://name:password@example.com/ws?token=x".parse()?);
    /// assert_eq!(dial.url().without_query(), "wss://example.com/ws");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The same dial to another server. What is meant for one server does not go along: neither
    /// credentials, in the URL or a header field, nor `Host`.
    ///
    /// ```
    /// # use holdline::dial::Dial;
    /// let dial = Dial::new("wss://a.example".parse()?).header("Cookie", "a secret")?;
    /// let other = dial.to("wss://b.example".parse()?);
    /// assert!(!format!("{other:?}").contains("Cookie"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use holdline::dial::{Dial, End, Event};
    ///
    /// let (mut line, opened) = Dial::new(server.parse()?).open().await?;
    /// assert_eq!(opened.answer.status, 101);
    /// line.send("Hello World".into());
    /// loop {
    ///     match line.event().await {
    ///         Ok(Event::Message(message)) => {
    ///             assert_eq!(message, "Hello World".into());
    ///             line.close(1000, "that was all");
    ///         }
    ///         Ok(_) => {}
    ///         Err(end) => break assert_eq!(end, End::ClosedByUs(1000)),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn open(&self) -> Result<(Line, Opened), Refusal> {
        let mut step = Step::Resolve;
        let opened = timeout(self.timeout, self.steps(&mut step)).await;
        opened.unwrap_or_else(|_| Err(Refusal::Timeout(step, self.timeout)))
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
