//! Limits of handshakes and connections: an office behind one address, everybody at once, whose address.
//! Leaves to `workers.rs`: what the gateway as a whole can hold.

use super::{Findings, Gateway, Severity, Way, value};
use crate::lint::{effective::named, tree::Directive};

/// So many people may sit behind one address.
const OFFICE: u64 = 100;
const REQ: &str = "ngx_http_limit_req_module#limit_req";
const CONN: &str = "ngx_http_limit_conn_module#limit_conn";

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    for limit in way.scope.all("limit_req") {
        let Some(zone) = zone(gateway, "limit_req_zone", limit.parameter("zone")) else { continue };
        requests(gateway, limit, zone, findings);
        key(gateway, way, zone, findings);
    }
    for limit in way.scope.all("limit_conn") {
        let name = Some(limit.argument(1));
        let Some(zone) = zone(gateway, "limit_conn_zone", name) else { continue };
        connections(gateway, limit, zone, findings);
        key(gateway, way, zone, findings);
    }
}

/// Where a zone is made.
fn zone<'a>(gateway: &Gateway<'a>, directive: &str, name: Option<&str>) -> Option<&'a Directive> {
    let has =
        |zone: &&Directive| zone.parameter("zone").and_then(|zone| zone.split(':').next()) == name;
    gateway.in_http(directive).find(has)
}

/// What a zone counts by.
fn by_address(zone: &Directive) -> bool {
    let key = zone.argument(1);
    ["remote_addr", "realip", "forwarded_for", "proxy_protocol_addr", "connecting_ip", "real_ip"]
        .iter()
        .any(|part| key.contains(part))
}

/// The same for everybody, or for everybody who asks for this host.
fn by_all(zone: &Directive) -> bool {
    let key = zone.argument(1);
    !key.contains('$') || matches!(key, "$server_name" | "$host" | "$http_host" | "$server_port")
}

fn requests(gateway: &Gateway<'_>, limit: &Directive, zone: &Directive, findings: &mut Findings) {
    let burst: u64 = limit.parameter("burst").and_then(|it| it.parse().ok()).unwrap_or(0);
    let Some(rate) = zone.parameter("rate").and_then(value::rate) else { return };
    if by_address(zone) && burst < OFFICE && rate < 100.0 {
        let wrong = format!(
            "one address gets {burst} handshakes at once and {rate} a second after them: an office \
             of {OFFICE} that reconnects together is refused"
        );
        let right =
            format!("burst={OFFICE} or more, with nodelay: a handshake is one per person ({REQ})");
        findings.add(Severity::Warning, "limit-office", limit.place(), wrong, right);
    }
    if !by_all(zone) {
        return;
    }
    let config = &gateway.expected.config;
    let window = config.drain.window;
    let wanted = config.server.connections_max.min(gateway.expected.connections) as f64;
    let needed = wanted / window.as_secs_f64().max(0.001);
    if rate >= needed {
        return;
    }
    let held = (burst as f64) >= wanted;
    let severity = if held { Severity::Note } else { Severity::Warning };
    let wrong = format!(
        "{rate} handshakes a second are let in, and {burst} wait or pass at once; a backend that \
         drains sends {wanted} connections away in {} (drain.window): {}",
        value::show(window),
        if held { "the last of them wait long" } else { "many of them are refused" }
    );
    let right = format!(
        "rate={}r/s, or burst={wanted} with a delay=, or a longer drain.window ({REQ})",
        needed.ceil()
    );
    findings.add(severity, "limit-storm", limit.place(), wrong, right);
}

fn connections(
    gateway: &Gateway<'_>,
    limit: &Directive,
    zone: &Directive,
    findings: &mut Findings,
) {
    let Ok(number) = limit.argument(2).parse::<u64>() else { return };
    if by_address(zone) && number < OFFICE {
        let wrong = format!(
            "one address gets {number} connections, and a WebSocket counts for its whole life: an \
             office of {OFFICE} behind one address does not get in"
        );
        let right = format!("{OFFICE} or more ({CONN})");
        findings.add(Severity::Warning, "limit-office", limit.place(), wrong, right);
    }
    let wanted = gateway.expected.connections;
    if by_all(zone) && number < wanted as u64 {
        let wrong = format!("{number} connections are let in altogether, and {wanted} are wanted");
        let right = format!("{wanted} or more ({CONN})");
        findings.add(Severity::Warning, "limit-storm", limit.place(), wrong, right);
    }
}

/// Whose address it is that a limit counts by.
fn key(gateway: &Gateway<'_>, way: &Way<'_>, zone: &Directive, findings: &mut Findings) {
    const RULE: &str = "limit-key";
    let key = zone.argument(1);
    let realip = "ngx_http_realip_module#set_real_ip_from";
    if let Some(header) = key.strip_prefix("$http_").filter(|_| by_address(zone)) {
        let wrong = format!(
            "the limit counts by the header {}, which every peer writes as it likes",
            header.replace('_', "-")
        );
        let right = format!(
            "$binary_remote_addr, with set_real_ip_from and real_ip_header for the proxies in front \
             ({realip})"
        );
        return findings.add(Severity::Warning, RULE, zone.place(), wrong, right);
    }
    if !by_address(zone) {
        return;
    }
    let right = format!("set_real_ip_from THEIR-NETWORK; and real_ip_header …; in http ({realip})");
    let trusts = !way.scope.all("set_real_ip_from").is_empty();
    if key.contains("realip_remote_addr") {
        let wrong =
            "the limit counts by the address of the proxy in front, which all its users share";
        return findings.add(Severity::Warning, RULE, zone.place(), wrong, "$binary_remote_addr");
    }
    if trusts && way.scope.one("real_ip_header").is_none() {
        let set = way.scope.all("set_real_ip_from")[0];
        let wrong = "proxies in front are trusted, but real_ip_header is not set: where they do not \
                     send X-Real-IP (its default), the limit counts all their users as one";
        let right = format!("real_ip_header X-Forwarded-For; real_ip_recursive on; ({realip})");
        return findings.add(Severity::Note, RULE, set.place(), wrong, right);
    }
    if !trusts
        && gateway.complete
        && let Some(sign) = proxy_in_front(way)
    {
        let wrong = format!(
            "the limit counts by {key}, but `{}` ({}) says that there is a proxy in front: all its \
             users are one address",
            sign.text(),
            sign.place()
        );
        findings.add(Severity::Warning, RULE, zone.place(), wrong, right);
    }
}

/// What is only written where a proxy or CDN stands in front.
fn proxy_in_front<'a>(way: &Way<'a>) -> Option<&'a Directive> {
    let speaks = named(way.server.body(), "listen")
        .find(|listen| listen.arguments().any(|it| it == "proxy_protocol"));
    let told = [
        "$http_x_forwarded_for",
        "$http_x_real_ip",
        "$http_cf_connecting_ip",
        "$http_x_forwarded_proto",
    ];
    let passes = |header: &&Directive| told.contains(&header.argument(2));
    speaks.or_else(|| way.scope.all("proxy_set_header").into_iter().find(passes))
}
