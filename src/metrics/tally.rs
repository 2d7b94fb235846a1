//! What one worker counts for every message.
//! Leaves to `metrics.rs`: the names.

use prometheus::{IntCounterVec, local::LocalIntCounter};

use super::Metrics;

/// One worker's count of messages and their bytes. Counting costs no atomic operation; what was
/// counted shows in the metrics with the next [`flush`](Self::flush).
#[derive(Debug)]
pub(crate) struct Tally {
    messages_in: LocalIntCounter,
    messages_out: LocalIntCounter,
    bytes_in: LocalIntCounter,
    bytes_out: LocalIntCounter,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let local = |family: &IntCounterVec, way| family.with_label_values(&[way]).local();
        Self {
            messages_in: local(&metrics.messages, "in"),
            messages_out: local(&metrics.messages, "out"),
            bytes_in: local(&metrics.bytes, "in"),
            bytes_out: local(&metrics.bytes, "out"),
        }
    }

    /// A message with `bytes` of payload came from a peer.
    pub(crate) fn received(&self, bytes: usize) {
        self.messages_in.inc();
        self.bytes_in.inc_by(bytes as u64);
    }

    /// A data frame of `bytes`, header included, was handed to a peer's socket.
    pub(crate) fn sent(&self, bytes: usize) {
        self.messages_out.inc();
        self.bytes_out.inc_by(bytes as u64);
    }

    /// Adds what was counted to the metrics.
    pub(crate) fn flush(&self) {
        for counter in [&self.messages_in, &self.messages_out, &self.bytes_in, &self.bytes_out] {
            counter.flush();
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.flush();
    }
}
