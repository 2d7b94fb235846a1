//! The Prometheus registry and every metric name.
//! Leaves to the floors above: when something is worth counting.
//!
//! Every label set is bounded: routes, directions and reasons, never rooms or addresses.

mod callback;
mod link;
mod names;
mod rest;
mod tally;

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use self::names::Names;
pub(crate) use self::tally::Tally;
pub use self::{
    callback::{CALLBACK_OUTCOMES, CallbackMetrics},
    link::LinkMetrics,
    rest::{REST_OUTCOMES, RestMetrics},
};
use crate::{disconnect::Disconnect, route::Route};

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The node's metrics. Cheap to clone; clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    connections: IntGaugeVec,
    opened: IntCounterVec,
    rejected: IntCounterVec,
    disconnects: IntCounterVec,
    messages: IntCounterVec,
    bytes: IntCounterVec,
    /// Pings handed to peers' sockets.
    pub pings_sent: IntCounter,
    /// Pongs from peers, solicited or not.
    pub pongs_received: IntCounter,
    /// Time from a ping's leaving its outbox to its pong, in seconds.
    pub ping_rtt: Histogram,
    /// A connection's life from the 101 to its end, in seconds.
    pub connection_duration: Histogram,
    /// Publications that had to wait because another worker's mailbox was full.
    pub publishes_delayed: IntCounter,
    /// Rooms that the application would have had a connection join, and that were full.
    pub joins_refused: IntCounter,
    /// What is asked of the application over HTTP.
    pub callback: CallbackMetrics,
    /// `server.connections_max` after it was fitted to the descriptor limit.
    pub connections_max: IntGauge,
    /// Rooms with members; set when metrics are rendered.
    pub rooms: IntGauge,
    /// Bytes in all outboxes; set when metrics are rendered.
    pub outbox_bytes: IntGauge,
    /// 1 while the node drains.
    pub draining: IntGauge,
    /// What `/ws/rest` does.
    pub rest: RestMetrics,
}

/// The reasons of `holdline_handshakes_rejected_total{reason}`.
pub const REJECTIONS: [&str; 15] = [
    "bad_handshake",
    "bad_room",
    "foreign_origin",
    "token_missing",
    "token_invalid",
    "token_expired",
    "room_not_allowed",
    "draining",
    "connections_max",
    "connections_per_ip_max",
    "rooms_max",
    "not_configured",
    "callback_refused",
    "callback_failed",
    "peer_gone",
];

