//! Deflated messages (RFC 7692), where that was agreed: what is let through, and what is a fault.
//! Leaves to `deflate`: the compression itself.

use super::*;
use crate::deflate::{WindowBits, deflate};

const AGREED: InboundLimits = InboundLimits { is_deflated: true, ..LIMITS };
const RSV1: u8 = 0x40;

fn deflated(payload: &[u8]) -> Vec<u8> {
    deflate(payload, WindowBits::MAX).expect("it becomes smaller")
}

fn read_with(
    limits: InboundLimits,
    bytes: impl AsRef<[u8]>,
) -> (Vec<Received>, Option<Disconnect>) {
    let mut stage = Stage::new(limits);
    let given = stage.send(bytes);
    (given, stage.fault())
}

#[test]
fn a_deflated_message_is_given_out_as_a_plain_one() {
    let text = "a text that is long enough, ".repeat(1000);
    let sent = frame(FIN | RSV1 | TEXT, &deflated(text.as_bytes()));
    assert!(sent.len() < 1000);
    let (given, fault) = read_with(AGREED, &sent);
    assert_eq!((given, fault), (vec![whole(TEXT, text.as_bytes())], None));
}

#[test]
fn plain_messages_may_come_between_deflated_ones_and_neither_keeps_anything_of_the_other() {
    let zeros = vec![0; 5000];
    let mut stage = Stage::new(AGREED);
    for _ in 0..3 {
        let sent = frame(FIN | RSV1 | BINARY, &deflated(&zeros));
        assert_eq!(stage.send(sent), [whole(BINARY, &zeros)]);
        assert_eq!(stage.send(frame(FIN | TEXT, b"plain")), [whole(TEXT, b"plain")]);
    }
    assert_eq!(stage.fault(), None);
}

#[test]
fn its_fragments_are_put_together_before_they_are_inflated_and_a_ping_may_come_between() {
    let text = "é€😀".repeat(500);
    let deflated = deflated(text.as_bytes());
    let (first, rest) = deflated.split_at(5);
    let mut stage = Stage::new(AGREED);
    assert!(stage.send(frame(RSV1 | TEXT, first)).is_empty());
    assert_eq!(stage.send(frame(FIN | PING, b"x")), [whole(PING, b"x")]);
    let given = stage.send(frame(FIN | CONTINUATION, rest));
    assert_eq!(given, [whole(TEXT, text.as_bytes())]);
    assert_eq!(stage.fault(), None);
}

#[test]
fn the_mark_is_a_fault_where_nothing_was_agreed_and_where_no_message_begins() {
    let payload = deflated(&[0; 100]);
    for (limits, bytes, why) in [
        (LIMITS, frame(FIN | RSV1 | BINARY, &payload), "not agreed"),
        (AGREED, frame(FIN | RSV1 | PING, b""), "a ping"),
        (AGREED, frame(FIN | RSV1 | CLOSE, b""), "a close"),
        (AGREED, frame(FIN | 0x20 | BINARY, &payload), "RSV2"),
        (AGREED, frame(FIN | RSV1 | 0x10 | BINARY, &payload), "RSV3"),
        (
            AGREED,
            [frame(RSV1 | BINARY, &payload), frame(FIN | RSV1 | CONTINUATION, b"")].concat(),
            "a continuation",
        ),
    ] {
        let (given, fault) = read_with(limits, bytes);
        assert!(given.contains(&PROTOCOL), "{why}: {given:?}");
        assert_eq!(fault, Some(Disconnect::ProtocolError), "{why}");
    }
}

#[test]
fn the_limit_counts_inflated_bytes_to_the_byte() {
    let limits = InboundLimits { message_bytes_max: 5000, ..AGREED };
    let sent = |bytes: usize| frame(FIN | RSV1 | BINARY, &deflated(&vec![0; bytes]));
    assert_eq!(read_with(limits, sent(5000)), (vec![whole(BINARY, &[0; 5000])], None));
    let (given, fault) = read_with(limits, sent(5001));
    assert_eq!((given.len(), fault), (1, Some(Disconnect::TooBig)));
}

#[test]
fn on_the_wire_a_deflated_message_may_be_a_little_larger_than_the_limit_and_no_more() {
    let limits = InboundLimits { message_bytes_max: 2048, ..AGREED };
    // A stored block, as a library makes it of noise: five bytes more than the noise, and the end.
    let mut rng = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(2048).collect();
    let stored = [&[0x00, 0x00, 0x08, 0xff, 0xf7][..], &noise, &[0x00]].concat();
    let sent = frame(FIN | RSV1 | BINARY, &stored);
    assert_eq!(read_with(limits, sent), (vec![whole(BINARY, &noise)], None));
    let header = announcement(FIN | RSV1 | BINARY, 2048 + 2 + 64 + 1);
    assert_eq!(read_with(limits, header).1, Some(Disconnect::TooBig), "at its header");
}

#[test]
fn a_deflated_message_that_lies_is_bad_data() {
    let cut = deflated(&[b'x'; 5000]);
    for (payload, why) in [
        (&b"no deflated data"[..], "nonsense"),
        (&cut[..cut.len() - 2], "cut off"),
        (&deflated(&[0xff; 300]), "a text that is not UTF-8"),
        (&deflated(&"😀".repeat(100).as_bytes()[..399]), "a character that is cut off"),
        (b"", "nothing"),
    ] {
        let (given, fault) = read_with(AGREED, frame(FIN | RSV1 | TEXT, payload));
        assert_eq!(given, [BAD_DATA], "{why}");
        assert_eq!(fault, Some(Disconnect::BadData), "{why}");
    }
}
