//! One frame put together from the pieces in which it arrives, in an allocation of its own.
//! Leaves to `reader.rs`: which pieces belong together, and the limits.

use bytes::{Buf, Bytes};

use super::{header::BYTES_MAX, mask::unmask};

/// The frame that is to be given out: room for its header, and the payload so far.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Nothing, not even allocated, until the first piece comes.
    bytes: Vec<u8>,
    /// Length of the room in front of the payload.
    room: usize,
}

impl Assembly {
    /// For a payload whose length is known; nothing is allocated yet.
    pub(super) fn of(payload_bytes: usize) -> Self {
        Self { bytes: Vec::new(), room: header_bytes(payload_bytes) }
    }

    /// For a payload whose length will only be known at its end.
    pub(super) fn of_any_length() -> Self {
        Self { bytes: Vec::new(), room: BYTES_MAX }
    }

    /// The payload so far.
    pub(super) fn payload(&self) -> &[u8] {
        self.bytes.get(self.room..).unwrap_or_default()
    }

    /// Adds a piece, still masked with `key`; the payload will never exceed `payload_max` bytes.
    pub(super) fn append(&mut self, piece: &[u8], key: [u8; 4], payload_max: usize) {
        self.grow(piece.len(), payload_max);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(piece);
        unmask(&mut self.bytes[start..], key);
    }

    /// The whole frame: final, with a zero mask, as a peer would have sent it.
    pub(super) fn finish(mut self, opcode: u8) -> Bytes {
        self.grow(0, 0);
        let payload_bytes = self.bytes.len() - self.room;
        let start = self.room - header_bytes(payload_bytes);
        let header = &mut self.bytes[start..self.room];
        header[0] = 0x80 | opcode;
        // What is not written here is zero already: the mask.
        match payload_bytes {
            0..=125 => header[1] = 0x80 | payload_bytes as u8,
            126..=0xffff => {
                header[1] = 0x80 | 126;
                header[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
            }
            _ => {
                header[1] = 0x80 | 127;
                header[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            }
        }
        let mut frame = Bytes::from(self.bytes);
        frame.advance(start);
        frame
    }

    /// Makes room for `more` bytes. At least doubles, so that many small pieces cost no more than
    /// a few large ones, and never goes beyond twice what has come or what can come.
    fn grow(&mut self, more: usize, payload_max: usize) {
        let needed = self.bytes.len().max(self.room) + more;
        if needed > self.bytes.capacity() {
            let doubled = (2 * self.bytes.capacity()).min(self.room + payload_max);
            self.bytes.reserve_exact(needed.max(doubled) - self.bytes.len());
        }
        if self.bytes.len() < self.room {
            self.bytes.resize(self.room, 0);
        }
    }
}

/// Length of the header of a masked frame.
fn header_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..=125 => 6,
        126..=0xffff => 8,
        _ => BYTES_MAX,
    }
}
