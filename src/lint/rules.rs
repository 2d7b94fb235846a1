//! The rules, family by family; each tells what is wrong and what would be right.
//! Leaves to `catalogue.rs`: the reason behind each; to `gateway.rs`: what they look at.

mod exposure;
mod headers;
mod limits;
mod overlooked;
mod redirects;
mod rooms;
mod taste;
mod timeouts;
mod upgrade;
mod upstreams;
mod workers;

use std::time::Duration;

use super::{
    effective::Scope,
    finding::{Findings, Place, Severity},
    gateway::{Gateway, Way},
    tree::Directive,
    value,
};

/// Holds a gateway against every rule.
pub(super) fn check(gateway: &Gateway<'_>, findings: &mut Findings) {
    some_location(gateway, findings);
    overlooked::check(gateway, findings);
    upgrade::scheme(gateway, findings);
    for way in &gateway.websockets {
        upgrade::check(gateway, way, findings);
        headers::check(gateway, way, findings);
        timeouts::check(gateway, way, findings);
        upstreams::check(gateway, way, findings);
        rooms::check(gateway, way, findings);
        redirects::check(gateway, way, findings);
        limits::check(gateway, way, findings);
        taste::check(way, findings);
    }
    if gateway.websockets.is_empty() {
        timeouts::check_streams(gateway, findings);
    }
    redirects::check_routes(gateway, findings);
    workers::check(gateway, findings);
    exposure::check(gateway, findings);
}

/// Nothing to judge is a finding too.
fn some_location(gateway: &Gateway<'_>, findings: &mut Findings) {
    let first =
        gateway.servers.first().map(|(_, server)| *server).or(gateway.http.first().copied());
    let at = first.map_or(Place { file: gateway.name, line: 1 }, Directive::place);
    let right = "a location with proxy_pass and the headers Upgrade and Connection; name yours with \
                 --route /its/path where it is not recognised \
                 (nginx.org/en/docs/http/websocket.html)";
    // Whoever passes bytes on passes WebSockets on.
    let by_stream = !gateway.streams.is_empty() && gateway.websockets.is_empty();
    // A part of a configuration, or one that was not read whole, may have it elsewhere.
    let whole = gateway.complete && gateway.context == "main";
    let severity = if whole { Severity::Error } else { Severity::Warning };
    for path in gateway.expected.paths() {
        let served = gateway.websockets.iter().any(|way| way.routes.contains(&path));
        if gateway.expected.routes_are_asked_for() && !served && !by_stream {
            let wrong = format!("no location proxies {path}");
            findings.add(severity, "no-websocket-location", at, wrong, right);
        }
    }
    // What nginx cannot read may be the location.
    let faults = ["missing-semicolon", "unknown-directive", "misplaced-directive", "arguments"];
    let readable = !faults.iter().any(|rule| findings.has(rule));
    if gateway.websockets.is_empty()
        && !by_stream
        && readable
        && !findings.has("no-websocket-location")
    {
        let wrong = "no location passes WebSockets to a backend";
        findings.add(severity, "no-websocket-location", at, wrong, right);
    }
}

/// A time that is in force, what says so if anything does, and where to report it.
struct InForce<'a> {
    time: Duration,
    said: Option<&'a Directive>,
    at: Place<'a>,
}

impl InForce<'_> {
    /// `name 20s`, or that it is nginx's default.
    fn words(&self, name: &str) -> String {
        let default = if self.said.is_none() { " (nginx's default)" } else { "" };
        format!("{name} is {}{default}", value::show(self.time))
    }
}

/// `None` when it is written in a way that nginx refuses, which is a finding, or as a variable.
fn time_in_force<'a>(
    way: &Way<'a>,
    name: &str,
    default: Duration,
    findings: &mut Findings,
) -> Option<InForce<'a>> {
    time_in(&way.scope, way.location, name, default, findings)
}

/// The same for any block.
fn time_in<'a>(
    scope: &Scope<'a>,
    block: &'a Directive,
    name: &str,
    default: Duration,
    findings: &mut Findings,
) -> Option<InForce<'a>> {
    let Some(said) = scope.one(name) else {
        return Some(InForce { time: default, said: None, at: block.place() });
    };
    Some(InForce { time: time_of(said, findings)?, said: Some(said), at: said.place() })
}

/// The time that is a directive's first argument.
fn time_of(said: &Directive, findings: &mut Findings) -> Option<Duration> {
    let (name, text) = (said.name(), said.argument(1));
    let time = value::time(text);
    if time.is_none() && !text.is_empty() && !text.contains('$') {
        findings.add(
            Severity::Error,
            "bad-value",
            said.place(),
            format!("{name} is no time: `{text}`"),
            "a number with a unit, such as 60s (nginx.org/en/docs/syntax.html)",
        );
    }
    time
}
