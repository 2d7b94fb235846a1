//! The peer's Close, and what still counts after it, after a fault and after our own.
//! Leaves to `reading.rs`: frames that are not Close frames.

use super::*;

/// The codes that a peer may send, by RFC 6455 section 7.4 and the IANA registry.
fn legal(code: u16) -> bool {
    let reserved = [1004, 1005, 1006, 1015];
    (1000..=1015).contains(&code) && !reserved.contains(&code) || (3000..=4999).contains(&code)
}

#[test]
fn every_code_is_accepted_or_refused_as_the_registry_says() {
    for code in 0..=u16::MAX {
        let payload = close_payload(code, b"why");
        let mut stage = Stage::new(LIMITS);
        let given = stage.send(frame(FIN | CLOSE, &payload));
        if legal(code) {
            assert_eq!(given, [whole(CLOSE, &payload)], "{code}");
            assert_eq!(stage.fault(), None, "{code}");
            assert_eq!(stage.observed.peer_close(), Some(Close::new(code, "why")), "{code}");
        } else {
            assert_eq!(given, [PROTOCOL], "{code}");
            assert_eq!(stage.fault(), Some(Disconnect::ProtocolError), "{code}");
            // The peer said it closes: there is nothing more to wait for.
            assert_eq!(stage.observed.peer_close(), Some(Close::new(1005, "")), "{code}");
        }
    }
}

#[test]
fn a_close_payload_is_nothing_or_a_code_and_a_utf8_reason() {
    let no_code = Some(Close::new(1005, ""));
    for (payload, fault, close) in [
        (vec![], None, no_code.clone()),
        (vec![3], Some(Disconnect::ProtocolError), no_code.clone()),
        (close_payload(1000, b""), None, Some(Close::new(1000, ""))),
        (close_payload(1000, b"\xff"), Some(Disconnect::BadData), no_code.clone()),
        (close_payload(1000, b"\xe2\x82"), Some(Disconnect::BadData), no_code.clone()),
        (close_payload(999, b"\xff"), Some(Disconnect::ProtocolError), no_code),
        (close_payload(4000, &[b'x'; 123]), None, Some(Close::new(4000, "x".repeat(123)))),
    ] {
        let mut stage = Stage::new(LIMITS);
        assert_eq!(stage.send(frame(FIN | CLOSE, &payload)).len(), 1);
        assert_eq!(stage.fault(), fault, "{payload:x?}");
        assert_eq!(stage.observed.peer_close(), close, "{payload:x?}");
    }
}

#[test]
fn nothing_counts_after_the_peers_close() {
    let mut stage = Stage::new(LIMITS);
    let mut sent = frame(FIN | CLOSE, &close_payload(1001, b"bye"));
    sent.extend(frame(FIN | TEXT, b"late"));
    sent.extend(frame(FIN | CLOSE, &close_payload(1002, b"again")));
    assert_eq!(stage.send(sent).len(), 1);
    assert!(stage.send([0xff; 100]).is_empty());
    assert_eq!(stage.fault(), None);
    assert_eq!(stage.observed.peer_close(), Some(Close::new(1001, "bye")));
    assert_eq!(stage.observed.unfinished_since(), None);
}

#[test]
fn a_close_between_fragments_ends_the_message_too() {
    let mut stage = Stage::new(LIMITS);
    stage.send(frame(TEXT, b"begun"));
    assert_eq!(stage.send(frame(FIN | CLOSE, b"")), [whole(CLOSE, b"")]);
    assert_eq!(stage.observed.unfinished_since(), None);
}

