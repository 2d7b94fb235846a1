//! A message that is begun and not finished: its fragments so far in one allocation.
//! Leaves to `header.rs`: whether the next frame may belong to it; to `deflate`: inflating it.

use bytestring::ByteString;

use super::{assembly::Assembly, header::Header, observed::Fault, utf8::Utf8};
use crate::{
    deflate::{Lie, inflate},
    frame::opcode,
    message::Message,
};

/// What leaves a payload as it is.
const NO_MASK: [u8; 4] = [0; 4];

/// The fragments so far.
#[derive(Debug)]
pub(super) struct Begun {
    opcode: u8,
    assembly: Assembly,
    utf8: Utf8,
    fragments: usize,
    /// Then nothing is known of its text until it is whole: a state for each unfinished message
    /// would cost 50 KiB.
    is_deflated: bool,
}

impl Begun {
    /// The message whose first frame has this header.
    pub(super) fn new(header: &Header) -> Self {
        let (opcode, is_deflated) = (header.opcode, header.is_deflated);
        let (assembly, utf8) = (Assembly::default(), Utf8::default());
        Self { opcode, assembly, utf8, fragments: 0, is_deflated }
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
    pub(super) fn append(&mut self, piece: &[u8], key: [u8; 4], payload_max: usize) {
        self.assembly.append(piece, key, payload_max);
    }

    /// Judges what there is while the rest is awaited. When there is no rest, [`finish`](Self::finish)
    /// judges all of it: a message in one piece is looked at once.
    pub(super) fn check(&mut self) -> Result<(), Fault> {
        match self.opcode {
            opcode::TEXT if !self.is_deflated => self.utf8.check(self.assembly.payload()),
            _ => Ok(()),
        }
    }

    /// The whole message, inflated to `bytes_max` at most.
    pub(super) fn finish(self, bytes_max: usize) -> Result<Message, Fault> {
        let payload = match self.is_deflated {
            true => inflated(self.assembly.payload(), bytes_max)?,
            false => self.assembly.finish(),
        };
        match self.opcode {
            opcode::TEXT => {
                ByteString::try_from(payload).map(Message::Text).map_err(|_| Fault::BadData)
            }
            _ => Ok(Message::Binary(payload.into())),
        }
    }
}

fn inflated(deflated: &[u8], bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let mut inflated = Assembly::default();
    match inflate(deflated, bytes_max, |piece| inflated.append(piece, NO_MASK, bytes_max)) {
        Err(Lie::TooBig) => Err(Fault::TooBig),
        Err(Lie::Corrupt) => Err(Fault::BadData),
        Ok(()) => Ok(inflated.finish()),
    }
}
