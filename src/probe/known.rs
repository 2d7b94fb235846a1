//! What common gateways, clouds and networks do to silent or old connections by default, to be
//! shown beside a measurement. Leaves to docs/timers.md: ranges, sources, and what to set instead.

use std::{fmt, time::Duration};

/// What a gateway's timer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownKind {
    /// The silence of a connection.
    Idle,
    /// The life of a connection, whatever is sent on it.
    Age,
}

/// A timer that ends connections, as it is when nobody has set it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Whose it is, as docs/timers.md calls it.
    pub(super) gateway: &'static str,
    /// The directive, the attribute or, where it has no name, the words of the vendor's page.
    pub(super) setting: &'static str,
    /// The default.
    pub(super) timeout: Duration,
    pub(super) kind: KnownKind,
}

/// In words, for people.
impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} s by default", self.gateway, self.setting, self.timeout.as_secs())
    }
}

/// Every default that docs/timers.md has a number for (tests/timers.rs compares), the shortest first.
pub(super) const KNOWN: &[Known] = &[
    age("Google Cloud Application Load Balancer", "backend service timeout", 30),
    idle("Jetty", "idleTimeout", 30),
    idle("Deno", "idleTimeout", 30),
    idle("HAProxy as Debian configures it", "timeout client", 50),
    idle("Heroku", "router's rolling window", 55),
    idle("nginx", "proxy_read_timeout", 60),
    idle("ingress-nginx", "proxy-read-timeout", 60),
    idle("Apache httpd", "Timeout", 60),
    idle("Kong Gateway", "read_timeout", 60),
    idle("AWS Application Load Balancer", "idle_timeout.timeout_seconds", 60),
    idle("AWS Classic Load Balancer", "ConnectionSettings.IdleTimeout", 60),
    idle("Oracle Cloud Load Balancer", "idle timeout of an HTTP listener", 60),
    idle("Fly.io", "http_options.idle_timeout", 60),
    idle("Phoenix", "timeout", 60),
    idle("Cloudflare", "silence of a WebSocket", 100),
    idle("Traefik", "respondingTimeouts.idleTimeout", 180),
    idle("Azure Application Gateway", "TCP idle timeout of the frontend", 240),
    idle("Azure Load Balancer", "idleTimeoutInMinutes", 240),
    idle("Azure App Service", "idle timeout of its load balancer", 240),
    idle("Cloudflare Gateway", "TCP idle timeout", 270),
    idle("Envoy", "stream_idle_timeout", 300),
    idle("Contour", "stream-idle-timeout", 300),
    idle("Azure Front Door", "WebSocket idle timeout", 300),
    idle("Oracle Cloud Load Balancer", "idle timeout of a TCP listener", 300),
    age("Google Cloud Run", "request timeout", 300),
    age("Vercel Functions", "maxDuration", 300),
    idle("Apache httpd as Debian configures it", "Timeout", 300),
    idle("AWS Network Load Balancer", "tcp.idle_timeout.seconds", 350),
    idle("AWS NAT gateway", "idle timeout", 350),
    idle("AWS API Gateway", "Idle Connection Timeout", 600),
    idle("AWS CloudFront", "origin response timeout (idle timeout)", 600),
    idle("Squid", "read_timeout", 900),
    idle("IPVS (Docker Swarm)", "ipvsadm --set, tcp", 900),
    idle("Google Cloud NAT", "tcpEstablishedIdleTimeoutSec", 1200),
    idle("Azure Kubernetes Service, outbound", "idleTimeoutInMinutes", 1800),
    idle("OpenShift router", "haproxy.router.openshift.io/timeout-tunnel", 3600),
    age("AWS API Gateway", "Connection duration for WebSocket API", 7200),
    idle("NAT that keeps to RFC 5382", "REQ-5, at least", 7440),
    age("Azure Front Door", "WebSocket connection", 14400),
    age("Squid", "client_lifetime", 86400),
    idle("Linux connection tracking", "nf_conntrack_tcp_timeout_established", 432_000),
];

