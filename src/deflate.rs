//! permessage-deflate (RFC 7692) without context: its terms, and messages deflated and inflated.
//! Leaves to `frame` and `inbound`: the frames around the messages; to `server`: the header field.
//!
//! Neither side keeps anything from one message to the next, so no connection has a state of its own:
//! each worker has one inflater and a deflater per window, made when first needed. With context
//! takeover a connection costs 344 KiB (measured), and a publication would have to be deflated for
//! each receiver alone.

mod deflater;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod inflater;
mod offer;

pub use self::{
    deflater::deflate,
    inflater::{Lie, inflate},
    offer::{Terms, negotiate},
};

/// What a sender cuts off the end of a deflated message, and its receiver puts back: an empty block
/// behind a flush (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The base-2 logarithm of a window's size in bytes, 9 to 15 (RFC 7692 section 7.1.2). 8 is legal, but
/// zlib has no such window for a raw stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowBits(u8);

impl WindowBits {
    /// The largest window, 32 KiB, which everybody has unless it is agreed otherwise.
    pub const MAX: Self = Self(15);
    /// How many sizes there are.
    pub const SIZES: usize = 7;

    /// A window of `bits`, if there is one.
    pub fn new(bits: u8) -> Option<Self> {
        (9..=15).contains(&bits).then_some(Self(bits))
    }

    /// The logarithm.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Its place among all sizes.
    pub fn index(self) -> usize {
        usize::from(self.0 - 9)
    }
}
