//! Which values make sense, alone and beside each other; this is the only place that says so.
//! How a value is written is left to `spelling`, where it came from to `loader`.

mod application;

use std::{collections::BTreeSet, time::Duration};

use super::{
    Config,
    error::{Problem, assignment},
    key::Key,
    loader::Sources,
    origin,
    sections::{LETTER_BYTES, WORKERS_MAX},
    spelling::show_duration,
};

/// The largest header of a frame we send: 2 bytes and 8 of length, no mask (RFC 6455, 5.2).
const HEADER_BYTES_MAX: usize = 10;

/// What [`check`] found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

/// Holds `config` against every rule. A rule about one of the `misspelt` keys is not judged: what
/// the config holds for it is not what the operator wrote.
pub(super) fn check(
    config: &Config,
    sources: &Sources,
    misspelt: &BTreeSet<&'static str>,
) -> Findings {
    let mut check = Check { config, sources, misspelt, findings: Findings::default() };
    listeners(&mut check);
    nonzero(&mut check);
    heartbeat(&mut check);
    sizes(&mut check);
    drain(&mut check);
    addresses(&mut check);
    application::rules(&mut check);
    check.findings
}

struct Check<'a> {
    config: &'a Config,
    sources: &'a Sources,
    misspelt: &'a BTreeSet<&'static str>,
    findings: Findings,
}

impl Check<'_> {
    /// The first key is the one to blame; the others are those the rule's words mention.
    fn must(&mut self, keys: &[&'static str], holds: bool, rule: impl FnOnce(&Self) -> String) {
        if holds || keys.iter().any(|key| self.misspelt.contains(key)) {
            return;
        }
        let (key, rule) = (keys[0], rule(self));
        let (value, source) = (self.value(key), self.sources.of(key));
        self.findings.problems.push(Problem::Value { key, value, source, rule });
    }

    fn warn(&mut self, key: &'static str, when: bool, words: impl FnOnce(&Self) -> String) {
        if when && !self.misspelt.contains(key) {
            let words = format!("{}: {}", self.quote(key), words(self));
            self.findings.warnings.push(words);
        }
    }

    /// `key = value (source)`.
    fn quote(&self, key: &'static str) -> String {
        assignment(key, &self.value(key), &self.sources.of(key))
    }

    fn value(&self, key: &'static str) -> String {
        Key::find(key).map_or_else(String::new, |key| key.value(self.config))
    }
}

fn listeners(check: &mut Check<'_>) {
    let (public, control) = (check.config.server.listen, check.config.control.listen);
    let same_host = public.ip() == control.ip()
        || public.ip().is_unspecified()
        || control.ip().is_unspecified();
    let clash = public.port() != 0 && public.port() == control.port() && same_host;
    check.must(&["control.listen", "server.listen"], !clash, |check| {
        format!("must not be the address of {}", check.quote("server.listen"))
    });
    let workers = check.config.server.workers;
    check.must(&["server.workers"], (1..=WORKERS_MAX).contains(&workers), |_| {
        format!("must be between 1 and {WORKERS_MAX}")
    });
}

/// A limit or timeout of nothing would refuse everybody.
fn nonzero(check: &mut Check<'_>) {
    let Config { server, gateway, heartbeat, limits, .. } = check.config;
    let counts = [
        ("server.connections_max", server.connections_max),
        ("limits.message_bytes_max", limits.message_bytes_max),
        ("limits.message_fragments_max", limits.message_fragments_max),
        ("limits.control_frames_max", limits.control_frames_max),
        ("limits.outbox_frames_max", limits.outbox_frames_max),
        ("limits.rooms_max", limits.rooms_max),
        ("limits.rooms_per_connection_max", limits.rooms_per_connection_max),
    ];
    for (key, value) in counts {
        check.must(&[key], value > 0, |_| "must be at least 1".into());
    }
    let limits_or_off = [
        ("limits.messages_per_second", limits.messages_per_second != Some(0)),
        ("limits.connections_per_ip_max", limits.connections_per_ip_max != Some(0)),
    ];
    for (key, holds) in limits_or_off {
        check.must(&[key], holds, |_| "must be at least 1; \"off\" is no limit".into());
    }
    let durations = [
        ("server.handshake_timeout", server.handshake_timeout),
        ("gateway.read_timeout", gateway.read_timeout),
        ("heartbeat.pong_timeout", heartbeat.pong_timeout),
        ("limits.message_timeout", limits.message_timeout),
        ("limits.write_timeout", limits.write_timeout),
        ("limits.close_timeout", limits.close_timeout),
    ];
    for (key, value) in durations {
        check.must(&[key], value > Duration::ZERO, |_| "must be longer than nothing".into());
    }
    // A busy machine may well not schedule a healthy thread for a moment, and the penalty is death.
    let patient = server.stall_timeout >= Duration::from_millis(100);
    check.must(&["server.stall_timeout"], patient, |_| "must be at least \"100ms\"".into());
}

