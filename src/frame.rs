//! Server-to-peer frames: a message encoded once into shared bytes, and the control frames.
//! Leaves to `outbox.rs`: when and to whom a frame goes; to `deflate`: the compression itself.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    deflate::{WindowBits, deflate},
    disconnect::Close,
    message::Message,
};

/// The most bytes a frame needs beside its payload (RFC 6455 section 5.2, unmasked).
pub const HEADER_BYTES_MAX: usize = 10;

/// The largest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// An encoded message on its way to any number of peers: plain, and deflated for those who agreed to
/// that, once for all with the same window.
#[derive(Clone, Debug)]
pub struct Frame {
    plain: Bytes,
    /// Where it may be worth it: the deflated frames by window, each made when first needed. Empty
    /// where deflating did not make it smaller.
    deflated: Option<Arc<[OnceLock<Bytes>; WindowBits::SIZES]>>,
}

impl Frame {
    /// A frame made by [`message`]; its payload may be deflated if it has so many bytes.
    pub fn new(plain: Bytes, deflate_from: Option<usize>) -> Self {
        let is_worth_it = deflate_from.is_some_and(|min| payload(&plain).len() >= min);
        Self { plain, deflated: is_worth_it.then(Arc::default) }
    }

    /// For everybody.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// For a peer that inflates with this window; `None` where the plain one is as good.
    pub fn deflated(&self, window: WindowBits) -> Option<&Bytes> {
        let slot = &self.deflated.as_ref()?[window.index()];
        let made = slot.get_or_init(|| {
            let first = self.plain.first().copied().unwrap_or_default();
            let deflated = deflate(payload(&self.plain), window);
            deflated.map(|deflated| encode(first | RSV1, &deflated)).unwrap_or_default()
        });
        (!made.is_empty()).then_some(made)
    }
}

/// What is behind the header of a frame of ours, which has no mask.
fn payload(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    frame.get(header..).unwrap_or_default()
}

/// Encodes a whole message as one unmasked frame; clones of the result share one allocation.
pub fn message(message: &Message) -> Bytes {
    match message {
        Message::Text(text) => encode(opcode::TEXT, text.as_bytes()),
        Message::Binary(bytes) => encode(opcode::BINARY, bytes),
    }
}

/// A ping with up to 125 bytes of payload; what is longer is cut off.
pub fn ping(payload: &[u8]) -> Bytes {
    encode(opcode::PING, &payload[..payload.len().min(CONTROL_BYTES_MAX)])
}

/// A pong with up to 125 bytes of payload; what is longer is cut off.
pub fn pong(payload: &[u8]) -> Bytes {
    encode(opcode::PONG, &payload[..payload.len().min(CONTROL_BYTES_MAX)])
}

/// A close frame; [`Close::NO_CODE`] makes an empty one, a long reason is cut at a character.
pub fn close(close: &Close) -> Bytes {
    if close.code == Close::NO_CODE {
        return encode(opcode::CLOSE, &[]);
    }
    let text = &close.text[..close.text.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
    let mut payload = Vec::with_capacity(2 + text.len());
    payload.put_u16(close.code);
    payload.put_slice(text.as_bytes());
    encode(opcode::CLOSE, &payload)
}

/// Opcodes of RFC 6455 section 11.8.
pub(crate) mod opcode {
    pub(crate) const CONTINUATION: u8 = 0x0;
    pub(crate) const TEXT: u8 = 0x1;
    pub(crate) const BINARY: u8 = 0x2;
    pub(crate) const CLOSE: u8 = 0x8;
    pub(crate) const PING: u8 = 0x9;
    pub(crate) const PONG: u8 = 0xA;
}

const FIN: u8 = 0x80;
/// The message is deflated (RFC 7692 section 6).
pub(crate) const RSV1: u8 = 0x40;

fn encode(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES_MAX + payload.len());
    frame.put_u8(FIN | opcode);
    match payload.len() {
        short @ 0..=125 => frame.put_u8(short as u8),
        medium @ 126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(medium as u16);
        }
        long => {
            frame.put_u8(127);
            frame.put_u64(long as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_takes_the_shortest_of_its_three_forms() {
        for (len, header) in [
            (0, vec![0x82, 0]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_535, vec![0x82, 126, 0xff, 0xff]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = message(&Message::Binary(vec![7; len].into()));
            assert_eq!(frame[..header.len()], header, "{len}");
            assert_eq!(frame.len(), header.len() + len);
        }
    }

    #[test]
    fn a_text_message_has_the_text_opcode() {
        assert_eq!(&message(&Message::Text("hi".into()))[..], b"\x81\x02hi");
    }

    #[test]
    fn a_close_without_a_code_is_empty_and_a_long_reason_is_cut_at_a_character() {
        assert_eq!(&close(&Close::new(1005, "ignored"))[..], b"\x88\x00");
        assert_eq!(&close(&Close::new(1000, "ok"))[..], b"\x88\x04\x03\xe8ok");
        let long = close(&Close::new(1008, "é".repeat(100)));
        assert_eq!(long.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&long[4..]).is_ok());
    }

    #[test]
    fn control_payloads_never_exceed_125_bytes() {
        assert_eq!(ping(&[0; 200]).len(), 2 + 125);
        assert_eq!(&pong(b"x")[..], b"\x8a\x01x");
    }
}