/// The defaults that could be what was measured: no more than 1.5 s or 3 % away, whichever is
/// more. Timers are late by some milliseconds and lazy by some tenths of a second, and vendors
/// round.
pub(super) fn near(kind: KnownKind, measured: Duration) -> impl Iterator<Item = &'static Known> {
    let slack = measured.mul_f64(0.03).max(Duration::from_millis(1500));
    KNOWN
        .iter()
        .filter(move |known| known.kind == kind && known.timeout.abs_diff(measured) <= slack)
}

const fn idle(gateway: &'static str, setting: &'static str, seconds: u64) -> Known {
    Known { gateway, setting, timeout: Duration::from_secs(seconds), kind: KnownKind::Idle }
}

const fn age(gateway: &'static str, setting: &'static str, seconds: u64) -> Known {
    Known { gateway, setting, timeout: Duration::from_secs(seconds), kind: KnownKind::Age }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, KnownKind::*, *};

    fn gateways(kind: KnownKind, seconds: f64) -> Vec<&'static str> {
        near(kind, Duration::from_secs_f64(seconds)).map(|known| known.gateway).collect()
    }

    #[test]
    fn a_silence_of_a_minute_brings_nginx_to_mind_and_what_else_cuts_then() {
        let found = gateways(Idle, 60.003);
        assert!(found.contains(&"nginx"), "{found:?}");
        assert!(found.contains(&"AWS Application Load Balancer"), "{found:?}");
        assert!(!found.contains(&"Heroku"), "{found:?}");
        assert!(!found.contains(&"Cloudflare"), "{found:?}");
    }

    #[test]
    fn a_short_measurement_may_be_off_by_a_second_and_a_half_and_no_more() {
        assert!(gateways(Idle, 28.5).contains(&"Jetty"));
        assert!(gateways(Idle, 31.5).contains(&"Jetty"));
        assert!(!gateways(Idle, 28.4).contains(&"Jetty"));
        assert!(!gateways(Idle, 31.6).contains(&"Jetty"));
    }

    #[test]
    fn a_long_measurement_may_be_off_by_three_in_a_hundred_and_no_more() {
        assert!(gateways(Idle, 340.0).contains(&"AWS Network Load Balancer"));
        assert!(gateways(Idle, 360.0).contains(&"AWS Network Load Balancer"));
        assert!(!gateways(Idle, 339.0).contains(&"AWS Network Load Balancer"));
        assert!(!gateways(Idle, 361.0).contains(&"AWS Network Load Balancer"));
    }

    #[test]
    fn silence_and_age_are_not_taken_for_each_other() {
        assert_eq!(gateways(Age, 300.0), ["Google Cloud Run", "Vercel Functions"]);
        assert!(!gateways(Idle, 300.0).contains(&"Google Cloud Run"));
    }

    #[test]
    fn a_known_timer_says_whose_it_is_and_what_it_is_called() {
        let nginx = near(Idle, Duration::from_secs(60)).next().expect("the first of a minute");
        assert_eq!(nginx.to_string(), "nginx: proxy_read_timeout, 60 s by default");
    }

    #[test]
    fn what_nobody_is_known_for_brings_nobody_to_mind() {
        assert_eq!(gateways(Idle, 17.0), [""; 0]);
        assert_eq!(gateways(Age, 0.0), [""; 0]);
    }

    #[test]
    fn the_shortest_come_first_and_none_is_there_twice() {
        assert!(KNOWN.is_sorted_by_key(|known| known.timeout));
        for (at, known) in KNOWN.iter().enumerate() {
            let same =
                |other: &Known| (other.gateway, other.setting) == (known.gateway, known.setting);
            assert!(!KNOWN[at + 1..].iter().any(same), "{known:?}");
        }
    }
}
