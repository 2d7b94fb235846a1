//! A frame's header: what it announces, and whether it may be so (RFC 6455 section 5.2).
//! Leaves to `reader.rs`: collecting a header's bytes, and everything behind them.

use super::{InboundLimits, message::Begun, observed::Fault};
use crate::frame::{CONTROL_BYTES_MAX, RSV1, opcode};

/// The most bytes a peer's header can have.
pub(super) const BYTES_MAX: usize = 14;

const FIN: u8 = 0x80;
/// The reserved bits; one of them says that a message is deflated, where that was agreed.
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// The marks in place of a length that say: it follows in 2, or in 8 bytes.
const LENGTH_IN_2: u8 = 126;
const LENGTH_IN_8: u8 = 127;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: u8,
    /// The message is deflated; said in its first frame.
    pub(super) is_deflated: bool,
    /// Length of the payload that follows, as announced, in bytes.
    pub(super) payload_bytes: u64,
    /// The masking key; zero for a frame that is not masked.
    pub(super) key: [u8; 4],
    /// Length of this header, in bytes.
    pub(super) header_bytes: usize,
}

/// What the message so far leaves to the next frame.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Whether a message has been begun, so that it must be continued.
    pub(super) continued: bool,
    /// Payload bytes that the message, or a new one, may still have.
    pub(super) payload_bytes: usize,
    /// The same for a new one that is deflated, where that was agreed.
    pub(super) deflated_bytes: Option<usize>,
    /// Frames the message may still have.
    pub(super) fragments: usize,
}

impl Room {
    /// What `limits` leave to the message that is begun, or to a new one.
    pub(super) fn left(limits: &InboundLimits, message: Option<&Begun>) -> Self {
        let so_far = message.map_or((0, 0), |begun| (begun.payload_bytes(), begun.fragments()));
        let payload_bytes_max = limits.wire_bytes_max(message.is_some_and(Begun::is_deflated));
        Self {
            continued: message.is_some(),
            payload_bytes: payload_bytes_max.saturating_sub(so_far.0),
            deflated_bytes: limits.is_deflated.then(|| limits.wire_bytes_max(true)),
            fragments: limits.message_fragments_max.saturating_sub(so_far.1),
        }
    }
}

impl Header {
    /// Reads the header that `bytes` begin with, without judging it; `None` while it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second] = *bytes.first_chunk::<2>()?;
        let (payload_bytes, rest) = length(second, &bytes[2..])?;
        let (key, rest) = match second & MASKED {
            0 => ([0; 4], rest),
            _ => rest.split_first_chunk::<4>().map(|(key, rest)| (*key, rest))?,
        };
        Some(Self {
            fin: first & FIN != 0,
            opcode: first & OPCODE,
            is_deflated: first & RSV1 != 0,
            payload_bytes,
            key,
            header_bytes: bytes.len() - rest.len(),
        })
    }

    /// Judges as much of a header as is there, so that a fault shows at its first byte.
    ///
    /// The one place that knows which headers are legal.
    pub(super) fn check(bytes: &[u8], room: Room) -> Result<(), Fault> {
        let Some(&first) = bytes.first() else { return Ok(()) };
        let opcode = first & OPCODE;
        let is_final = first & FIN != 0;
        let begins = opcode == opcode::TEXT || opcode == opcode::BINARY;
        // RFC 7692 section 6: in the first frame of a message, and in no other.
        let deflated_bytes = room.deflated_bytes.filter(|_| first & RSV1 != 0 && begins);
        let allowed = if deflated_bytes.is_some() { RSV1 } else { 0 };
        if first & RESERVED & !allowed != 0 {
            return Err(Fault::Protocol);
        }
        let belongs = match opcode {
            opcode::CONTINUATION => room.continued,
            opcode::TEXT | opcode::BINARY => !room.continued,
            opcode::CLOSE | opcode::PING | opcode::PONG => is_final,
            _ => false,
        };
        if !belongs {
            return Err(Fault::Protocol);
        }
        let is_data = opcode < opcode::CLOSE;
        if is_data && room.fragments == 0 {
            return Err(Fault::TooBig);
        }

        let Some(&second) = bytes.get(1) else { return Ok(()) };
        if second & MASKED == 0 {
            return Err(Fault::Protocol);
        }
        if !is_data && usize::from(second & LENGTH) > CONTROL_BYTES_MAX {
            return Err(Fault::Protocol);
        }

        let Some((payload_bytes, _)) = length(second, &bytes[2..]) else { return Ok(()) };
        let shortest_form = match second & LENGTH {
            LENGTH_IN_2 => payload_bytes > 125,
            LENGTH_IN_8 => payload_bytes > 0xffff && payload_bytes <= LENGTH_MAX,
            _ => true,
        };
        if !shortest_form {
            return Err(Fault::Protocol);
        }
        if is_data && payload_bytes > deflated_bytes.unwrap_or(room.payload_bytes) as u64 {
            return Err(Fault::TooBig);
        }
        Ok(())
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode >= opcode::CLOSE
    }
}

/// The largest length: its first bit must be zero.
const LENGTH_MAX: u64 = i64::MAX as u64;

/// The announced length and what is behind it; `None` while its bytes are not all there.
fn length(second: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match second & LENGTH {
        LENGTH_IN_2 => rest
            .split_first_chunk::<2>()
            .map(|(length, rest)| (u16::from_be_bytes(*length).into(), rest)),
        LENGTH_IN_8 => {
            rest.split_first_chunk::<8>().map(|(length, rest)| (u64::from_be_bytes(*length), rest))
        }
        short => Some((short.into(), rest)),
    }
}
