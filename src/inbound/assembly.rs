//! One payload put together from the pieces in which it arrives, in an allocation of its own.
//! Leaves to `reader.rs`: which pieces belong together, and the limits.

use super::mask::unmask;

/// The payload so far. Nothing is allocated until the first piece comes.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    payload: Vec<u8>,
}

impl Assembly {
    /// The payload so far.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Adds a piece, still masked with `key`; the payload will never exceed `payload_max` bytes.
    pub(super) fn append(&mut self, piece: &[u8], key: [u8; 4], payload_max: usize) {
        self.grow(piece.len(), payload_max);
        let start = self.payload.len();
        self.payload.extend_from_slice(piece);
        unmask(&mut self.payload[start..], key);
    }

    /// The whole payload.
    pub(super) fn finish(self) -> Vec<u8> {
        self.payload
    }

    /// Makes room for `more` bytes. At least doubles, so that many small pieces cost no more than
    /// a few large ones, and never goes beyond twice what has come or what can come.
    fn grow(&mut self, more: usize, payload_max: usize) {
        let needed = self.payload.len() + more;
        if needed > self.payload.capacity() {
            let doubled = (2 * self.payload.capacity()).min(payload_max);
            self.payload.reserve_exact(needed.max(doubled) - self.payload.len());
        }
    }
}
