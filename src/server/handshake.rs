//! Whether a request is an opening handshake (RFC 6455 section 4.2.1), and the answer if not.
//! Leaves to actix-ws: the 101 itself.
//!
//! actix-ws alone would accept `Upgrade: notwebsocketx`, HTTP/1.0, two keys and a body.

use actix_web::{
    HttpResponse,
    http::{
        Method, StatusCode, Version,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{auth::Denied, callback, hub::Refused};

/// When to come back after a refusal that time heals, in seconds.
const RETRY_AFTER: u32 = 1;

/// Why there is no 101, as an answer and as a metric label.
#[derive(Debug)]
pub(super) struct Refusal {
    /// One of [`crate::metrics::REJECTIONS`].
    pub(super) label: &'static str,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    words: String,
}

impl Refusal {
    fn new(label: &'static str, status: StatusCode, words: impl Into<String>) -> Self {
        Self { label, status, headers: Vec::new(), words: words.into() }
    }

    fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The request is no WebSocket handshake (RFC 9110 section 15.5.22).
    fn upgrade_required(words: &str) -> Self {
        Self::new("bad_handshake", StatusCode::UPGRADE_REQUIRED, words)
            .with(header::UPGRADE, HeaderValue::from_static("websocket"))
            .with(header::CONNECTION, HeaderValue::from_static("Upgrade"))
            .with(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
    }

    pub(super) fn malformed(words: impl Into<String>) -> Self {
        Self::new("bad_handshake", StatusCode::BAD_REQUEST, words)
    }

    pub(super) fn bad_room(words: impl Into<String>) -> Self {
        Self::new("bad_room", StatusCode::BAD_REQUEST, words)
    }

    pub(super) fn foreign_origin(origin: &str) -> Self {
        let words = format!(
            "origin {origin} may not connect: its host and port differ from the Host header, and \
             server.allowed_origins does not list it"
        );
        Self::new("foreign_origin", StatusCode::FORBIDDEN, words)
    }

    /// What the token says, or that there is none.
    pub(super) fn denied(denied: Denied) -> Self {
        let refusal = Self::new(denied.label(), denied.status(), denied.words());
        // The challenge is ASCII; were it not, a bare one would still say what is wanted.
        let challenge = HeaderValue::from_str(&denied.challenge());
        let bare = HeaderValue::from_static("Bearer");
        refusal.with(header::WWW_AUTHENTICATE, challenge.unwrap_or(bare))
    }

    /// 429 for what the peer has too much of, 503 for what the node has too little of; the
    /// gateway tries a 503 elsewhere.
    pub(super) fn no_room(refused: Refused) -> Self {
        let status = match refused {
            Refused::AddressFull => StatusCode::TOO_MANY_REQUESTS,
            Refused::Draining
            | Refused::Full
            | Refused::RoomsFull
            | Refused::RoomsPerConnection => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(refused.label(), status, refused.to_string())
            .with(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER))
    }

    /// What the application said, or did not say in time.
    pub(super) fn by_callback(refusal: callback::Refusal) -> Self {
        match refusal {
            callback::Refusal::Unwanted(status, words) => {
                let status = StatusCode::from_u16(status).ok();
                let status = status.filter(StatusCode::is_client_error);
                Self::new("callback_refused", status.unwrap_or(StatusCode::FORBIDDEN), words)
            }
            callback::Refusal::Failed(failure) => {
                let words = failure.to_string();
                Self::new("callback_failed", StatusCode::SERVICE_UNAVAILABLE, words)
                    .with(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER))
            }
        }
    }

    /// Nobody is there any more to be answered.
    pub(super) fn peer_gone() -> Self {
        Self::new("peer_gone", StatusCode::BAD_REQUEST, "you have gone")
    }

    /// The application is still thinking, and the peer has waited for long enough.
    pub(super) fn undecided() -> Self {
        let words = "the application did not decide in time";
        Self::new("callback_failed", StatusCode::SERVICE_UNAVAILABLE, words)
            .with(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER))
    }

    pub(super) fn not_configured(key: &str) -> Self {
        let words = format!("this route is served when {key} is set");
        Self::new("not_configured", StatusCode::NOT_FOUND, words)
    }

    pub(super) fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        response.content_type("text/plain; charset=utf-8").body(self.words + "\n")
    }
}

