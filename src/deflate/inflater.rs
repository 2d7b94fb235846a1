//! Inflates one message at a time, in small steps against a limit, with a state that the whole worker
//! shares. Leaves to `inbound`: what the message is for.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

use super::TAIL;

/// As much as is inflated before the limit is looked at again.
const STEP_BYTES: usize = 16 * 1024;

/// Behind the tail, a last block that is empty: only a message that is whole ends with it exactly.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// How a deflated message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It inflates to more than is allowed.
    TooBig,
    /// It is no deflated data, or not the whole of it.
    Corrupt,
}

thread_local! {
    /// For windows of all sizes: about 50 KiB, made when first needed.
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// Gives the inflated message to `take`, in pieces of 16 KiB and `max` bytes in all.
///
/// # Errors
/// When it is not what it claims to be; pieces may have been given out before.
pub fn inflate(deflated: &[u8], max: usize, mut take: impl FnMut(&[u8])) -> Result<(), Lie> {
    INFLATER.with_borrow_mut(|inflater| {
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let mut left = max;
        let mut run = Run { inflater, left: &mut left, take: &mut take };
        run.feed(deflated, false)?;
        run.feed(&[&TAIL[..], &LAST_BLOCK].concat(), true)
    })
}

struct Run<'a, T> {
    inflater: &'a mut Decompress,
    left: &'a mut usize,
    take: &'a mut T,
}

impl<T: FnMut(&[u8])> Run<'_, T> {
    /// Inflates all of `input`. `is_end`: it must be the end, and exactly that.
    fn feed(&mut self, mut input: &[u8], is_end: bool) -> Result<(), Lie> {
        let mut step = [0; STEP_BYTES];
        loop {
            let before = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(input, &mut step, FlushDecompress::None);
            let status = status.map_err(|_| Lie::Corrupt)?;
            let read = (self.inflater.total_in() - before.0) as usize;
            let made = (self.inflater.total_out() - before.1) as usize;
            input = &input[read..];
            *self.left = self.left.checked_sub(made).ok_or(Lie::TooBig)?;
            if made > 0 {
                (self.take)(&step[..made]);
            }
            match status {
                Status::StreamEnd if is_end => {
                    return if input.is_empty() { Ok(()) } else { Err(Lie::Corrupt) };
                }
                // A sender may end its stream and begin another one (RFC 7692 section 7.2.3.4).
                Status::StreamEnd => self.inflater.reset(false),
                _ if input.is_empty() && made < STEP_BYTES => {
                    return if is_end { Err(Lie::Corrupt) } else { Ok(()) };
                }
                _ if read == 0 && made == 0 => return Err(Lie::Corrupt),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::{WindowBits, deflate};

    fn inflated(deflated: &[u8], max: usize) -> Result<Vec<u8>, Lie> {
        let mut whole = Vec::new();
        inflate(deflated, max, |piece| whole.extend_from_slice(piece)).map(|()| whole)
    }

    /// RFC 7692 section 7.2.3.
    #[test]
    fn the_examples_of_the_standard_are_understood() {
        for (deflated, words) in [
            (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], "Hello"),
            // Without compression.
            (&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], "Hello"),
            // A last block, and the padding behind it.
            (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], "Hello"),
            // Two blocks.
            (
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
                "Hello",
            ),
            // Nothing at all.
            (&[0x00], ""),
        ] {
            assert_eq!(inflated(deflated, 5).as_deref(), Ok(words.as_bytes()), "{deflated:x?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit_and_not_after_it() {
        let zeros = vec![0; 50_000_000];
        let bomb = deflate(&zeros, WindowBits::MAX).unwrap();
        assert!(bomb.len() < 500_000);
        let mut made = 0;
        assert_eq!(inflate(&bomb, 1_000_000, |piece| made += piece.len()), Err(Lie::TooBig));
        assert!(made <= 1_000_000, "{made}");
        assert_eq!(inflated(&bomb, 50_000_000).unwrap().len(), 50_000_000);
        assert_eq!(inflated(&bomb, 49_999_999), Err(Lie::TooBig));
    }

    #[test]
    fn a_message_that_is_cut_off_anywhere_is_a_lie() {
        let text: Vec<u8> = (0..3000_u32).flat_map(u32::to_le_bytes).collect();
        let deflated = deflate(&text, WindowBits::MAX).unwrap();
        assert_eq!(inflated(&deflated, text.len()).as_deref(), Ok(&*text));
        for length in 0..deflated.len() {
            let cut = inflated(&deflated[..length], text.len());
            // Nothing is no message; what ends a block may be one, but then not this one.
            assert_ne!(cut.as_deref(), Ok(&*text), "{length}");
        }
        let half = &deflated[..deflated.len() / 2];
        assert_eq!(inflated(half, text.len()), Err(Lie::Corrupt));
    }

    #[test]
    fn what_is_no_deflated_data_is_a_lie_and_the_next_message_is_none_the_worse() {
        for bytes in [&[0xff, 0xff][..], &[0x07], &[0x05, 0x00, 0x00], b"Hello World", &[]] {
            assert_eq!(inflated(bytes, 1000), Err(Lie::Corrupt), "{bytes:x?}");
            let good = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
            assert_eq!(inflated(&good, 5).as_deref(), Ok(&b"Hello"[..]));
        }
    }
}
