//! What fuzzing holds deflating and inflating to: there and back again, the limit to the byte, nothing
//! kept. Leaves to `fuzzing.rs`: where inputs come from.

use flate2::{Decompress, FlushDecompress};

use super::{Lie, TAIL, WindowBits, deflate, inflate};

/// The most that bytes of anybody's may inflate to here.
const BYTES_MAX: usize = 300_000;

/// A byte that chooses the window, two with the limit, and then bytes: taken for a deflated message,
/// and for one to deflate.
pub(crate) fn target(input: &[u8]) {
    let Some((&[choice, high, low], rest)) = input.split_first_chunk::<3>() else { return };
    let max = (usize::from(high) << 8 | usize::from(low)) * usize::from(choice >> 4 & 3);
    anything(rest, max.min(BYTES_MAX));
    let window = WindowBits::new(9 + choice % 7).expect("a window of 9 to 15 bits");
    there_and_back(rest, window);
    assert!(deflate(&[0; 64], window).is_some(), "whatever came before");
    if choice & 0x80 != 0 {
        // Larger than any window, so that distances matter.
        there_and_back(&rest.repeat(1 + 70_000 / (rest.len() + 500)), window);
    }
}

/// All of it, or why not; whatever was given out before.
fn inflated(deflated: &[u8], max: usize) -> (Vec<u8>, Result<(), Lie>) {
    let mut made = Vec::new();
    let done = inflate(deflated, max, |piece| {
        assert!(!piece.is_empty() && piece.len() <= 16 * 1024, "a piece of {}", piece.len());
        made.extend_from_slice(piece);
    });
    assert!(made.len() <= max, "{} bytes of {max}", made.len());
    (made, done)
}

/// Bytes that may be no deflated data at all.
fn anything(bytes: &[u8], max: usize) {
    let first = inflated(bytes, max);
    assert_eq!(inflated(bytes, max), first, "something was kept");
    let (made, done) = first;
    match done {
        Ok(()) => limit_is_exact(bytes, &made),
        // A larger limit changes nothing but the length.
        Err(Lie::TooBig) => {
            let (more, _) = inflated(bytes, BYTES_MAX.max(max) * 2);
            assert!(more.starts_with(&made) && more.len() > max, "{} of {max}", more.len());
        }
        Err(Lie::Corrupt) => assert_eq!(inflated(bytes, max + 1).1, done),
    }
}

fn limit_is_exact(deflated: &[u8], message: &[u8]) {
    assert_eq!(inflated(deflated, message.len()), (message.to_vec(), Ok(())));
    if let Some(less) = message.len().checked_sub(1) {
        assert_eq!(inflated(deflated, less).1, Err(Lie::TooBig), "{less}");
    }
}

fn there_and_back(message: &[u8], window: WindowBits) {
    let Some(deflated) = deflate(message, window) else { return };
    assert!(deflated.len() < message.len(), "{} for {}", deflated.len(), message.len());
    assert_eq!(deflate(message, window).as_ref(), Some(&deflated), "something was kept");
    limit_is_exact(&deflated, message);
    // By a peer that has no larger window than was agreed.
    let mut peer = Decompress::new_with_window_bits(false, window.get());
    let mut room = vec![0; message.len() + 1];
    let done = peer.decompress(&[&deflated[..], &TAIL].concat(), &mut room, FlushDecompress::Sync);
    assert!(done.is_ok(), "the peer says {done:?}");
    room.truncate(peer.total_out() as usize);
    assert!(room == message, "a window of {} bits is not enough", window.get());
}
