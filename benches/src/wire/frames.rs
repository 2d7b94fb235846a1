//! Frames as bytes: their headers, their masking, and many alike side by side.
//! Leaves to `scanner`: reading them out of a stream; to `load` and `floor`: sending them.

use anyhow::{Result, bail};

/// The longest header: two bytes, eight of length, four of masking key (RFC 6455, 5.2).
pub const HEADER_BYTES_MAX: usize = 14;

/// The masking key of all our frames. A key for each would protect proxies from a page's script; the
/// frames here are built once, and the server's work with one key is the same as with another.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a frame is (RFC 6455, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// More of the message before.
    Continuation = 0,
    /// A message of text, or its first part.
    Text = 1,
    /// A message of bytes, or its first part.
    Binary = 2,
    /// The end of the connection.
    Close = 8,
    /// A question whether the other end lives.
    Ping = 9,
    /// The answer.
    Pong = 10,
}

impl Opcode {
    /// From the low four bits of a frame's first byte; `None` where RFC 6455 has none.
    pub fn from_first(first: u8) -> Option<Self> {
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong]
            .into_iter()
            .find(|opcode| *opcode as u8 == first & 0x0f)
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The first byte as it came: final, reserved bits, opcode.
    pub first: u8,
    /// The masking key, where there is one.
    pub key: Option<[u8; 4]>,
    /// Bytes of payload that follow.
    pub length: u64,
}

impl Header {
    /// A whole message's.
    pub fn new(opcode: Opcode, length: usize, key: Option<[u8; 4]>) -> Self {
        Self { first: 0x80 | opcode as u8, key, length: length as u64 }
    }

    /// Whether its frame ends a message.
    pub fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    /// The header at the beginning of `bytes` and how many of them it takes; `None` while it is not
    /// all there.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, mut at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(array(bytes, 2)?)), 4),
            127 => (u64::from_be_bytes(array(bytes, 2)?), 10),
            short => (u64::from(short), 2),
        };
        let key = match second & 0x80 {
            0 => None,
            _ => {
                at += 4;
                Some(array(bytes, at - 4)?)
            }
        };
        Some((Self { first, key, length }, at))
    }

    /// Appends it, with the shortest form of its length.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>) {
        let masked = u8::from(self.key.is_some()) << 7;
        match self.length {
            0..=125 => out.extend([self.first, masked | self.length as u8]),
            126..=65_535 => {
                out.extend([self.first, masked | 126]);
                out.extend((self.length as u16).to_be_bytes());
            }
            _ => {
                out.extend([self.first, masked | 127]);
                out.extend(self.length.to_be_bytes());
            }
        }
        out.extend(self.key.iter().flatten());
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Appends a client's frame, masked with [`KEY`].
pub fn put_masked(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    Header::new(opcode, payload.len(), Some(KEY)).put(out);
    put_unmasked(out, KEY, payload);
}

/// Appends a server's frame.
pub fn put_plain(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    Header::new(opcode, payload.len(), None).put(out);
    out.extend_from_slice(payload);
}

/// Appends `payload` with a mask put on or taken off, which is the same (RFC 6455, 5.3).
#[inline]
pub fn put_unmasked(out: &mut Vec<u8>, key: [u8; 4], payload: &[u8]) {
    let at = out.len();
    out.extend_from_slice(payload);
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut chunks = out[at..].chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(chunk.try_into().unwrap_or_default()) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The payload that all messages of `bytes` bytes carry: printable, and no two neighbours alike, so
/// that a byte lost or doubled shows.
pub fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| b'!' + (at % 89) as u8).collect()
}

/// Frames alike side by side, built once and sent again and again: any number of them from anywhere
/// within one is a slice.
#[derive(Debug)]
pub struct Repeated {
    bytes: Box<[u8]>,
    frame: usize,
}

impl Repeated {
    /// More than this is not held side by side: it goes in several writes.
    const BYTES_MAX: usize = 1 << 20;

    /// `count` masked text frames of `payload`, or as many as one mebibyte holds, at least one.
    ///
    /// # Errors
    /// `count` is 0.
    pub fn new(payload: &[u8], count: usize) -> Result<Self> {
        if count == 0 {
            bail!("no frame is outstanding at all: at least 1 must be");
        }
        let mut one = Vec::new();
        put_masked(&mut one, Opcode::Text, payload);
        let count = count.min(Self::BYTES_MAX / one.len()).max(1);
        Ok(Self { bytes: one.repeat(count).into(), frame: one.len() })
    }

    /// What to write when `owed` frames are to leave and `at` bytes of the first have left.
    #[inline]
    pub fn slice(&self, owed: u32, at: usize) -> &[u8] {
        let end = (owed as usize * self.frame).min(self.bytes.len());
        &self.bytes[at..end]
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_frame_is_the_one_of_the_rfc() {
        let mut out = Vec::new();
        put_masked(&mut out, Opcode::Text, b"Hello");
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(out, hello, "RFC 6455, 5.7");
    }

    #[test]
    fn a_header_is_read_as_it_was_put_at_every_edge_of_its_lengths() {
        let lengths = [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (1 << 40, 10)];
        for (length, shortest) in lengths {
            for key in [None, Some(KEY)] {
                let header = Header::new(Opcode::Binary, length, key);
                let mut out = Vec::new();
                header.put(&mut out);
                assert_eq!(out.len(), shortest + key.map_or(0, |key| key.len()), "{length} bytes");
                assert_eq!(Header::read(&out), Some((header, out.len())), "{length} bytes");
                assert_eq!(Header::read(&out[..out.len() - 1]), None, "{length} bytes, cut");
            }
        }
    }

    #[test]
    fn a_mask_taken_off_gives_what_was_put_in_at_every_length() {
        for length in 0..70 {
            let (mut masked, mut plain) = (Vec::new(), Vec::new());
            put_unmasked(&mut masked, KEY, &payload(length));
            let by_hand: Vec<_> =
                payload(length).iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k).collect();
            assert_eq!(masked, by_hand);
            put_unmasked(&mut plain, KEY, &masked);
            assert_eq!(plain, payload(length));
        }
    }

    #[test]
    fn repeated_frames_end_where_the_owed_ones_do() {
        let frames = Repeated::new(&payload(10), 3).expect("three frames");
        assert_eq!(frames.frame_bytes(), 16);
        assert_eq!(frames.slice(2, 0).len(), 32);
        assert_eq!(frames.slice(2, 5).len(), 27);
        assert_eq!(frames.slice(9, 5).len(), 43, "no more than is held");
    }

    #[test]
    fn large_frames_are_held_once() {
        let frames = Repeated::new(&payload(2 << 20), 16).expect("one frame");
        assert_eq!(frames.slice(16, 0).len(), frames.frame_bytes());
    }
}
