//! What nginx's workers can hold, and how long they live on after a reload.
//! Leaves to `limits.rs`: what one address may take of it.

use super::{Findings, Gateway, Place, Severity, time_of};
use crate::lint::{effective::named, value};
use std::time::Duration;

/// nginx's default, and what the kernel gives a process that asks for nothing.
const CONNECTIONS: usize = 512;
const FILES: usize = 1024;
/// A machine with more cores than this is not what people have in mind.
const CORES: usize = 16;
/// Shorter, and a reload cuts everybody sooner or later in the same moment.
const LIFE: Duration = Duration::from_secs(3600);

pub(super) fn check(gateway: &Gateway<'_>, findings: &mut Findings) {
    let events = gateway.outermost.one("events");
    let (true, Some(events)) = (gateway.context == "main", events) else { return };
    let said = named(events.body(), "worker_connections").last();
    let number = said.map_or(Some(CONNECTIONS), |it| it.argument(1).parse().ok());
    let at = said.unwrap_or(events).place();
    if let Some(number) = number.filter(|_| gateway.complete || said.is_some()) {
        connections(gateway, number, said.is_none(), at, findings);
        files(gateway, number, at, findings);
    }
    if let Some(on) = named(events.body(), "accept_mutex").find(|it| it.argument(1) == "on") {
        let wrong = "accept_mutex lets one worker take a whole storm of handshakes, with all the \
                     connections that follow";
        let right = "accept_mutex off; the default (ngx_core_module#accept_mutex)";
        findings.add(Severity::Note, "accept-mutex", on.place(), wrong, right);
    }
    shutdown(gateway, findings);
}

fn connections(
    gateway: &Gateway<'_>,
    number: usize,
    default: bool,
    at: Place<'_>,
    findings: &mut Findings,
) {
    const RULE: &str = "worker-connections";
    let wanted = gateway.expected.connections;
    let needed = wanted.saturating_mul(2).div_ceil(number.max(1));
    if needed <= 1 {
        return;
    }
    let processes = gateway.outermost.one("worker_processes");
    let workers = processes.map_or(Some(1), |it| it.argument(1).parse::<usize>().ok());
    let default = if default { " (nginx's default)" } else { "" };
    let each = format!(
        "worker_connections {number}{default} hold {} WebSockets a worker, as each takes two; {wanted} \
         are wanted",
        number / 2
    );
    let right = format!(
        "worker_connections {}; or as many workers, or --wanted-connections for fewer \
         (ngx_core_module#worker_connections)",
        wanted.saturating_mul(2).saturating_add(512)
    );
    let (severity, wrong) = match workers {
        Some(workers) if workers < needed => (
            Severity::Warning,
            format!(
                "{each}, and there {}: past it peers are cut off without an answer",
                if workers == 1 { "is one worker".to_owned() } else { format!("are {workers}") }
            ),
        ),
        None if needed > CORES => (
            Severity::Warning,
            format!(
                "{each}, which takes {needed} workers: past it peers are cut off without an answer"
            ),
        ),
        _ => (
            Severity::Note,
            format!("{each}: that is enough only while {needed} workers share them evenly"),
        ),
    };
    findings.add(severity, RULE, at, wrong, right);
}

fn files(gateway: &Gateway<'_>, number: usize, at: Place<'_>, findings: &mut Findings) {
    const RULE: &str = "worker-files";
    let said = gateway.outermost.one("worker_rlimit_nofile");
    let right = format!(
        "worker_rlimit_nofile {}; (ngx_core_module#worker_rlimit_nofile)",
        number.saturating_add(512)
    );
    match said {
        None if number > FILES && gateway.complete => {
            let wrong = format!(
                "a worker may open {number} connections, but only as many files as it was started \
                 with, commonly {FILES}"
            );
            findings.add(Severity::Warning, RULE, at, wrong, right);
        }
        Some(said) if said.argument(1).parse::<usize>().is_ok_and(|files| files < number) => {
            let wrong = format!(
                "a worker may open {} files, fewer than its {number} connections: accept() fails \
                 before they are used up",
                said.argument(1)
            );
            findings.add(Severity::Warning, RULE, said.place(), wrong, right);
        }
        _ => {}
    }
}

fn shutdown(gateway: &Gateway<'_>, findings: &mut Findings) {
    let Some(said) = gateway.outermost.one("worker_shutdown_timeout") else { return };
    let Some(time) = time_of(said, findings) else { return };
    if time >= LIFE {
        return;
    }
    let drain = gateway.expected.config.drain.timeout;
    let than = if time < drain {
        format!(", before a backend has drained (drain.timeout {})", value::show(drain))
    } else {
        String::new()
    };
    let wrong = format!(
        "{} after every reload all connections are cut at once, without a close frame{than}",
        value::show(time)
    );
    let right = "as long as a connection may live, such as 24h, or none: the backend's drain says \
                 goodbye properly (ngx_core_module#worker_shutdown_timeout)";
    findings.add(Severity::Warning, "worker-shutdown-timeout", said.place(), wrong, right);
}
