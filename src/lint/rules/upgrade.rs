//! Whether a handshake's own headers and its HTTP version reach the backend.
//! Leaves to `headers.rs`: all other headers.

use super::{Findings, Gateway, Severity, Way};
use crate::lint::{effective::named, tree::Directive};

const PAGE: &str = "nginx.org/en/docs/http/websocket.html";
const MAP: &str = "map $http_upgrade $connection_upgrade { default ''; websocket upgrade; } in http, \
                   and proxy_set_header Connection $connection_upgrade;";

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    version(way, findings);
    request_headers(way, findings);
    upgrade(way, findings);
    connection(gateway, way, findings);
}

fn version(way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "http-version";
    let right = "proxy_http_version 1.1; (ngx_http_proxy_module#proxy_http_version)";
    let Some(said) = way.scope.one("proxy_http_version") else {
        let wrong = "proxy_http_version is not set: before nginx 1.29.7 its default is 1.0, and no \
                     connection to the backend is kept";
        return findings.add(Severity::Note, RULE, way.location.place(), wrong, right);
    };
    if said.argument(1) != "1.1" {
        let wrong = format!("HTTP/{} has no Upgrade: no handshake succeeds", said.argument(1));
        findings.add(Severity::Error, RULE, said.place(), wrong, right);
    }
}

/// Whoever reads `new WebSocket("wss://…")` writes the same here.
pub(super) fn scheme(gateway: &Gateway<'_>, findings: &mut Findings) {
    for way in &gateway.ways {
        let url = way.pass.argument(1);
        let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
        let plain = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        // A variable may bring its own.
        if (plain && scheme != url) || scheme.contains('$') || url.is_empty() {
            continue;
        }
        let tls = if scheme.eq_ignore_ascii_case("wss") { "https" } else { "http" };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let wrong = format!(
            "proxy_pass takes http:// and https:// only, not `{url}` (nginx: invalid URL prefix)"
        );
        let right = format!(
            "proxy_pass {tls}://{rest}; a WebSocket begins as a request of HTTP \
             (ngx_http_proxy_module#proxy_pass)"
        );
        findings.add(Severity::Error, "proxy-pass-scheme", way.pass.place(), wrong, right);
    }
}

/// Without its own headers a handshake is none.
fn request_headers(way: &Way<'_>, findings: &mut Findings) {
    let Some(said) = way.scope.one("proxy_pass_request_headers") else { return };
    if said.argument(1).eq_ignore_ascii_case("off")
        && way.scope.header("Sec-WebSocket-Key").is_none()
    {
        let wrong = "the headers of requests are not passed on, Sec-WebSocket-Key and -Version among \
                     them: no handshake succeeds";
        let right = "nothing here, which is on (ngx_http_proxy_module#proxy_pass_request_headers)";
        findings.add(Severity::Error, "request-headers", said.place(), wrong, right);
    }
}

fn upgrade(way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "upgrade-header";
    let right = format!("proxy_set_header Upgrade $http_upgrade; ({PAGE})");
    match way.scope.header("Upgrade") {
        // Told by `headers-lost`, with both lines.
        None if way.scope.lost_header("Upgrade").is_some() => {}
        None => {
            let wrong = "the header Upgrade, which nginx drops by itself, is not passed on: the \
                         backend answers 400 or 426 to every handshake";
            findings.add(Severity::Error, RULE, way.location.place(), wrong, right);
        }
        Some(set) if set.argument(2).is_empty() => {
            let wrong = "the header Upgrade is taken away: no handshake succeeds";
            findings.add(Severity::Error, RULE, set.place(), wrong, right);
        }
        // A slip of the pen: nginx takes it for another header of the peer, and starts.
        Some(set) if is_another_header(set.argument(2)) => {
            let wrong = format!(
                "Upgrade is `{}`, a header that no peer sends: no handshake succeeds",
                set.argument(2)
            );
            findings.add(Severity::Error, RULE, set.place(), wrong, right);
        }
        Some(_) => {}
    }
}

/// Whether a value is another header of the request than its Upgrade.
fn is_another_header(value: &str) -> bool {
    value.strip_prefix("$http_").is_some_and(|name| !name.eq_ignore_ascii_case("upgrade"))
}

