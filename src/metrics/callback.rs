//! What the callback's HTTP form counts.
//! Leaves to `callback/webhook.rs`: when something is worth counting.

use prometheus::{HistogramVec, IntCounter, IntGauge};

use super::Names;

/// How a request to the application may end: `holdline_callback_duration_seconds{outcome}`.
///
/// | Outcome | Means |
/// |---|---|
/// | `answered` | 2xx, and it made sense |
/// | `refused` | 4xx |
/// | `error` | any other status, or an answer that was cut short |
/// | `bad_answer` | 2xx, and it made no sense or was too long |
/// | `timeout` | no whole answer within `callback.timeout` |
/// | `unreachable` | no connection |
/// | `busy` | nothing was sent: `callback.in_flight_max` others were under way all the time |
pub const CALLBACK_OUTCOMES: [&str; 7] =
    ["answered", "refused", "error", "bad_answer", "timeout", "unreachable", "busy"];

/// The callback's metrics. Cheap to clone; clones share their values.
#[derive(Clone, Debug)]
pub struct CallbackMetrics {
    /// From a request's beginning to the end of its answer, in seconds, by one of [`CALLBACK_OUTCOMES`].
    pub duration: HistogramVec,
    /// Requests under way.
    pub in_flight: IntGauge,
    /// Requests that were made again.
    pub retries: IntCounter,
    /// Ends of connections that the application was not told of.
    pub dropped: IntCounter,
}

impl CallbackMetrics {
    pub(super) fn registered(names: &Names) -> prometheus::Result<Self> {
        Ok(Self {
            duration: names.histograms(
                "holdline_callback_duration_seconds",
                "Requests to the application, from their beginning to the end of their answer.",
                "outcome",
                &CALLBACK_OUTCOMES,
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            )?,
            in_flight: names.gauge(
                "holdline_callback_in_flight",
                "Requests to the application that are under way.",
            )?,
            retries: names.counter(
                "holdline_callback_retries_total",
                "Requests to the application that were made again.",
            )?,
            dropped: names.counter(
                "holdline_callback_dropped_total",
                "Ends of connections that the application was not told of.",
            )?,
        })
    }
}
