//! A message that is begun and not finished: its fragments so far in one buffer.
//! Leaves to `header.rs`: whether the next frame may belong to it; to `deflate`: inflating it.

use bytes::Bytes;

use super::{assembly::Assembly, header::Header, observed::Fault, utf8::Utf8};
use crate::{
    deflate::{Lie, inflate},
    frame::opcode,
};

/// What leaves a payload as it is.
const NO_MASK: [u8; 4] = [0; 4];

/// The fragments so far.
#[derive(Debug)]
pub(super) struct Message {
    opcode: u8,
    assembly: Assembly,
    utf8: Utf8,
    fragments: usize,
    /// Then nothing is known of its text until it is whole: a state for each unfinished message
    /// would cost 50 KiB.
    is_deflated: bool,
}

impl Message {
    /// The message whose first frame has this header.
    pub(super) fn new(header: &Header) -> Self {
        let assembly = match header.fin {
            true => Assembly::of(header.payload_bytes as usize),
            false => Assembly::of_any_length(),
        };
        let (opcode, is_deflated) = (header.opcode, header.is_deflated);
        Self { opcode, assembly, utf8: Utf8::default(), fragments: 0, is_deflated }
    }

    pub(super) fn begin_fragment(&mut self) {
        self.fragments += 1;
    }

    pub(super) fn fragments(&self) -> usize {
        self.fragments
    }

    pub(super) fn is_deflated(&self) -> bool {
        self.is_deflated
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
            opcode::TEXT if !self.is_deflated => self.utf8.check(self.assembly.payload()),
            _ => Ok(()),
        }
    }

    /// The whole message as one frame, inflated to `bytes_max` at most.
    pub(super) fn finish(mut self, bytes_max: usize) -> Result<Bytes, Fault> {
        if self.is_deflated {
            self.inflate(bytes_max)?;
        }
        if self.opcode == opcode::TEXT && !self.utf8.is_whole(self.assembly.payload()) {
            return Err(Fault::BadData);
        }
        Ok(self.assembly.finish(self.opcode))
    }

    fn inflate(&mut self, bytes_max: usize) -> Result<(), Fault> {
        let mut inflated = Assembly::of_any_length();
        let (text, utf8) = (self.opcode == opcode::TEXT, &mut self.utf8);
        let mut checked = Ok(());
        let done = inflate(self.assembly.payload(), bytes_max, |piece| {
            inflated.append(piece, NO_MASK, bytes_max);
            if text && checked.is_ok() {
                checked = utf8.check(inflated.payload());
            }
        });
        self.assembly = inflated;
        match done {
            Err(Lie::TooBig) => Err(Fault::TooBig),
            Err(Lie::Corrupt) => Err(Fault::BadData),
            Ok(()) => checked,
        }
    }
}
