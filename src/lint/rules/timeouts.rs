//! nginx's timeouts against the backend's heartbeat and deadlines.
//! Leaves to `workers.rs`: how long a worker lives after a reload.

use std::time::Duration;

use super::{Findings, Gateway, InForce, Severity, Way, time_in, time_in_force, value::show};
use crate::lint::upstream::many_servers;

/// Nearer to the timeout than this, nginx's own timer may be first: it fires up to 0.3 s early.
const MARGIN: Duration = Duration::from_secs(1);
/// So long a handshake would wait for a hung backend.
const LONG: Duration = Duration::from_secs(3600);
const DEFAULT: Duration = Duration::from_secs(60);
/// Of `proxy_timeout` in `stream`.
const STREAM_DEFAULT: Duration = Duration::from_secs(600);

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    let mut in_force = |name: &str| time_in_force(way, name, DEFAULT, findings);
    let read = in_force("proxy_read_timeout");
    let send = in_force("send_timeout");
    let to_backend = in_force("proxy_send_timeout");
    let connect = in_force("proxy_connect_timeout");
    if let Some(read) = read {
        read_timeout(gateway, &read, findings);
    }
    if let Some(send) = send {
        send_timeout(gateway, &send, findings);
    }
    if let Some(to_backend) = to_backend {
        proxy_send_timeout(gateway, &to_backend, findings);
    }
    if let Some(connect) = connect {
        connect_timeout(gateway, way, &connect, findings);
    }
}

/// Bytes that `stream` passes on: the same silence, by another timeout. What they are is not known,
/// so this is looked at only where no location passes WebSockets.
pub(super) fn check_streams(gateway: &Gateway<'_>, findings: &mut Findings) {
    const RULE: &str = "stream-timeout";
    let page = "ngx_stream_proxy_module#proxy_timeout";
    for (scope, server) in &gateway.streams {
        let silence = time_in(scope, server, "proxy_timeout", STREAM_DEFAULT, findings);
        let Some(silence) = silence else { continue };
        let is = silence.words("proxy_timeout");
        match gateway.expected.config.heartbeat.ping_interval {
            None => findings.add(
                Severity::Error,
                RULE,
                silence.at,
                format!(
                    "{is} and the backend sends no pings: every connection silent for so long is cut"
                ),
                format!("heartbeat.ping_interval = \"{}\" in holdline.toml", show(silence.time / 3)),
            ),
            Some(ping) => {
                if let Some((severity, harm)) = too_tight(silence.time, ping) {
                    let ping = show(ping);
                    findings.add(
                        severity,
                        RULE,
                        silence.at,
                        format!("{is}, but the backend pings every {ping} only: {harm}"),
                        format!("proxy_timeout of three ping intervals, or the default, 10m ({page})"),
                    );
                }
            }
        }
    }
}

/// What silence between two pings does, if the timeout is too near to it.
fn too_tight(timeout: Duration, ping: Duration) -> Option<(Severity, &'static str)> {
    let fails =
        ping.as_secs_f64() > timeout.as_secs_f64() * 0.9 || timeout.saturating_sub(ping) < MARGIN;
    if fails {
        Some((Severity::Error, "silent connections are cut, without a close frame"))
    } else if ping > timeout / 2 {
        Some((Severity::Warning, "one lost or late ping cuts a silent connection"))
    } else {
        None
    }
}

