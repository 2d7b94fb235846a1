//! The sections about the application behind this node: who may connect, and how it is asked.
//! Reading and checking them is left to the files beside this one.

use std::time::Duration;

use url::Url;

use crate::config::{public_key::PublicKey, secret::Secret};

/// `auth`: who may connect, told by a JSON Web Token (RFC 7519). Without a key nobody is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The secret of tokens signed with HS256.
    pub jwt_secret: Option<Secret>,
    /// The public key of tokens signed with RS256 or ES256.
    pub jwt_public_key: Option<PublicKey>,
    /// What a token's `aud` must hold.
    pub audience: Option<String>,
    /// What a token's `iss` must be.
    pub issuer: Option<String>,
    /// How far the clocks of issuer and node may be apart, for `exp` and `nbf`.
    pub leeway: Duration,
    /// Whether a token may also come as `?token=`, where logs and histories see it.
    pub query_token: bool,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_public_key: None,
            audience: None,
            issuer: None,
            leeway: Duration::from_secs(30),
            query_token: false,
        }
    }
}

impl Auth {
    /// Whether a token is asked for at all.
    ///
    /// ```
    /// use holdline::config::{Config, Secret};
    ///
    /// let mut config = Config::default();
    /// assert!(!config.auth.is_on());
    /// config.auth.jwt_secret = Some(Secret::new("at least 32 bytes, and hard to guess"));
    /// assert!(config.auth.is_on());
    /// ```
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.jwt_secret.is_some() || self.jwt_public_key.is_some()
    }
}

/// `callback`: how the application is told of connections and messages over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Where to post; without it there is no `/ws/app`.
    pub url: Option<Url>,
    /// How long one request may take from its beginning to the end of its answer, and before that
    /// how long a message may wait for its turn.
    pub timeout: Duration,
    /// The secret of the signature (Standard Webhooks: `whsec_` and base64).
    pub secret: Option<Secret>,
    /// Requests under way at once, of all connections together.
    pub in_flight_max: usize,
    /// Routes beside `/ws/app` whose connections and messages the application is told of: `echo`,
    /// `rooms`.
    pub observe: Vec<String>,
    /// Headers of the handshake that `connect` passes on, in lower case.
    pub headers: Vec<String>,
    /// How long a connection lives on while the application fails each of its messages; `None`
    /// for as long as the peer likes.
    pub patience: Option<Duration>,
    /// The longest answer that is read.
    pub answer_bytes_max: usize,
    /// Ends of connections that wait to be told while the application is down; past it the
    /// newest is dropped.
    pub disconnects_max: usize,
}

impl Default for Callback {
    fn default() -> Self {
        let headers = ["authorization", "cookie", "origin", "user-agent"];
        Self {
            url: None,
            timeout: Duration::from_secs(5),
            secret: None,
            in_flight_max: 64,
            observe: Vec::new(),
            headers: headers.map(str::to_owned).to_vec(),
            patience: Some(Duration::from_secs(60)),
            answer_bytes_max: 256 << 10,
            disconnects_max: 20_000,
        }
    }
}

/// `rest`: which HTTP requests the messages of `/ws/rest` may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// What each path is appended to; without it there is no `/ws/rest`.
    pub base_url: Option<Url>,
    /// Methods that may be used, in capitals.
    pub methods: Vec<String>,
    /// A path must begin with one of these.
    pub path_prefixes: Vec<String>,
    /// Headers that a message may set, in lower case.
    pub headers: Vec<String>,
    /// How long one request may take from its beginning to the end of its answer.
    pub timeout: Duration,
    /// Requests under way at once, of one connection.
    pub in_flight_max: usize,
    /// Requests under way at once, of all connections together.
    pub in_flight_total: usize,
    /// The longest answer that is passed on.
    pub answer_bytes_max: usize,
}

impl Default for Rest {
    fn default() -> Self {
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        let headers = [
            "accept",
            "accept-language",
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-modified-since",
            "if-none-match",
        ];
        Self {
            base_url: None,
            methods: methods.map(str::to_owned).to_vec(),
            path_prefixes: vec!["/".to_owned()],
            headers: headers.map(str::to_owned).to_vec(),
            timeout: Duration::from_secs(10),
            in_flight_max: 16,
            in_flight_total: 256,
            answer_bytes_max: 256 << 10,
        }
    }
}