#[test]
fn after_a_fault_only_the_peers_close_is_let_through() {
    let bad_text = frame(FIN | TEXT, b"\xff and more");
    let bye = frame(FIN | CLOSE, &close_payload(1000, b"bye"));
    for (fault, what) in [
        (frame(FIN | 0x40 | TEXT, b"payload"), "a reserved bit"),
        (frame(FIN | 0x5, b"payload"), "a reserved opcode"),
        ([vec![FIN | TEXT, 3], b"abc".to_vec()].concat(), "no mask"),
        (frame(FIN | PING, &[7; 200]), "a long ping"),
        (frame(FIN | BINARY, &[7; 100_001]), "a large message"),
        (bad_text.clone(), "text that is not UTF-8"),
        (frame(FIN | TEXT, b"cut \xc3"), "text that ends inside a character"),
        (frame(FIN | CONTINUATION, b"payload"), "nothing to continue"),
    ] {
        let mut stage = Stage::new(LIMITS);
        let given = stage.send(&fault);
        let found = stage.fault();
        assert_eq!(given, [Received::Fault(found.clone().expect(what))], "{what}");
        assert!(stage.send(frame(FIN | TEXT, b"late")).is_empty(), "{what}");
        assert!(stage.send(frame(FIN | PING, b"late")).is_empty(), "{what}");
        assert!(stage.send(&bad_text).is_empty(), "{what}");
        assert_eq!(stage.observed.unfinished_since(), None, "{what}");
        assert_eq!(stage.observed.peer_close(), None, "{what}");
        assert_eq!(stage.send(&bye), [whole(CLOSE, &close_payload(1000, b"bye"))], "{what}");
        assert_eq!(stage.observed.peer_close(), Some(Close::new(1000, "bye")), "{what}");
        assert_eq!(stage.fault(), found, "{what}: the first fault is the cause");
    }
}

#[test]
fn a_close_too_long_to_be_one_is_a_fault_and_still_the_peers_last_word() {
    let mut stage = Stage::new(LIMITS);
    let long = frame(FIN | CLOSE, &[b'x'; 126]);
    let (header, rest) = long.split_at(8);
    assert_eq!(stage.send(header), [PROTOCOL]);
    assert_eq!(stage.fault(), Some(Disconnect::ProtocolError));
    assert_eq!(stage.observed.peer_close(), None, "it is not over yet");
    assert!(stage.send(rest).is_empty());
    assert_eq!(stage.observed.peer_close(), Some(Close::new(1005, "")));
}

#[test]
fn a_frame_with_an_impossible_length_swallows_all_that_follows() {
    let mut stage = Stage::new(LIMITS);
    let mut sent = announcement(FIN | BINARY, u64::MAX);
    sent.extend([0; 4]);
    sent.extend(frame(FIN | CLOSE, b""));
    assert_eq!(stage.send(sent), [PROTOCOL]);
    assert_eq!(stage.observed.peer_close(), None);
}

#[test]
fn after_our_close_only_the_peers_is_looked_for_and_nothing_is_a_fault() {
    let mut stage = Stage::new(LIMITS);
    stage.send(frame(TEXT, b"begun"));
    stage.send(&frame(CONTINUATION, b"half of a frame")[..9]);
    assert!(stage.observed.unfinished_since().is_some());
    stage.observed.swallow();
    assert_eq!(stage.observed.unfinished_since(), None);
    assert!(stage.send(&frame(CONTINUATION, b"half of a frame")[9..]).is_empty());
    assert!(stage.send(frame(FIN | TEXT, b"\xff")).is_empty());
    assert!(stage.send(frame(FIN | PING, b"late")).is_empty());
    assert!(stage.send(frame(0x70 | TEXT, b"nonsense")).is_empty());
    assert_eq!(stage.observed.unfinished_since(), None);
    assert_eq!(stage.observed.frames(), 5, "they are proof of life still");
    let close = close_payload(1012, b"restarting");
    assert_eq!(stage.send(frame(FIN | CLOSE, &close)), [whole(CLOSE, &close)]);
    assert_eq!(stage.observed.peer_close(), Some(Close::new(1012, "restarting")));
    assert_eq!(stage.fault(), None);
}

#[test]
fn a_close_that_had_begun_before_ours_is_still_seen() {
    let close = frame(FIN | CLOSE, &close_payload(1000, b"bye"));
    for cut in 0..close.len() {
        let mut stage = Stage::new(LIMITS);
        stage.send(&close[..cut]);
        stage.observed.swallow();
        assert_eq!(stage.send(&close[cut..]).len(), 1, "cut at {cut}");
        assert_eq!(stage.observed.peer_close(), Some(Close::new(1000, "bye")), "cut at {cut}");
    }
}

#[test]
fn an_illegal_close_that_answers_ours_is_a_close_without_a_code() {
    let mut stage = Stage::new(LIMITS);
    stage.observed.swallow();
    assert_eq!(stage.send(frame(FIN | CLOSE, &close_payload(1, b""))), [whole(CLOSE, b"")]);
    assert_eq!(stage.observed.peer_close(), Some(Close::new(1005, "")));
    assert_eq!(stage.fault(), None);
}