/// Checks everything that RFC 6455 section 4.2.1 asks of a handshake, `Origin` apart.
pub(super) fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    if method != Method::GET {
        let words = "a WebSocket handshake is a GET request";
        let refusal = Refusal::new("bad_handshake", StatusCode::METHOD_NOT_ALLOWED, words);
        return Err(refusal.with(header::ALLOW, HeaderValue::from_static("GET")));
    }
    // Alone, although RFC 9110 has a list here: actix would answer 101 to a list and then read
    // no frames.
    if !single(headers, &header::UPGRADE).is_some_and(|it| it.eq_ignore_ascii_case("websocket")) {
        let words = "this is a WebSocket address: Upgrade: websocket, and nothing beside it";
        return Err(Refusal::upgrade_required(words));
    }
    if version != Version::HTTP_11 {
        return Err(Refusal::malformed("a WebSocket handshake needs HTTP/1.1"));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        let words = "Connection: Upgrade is missing; a proxy on the way may have dropped it";
        return Err(Refusal::malformed(words));
    }
    if single(headers, &header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let words = "Sec-WebSocket-Version: 13 is the one version spoken here";
        return Err(Refusal::upgrade_required(words));
    }
    let key = single(headers, &header::SEC_WEBSOCKET_KEY);
    if !key.is_some_and(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)) {
        let words = "exactly one Sec-WebSocket-Key of 16 base64-encoded bytes is needed";
        return Err(Refusal::malformed(words));
    }
    let length = headers.get(header::CONTENT_LENGTH);
    if length.is_some_and(|length| length != "0") || headers.contains_key(header::TRANSFER_ENCODING)
    {
        return Err(Refusal::malformed("a WebSocket handshake has no body"));
    }
    Ok(())
}

/// Whether a comma-separated header names `token`, in whatever case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name).filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that must occur once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// The status for a good handshake with `changes`; an empty value takes the header away.
    fn status(changes: &[(&str, &str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in GOOD {
            headers.insert(name.parse().unwrap(), value.parse().unwrap());
        }
        for (name, value) in changes {
            let name: HeaderName = name.parse().unwrap();
            match (*value, value.strip_prefix('+')) {
                ("", _) => drop(headers.remove(name)),
                (_, Some(more)) => headers.append(name, more.parse().unwrap()),
                (value, None) => drop(headers.insert(name, value.parse().unwrap())),
            }
        }
        let checked = check(&Method::GET, Version::HTTP_11, &headers);
        checked.map_or_else(|refusal| refusal.status.as_u16(), |()| 101)
    }

    #[test]
    fn a_good_handshake_passes() {
        assert_eq!(status(&[]), 101);
        assert_eq!(status(&[("upgrade", "WebSocket")]), 101);
        assert_eq!(status(&[("content-length", "0")]), 101);
    }

    #[test]
    fn what_is_no_websocket_request_is_told_to_upgrade() {
        for upgrade in ["", "h2c", "notwebsocketx", "websocket2", "websocket, foo", "+h2c"] {
            assert_eq!(status(&[("upgrade", upgrade)]), 426, "{upgrade}");
        }
        assert_eq!(status(&[("sec-websocket-version", "8")]), 426);
        assert_eq!(status(&[("sec-websocket-version", "")]), 426);
    }

    #[test]
    fn what_is_a_broken_websocket_request_is_refused() {
        assert_eq!(status(&[("connection", "")]), 400);
        assert_eq!(status(&[("connection", "keep-alive")]), 400);
        assert_eq!(status(&[("sec-websocket-key", "")]), 400);
        assert_eq!(status(&[("sec-websocket-key", "c2hvcnQ=")]), 400);
        assert_eq!(status(&[("sec-websocket-key", "not base64!")]), 400);
        assert_eq!(status(&[("sec-websocket-key", "+dGhlIHNhbXBsZSBub25jZQ==")]), 400);
        assert_eq!(status(&[("content-length", "5")]), 400);
        assert_eq!(status(&[("transfer-encoding", "chunked")]), 400);
    }

    #[test]
    fn the_method_and_the_protocol_version_are_checked() {
        let of = |method, version| {
            let mut headers = HeaderMap::new();
            for (name, value) in GOOD {
                headers.insert(name.parse().unwrap(), value.parse().unwrap());
            }
            check(&method, version, &headers).map_err(|refusal| refusal.status.as_u16())
        };
        assert_eq!(of(Method::POST, Version::HTTP_11), Err(405));
        assert_eq!(of(Method::GET, Version::HTTP_10), Err(400));
    }

    #[test]
    fn every_refusal_has_a_label_that_is_counted() {
        for refused in [Refused::Draining, Refused::Full, Refused::AddressFull, Refused::RoomsFull]
        {
            let label = Refusal::no_room(refused).label;
            assert!(crate::metrics::REJECTIONS.contains(&label), "{label}");
        }
    }
}
