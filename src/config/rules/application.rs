//! Rules about the application behind this node: `control`, `auth`, `callback` and `rest`.
//! Rules about the node itself are left to the file above.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::Check;
use crate::config::{Config, Secret, is_name, offered_token, spelling::show_duration};

/// The shortest secret that HS256 may be used with (RFC 7518 section 3.2).
const JWT_SECRET_BYTES_MIN: usize = 32;

/// Clocks that are further apart than this want mending, not leeway.
const LEEWAY_MAX: Duration = Duration::from_secs(600);

/// How long a secret of a signature is (Standard Webhooks, "Symmetric").
const WEBHOOK_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Headers that are about one connection and not about the request (RFC 9110 section 7.6.1), or
/// that say where it goes and how long it is: only we write them.
const OWN_HEADERS: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

pub(super) fn rules(check: &mut Check<'_>) {
    control(check);
    subprotocols(check);
    auth(check);
    callback(check);
    rest(check);
}

fn control(check: &mut Check<'_>) {
    const KEYS: &[&str] = &["control.body_bytes_max", "limits.message_bytes_max"];
    let Config { control, limits, .. } = check.config;
    let fits = control.body_bytes_max >= limits.message_bytes_max;
    check.must(KEYS, fits, |check| format!("must hold one message of {}", check.quote(KEYS[1])));
    positive(check, "control.requests_max", control.requests_max);
    let open = !control.listen.ip().is_loopback() && control.token.is_none();
    check.warn("control.listen", open, |_| {
        "is not loopback and there is no control.token, so only /metrics, /healthz and /readyz are \
         served"
            .into()
    });
    if let Some(token) = &control.token {
        let visible = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        check.must(&["control.token"], visible, |_| {
            "must be made of visible ASCII characters, as a header must be".into()
        });
        check.warn("control.token", token.expose().len() < 16, |_| {
            "is short enough to be guessed; 16 random characters are not".into()
        });
    }
}

fn subprotocols(check: &mut Check<'_>) {
    const KEY: &[&str] = &["server.subprotocols"];
    for name in &check.config.server.subprotocols {
        check.must(KEY, is_name(name), |_| {
            format!("must list names as RFC 6455 spells them; {name:?} holds something else")
        });
        check.must(KEY, offered_token(name).is_none(), |_| {
            format!(
                "must not list {name:?}: what begins with \"bearer.\" is a token, never agreed to"
            )
        });
    }
}

fn auth(check: &mut Check<'_>) {
    let auth = &check.config.auth;
    if let Some(secret) = &auth.jwt_secret {
        let bytes = secret.expose().len();
        check.must(&["auth.jwt_secret"], bytes >= JWT_SECRET_BYTES_MIN, |_| {
            format!("must have at least {JWT_SECRET_BYTES_MIN} bytes, this one has {bytes}")
        });
        // A public key is known to everybody: whoever signed with it would be let in.
        check.must(&["auth.jwt_secret"], !secret.expose().contains("-----BEGIN "), |_| {
            "must be a secret; this is a key in PEM, and a public one belongs to auth.jwt_public_key"
                .into()
        });
    }
    check.must(&["auth.leeway"], auth.leeway <= LEEWAY_MAX, |_| {
        let most = show_duration(LEEWAY_MAX);
        format!("must be at most {most}: tokens live on for so long after their exp")
    });
    let idle = !auth.is_on();
    for (key, set) in [
        ("auth.audience", auth.audience.is_some()),
        ("auth.issuer", auth.issuer.is_some()),
        ("auth.query_token", auth.query_token),
    ] {
        check.warn(key, idle && set, |_| {
            "means nothing without auth.jwt_secret or auth.jwt_public_key: nobody is asked for a \
             token"
                .into()
        });
    }
}

