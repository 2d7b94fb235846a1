//! What answers a handshake with a redirect, which WebSocket clients do not follow, or changes its path.
//! Leaves to the others: what becomes of it where it is passed on.

use super::{Findings, Gateway, Severity, Way};
use crate::lint::{
    effective::named,
    gateway::split_pass,
    location::{Pattern, choose},
    tree::Directive,
};

const RULE: &str = "redirect";
const RIGHT: &str = "wss:// and the whole path in the application, and no redirect on the way \
                     (RFC 6455 section 4.1: clients need not follow one, and browsers do not)";

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    for block in [way.server, way.location] {
        let mut guilty = block.body().iter().filter(|it| redirects(it));
        if let Some(always) = guilty.clone().find(|it| is_always(it)) {
            let wrong = "every handshake is answered with a redirect, which WebSocket clients do not \
                         follow";
            findings.add(Severity::Error, RULE, always.place(), wrong, RIGHT);
        } else if let Some(some) = guilty.next() {
            let wrong = "a handshake whose path this matches is answered with a redirect, which \
                         WebSocket clients do not follow";
            findings.add(Severity::Warning, RULE, some.place(), wrong, RIGHT);
        }
        for condition in named(block.body(), "if").filter(|it| is_about_tls(it)) {
            if let Some(sometimes) = condition.body().iter().find(|it| redirects(it)) {
                let wrong = "a handshake for which this condition holds is answered with a \
                             redirect, which WebSocket clients do not follow";
                findings.add(Severity::Warning, RULE, sometimes.place(), wrong, RIGHT);
            }
        }
    }
    slash(way, findings);
    path(gateway, way, findings);
}

/// A location for one of the backend's routes that does nothing but redirect.
pub(super) fn check_routes(gateway: &Gateway<'_>, findings: &mut Findings) {
    for (_, server) in &gateway.servers {
        for route in gateway.expected.paths() {
            let Some(location) = choose(server.body(), &route).pop() else { continue };
            let guilty = location.body().iter().find(|it| redirects(it));
            if let Some(guilty) =
                guilty.filter(|it| is_always(it) && !Pattern::of(location).is_catch_all())
            {
                let wrong = format!(
                    "{route} is answered with a redirect, which WebSocket clients do not follow"
                );
                findings.add(Severity::Error, RULE, guilty.place(), wrong, RIGHT);
            }
        }
    }
}

fn redirects(directive: &Directive) -> bool {
    match directive.name() {
        "return" => {
            let first = directive.argument(1);
            ["301", "302", "303", "307", "308"].contains(&first)
                || (directive.words.len() == 2 && !first.bytes().all(|c| c.is_ascii_digit()))
        }
        "rewrite" => {
            let to = directive.argument(2);
            ["redirect", "permanent"].contains(&directive.argument(3))
                || ["http://", "https://", "$scheme"].iter().any(|it| to.starts_with(it))
        }
        _ => false,
    }
}

/// Whether a condition holds for all that come without TLS. A map may well leave handshakes out: of
/// other conditions nobody here can be sure.
fn is_about_tls(condition: &Directive) -> bool {
    let signs = ["$scheme", "$https", "$server_port", "$http_x_forwarded_proto", "$ssl_protocol"];
    condition.arguments().any(|argument| signs.iter().any(|sign| argument.contains(sign)))
}

/// A `rewrite` only answers what its expression matches.
fn is_always(directive: &Directive) -> bool {
    let everything = ["^", ".*", "^.*", "^.*$", "(.*)", "^(.*)$", "^/", "^/(.*)$", "^/(.*)"];
    directive.name() == "return" || everything.contains(&directive.argument(1))
}

/// `location /ws/ { proxy_pass … }` answers `/ws` with 301.
fn slash(way: &Way<'_>, findings: &mut Findings) {
    let Some(prefix) = Pattern::of(way.location).prefix() else { return };
    let Some(without) = prefix.strip_suffix('/').filter(|it| !it.is_empty()) else { return };
    if named(way.location.body(), "proxy_pass").next().is_none() || serves(way.server, without) {
        return;
    }
    let wrong = format!(
        "nginx answers {without}, without its slash, with 301 to {prefix}, which WebSocket clients \
         do not follow"
    );
    let right = format!(
        "nothing, if no peer asks for {without}; else location = {without} (ngx_http_core_module#location)"
    );
    findings.add(Severity::Note, "slash-redirect", way.location.place(), wrong, right);
}

/// Whether a location is exactly this path.
fn serves(block: &Directive, path: &str) -> bool {
    named(block.body(), "location").any(|location| {
        let own = match Pattern::of(location) {
            Pattern::Exact(own) | Pattern::Prefix(own) | Pattern::Final(own) => own == path,
            Pattern::Regex(..) | Pattern::Named => false,
        };
        own || serves(location, path)
    })
}

/// `proxy_pass http://backend/` takes the location's prefix away.
fn path(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    let (address, to) = split_pass(way.pass.argument(1));
    let prefix = match Pattern::of(way.location) {
        Pattern::Exact(path) | Pattern::Prefix(path) | Pattern::Final(path) => path,
        Pattern::Regex(..) | Pattern::Named => return,
    };
    if to.is_empty() || to.contains('$') || gateway.expected.routes_are_asked_for() {
        return;
    }
    let arrives = |route: &String| format!("{to}{}", &route[prefix.len().min(route.len())..]);
    let known = |path: &String| {
        ["/ws/echo", "/ws/app", "/ws/rest"].contains(&path.as_str())
            || path.starts_with("/ws/rooms/")
    };
    let lost = way.routes.iter().find(|route| !known(&arrives(route)));
    let Some(route) = lost else { return };
    let wrong =
        format!("{route} arrives as {}, where the backend has nothing: 404", arrives(route));
    let scheme = way.pass.argument(1).split("://").next().unwrap_or("http");
    let right = format!(
        "proxy_pass {scheme}://{address}; without a path, so that it arrives as it was asked for \
         (ngx_http_proxy_module#proxy_pass)"
    );
    findings.add(Severity::Error, "path-rewritten", way.pass.place(), wrong, right);
}
