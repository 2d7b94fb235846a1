//! A message that is begun and not finished: its fragments so far in one buffer.
//! Leaves to `header.rs`: whether the next frame may belong to it.

use bytes::Bytes;

use super::{assembly::Assembly, header::Header, observed::Fault, utf8::Utf8};
use crate::frame::opcode;

/// The fragments so far.
#[derive(Debug)]
pub(super) struct Message {
    opcode: u8,
    assembly: Assembly,
    utf8: Utf8,
    fragments: usize,
}

impl Message {
    /// The message whose first frame has this header.
    pub(super) fn new(header: &Header) -> Self {
        let assembly = match header.fin {
            true => Assembly::of(header.payload_bytes as usize),
            false => Assembly::of_any_length(),
        };
        Self { opcode: header.opcode, assembly, utf8: Utf8::default(), fragments: 0 }
    }

    pub(super) fn begin_fragment(&mut self) {
        self.fragments += 1;
    }

    pub(super) fn fragments(&self) -> usize {
        self.fragments
    }

    pub(super) fn payload_bytes(&self) -> usize {
        self.assembly.payload().len()
    }

    /// Adds a piece, still masked with `key`; the message will not exceed `payload_max` bytes.
    pub(super) fn append(
        &mut self,
        piece: &[u8],
        key: [u8; 4],
        payload_max: usize,
    ) -> Result<(), Fault> {
        self.assembly.append(piece, key, payload_max);
        match self.opcode {
            opcode::TEXT => self.utf8.check(self.assembly.payload()),
            _ => Ok(()),
        }
    }

    /// The whole message as one frame.
    pub(super) fn finish(self) -> Result<Bytes, Fault> {
        if self.opcode == opcode::TEXT && !self.utf8.is_whole(self.assembly.payload()) {
            return Err(Fault::BadData);
        }
        Ok(self.assembly.finish(self.opcode))
    }
}
