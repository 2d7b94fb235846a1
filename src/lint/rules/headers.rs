//! What the backend is told beside the upgrade: the host, the peer's address, the request's id.
//! Leaves to `upgrade.rs`: the handshake's own headers.

use super::{Findings, Gateway, Severity, Way};
use crate::lint::{gateway::port, tree::Directive};

const SET: &str = "ngx_http_proxy_module#proxy_set_header";

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    lost(way, findings);
    host(gateway, way, findings);
    forwarded_for(gateway, way, findings);
}

/// One `proxy_set_header` in a level drops all that are set further out.
fn lost(way: &Way<'_>, findings: &mut Findings) {
    let headers = ["Upgrade", "Connection", "Host", "X-Forwarded-For", "X-Request-ID"];
    let lost: Vec<_> = headers
        .into_iter()
        .filter_map(|name| way.scope.lost_header(name).map(|(outer, inner)| (name, outer, inner)))
        .collect();
    let Some((_, outer, inner)) = lost.first() else { return };
    let names: Vec<_> = lost.iter().map(|(name, ..)| *name).collect();
    let breaks = names.iter().any(|name| ["Upgrade", "Connection"].contains(name));
    let severity = if breaks { Severity::Error } else { Severity::Warning };
    let names = names.join(", ");
    let wrong = format!(
        "this proxy_set_header drops all that are set further out, at {} and beside it: {names}",
        outer.place()
    );
    let right = format!(
        "all proxy_set_header in one level: this one beside the others, or the others repeated here \
         ({SET})"
    );
    findings.add(severity, "headers-lost", inner.place(), wrong, right);
}

fn host(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "host-without-port";
    // Pages are then allowed by their origin, whatever Host says.
    if !gateway.expected.config.server.allowed_origins.is_empty() {
        return;
    }
    let right = format!("proxy_set_header Host $http_host; or server.allowed_origins ({SET})");
    let set = way.scope.header("Host");
    let value = set.map_or("$proxy_host", |set| set.argument(2));
    let at = set.map_or(way.location.place(), Directive::place);
    match value {
        "$proxy_host" if set.is_none() && way.scope.lost_header("Host").is_some() => {}
        "" | "$proxy_host" => {
            let wrong = "Host is the upstream's name and not the one that the browser asked for: \
                         the backend's same-origin check refuses every page (403)";
            findings.add(Severity::Warning, RULE, at, wrong, right);
        }
        "$host" | "$server_name" => {
            let odd = odd_port(way.server);
            let severity = if odd.is_some() { Severity::Warning } else { Severity::Note };
            let at_port = odd.map_or("another port than 80 and 443".to_owned(), |port| {
                format!("port {port}, where this server listens")
            });
            let wrong = format!(
                "{value} has no port: the backend's same-origin check refuses pages from {at_port}"
            );
            findings.add(severity, RULE, at, wrong, right);
        }
        _ => {}
    }
}

/// A port of the server that browsers put into Host.
fn odd_port(server: &Directive) -> Option<u16> {
    let listens = server.body().iter().filter(|it| it.name() == "listen");
    let ports = listens.filter_map(|listen| {
        let address = listen.argument(1);
        address.parse::<u16>().ok().or_else(|| port(address))
    });
    ports.into_iter().find(|port| ![80, 443].contains(port))
}

fn forwarded_for(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    const RULE: &str = "forwarded-for";
    let config = &gateway.expected.config;
    let trusted = &config.server.trusted_proxies;
    if trusted.is_empty() {
        return;
    }
    let right = format!("proxy_set_header X-Forwarded-For $remote_addr; ({SET})");
    let Some(set) = way.scope.header("X-Forwarded-For") else {
        if way.scope.lost_header("X-Forwarded-For").is_none() {
            let limited = config.limits.connections_per_ip_max.is_some();
            let severity = if limited { Severity::Warning } else { Severity::Note };
            let wrong = if limited {
                "the backend is not told the peers' addresses: all of them share one \
                 limits.connections_per_ip_max, as the gateway"
            } else {
                "the backend is not told the peers' addresses: its log has the gateway's for all"
            };
            findings.add(severity, RULE, way.location.place(), wrong, right);
        }
        return;
    };
    if set.argument(2).contains("$proxy_add_x_forwarded_for") {
        let wide = trusted.iter().find(|net| !net.addr().is_loopback());
        let severity = if wide.is_some() { Severity::Warning } else { Severity::Note };
        let whom = wide.map_or("but others behind this gateway may not".to_owned(), |net| {
            format!("but a peer within {net} (server.trusted_proxies) can choose its own address")
        });
        let wrong = format!(
            "what a peer writes into X-Forwarded-For is passed on before its address; the backend \
             believes only the last one, {whom}"
        );
        findings.add(severity, RULE, set.place(), wrong, right);
    }
}
