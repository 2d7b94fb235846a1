//! What the requests of `/ws/rest` cost and how they end.
//! Leaves to `rest.rs`: when a request begins and ends.

use std::time::Instant;

use prometheus::{HistogramVec, IntGauge};

use super::Names;

/// The outcomes of `holdline_rest_duration_seconds{outcome}`.
pub const REST_OUTCOMES: [&str; 8] = [
    "answered",
    "refused",
    "busy",
    "timeout",
    "unreachable",
    "broken",
    "answer_too_big",
    "abandoned",
];

/// The metrics of `/ws/rest`. Cheap to clone; clones share their values.
#[derive(Clone, Debug)]
pub struct RestMetrics {
    /// Requests under way, those that wait for a place included.
    pub in_flight: IntGauge,
    duration: HistogramVec,
}

impl RestMetrics {
    pub(super) fn registered(names: &Names) -> prometheus::Result<Self> {
        Ok(Self {
            in_flight: names.gauge(
                "holdline_rest_in_flight",
                "Requests of /ws/rest under way, those that wait for a place included.",
            )?,
            duration: names.histograms(
                "holdline_rest_duration_seconds",
                "Time from a message of /ws/rest to what became of it.",
                "outcome",
                &REST_OUTCOMES,
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            )?,
        })
    }

    /// A message was dealt with; `outcome` is one of [`REST_OUTCOMES`].
    pub(crate) fn ended(&self, outcome: &str, began: Instant) {
        debug_assert!(REST_OUTCOMES.contains(&outcome), "{outcome}");
        self.duration.with_label_values(&[outcome]).observe(began.elapsed().as_secs_f64());
    }
}