fn read_timeout(gateway: &Gateway<'_>, read: &InForce<'_>, findings: &mut Findings) {
    let config = &gateway.expected.config;
    let is = read.words("proxy_read_timeout");
    let page = "ngx_http_proxy_module#proxy_read_timeout";
    let before = findings.has("read-timeout") || findings.has("read-timeout-long");
    match config.heartbeat.ping_interval {
        None => findings.add(
            Severity::Error,
            "read-timeout",
            read.at,
            format!(
                "{is} and the backend sends no pings: every connection silent for so long is cut"
            ),
            format!("heartbeat.ping_interval = \"{}\" in holdline.toml", show(read.time / 3)),
        ),
        Some(ping) => {
            if let Some((severity, harm)) = too_tight(read.time, ping) {
                let ping = show(ping);
                findings.add(
                    severity,
                    "read-timeout",
                    read.at,
                    format!("{is}, but the backend pings every {ping} only: {harm}"),
                    format!(
                        "proxy_read_timeout of three ping intervals, or gateway.read_timeout = \
                         \"{}\" in holdline.toml with heartbeat.ping_interval left out ({page})",
                        show(read.time)
                    ),
                );
            }
        }
    }
    if read.time >= LONG {
        findings.add(
            Severity::Warning,
            "read-timeout-long",
            read.at,
            format!(
                "{is}: so long a hung backend keeps handshakes waiting, and dead peers are kept"
            ),
            format!(
                "{}; the backend's pings keep silent connections open ({page})",
                show(config.gateway.read_timeout)
            ),
        );
    }
    let told = config.gateway.read_timeout;
    let judged = before || findings.has("read-timeout") || findings.has("read-timeout-long");
    if told != read.time && !judged {
        findings.add(
            Severity::Warning,
            "read-timeout-differs",
            read.at,
            format!("{is}, but the backend is told {} (gateway.read_timeout)", show(told)),
            format!("gateway.read_timeout = \"{}\", or the same here ({page})", show(read.time)),
        );
    }
}

fn send_timeout(gateway: &Gateway<'_>, send: &InForce<'_>, findings: &mut Findings) {
    let write = gateway.expected.config.limits.write_timeout;
    let is = send.words("send_timeout");
    let right = format!(
        "send_timeout {}; as limits.write_timeout, with reset_timedout_connection on; \
         (ngx_http_core_module#send_timeout)",
        show(write)
    );
    if send.time < write {
        let wrong = format!(
            "{is}, shorter than the backend's limits.write_timeout ({}): a slow peer is cut without \
             a close frame, and the backend cannot say why",
            show(write)
        );
        findings.add(Severity::Warning, "send-timeout", send.at, wrong, right);
    } else if send.time > DEFAULT.max(write) {
        let wrong = format!(
            "{is}: a peer that takes nothing keeps its megabytes here for so long after the backend \
             has given it up"
        );
        findings.add(Severity::Note, "send-timeout", send.at, wrong, right);
    }
}

/// While a message waits for the application, or its peer for room, nothing is read from it.
fn proxy_send_timeout(gateway: &Gateway<'_>, send: &InForce<'_>, findings: &mut Findings) {
    let config = &gateway.expected.config;
    let callback =
        config.callback.url.as_ref().map(|_| ("callback.timeout", config.callback.timeout * 2));
    let rest = config.rest.base_url.as_ref().map(|_| ("rest.timeout", config.rest.timeout * 2));
    let write = Some(("limits.write_timeout", config.limits.write_timeout));
    let longest = [write, callback, rest].into_iter().flatten().max_by_key(|(_, time)| *time);
    let Some((key, pause)) = longest.filter(|(_, pause)| send.time < *pause) else { return };
    let twice = if key == "limits.write_timeout" { "" } else { ", twice: its turn and its answer" };
    findings.add(
        Severity::Warning,
        "proxy-send-timeout",
        send.at,
        format!(
            "{}, but the backend may read nothing from a busy peer for {} ({key}{twice}): nginx cuts \
             the connection meanwhile",
            send.words("proxy_send_timeout"),
            show(pause)
        ),
        format!(
            "more than {} (ngx_http_proxy_module#proxy_send_timeout)",
            show(pause)
        ),
    );
}

fn connect_timeout(
    gateway: &Gateway<'_>,
    way: &Way<'_>,
    connect: &InForce<'_>,
    findings: &mut Findings,
) {
    let patience = gateway.expected.config.server.handshake_timeout;
    if many_servers(gateway, way).is_some() && connect.time > patience {
        findings.add(
            Severity::Note,
            "connect-timeout",
            connect.at,
            format!(
                "{}: so long a handshake waits for a host that is gone before the next is asked",
                connect.words("proxy_connect_timeout")
            ),
            "proxy_connect_timeout 5s; (ngx_http_proxy_module#proxy_connect_timeout)",
        );
    }
}