impl Metrics {
    /// A registry of its own, with every series that can exist at 0.
    ///
    /// # Panics
    /// Never: names are constants, checked by a test.
    ///
    /// ```
    /// let metrics = holdline::metrics::Metrics::new();
    /// assert!(!metrics.render().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::registered().unwrap_or_else(|error| unreachable!("metric names are fixed: {error}"))
    }

    fn registered() -> prometheus::Result<Self> {
        let names = Names(Registry::new());
        let messages = names.counters(
            "holdline_messages_total",
            "Messages, from peers (in) and handed to peers' sockets (out).",
            "direction",
            &["in", "out"],
        )?;
        let bytes = names.counters(
            "holdline_message_bytes_total",
            "Bytes of messages: payload from peers (in), data frames to peers (out).",
            "direction",
            &["in", "out"],
        )?;
        names.build_info()?;
        names.process()?;
        Ok(Self {
            connections: names.gauges(
                "holdline_connections",
                "WebSocket connections now.",
                "route",
                &Route::LABELS,
            )?,
            opened: names.counters(
                "holdline_connections_opened_total",
                "Handshakes answered with 101.",
                "route",
                &Route::LABELS,
            )?,
            rejected: names.counters(
                "holdline_handshakes_rejected_total",
                "Handshakes refused, by reason.",
                "reason",
                &REJECTIONS,
            )?,
            disconnects: names.counters(
                "holdline_disconnects_total",
                "Connections ended, by cause.",
                "reason",
                &Disconnect::LABELS,
            )?,
            messages,
            bytes,
            pings_sent: names.counter("holdline_pings_sent_total", "Pings sent to peers.")?,
            pongs_received: names.counter("holdline_pongs_received_total", "Pongs from peers.")?,
            ping_rtt: names.histogram(
                "holdline_ping_rtt_seconds",
                "Time from a ping to its pong.",
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            )?,
            connection_duration: names.histogram(
                "holdline_connection_duration_seconds",
                "A connection's life, from the 101 to its end.",
                &[1.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 604_800.0],
            )?,
            publishes_delayed: names.counter(
                "holdline_publishes_delayed_total",
                "Publications that waited for another worker's full mailbox.",
            )?,
            joins_refused: names.counter(
                "holdline_joins_refused_total",
                "Joins that limits.rooms_max or limits.rooms_per_connection_max did not allow.",
            )?,
            callback: CallbackMetrics::registered(&names)?,
            connections_max: names
                .gauge("holdline_connections_max", "The most connections this node takes.")?,
            rooms: names.gauge("holdline_rooms", "Rooms with at least one member.")?,
            outbox_bytes: names.gauge("holdline_outbox_bytes", "Bytes queued for peers.")?,
            draining: names.gauge("holdline_draining", "1 while the node shuts down.")?,
            rest: RestMetrics::registered(&names)?,
            registry: names.0,
        })
    }

    /// A handshake was answered with 101.
    pub(crate) fn opened(&self, route: &str) {
        self.opened.with_label_values(&[route]).inc();
        self.connections.with_label_values(&[route]).inc();
    }

    /// A connection ended.
    pub(crate) fn ended(&self, route: &str, why: &Disconnect, seconds: f64) {
        self.connections.with_label_values(&[route]).dec();
        self.disconnects.with_label_values(&[why.label()]).inc();
        self.connection_duration.observe(seconds);
    }

    /// A handshake was refused; `reason` is one of [`REJECTIONS`].
    pub(crate) fn rejected(&self, reason: &str) {
        debug_assert!(REJECTIONS.contains(&reason), "{reason}");
        self.rejected.with_label_values(&[reason]).inc();
    }

    /// Everything in Prometheus' text format 0.0.4.
    ///
    /// ```
    /// let text = String::from_utf8(holdline::metrics::Metrics::new().render())?;
    /// assert!(text.contains("holdline_disconnects_total{reason=\"no_pong\"} 0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render(&self) -> Vec<u8> {
        render(&self.registry)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn render(registry: &Registry) -> Vec<u8> {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut text) {
        log::error!("metrics could not be rendered: {error}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_exists_before_its_first_event() {
        let text = String::from_utf8(Metrics::new().render()).unwrap();
        for line in [
            "holdline_connections{route=\"/ws/echo\"} 0",
            "holdline_connections_max 0",
            "holdline_rooms 0",
            "holdline_connections_opened_total{route=\"/ws/rooms\"} 0",
            "holdline_handshakes_rejected_total{reason=\"draining\"} 0",
            "holdline_disconnects_total{reason=\"no_pong\"} 0",
            "holdline_messages_total{direction=\"in\"} 0",
            "holdline_message_bytes_total{direction=\"out\"} 0",
            "holdline_pings_sent_total 0",
            "holdline_pongs_received_total 0",
            "holdline_ping_rtt_seconds_count 0",
            "holdline_connection_duration_seconds_count 0",
            "holdline_outbox_bytes 0",
            "holdline_draining 0",
            "holdline_publishes_delayed_total 0",
            "holdline_joins_refused_total 0",
            "holdline_rest_in_flight 0",
            "holdline_rest_duration_seconds_count{outcome=\"busy\"} 0",
            "holdline_callback_duration_seconds_count{outcome=\"unreachable\"} 0",
            "holdline_callback_in_flight 0",
            "holdline_callback_retries_total 0",
            "holdline_callback_dropped_total 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("holdline_build_info{version="));
        assert!(text.contains("process_resident_memory_bytes"));
    }

    #[test]
    fn a_connection_that_opened_and_ended_leaves_its_gauge_at_zero() {
        let metrics = Metrics::new();
        metrics.opened("/ws/echo");
        metrics.ended("/ws/echo", &Disconnect::NoPong, 1.5);
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(text.contains("holdline_connections{route=\"/ws/echo\"} 0"));
        assert!(text.contains("holdline_disconnects_total{reason=\"no_pong\"} 1"));
        assert!(text.contains("holdline_connection_duration_seconds_sum 1.5"));
    }
}
