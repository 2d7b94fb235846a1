//! The keys about the application behind this node: `auth`, `callback` and `rest`.
//! What a key is, is left to `key`; the reasons behind the numbers to the manual.

use super::put;
use crate::config::{
    key::Key,
    spelling::{
        bytes, count, duration, http_url, list, or_off, public_key, secret, show_bytes,
        show_duration, show_list, show_optional, show_or_off, show_secret, show_text, switch, text,
    },
};

pub(super) const KEYS: [Key; 23] = [
    Key::new(
        "auth.jwt_secret",
        "text",
        "The secret of tokens signed with HS256; with it every WebSocket needs a token.",
        |config, value| put(&mut config.auth.jwt_secret, secret(value)),
        |config| show_secret(config.auth.jwt_secret.as_ref()),
    )
    .secret(),
    Key::new(
        "auth.jwt_public_key",
        "PEM",
        "The public key of tokens signed with RS256 or ES256; with it every WebSocket needs a token.",
        |config, value| put(&mut config.auth.jwt_public_key, public_key(value)),
        |config| show_optional(config.auth.jwt_public_key.as_ref()),
    )
    .file(),
    Key::new(
        "auth.audience",
        "text",
        "What a token's aud must hold; without it a token with an aud is refused.",
        |config, value| put(&mut config.auth.audience, text(value)),
        |config| show_optional(config.auth.audience.as_ref()),
    ),
    Key::new(
        "auth.issuer",
        "text",
        "What a token's iss must be; without it any will do.",
        |config, value| put(&mut config.auth.issuer, text(value)),
        |config| show_optional(config.auth.issuer.as_ref()),
    ),
    Key::new(
        "auth.leeway",
        "duration",
        "How far the clocks of the issuer and this node may be apart, for exp and nbf.",
        |config, value| put(&mut config.auth.leeway, duration(value)),
        |config| show_duration(config.auth.leeway),
    ),
    Key::new(
        "auth.query_token",
        "true or false",
        "Whether a token may also come as ?token= in the address.",
        |config, value| put(&mut config.auth.query_token, switch(value)),
        |config| config.auth.query_token.to_string(),
    ),
    Key::new(
        "callback.url",
        "http or https address",
        "Where the application is told of connections and messages; without it /ws/app is 404.",
        |config, value| put(&mut config.callback.url, http_url(value)),
        |config| show_optional(config.callback.url.as_ref()),
    ),
    Key::new(
        "callback.timeout",
        "duration",
        "How long one request to the application may take, its answer included.",
        |config, value| put(&mut config.callback.timeout, duration(value)),
        |config| show_duration(config.callback.timeout),
    ),
    Key::new(
        "callback.secret",
        "whsec_ and base64",
        "The secret that requests to the application are signed with (Standard Webhooks).",
        |config, value| put(&mut config.callback.secret, secret(value)),
        |config| show_secret(config.callback.secret.as_ref()),
    )
    .secret(),
    Key::new(
        "callback.in_flight_max",
        "requests",
        "Requests to the application under way at once, of all connections together.",
        |config, value| put(&mut config.callback.in_flight_max, count(value)),
        |config| config.callback.in_flight_max.to_string(),
    ),
    Key::new(
        "callback.observe",
        "list of echo, rooms",
        "Built-in routes that the application is told of too, beside /ws/app.",
        |config, value| put(&mut config.callback.observe, list(value)),
        |config| show_list(config.callback.observe.iter().map(show_text)),
    ),
    Key::new(
        "callback.headers",
        "list of header names",
        "Headers of the handshake that the application is told when somebody connects.",
        |config, value| put(&mut config.callback.headers, list(value).map(lower)),
        |config| show_list(config.callback.headers.iter().map(show_text)),
    ),
    Key::new(
        "callback.patience",
        "duration",
        "How long the application may fail each message of a connection; then: close code 1011.",
        |config, value| put(&mut config.callback.patience, or_off(value, duration)),
        |config| show_or_off(config.callback.patience, show_duration),
    ),
    Key::new(
        "callback.answer_bytes_max",
        "bytes",
        "The longest answer of the application that is read; a longer one counts as a failure.",
        |config, value| put(&mut config.callback.answer_bytes_max, bytes(value)),
        |config| show_bytes(config.callback.answer_bytes_max),
    ),
    Key::new(
        "callback.disconnects_max",
        "disconnects",
        "Ends of connections that wait to be told; past it the newest is dropped, and counted.",
        |config, value| put(&mut config.callback.disconnects_max, count(value)),
        |config| config.callback.disconnects_max.to_string(),
    ),
    Key::new(
        "rest.base_url",
        "http or https address",
        "What the path of each message to /ws/rest is appended to; without it /ws/rest is 404.",
        |config, value| put(&mut config.rest.base_url, http_url(value)),
        |config| show_optional(config.rest.base_url.as_ref()),
    ),
    Key::new(
        "rest.methods",
        "list of methods",
        "HTTP methods that a message may use.",
        |config, value| put(&mut config.rest.methods, list(value)),
        |config| show_list(config.rest.methods.iter().map(show_text)),
    ),
    Key::new(
        "rest.path_prefixes",
        "list of paths",
        "A message's path must begin with one of these.",
        |config, value| put(&mut config.rest.path_prefixes, list(value)),
        |config| show_list(config.rest.path_prefixes.iter().map(show_text)),
    ),
    Key::new(
        "rest.headers",
        "list of header names",
        "Headers that a message may set.",
        |config, value| put(&mut config.rest.headers, list(value).map(lower)),
        |config| show_list(config.rest.headers.iter().map(show_text)),
    ),
    Key::new(
        "rest.timeout",
        "duration",
        "How long one request may take, its answer included.",
        |config, value| put(&mut config.rest.timeout, duration(value)),
        |config| show_duration(config.rest.timeout),
    ),
    Key::new(
        "rest.in_flight_max",
        "requests",
        "Requests of one connection under way at once; past it reading from the peer pauses.",
        |config, value| put(&mut config.rest.in_flight_max, count(value)),
        |config| config.rest.in_flight_max.to_string(),
    ),
    Key::new(
        "rest.in_flight_total",
        "requests",
        "Requests under way at once, of all connections together; past it they wait for a place.",
        |config, value| put(&mut config.rest.in_flight_total, count(value)),
        |config| config.rest.in_flight_total.to_string(),
    ),
    Key::new(
        "rest.answer_bytes_max",
        "bytes",
        "The longest answer that is passed on; a longer one becomes an error.",
        |config, value| put(&mut config.rest.answer_bytes_max, bytes(value)),
        |config| show_bytes(config.rest.answer_bytes_max),
    ),
];

/// Header names in the case that HTTP/2 writes them in: their case means nothing.
fn lower(names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| name.to_lowercase()).collect()
}
