//! Deflates one message at a time, with a state that the whole worker shares.
//! Leaves to `frame.rs`: which messages are worth it, and who gets them.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{TAIL, WindowBits};

/// The fastest but one: measured on JSON of 4 KiB, levels above cost twice the time and more for a few
/// per cent of size.
const LEVEL: u32 = 2;

thread_local! {
    /// One for each window's size, made when first needed: about 300 KiB each.
    static DEFLATERS: RefCell<[Option<Compress>; WindowBits::SIZES]> =
        const { RefCell::new([const { None }; WindowBits::SIZES]) };
}

/// The payload of a deflated message, where it is smaller than `payload`.
pub fn deflate(payload: &[u8], window: WindowBits) -> Option<Vec<u8>> {
    DEFLATERS.with_borrow_mut(|deflaters| {
        let deflater = deflaters[window.index()].get_or_insert_with(|| {
            Compress::new_with_window_bits(Compression::new(LEVEL), false, window.get())
        });
        deflater.reset();
        // What needs more room than the message itself is not wanted.
        let mut deflated = vec![0; payload.len() + TAIL.len()];
        let status = deflater.compress(payload, &mut deflated, FlushCompress::Sync).ok()?;
        let length = usize::try_from(deflater.total_out()).ok()?;
        let is_whole = status == Status::Ok
            && deflater.total_in() == payload.len() as u64
            && length < deflated.len();
        deflated.truncate(length);
        if !is_whole || !deflated.ends_with(&TAIL) {
            return None;
        }
        deflated.truncate(length - TAIL.len());
        deflated.shrink_to_fit();
        Some(deflated)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::inflate, *};

    fn text(bytes: usize) -> Vec<u8> {
        let words = (0..).map(|n: usize| format!("{{\"id\":{n},\"name\":\"item {}\"}},", n % 97));
        let text: Vec<u8> = words.flat_map(String::into_bytes).take(bytes).collect();
        assert_eq!(text.len(), bytes);
        text
    }

    fn inflated(deflated: &[u8], max: usize) -> Vec<u8> {
        let mut whole = Vec::new();
        inflate(deflated, max, |piece| whole.extend_from_slice(piece)).unwrap();
        whole
    }

    #[test]
    fn what_is_deflated_with_any_window_is_smaller_and_inflates_to_the_same() {
        for bits in 9..=15 {
            let window = WindowBits::new(bits).unwrap();
            // The second one meets a state that was used.
            for bytes in [300, 70_000, 300] {
                let text = text(bytes);
                let deflated = deflate(&text, window).unwrap();
                assert!(deflated.len() < bytes * 2 / 3, "{bits} bits: {}", deflated.len());
                assert_eq!(inflated(&deflated, bytes), text);
            }
        }
    }

    #[test]
    fn a_smaller_window_reaches_less_far_back() {
        // A thousand bytes of noise, twice: within 32 KiB the second is a copy, within 512 it is not.
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(1000).collect();
        let twice = [&*noise, &*noise].concat();
        assert!(deflate(&twice, WindowBits::MAX).unwrap().len() < 1100);
        assert_eq!(deflate(&twice, WindowBits::new(9).unwrap()), None);
    }

    #[test]
    fn what_would_not_become_smaller_stays_as_it_is() {
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(4096).collect();
        assert_eq!(deflate(&noise, WindowBits::MAX), None);
        assert_eq!(deflate(b"", WindowBits::MAX), None);
        assert_eq!(deflate(b"ab", WindowBits::MAX), None);
    }
}
