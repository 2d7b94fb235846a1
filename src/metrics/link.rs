//! What links count.
//! Leaves to `link.rs`: when something is worth counting.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{Names, render};

/// The metrics of a process's links, together: servers are never labels. Cheap to clone; clones
/// share their values.
#[derive(Clone, Debug)]
pub struct LinkMetrics {
    registry: Registry,
    /// Links now, by state.
    pub links: IntGaugeVec,
    /// Connections opened.
    pub opened: IntCounter,
    /// Connections lost and refused, by reason.
    pub losses: IntCounterVec,
    /// Requests ended, by outcome: `reply`, or why there was none.
    pub requests: IntCounterVec,
    /// From a request to its reply, in seconds.
    pub request_duration: Histogram,
    /// Requests waiting to be sent.
    pub queued: IntGauge,
    /// Requests sent and not yet answered.
    pub in_flight: IntGauge,
    /// Messages, by direction.
    pub messages: IntCounterVec,
    /// Payload bytes of messages, by direction.
    pub message_bytes: IntCounterVec,
    /// Messages that no request waited for.
    pub unasked: IntCounter,
    /// Pings sent.
    pub pings_sent: IntCounter,
    /// Pongs received, solicited or not.
    pub pongs_received: IntCounter,
    /// Time from a ping to its pong, in seconds.
    pub ping_rtt: Histogram,
}

const SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl LinkMetrics {
    /// A registry of its own, with every series that can exist at 0: one for each of `states`,
    /// `losses` and `outcomes`.
    ///
    /// # Panics
    /// Never: names are constants, checked by a test.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use holdline::{dial::Dial, link::{Link, Options, State}, metrics::LinkMetrics};
    ///
    /// let metrics = Arc::new(LinkMetrics::new(&[State::Open.name()], &["fin"], &["reply"]));
    /// let dial = Dial::new("ws://example.com".parse()?);
    /// let options = Options { metrics: Some(metrics), ..Options::new(dial) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(states: &[&str], losses: &[&str], outcomes: &[&str]) -> Self {
        Self::registered(states, losses, outcomes)
            .unwrap_or_else(|error| unreachable!("metric names are fixed: {error}"))
    }

    fn registered(states: &[&str], losses: &[&str], outcomes: &[&str]) -> prometheus::Result<Self> {
        let names = Names(Registry::new());
        names.build_info()?;
        names.process()?;
        let ways = ["in", "out"];
        Ok(Self {
            links: names.gauges("holdline_links", "Links now.", "state", states)?,
            opened: names
                .counter("holdline_link_connections_opened_total", "Connections opened.")?,
            losses: names.counters(
                "holdline_link_losses_total",
                "Connections lost, and tries that opened none.",
                "reason",
                losses,
            )?,
            requests: names.counters(
                "holdline_link_requests_total",
                "Requests ended.",
                "outcome",
                outcomes,
            )?,
            request_duration: names.histogram(
                "holdline_link_request_duration_seconds",
                "Time from a request to its reply.",
                &SECONDS,
            )?,
            queued: names.gauge("holdline_link_queued", "Messages waiting to be sent.")?,
            in_flight: names.gauge("holdline_link_in_flight", "Requests waiting for a reply.")?,
            messages: names.counters(
                "holdline_link_messages_total",
                "Messages from (in) and to (out) servers.",
                "direction",
                &ways,
            )?,
            message_bytes: names.counters(
                "holdline_link_message_bytes_total",
                "Payload bytes of messages from (in) and to (out) servers.",
                "direction",
                &ways,
            )?,
            unasked: names.counter(
                "holdline_link_unasked_messages_total",
                "Messages that no request waited for.",
            )?,
            pings_sent: names.counter("holdline_link_pings_sent_total", "Pings sent.")?,
            pongs_received: names.counter("holdline_link_pongs_received_total", "Pongs.")?,
            ping_rtt: names.histogram(
                "holdline_link_ping_rtt_seconds",
                "Time from a ping to its pong.",
                &SECONDS,
            )?,
            registry: names.0,
        })
    }

    /// Everything in Prometheus' text format 0.0.4.
    ///
    /// ```
    /// # use holdline::metrics::LinkMetrics;
    /// let metrics = LinkMetrics::new(&["OPEN"], &["fin"], &["reply"]);
    /// let text = String::from_utf8(metrics.render())?;
    /// assert!(text.contains("holdline_links{state=\"OPEN\"} 0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render(&self) -> Vec<u8> {
        render(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_exists_before_its_first_event() {
        let metrics = LinkMetrics::new(&["OPEN"], &["fin"], &["reply"]);
        let text = String::from_utf8(metrics.render()).unwrap();
        for line in [
            "holdline_links{state=\"OPEN\"} 0",
            "holdline_link_connections_opened_total 0",
            "holdline_link_losses_total{reason=\"fin\"} 0",
            "holdline_link_requests_total{outcome=\"reply\"} 0",
            "holdline_link_request_duration_seconds_count 0",
            "holdline_link_queued 0",
            "holdline_link_in_flight 0",
            "holdline_link_messages_total{direction=\"in\"} 0",
            "holdline_link_message_bytes_total{direction=\"out\"} 0",
            "holdline_link_unasked_messages_total 0",
            "holdline_link_pings_sent_total 0",
            "holdline_link_pongs_received_total 0",
            "holdline_link_ping_rtt_seconds_count 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("holdline_build_info{version="));
    }
}
