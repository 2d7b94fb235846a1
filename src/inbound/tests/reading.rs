//! Frames in, whole messages out; what is illegal or too large is a fault at its header.
//! Leaves to `text.rs` and `closing.rs`: UTF-8, and everything about Close frames.

use super::*;

#[test]
fn a_message_in_one_frame_is_given_out_unmasked() {
    for length in [0, 1, 7, 31, 32, 33, 125, 126, 1000, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let (given, fault) = read(frame(FIN | BINARY, &payload));
        assert_eq!(given, [whole(BINARY, &payload)], "{length} bytes");
        assert_eq!(fault, None);
    }
}

#[test]
fn fragments_become_one_message_and_control_frames_overtake_them() {
    let mut stage = Stage::new(LIMITS);
    assert!(stage.send(frame(TEXT, b"one ")).is_empty());
    assert_eq!(stage.send(frame(FIN | PING, b"?")), [whole(PING, b"?")]);
    assert!(stage.send(frame(CONTINUATION, b"")).is_empty());
    assert_eq!(stage.send(frame(FIN | PONG, b"")), [whole(PONG, b"")]);
    assert_eq!(stage.send(frame(FIN | CONTINUATION, b"two")), [whole(TEXT, b"one two")]);
    assert_eq!(stage.observed.frames(), 5);
}

#[test]
fn the_opcode_is_that_of_the_first_fragment() {
    let mut sent = frame(BINARY, &[0xff]);
    sent.extend(frame(FIN | CONTINUATION, &[0xfe]));
    assert_eq!(read(sent).0, [whole(BINARY, &[0xff, 0xfe])]);
}

#[test]
fn an_illegal_header_is_a_fault_at_its_first_illegal_byte() {
    let begun = |first| [frame(TEXT, b"begun"), vec![first]].concat();
    for (sent, what) in [
        (vec![FIN | 0x40 | TEXT], "first reserved bit"),
        (vec![FIN | 0x20 | TEXT], "second reserved bit"),
        (vec![FIN | 0x10 | PING], "third reserved bit"),
        (vec![FIN | 0x3], "reserved data opcode"),
        (vec![FIN | 0x7], "reserved data opcode"),
        (vec![FIN | 0xb], "reserved control opcode"),
        (vec![FIN | 0xf], "reserved control opcode"),
        (vec![PING], "ping in fragments"),
        (vec![CLOSE], "close in fragments"),
        (vec![FIN | CONTINUATION], "nothing to continue"),
        (vec![CONTINUATION], "nothing to continue"),
        (begun(FIN | TEXT), "a message inside a message"),
        (begun(BINARY), "a message inside a message"),
        (vec![FIN | TEXT, 5], "no mask"),
        (vec![FIN | PING, 0x80 | 126], "a long ping"),
        (vec![FIN | CLOSE, 0x80 | 127], "a long close"),
        (announcement(FIN | BINARY, 1 << 63), "a length of 64 bits"),
        (vec![FIN | TEXT, 0x80 | 126, 0, 125], "a longer form than needed"),
        (vec![FIN | TEXT, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], "a longer form than needed"),
    ] {
        let (given, fault) = read(&sent);
        assert_eq!(given, [PROTOCOL], "{what}");
        assert_eq!(fault, Some(Disconnect::ProtocolError), "{what}");
        let (given, fault) = read(&sent[..sent.len() - 1]);
        assert!(given.is_empty() && fault.is_none(), "{what}: too early");
    }
}

#[test]
fn the_size_is_judged_when_it_is_announced() {
    let limits = InboundLimits { message_bytes_max: 1000, ..LIMITS };
    for (begun, announced, fault) in [
        (0, 1000, None),
        (0, 1001, Some(Disconnect::TooBig)),
        (0, 1 << 62, Some(Disconnect::TooBig)),
        (600, 400, None),
        (600, 401, Some(Disconnect::TooBig)),
    ] {
        let mut stage = Stage::new(limits);
        let first = match begun {
            0 => BINARY,
            _ => CONTINUATION,
        };
        if begun > 0 {
            stage.send(frame(BINARY, &vec![1; begun]));
        }
        stage.send(announcement(FIN | first, announced));
        assert_eq!(stage.fault(), fault, "{announced} bytes after {begun}");
    }
}

#[test]
fn a_limit_below_a_control_frames_size_does_not_forbid_pings() {
    let limits = InboundLimits { message_bytes_max: 10, ..LIMITS };
    let mut stage = Stage::new(limits);
    assert_eq!(stage.send(frame(FIN | PING, &[7; 125])), [whole(PING, &[7; 125])]);
}

#[test]
fn a_message_has_only_so_many_fragments() {
    let limits = InboundLimits { message_fragments_max: 3, ..LIMITS };
    let mut stage = Stage::new(limits);
    for _ in 0..2 {
        stage.send(frame(BINARY, b"a"));
        stage.send(frame(CONTINUATION, b"b"));
        stage.send(frame(FIN | PING, b"not one of them"));
        assert_eq!(stage.send(frame(FIN | CONTINUATION, b"c")), [whole(BINARY, b"abc")]);
    }
    stage.send(frame(BINARY, b"a"));
    stage.send(frame(CONTINUATION, b"b"));
    stage.send(frame(CONTINUATION, b"c"));
    assert_eq!(stage.send([FIN | CONTINUATION]), [TOO_BIG]);
    assert_eq!(stage.fault(), Some(Disconnect::TooBig));
}

#[test]
fn good_messages_before_a_bad_frame_are_delivered() {
    let mut sent = frame(FIN | TEXT, b"good");
    sent.extend(frame(FIN | BINARY, b"too"));
    sent.extend(frame(FIN | 0x3, b"bad"));
    sent.extend(frame(FIN | TEXT, b"late"));
    let (given, fault) = read(sent);
    assert_eq!(given, [whole(TEXT, b"good"), whole(BINARY, b"too"), PROTOCOL]);
    assert_eq!(fault, Some(Disconnect::ProtocolError));
}

#[test]
fn only_whole_frames_are_proof_of_life() {
    let mut stage = Stage::new(LIMITS);
    let sent = frame(FIN | TEXT, b"slow");
    for byte in &sent[..sent.len() - 1] {
        stage.send([*byte]);
    }
    assert_eq!(stage.observed.frames(), 0);
    stage.send(&sent[sent.len() - 1..]);
    assert_eq!(stage.observed.frames(), 1);
}

#[test]
fn what_is_unfinished_is_known_since_its_first_byte() {
    let mut stage = Stage::new(LIMITS);
    stage.send(frame(FIN | TEXT, b"whole"));
    assert_eq!(stage.observed.unfinished_since(), None);

    let before = std::time::Instant::now();
    stage.send([TEXT]);
    let since = stage.observed.unfinished_since();
    assert!(since.is_some_and(|since| since >= before));
    stage.send(&frame(TEXT, b"begun")[1..]);
    stage.send(frame(FIN | PING, b"whole"));
    stage.send(&frame(FIN | PING, b"half")[..3]);
    assert_eq!(stage.observed.unfinished_since(), since, "the message is what is unfinished");

    stage.send(&frame(FIN | PING, b"half")[3..]);
    stage.send(frame(FIN | CONTINUATION, b""));
    assert_eq!(stage.observed.unfinished_since(), None);

    stage.send(&frame(FIN | PING, b"half")[..3]);
    assert!(stage.observed.unfinished_since() > since);
}

#[test]
fn an_idle_guard_is_small() {
    assert!(size_of::<Guard<actix_web::dev::Payload>>() <= 360);
}