fn callback(check: &mut Check<'_>) {
    let Config { callback, limits, server, .. } = check.config;
    // What is not used must not stand in the way of what is.
    if callback.url.is_none() {
        return;
    }
    positive(check, "callback.in_flight_max", callback.in_flight_max);
    positive(check, "callback.disconnects_max", callback.disconnects_max);
    positive(check, "callback.answer_bytes_max", callback.answer_bytes_max);
    lasting(check, "callback.timeout", callback.timeout);
    let keys = &["callback.timeout", "server.handshake_timeout"];
    check.must(keys, callback.timeout < server.handshake_timeout, |check| {
        let handshake = check.quote("server.handshake_timeout");
        format!("must be shorter than {handshake}: a handshake waits for the application's answer")
    });
    let keys = &["callback.answer_bytes_max", "limits.outbox_bytes_max"];
    check.must(keys, callback.answer_bytes_max <= limits.outbox_bytes_max / 2, |check| {
        let outbox = check.quote("limits.outbox_bytes_max");
        format!("must be at most half of {outbox}: a reply waits there for its peer")
    });
    for route in &callback.observe {
        check.must(&["callback.observe"], matches!(route.as_str(), "echo" | "rooms"), |_| {
            format!("must list \"echo\" or \"rooms\"; {route:?} is neither")
        });
    }
    for name in &callback.headers {
        header(check, "callback.headers", name);
        check.must(&["callback.headers"], name != "sec-websocket-protocol", |_| {
            format!(
                "must not list {name:?}: there may be a token in it, and without one it is told"
            )
        });
    }
    if let Some(secret) = &callback.secret {
        check.must(&["callback.secret"], is_webhook_secret(secret), |_| {
            "must be \"whsec_\" and, in base64, 24 to 64 bytes".into()
        });
    }
    check.warn("callback.url", callback.secret.is_none(), |_| {
        "is called without a signature, because there is no callback.secret: the application \
         cannot tell our requests from anybody's"
            .into()
    });
}

fn rest(check: &mut Check<'_>) {
    let Config { rest, limits, .. } = check.config;
    let Some(base) = &rest.base_url else { return };
    check.must(&["rest.base_url"], base.query().is_none(), |_| {
        "must have no query (?…): each message brings its own".into()
    });
    positive(check, "rest.in_flight_max", rest.in_flight_max);
    positive(check, "rest.answer_bytes_max", rest.answer_bytes_max);
    lasting(check, "rest.timeout", rest.timeout);
    let keys = &["rest.in_flight_total", "rest.in_flight_max"];
    check.must(keys, rest.in_flight_total >= rest.in_flight_max, |check| {
        format!("must be at least {}: one connection's share", check.quote("rest.in_flight_max"))
    });
    let keys = &["rest.answer_bytes_max", "limits.outbox_bytes_max"];
    check.must(keys, rest.answer_bytes_max <= limits.outbox_bytes_max / 2, |check| {
        let outbox = check.quote("limits.outbox_bytes_max");
        format!("must be at most half of {outbox}: an answer waits there for its peer")
    });
    for method in &rest.methods {
        let capitals = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        let known = capitals && !matches!(method.as_str(), "CONNECT" | "TRACE");
        check.must(&["rest.methods"], known, |_| {
            format!("must list methods in capitals, and neither CONNECT nor TRACE; not {method:?}")
        });
    }
    for prefix in &rest.path_prefixes {
        let plain = prefix.starts_with('/') && !prefix.contains(['?', '#', '%', '\\']);
        let within = !prefix.split('/').any(|part| matches!(part, "." | ".."));
        check.must(&["rest.path_prefixes"], plain && within, |_| {
            format!(
                "must list paths that begin with \"/\", without \".\", \"..\", \"?\", \"#\", \"%\" \
                 and \"\\\"; {prefix:?} is none"
            )
        });
    }
    for name in &rest.headers {
        header(check, "rest.headers", name);
        let ours = ["forwarded", "x-forwarded-for", "x-real-ip", "x-request-id"];
        let ours = ours.contains(&name.as_str()) || name.starts_with("x-holdline-");
        check.must(&["rest.headers"], !ours, |_| {
            format!("must not list {name:?}: by it the application knows who asks")
        });
    }
}

fn header(check: &mut Check<'_>, key: &'static str, name: &str) {
    check.must(&[key], is_name(name), |_| {
        format!("must list header names; {name:?} holds something else")
    });
    check.must(&[key], !OWN_HEADERS.contains(&name), |_| {
        format!("must not list {name:?}: it belongs to one connection, not to what is asked")
    });
}

fn is_webhook_secret(secret: &Secret) -> bool {
    let base64 = secret.expose().strip_prefix("whsec_");
    let bytes = base64.and_then(|base64| STANDARD.decode(base64).ok());
    bytes.is_some_and(|bytes| WEBHOOK_SECRET_BYTES.contains(&bytes.len()))
}

fn positive(check: &mut Check<'_>, key: &'static str, value: usize) {
    check.must(&[key], value > 0, |_| "must be at least 1".into());
}

fn lasting(check: &mut Check<'_>, key: &'static str, value: Duration) {
    check.must(&[key], value > Duration::ZERO, |_| "must be longer than nothing".into());
}