fn heartbeat(check: &mut Check<'_>) {
    const KEYS: &[&str] = &["heartbeat.ping_interval", "gateway.read_timeout"];
    let Some(interval) = check.config.heartbeat.ping_interval else {
        return check.warn(KEYS[0], true, |check| {
            format!(
                "no pings are sent; the gateway cuts every connection that is silent for {}, and a \
                 dead peer is found only when something is sent to it",
                check.quote(KEYS[1])
            )
        });
    };
    check.must(KEYS, interval > Duration::ZERO, |_| {
        "must be longer than nothing; \"off\" sends no pings".into()
    });
    let half = check.config.gateway.read_timeout / 2;
    check.must(KEYS, interval <= half, |check| {
        format!(
            "must be at most half of {}, that is {}; a later ping may miss the gateway's timer. \
             Leave it out for a third",
            check.quote(KEYS[1]),
            show_duration(half).trim_matches('"'),
        )
    });
}

fn sizes(check: &mut Check<'_>) {
    const MESSAGE: &str = "limits.message_bytes_max";
    const OUTBOX: &str = "limits.outbox_bytes_max";
    let limits = &check.config.limits;
    for (key, bytes, beside) in [
        (OUTBOX, limits.outbox_bytes_max, HEADER_BYTES_MAX),
        ("limits.mailbox_bytes_max", limits.mailbox_bytes_max, HEADER_BYTES_MAX + LETTER_BYTES),
    ] {
        let needed = limits.message_bytes_max.saturating_add(beside);
        check.must(&[key, MESSAGE], bytes >= needed, |check| {
            let message = check.quote(MESSAGE);
            format!(
                "must hold one message of {message} and {beside} bytes beside it, so at least {needed}"
            )
        });
    }
    // Each worker watches over its own part of the total, so each part must hold one outbox.
    let part = limits.outbox_bytes_total / check.config.server.workers.max(1);
    let total = part >= limits.outbox_bytes_max;
    check.must(&["limits.outbox_bytes_total", OUTBOX, "server.workers"], total, |check| {
        let (outbox, workers) = (check.quote(OUTBOX), check.quote("server.workers"));
        format!("must be at least one full outbox, {outbox}, for each of {workers}")
    });
}

fn drain(check: &mut Check<'_>) {
    const KEYS: &[&str] = &["drain.timeout", "drain.delay", "drain.window", "limits.close_timeout"];
    let Config { drain, limits, .. } = check.config;
    let needed = drain.delay.saturating_add(drain.window).saturating_add(limits.close_timeout);
    check.must(KEYS, needed < drain.timeout, |check| {
        let parts: Vec<_> = KEYS[1..].iter().map(|key| check.quote(key)).collect();
        format!(
            "must be more than {} together, that is {}, or the last goodbyes are cut short",
            parts.join(" and "),
            show_duration(needed).trim_matches('"'),
        )
    });
}

fn addresses(check: &mut Check<'_>) {
    let Config { server, limits, .. } = check.config;
    for text in &server.allowed_origins {
        if let Err(rule) = origin::check(text) {
            check.must(&["server.allowed_origins"], false, |_| rule);
        }
    }
    let star = server.allowed_origins.iter().any(|origin| origin == "*");
    check.warn("server.allowed_origins", star && server.allowed_origins.len() > 1, |_| {
        "\"*\" admits every origin, so the others mean nothing".into()
    });
    let anyone = server.trusted_proxies.iter().any(|network| network.prefix_len() == 0);
    check.warn("server.trusted_proxies", anyone, |_| {
        "everybody is believed about where a request comes from, so anybody can forge an address"
            .into()
    });
    let blind = server.trusted_proxies.is_empty() && limits.connections_per_ip_max.is_some();
    check.warn("limits.connections_per_ip_max", blind, |check| {
        format!(
            "with {} every peer counts under the gateway's own address",
            check.quote("server.trusted_proxies")
        )
    });
}

#[cfg(test)]
mod tests;