fn connection(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "connection-header";
    let Some(set) = way.scope.header("Connection") else {
        if way.scope.lost_header("Connection").is_none() {
            let wrong = "the header Connection: upgrade is not sent (nginx sends close instead): the \
                         backend answers 400 or 426 to every handshake";
            let right = format!("{MAP} ({PAGE})");
            findings.add(Severity::Error, RULE, way.location.place(), wrong, right);
        }
        return;
    };
    let value = set.argument(2);
    if value.eq_ignore_ascii_case("$http_connection") {
        let wrong = "whatever a peer writes into Connection is passed on, keep-alive and the names \
                     of headers to drop included";
        findings.add(Severity::Note, RULE, set.place(), wrong, MAP);
    } else if value.starts_with('$') {
        variable(gateway, set, findings);
    } else if value.eq_ignore_ascii_case("upgrade") {
        let wrong = "Connection is `upgrade` for plain requests too, so none of their connections to \
                     the backend is kept for the next";
        findings.add(Severity::Note, RULE, set.place(), wrong, MAP);
    } else if !value.to_ascii_lowercase().contains("upgrade") {
        let wrong = format!("Connection is `{value}` for handshakes too: none succeeds");
        findings.add(Severity::Error, RULE, set.place(), wrong, format!("{MAP} ({PAGE})"));
    }
}

/// Connection by a variable: of a map, as a rule.
fn variable(gateway: &Gateway<'_>, set: &Directive, findings: &mut Findings) {
    let variable = set.argument(2);
    let Some(map) = gateway.map(variable) else {
        if !is_known(gateway, variable) && gateway.complete && gateway.context == "main" {
            let wrong = format!("nothing defines {variable}: nginx does not start");
            findings.add(Severity::Error, "connection-variable", set.place(), wrong, MAP);
        }
        return;
    };
    let by_upgrade = matches!(map.argument(1), "$http_upgrade" | "${http_upgrade}");
    // A regular expression, or a variable for a value: not judged here.
    let values = map.body().iter().map(|entry| (entry.name(), entry.argument(1), entry));
    let plain = values.clone().all(|(key, value, _)| !key.starts_with('~') && !value.contains('$'));
    if !by_upgrade || !plain {
        return;
    }
    let of = |wanted: &str| values.clone().find(|(key, ..)| key.eq_ignore_ascii_case(wanted));
    let for_websocket = of("websocket").or_else(|| of("default"));
    if for_websocket.is_none_or(|(_, value, _)| !value.to_ascii_lowercase().contains("upgrade")) {
        let wrong = format!("{variable} is not `upgrade` for a WebSocket: no handshake succeeds");
        let right = "websocket upgrade; in this map";
        findings.add(Severity::Error, "connection-variable", map.place(), wrong, right);
    }
    if let Some((_, value, entry)) = of("default")
        && value.eq_ignore_ascii_case("upgrade")
    {
        let wrong = "whatever protocol a peer names is passed to the backend, h2c among others";
        let right = "default ''; websocket upgrade; (an empty value also keeps connections to the \
                     backend, which close ends)";
        findings.add(Severity::Note, "map-default-upgrade", entry.place(), wrong, right);
    }
}

/// Whether a variable may come from elsewhere: `set`, another kind of map, a module.
fn is_known(gateway: &Gateway<'_>, variable: &str) -> bool {
    fn mentions(body: &[Directive], variable: &str) -> bool {
        body.iter().any(|it| {
            let defines = !matches!(it.name(), "proxy_set_header" | "add_header" | "log_format")
                && it.arguments().any(|argument| argument == variable);
            defines || mentions(it.body(), variable)
        })
    }
    let built_in = ["$http_", "$arg_", "$cookie_", "$sent_http_", "$upstream_", "$connection_r"];
    built_in.iter().any(|prefix| variable.starts_with(prefix))
        || gateway.http.iter().any(|http| mentions(http.body(), variable))
        || gateway.http.iter().any(|http| named(http.body(), "js_set").next().is_some())
}
