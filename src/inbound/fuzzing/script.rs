//! Frames made of bytes that know nothing of frames, so that what changes them at random reaches further
//! than the first header. Leaves to `fuzzing.rs` above: what must hold of them.

use crate::{
    deflate::{WindowBits, deflate},
    frame::RSV1,
};

/// The most that a script may become: a message over the largest limit.
const BYTES_MAX: usize = 250_000;

/// Masked frames, each told by three bytes and its payload:
///
/// | Byte | Says |
/// |---|---|
/// | 1 | the frame's first byte |
/// | 2 | bits 0 and 1: 0 as it is, 1 with a mask, 2 repeated, 3 repeated and deflated; the rest: how often |
/// | 3 | how many bytes of payload follow |
pub(super) fn frames_in(mut script: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let Some((&[first, form, length], rest)) = script.split_first_chunk::<3>() {
        let (words, rest) = rest.split_at(rest.len().min(length.into()));
        script = rest;
        // Squared, so that a few bytes are enough for the largest limit.
        let times = usize::from(form >> 2).pow(2) + 1;
        let (payload, first) = match form & 3 {
            0 | 1 => (words.to_vec(), first),
            2 => (words.repeat(times), first),
            _ => match deflate(&words.repeat(times), WindowBits::MAX) {
                Some(deflated) => (deflated, first | RSV1),
                None => (words.repeat(times), first),
            },
        };
        if frames.len() + payload.len() > BYTES_MAX {
            break;
        }
        let key = if form & 3 == 1 { [form, 0x5a, length, 0xa5] } else { [0; 4] };
        frames.extend(announcement(first, payload.len()));
        frames.extend(key);
        frames.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    // What is left over begins a frame and does not finish it.
    frames.extend(script);
    frames
}

/// A header up to its masking key.
pub(super) fn announcement(first: u8, payload_bytes: usize) -> Vec<u8> {
    let mut header = vec![first];
    match payload_bytes {
        0..=125 => header.push(0x80 | payload_bytes as u8),
        126..=0xffff => {
            header.push(0x80 | 126);
            header.extend((payload_bytes as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend((payload_bytes as u64).to_be_bytes());
        }
    }
    header
}
