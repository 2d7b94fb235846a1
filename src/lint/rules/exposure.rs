//! What gets out: the control listener, tokens in logs, and who is believed about addresses.
//! Leaves to `limits.rs`: whose address a limit counts by.

use std::net::IpAddr;

use super::{Findings, Gateway, Severity, Way};
use crate::lint::{
    effective::named,
    gateway::{host, port},
    tree::Directive,
};

pub(super) fn check(gateway: &Gateway<'_>, findings: &mut Findings) {
    for way in &gateway.ways {
        control(gateway, way, findings);
        believed(way, findings);
    }
    for way in &gateway.websockets {
        logs(gateway, way, findings);
    }
}

fn control(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    let config = &gateway.expected.config;
    let (control, public) = (config.control.listen, config.server.listen);
    if control.port() == 0 || control.port() == public.port() {
        return;
    }
    let addresses = gateway.addresses(way);
    let guilty = addresses.into_iter().find(|address| {
        port(address) == Some(control.port()) && is_host(host(address), control.ip(), gateway)
    });
    let Some(address) = guilty else { return };
    let wrong = format!(
        "{} leads to {address}, the backend's control listener (control.listen)",
        way.location.text()
    );
    let right = "no location for it: monitoring and the application reach control.listen directly; \
                 else `allow` their addresses and `deny all` (ngx_http_access_module)";
    if is_guarded(way) {
        let wrong = format!("{wrong}; the guard in front of it is all that protects it");
        return findings.add(Severity::Note, "control-exposed", way.pass.place(), wrong, right);
    }
    let wrong =
        format!("{wrong}: whoever reaches the gateway can read all, publish, kick and drain");
    findings.add(Severity::Error, "control-exposed", way.pass.place(), wrong, right);
}

/// Whether a host is where the control listener is, as far as can be told from here.
fn is_host(host: &str, control: IpAddr, gateway: &Gateway<'_>) -> bool {
    let same = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address == control || (control.is_unspecified() && address.is_loopback()),
        Err(_) => host == "localhost" && (control.is_loopback() || control.is_unspecified()),
    };
    // Not on loopback, it is wherever the backend is.
    let beside = !control.is_loopback()
        && gateway.websockets.iter().any(|way| {
            gateway.addresses(way).into_iter().any(|address| self::host(address) == host)
        });
    same || beside
}

fn is_guarded(way: &Way<'_>) -> bool {
    let denies = way.scope.all("deny").iter().any(|deny| deny.argument(1) == "all");
    let asks = ["auth_basic", "auth_request", "ssl_verify_client"]
        .iter()
        .any(|name| way.scope.one(name).is_some_and(|it| it.argument(1) != "off"));
    let inside = way.scope.is_local("internal") || {
        let mut listens = named(way.server.body(), "listen").peekable();
        listens.peek().is_some()
            && listens.all(|it| {
                let address = it.argument(1);
                ["127.", "localhost", "[::1]", "unix:"].iter().any(|it| address.starts_with(it))
            })
    };
    denies || asks || inside
}

fn logs(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "token-in-log";
    let auth = &gateway.expected.config.auth;
    if !auth.is_on() {
        return;
    }
    let mut guilty = Vec::new();
    if auth.query_token {
        guilty.extend(["$request", "$request_uri", "$args", "$query_string", "$arg_token"]);
        guilty.push("$is_args$args");
    }
    guilty.extend(["$http_authorization", "$http_sec_websocket_protocol"]);
    let right = "a log_format with $uri instead of $request and $request_uri, and without credentials \
                 (ngx_http_log_module#log_format)";
    let logs = way.scope.all("access_log");
    if logs.is_empty() && auth.query_token {
        let wrong = "the default access log (combined) has $request, with ?token= in it";
        findings.add(Severity::Warning, RULE, way.location.place(), wrong, right);
    }
    for log in logs.iter().filter(|log| log.argument(1) != "off") {
        let name = log.words.get(2).map(|word| word.text.as_str());
        let name = name.filter(|name| !name.contains('=')).unwrap_or("combined");
        let format = gateway.in_http("log_format").find(|it| it.argument(1) == name);
        let text = match format {
            Some(format) => format.arguments().skip(1).collect::<String>(),
            None if name == "combined" => "$request".to_owned(),
            None => continue,
        };
        if let Some(variable) = guilty.iter().find(|variable| has_variable(&text, variable)) {
            let at = format.map_or(log.place(), Directive::place);
            let wrong = format!("{variable} writes tokens into the access log (format {name})");
            findings.add(Severity::Warning, RULE, at, wrong, right);
        }
    }
    if auth.query_token {
        let log = way.scope.one("error_log").map(Directive::place);
        let wrong = "auth.query_token is on, and nginx's error log quotes requests with their query, \
                     which cannot be switched off";
        let right = "tokens in a header or a subprotocol; or ones that live for seconds";
        let at = log.unwrap_or(way.location.place());
        findings.add(Severity::Note, "token-in-error-log", at, wrong, right);
    }
}

/// Whether a text has this variable, and not one whose name only begins alike.
fn has_variable(text: &str, variable: &str) -> bool {
    let text = text.replace(['{', '}'], " ").replace("$ ", "$");
    text.match_indices(variable).any(|(at, _)| {
        let next = text[at + variable.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Who may say what a peer's address is.
fn believed(way: &Way<'_>, findings: &mut Findings) {
    let everybody = |it: &&Directive| ["0.0.0.0/0", "::/0"].contains(&it.argument(1));
    if let Some(set) = way.scope.all("set_real_ip_from").into_iter().find(everybody) {
        let wrong = "everybody is believed about its own address: limits and logs mean nothing";
        let right = "the networks of the proxies in front only \
                     (ngx_http_realip_module#set_real_ip_from)";
        findings.add(Severity::Warning, "real-ip-anyone", set.place(), wrong, right);
    }
}
