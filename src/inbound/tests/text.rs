//! Text is UTF-8, and what cannot become UTF-8 any more is a fault at once.
//! Leaves to `reading.rs`: everything that text shares with binary messages.

use super::*;

/// Texts and whether they are UTF-8; for the bad ones, the index of the first impossible byte.
const TEXTS: &[(&[u8], Option<usize>)] = &[
    (b"plain", None),
    ("κόσμε €😀".as_bytes(), None),
    ("\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}".as_bytes(), None),
    ("\u{d7ff}\u{e000}\u{fffe}".as_bytes(), None),
    (b"\xef\xbb\xbf", None),
    (b"a\x80", Some(1)),
    (b"ab\xfe", Some(2)),
    (b"\xff", Some(0)),
    (b"\xc0\xaf", Some(0)),
    (b"\xc1\xbf", Some(0)),
    (b"\xe0\x80\xaf", Some(1)),
    (b"\xf0\x80\x80\xaf", Some(1)),
    (b"\xf0\x8f\xbf\xbf", Some(1)),
    (b"\xed\xa0\x80", Some(1)),
    (b"\xed\xbf\xbf", Some(1)),
    (b"\xf4\x90\x80\x80", Some(1)),
    (b"\xf5\x80\x80\x80", Some(0)),
    (b"\xe2\x82a", Some(2)),
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited", Some(12)),
];

#[test]
fn a_text_message_must_be_utf8_however_it_is_split_into_fragments() {
    for (text, impossible) in TEXTS {
        for first_end in 0..=text.len() {
            let mut sent = frame(TEXT, &text[..first_end]);
            sent.extend(frame(CONTINUATION, b""));
            sent.extend(frame(FIN | CONTINUATION, &text[first_end..]));
            let (given, fault) = read(sent);
            match impossible {
                None => assert_eq!((given, fault), (vec![whole(TEXT, text)], None)),
                Some(_) => assert_eq!(fault, Some(Disconnect::BadData), "{text:x?}"),
            }
        }
    }
}

#[test]
fn the_first_impossible_byte_is_a_fault_although_the_frame_is_unfinished() {
    for (text, impossible) in TEXTS {
        let Some(impossible) = *impossible else { continue };
        for fin in [0, FIN] {
            let sent = frame(fin | TEXT, text);
            let header_bytes = sent.len() - text.len();
            let mut stage = Stage::new(LIMITS);
            for byte in &sent[..header_bytes + impossible] {
                stage.send([*byte]);
            }
            assert_eq!(stage.fault(), None, "{text:x?}");
            stage.send([sent[header_bytes + impossible]]);
            assert_eq!(stage.fault(), Some(Disconnect::BadData), "{text:x?}");
        }
    }
}

#[test]
fn a_text_must_not_end_inside_a_character() {
    for cut in [&b"\xc3"[..], b"a\xe2\x82", b"\xf0\x9f\x98", b"\xf4\x8f"] {
        assert_eq!(read(frame(FIN | TEXT, cut)).1, Some(Disconnect::BadData), "{cut:x?}");
        let mut sent = frame(TEXT, cut);
        assert_eq!(read(&sent).1, None, "{cut:x?} can still become whole");
        sent.extend(frame(FIN | CONTINUATION, b""));
        assert_eq!(read(&sent).1, Some(Disconnect::BadData), "{cut:x?}");
    }
}

#[test]
fn binary_messages_and_pings_may_hold_anything() {
    for opcode in [BINARY, PING, PONG] {
        assert_eq!(read(frame(FIN | opcode, b"\xff\xfe")).0, [whole(opcode, b"\xff\xfe")]);
    }
}

#[test]
fn each_text_is_judged_on_its_own() {
    let mut sent = frame(FIN | TEXT, "é".as_bytes());
    sent.extend(frame(FIN | TEXT, "è".as_bytes()));
    sent.extend(frame(FIN | TEXT, b"\xa8"));
    let (given, fault) = read(sent);
    assert_eq!(given.len(), 3);
    assert_eq!(fault, Some(Disconnect::BadData));
}
