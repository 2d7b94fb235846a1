//! The group of servers behind a WebSocket location.
//! Leaves to `rooms.rs`: that a room has one server.

use super::{Findings, Gateway, Severity, Way, time_in_force};
use crate::lint::{
    gateway::Target,
    tree::Directive,
    upstream::{balancing, many_servers, servers},
};
use std::time::Duration;

/// Local ports that the Linux kernel uses by default, for each address of a server.
const LOCAL_PORTS: usize = 28_232;

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    variable(gateway, way, findings);
    local_ports(gateway, way, findings);
    if let Some(group) = many_servers(gateway, way) {
        max_fails(group, findings);
        turns(group, findings);
        next(way, findings);
    }
}

fn max_fails(group: &Directive, findings: &mut Findings) {
    let guilty = servers(group).find(|server| server.parameter("max_fails") != Some("0"));
    let Some(server) = guilty else { return };
    let wrong = format!(
        "max_fails is {}: nginx counts a success when a request ENDS, hours later for a WebSocket, \
         so after one failure this server gets one handshake in fail_timeout (10s)",
        server.parameter("max_fails").unwrap_or("1 (nginx's default)")
    );
    let right = format!("{} max_fails=0; (ngx_http_upstream_module#max_fails)", server.text());
    findings.add(Severity::Warning, "max-fails", server.place(), wrong, right);
}

fn turns(group: &Directive, findings: &mut Findings) {
    let right = "least_conn; and zone NAME 256k; so that all workers count together \
                 (ngx_http_upstream_module#least_conn)";
    match balancing(group) {
        None => {
            let wrong = "servers take turns: one that comes back stays nearly empty for hours, \
                         because connections live long";
            findings.add(Severity::Note, "balancing", group.place(), wrong, right);
        }
        Some(method) if method.name() == "ip_hash" => {
            let wrong = "ip_hash sends everybody behind one address, or one /24, to the same server; \
                         a WebSocket needs no such thing, as its messages take one connection";
            findings.add(Severity::Note, "balancing", method.place(), wrong, right);
        }
        Some(_) => {}
    }
}

fn next(way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "next-upstream";
    let right = "proxy_next_upstream error timeout http_503; proxy_next_upstream_tries 3; \
                 (ngx_http_proxy_module#proxy_next_upstream)";
    let said = way.scope.one("proxy_next_upstream");
    let at = said.map_or(way.location.place(), Directive::place);
    let has = |word: &str| said.is_some_and(|said| said.arguments().any(|it| it == word));
    if has("off") || said.is_some_and(|_| !has("error")) {
        let wrong = "a handshake that meets a server that is gone fails, although others are there";
        findings.add(Severity::Warning, RULE, at, wrong, right);
    } else if !has("http_503") {
        let wrong = "the 503 of a server that drains or is full goes to the peer; another server \
                     would have taken it";
        findings.add(Severity::Note, RULE, at, wrong, right);
    }
    let wait = Duration::from_secs(60);
    let Some(read) = time_in_force(way, "proxy_read_timeout", wait, findings) else { return };
    let total = time_in_force(way, "proxy_next_upstream_timeout", Duration::ZERO, findings);
    if let Some(total) = total
        && total.time > Duration::ZERO
        && total.time <= read.time
    {
        let wrong = "proxy_next_upstream_timeout is over when a hung server has used up \
                     proxy_read_timeout: no other is asked";
        findings.add(Severity::Note, RULE, total.at, wrong, "twice proxy_read_timeout, or none");
    }
}

fn variable(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    if !matches!(gateway.target(way), Target::Variable) || gateway.needs_no_resolver(way) {
        return;
    }
    const RULE: &str = "proxy-pass-variable";
    let right = "upstream { zone …; least_conn; server NAME:PORT resolve max_fails=0; } with a \
                 resolver: new servers are found without a reload (ngx_http_upstream_module#resolve)";
    let (severity, wrong) = if way.scope.one("resolver").is_none() && gateway.complete {
        let wrong = "a variable says where to, and there is no resolver: unless it is an address or \
                     the name of an upstream, every handshake gets 502";
        (Severity::Warning, wrong)
    } else {
        let wrong = "a variable says where to: which servers these are is not judged, and they are \
                     used unevenly (10, 13, 28 and 9 of 60 connections on four)";
        (Severity::Note, wrong)
    };
    findings.add(severity, RULE, way.pass.place(), wrong, right);
}

fn local_ports(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    let addresses = gateway.addresses(way);
    let wanted = gateway.expected.connections;
    let local = addresses.iter().any(|address| address.starts_with("unix:"));
    let several = many_servers(gateway, way).is_some() && addresses.len() == 1;
    if addresses.is_empty() || local || several || wanted <= addresses.len() * LOCAL_PORTS {
        return;
    }
    let wrong = format!(
        "{wanted} connections are wanted, and Linux has {LOCAL_PORTS} local ports for each of {} \
         servers unless told otherwise",
        addresses.len()
    );
    let right =
        "net.ipv4.ip_local_port_range = 1024 65535 (64,512), more servers, or a unix socket";
    findings.add(Severity::Note, "local-ports", way.pass.place(), wrong, right);
}
