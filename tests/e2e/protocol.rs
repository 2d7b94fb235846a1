//! What a peer may say, and what becomes of one that says something else: the right close code,
//! the same word in log and metric, and bounded memory. Straight at the backend; the gateway passes
//! bytes on.

use std::time::{Duration, Instant};

use crate::harness::peer::{Dial, codec};
use crate::harness::{Event, Peer, Stage, Tcp, until, wait::PATIENCE};

/// Says something wrong once it is in, and is told so: close code, log, metric, TCP ended by FIN.
async fn ends_as(stage: &Stage, dial: Dial<'_>, wrong: &[u8], reason: &str, code: u16) {
    let mut peer = dial.open().await;
    // Good messages in front of a bad frame are delivered, also when one read brings them all.
    let good = codec::encode(true, codec::TEXT, b"good");
    peer.raw(&[&good, wrong].concat()).await;
    assert_eq!(peer.message().await, Event::Text("good".to_owned()));
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (code, Tcp::Fin), "after {wrong:?}");
    stage.ended_as(&peer, reason, &code.to_string()).await;
}

#[tokio::test]
async fn text_comes_back_as_text_and_binary_as_binary_of_any_size() {
    let stage = Stage::backend().workers(2).start().await;
    for target in ["/ws/echo", "/ws/rooms/lobby"] {
        let mut peer = stage.connect(target).await;
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            peer.echoes(&"x".repeat(size)).await;
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            peer.binary(&bytes).await;
            assert_eq!(peer.message().await, Event::Binary(bytes));
        }
    }
}

#[tokio::test]
async fn what_rfc_6455_forbids_ends_with_1002() {
    let stage = Stage::backend().start().await;
    let masked =
        |first: u8, rest: &[u8]| [&[first, 0x80 | rest.len() as u8, 0, 0, 0, 0], rest].concat();
    let wrongs = [
        masked(0xC1, b"a reserved bit"),
        masked(0x83, b"an unknown opcode"),
        masked(0x8B, b"an unknown control opcode"),
        vec![0x81, 0x05, b'p', b'l', b'a', b'i', b'n'],
        masked(0x80, b"a continuation of nothing"),
        [masked(0x01, b"a first fragment"), masked(0x81, b"and another first")].concat(),
        masked(0x09, b"a fragmented ping"),
        codec::header(true, codec::PING, 126),
        // 16 bits for a length that fits 7.
        vec![0x81, 0xFE, 0, 5, 0, 0, 0, 0, b'm', b'i', b'n', b'o', b'r'],
        masked(0x88, b"\x03"),
        masked(0x88, &1005_u16.to_be_bytes()),
        masked(0x88, &999_u16.to_be_bytes()),
    ];
    for wrong in wrongs {
        ends_as(&stage, stage.dial("/ws/echo"), &wrong, "protocol_error", 1002).await;
    }
}

#[tokio::test]
async fn text_that_is_no_utf_8_ends_with_1007() {
    let stage = Stage::backend().start().await;
    let whole = codec::encode(true, codec::TEXT, b"\xC3\x28");
    // The second fragment has not even come when the first is already wrong.
    let part = codec::encode(false, codec::TEXT, b"ok \xFF");
    let cut = codec::encode(true, codec::TEXT, "é".as_bytes().split_at(1).0);
    let reason = codec::encode(true, codec::CLOSE, b"\x03\xE8\xFF\xFE");
    for wrong in [whole, part, cut, reason] {
        ends_as(&stage, stage.dial("/ws/echo"), &wrong, "bad_data", 1007).await;
    }
}

#[tokio::test]
async fn a_character_split_between_fragments_is_whole_again() {
    let stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    let text = "κόσμε 👍".as_bytes();
    for (at, byte) in text.iter().enumerate() {
        let opcode = if at == 0 { codec::TEXT } else { codec::CONTINUATION };
        peer.frame(at + 1 == text.len(), opcode, &[*byte]).await;
        if at == 5 {
            peer.ping(b"between").await;
            assert_eq!(peer.heard().await.1, Event::Pong(b"between".to_vec()));
        }
    }
    assert_eq!(peer.message().await, Event::Text("κόσμε 👍".to_owned()));
}

#[tokio::test]
async fn a_message_over_the_limit_ends_with_1009_and_one_at_the_limit_does_not() {
    let stage = Stage::backend().set("limits.message_bytes_max", 1000).start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes(&"x".repeat(1000)).await;
    for first in [500, 1] {
        let part = codec::encode(false, codec::BINARY, &vec![0; first]);
        let rest = codec::encode(true, codec::CONTINUATION, &vec![0; 1001 - first]);
        ends_as(&stage, stage.dial("/ws/echo"), &[part, rest].concat(), "too_big", 1009).await;
    }
    let whole = codec::encode(true, codec::TEXT, &[b'x'; 1001]);
    ends_as(&stage, stage.dial("/ws/echo"), &whole, "too_big", 1009).await;
    // Of the announced bytes none has come yet.
    let announced = codec::header(true, codec::BINARY, 1001);
    ends_as(&stage, stage.dial("/ws/echo"), &announced, "too_big", 1009).await;
}

#[tokio::test]
async fn a_frame_that_announces_2_to_the_62_bytes_costs_no_memory() {
    let mut stage = Stage::backend().set("limits.close_timeout", "1s").start().await;
    let mut warm = stage.connect("/ws/echo").await;
    warm.echoes(&"x".repeat(60_000)).await;
    let before = stage.node().process.resident_bytes();
    let mut peer = stage.connect("/ws/echo").await;
    peer.raw(&[codec::header(true, codec::BINARY, 1 << 62), vec![0; 4]].concat()).await;
    // As much as gets through behind it, 256 MiB at most.
    let junk = vec![0; 1 << 20];
    let mut most = 0;
    for _ in 0..256 {
        if !peer.try_raw(&junk).await {
            break;
        }
        most = most.max(stage.node().process.resident_bytes());
    }
    assert!(most < before + (8 << 20), "{before} bytes grew to {most}");
    assert_eq!(peer.ended().await.code, 1009);
    stage.ended_as(&peer, "too_big", "1009").await;
    warm.echoes("unharmed").await;
}

#[tokio::test]
async fn endless_fragments_end_with_1009() {
    let stage = Stage::backend().set("limits.message_fragments_max", 10).start().await;
    let first = codec::encode(false, codec::TEXT, b"");
    let next = codec::encode(false, codec::CONTINUATION, b"");
    let wrong = [first, next.repeat(10)].concat();
    ends_as(&stage, stage.dial("/ws/echo"), &wrong, "too_big", 1009).await;
}

#[tokio::test]
async fn a_message_never_finished_ends_with_1008_in_time() {
    let stage = Stage::backend().set("limits.message_timeout", "1s").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.frame(false, codec::TEXT, b"I was about to").await;
    // Control frames in between are no progress; were they, it would never end.
    let (began, mut code) = (Instant::now(), None);
    while code.is_none() {
        assert!(began.elapsed() < PATIENCE, "it goes on");
        peer.try_raw(&codec::encode(true, codec::PING, b"")).await;
        match peer.heard().await.1 {
            Event::Pong(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            Event::Close(told, _) => code = told,
            other => panic!("{other:?} while a message is unfinished"),
        }
    }
    assert_eq!((code, peer.ended_after_close().await), (Some(1008), Tcp::Fin));
    let line = stage.ended_as(&peer, "message_timeout", "1008").await;
    assert!(line.number("age") >= 1.0, "{line:?}");
}

#[tokio::test]
async fn a_peer_over_its_rate_ends_with_1013() {
    let stage = Stage::backend().set("limits.messages_per_second", 10).start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.raw(&codec::encode(true, codec::TEXT, b"again").repeat(200)).await;
    assert_eq!(peer.ended().await.code, 1013);
    stage.ended_as(&peer, "rate_limited", "1013").await;
    let mut calm = stage.connect("/ws/echo").await;
    for _ in 0..5 {
        calm.echoes("calm").await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload() {
    let stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    for payload in [&b""[..], b"x", &[0xFF; 125]] {
        peer.ping(payload).await;
        assert_eq!(peer.heard().await.1, Event::Pong(payload.to_vec()));
    }
    // Ten in one write get ten answers, in order.
    let ten = (0..10_u8).flat_map(|n| codec::encode(true, codec::PING, &[n])).collect::<Vec<_>>();
    peer.raw(&ten).await;
    for n in 0..10 {
        assert_eq!(peer.heard().await.1, Event::Pong(vec![n]));
    }
}

#[tokio::test]
async fn an_unsolicited_pong_is_harmless() {
    let stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    for payload in [&b""[..], b"never asked", &[0; 8], &[0xFF; 125]] {
        peer.pong(payload).await;
        peer.echoes("and on").await;
    }
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

#[tokio::test]
async fn a_close_is_echoed_with_its_code_and_tcp_is_closed_by_the_backend() {
    let stage = Stage::backend().start().await;
    for code in [1000, 1001, 1003, 3000, 4999] {
        let mut peer = stage.connect("/ws/echo").await;
        // What was said before is answered before.
        peer.text("last words").await;
        peer.close(code, "bye").await;
        assert_eq!(peer.message().await, Event::Text("last words".to_owned()));
        let end = peer.ended().await;
        assert_eq!((end.code, end.tcp), (code, Tcp::Fin));
        let line = stage.ended_as(&peer, "peer_closed", &code.to_string()).await;
        let level = if code < 1002 { "INFO" } else { "WARN" };
        assert_eq!(line.level, level, "{line:?}");
    }
    let mut peer = stage.connect("/ws/echo").await;
    peer.frame(true, codec::CLOSE, b"").await;
    assert_eq!(peer.ended().await.code, 1005, "an empty close for an empty close");
    stage.ended_as(&peer, "peer_closed", "1005").await;
    stage.holds(0).await;
}

#[tokio::test]
async fn a_fin_without_a_close_frame_is_peer_gone() {
    let stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.hang_up().await;
    let end = peer.ended().await;
    assert_eq!(end.code, 1006, "{end:?}");
    stage.ended_as(&peer, "peer_gone", "-").await;
}

/// The peer says everything, its close included, and closes its half of TCP in the same breath.
#[tokio::test]
async fn a_close_and_a_fin_at_once_still_get_the_answers_and_the_echo() {
    let stage = Stage::backend().start().await;
    for _ in 0..20 {
        let mut peer = stage.connect("/ws/echo").await;
        let mut said = codec::encode(true, codec::TEXT, b"last words");
        said.extend(codec::encode(true, codec::CLOSE, &codec::close_payload(1000, "bye")));
        peer.raw(&said).await;
        peer.hang_up().await;
        assert_eq!(peer.message().await, Event::Text("last words".to_owned()));
        assert_eq!(peer.ended().await.code, 1000);
        stage.ended_as(&peer, "peer_closed", "1000").await;
    }
}

/// The peer does not answer the close and stays; for all of `close_timeout` no ping may come.
#[tokio::test]
async fn no_ping_follows_a_close_and_a_peer_that_never_answers_it_is_cut() {
    let stage = Stage::backend()
        .ping_interval("100ms")
        .set("limits.close_timeout", "1s")
        .set("limits.message_bytes_max", 1000)
        .start()
        .await;
    let mut peer = stage.dial("/ws/echo").vice(crate::harness::Vice::Mute).open().await;
    let began = Instant::now();
    peer.raw(&codec::header(true, codec::TEXT, 5000)).await;
    // `ended` fails at anything that comes between the close frame and the end of TCP.
    let end = peer.ended().await;
    assert_eq!(end.code, 1009);
    let lingered = end.at - began;
    assert!(lingered >= Duration::from_secs(1), "TCP was closed after {lingered:?} already");
    stage.ended_as(&peer, "too_big", "1009").await;
    stage.holds(0).await;
}

#[tokio::test]
async fn a_flood_of_control_frames_disturbs_nobody() {
    let mut stage = Stage::backend().start().await;
    let mut calm = stage.connect("/ws/echo").await;
    calm.echoes("before").await;
    let before = stage.node().process.resident_bytes();
    let flooder: Peer = stage.dial("/ws/echo").vice(crate::harness::Vice::Deaf).open().await;
    let flood = [codec::PING, codec::PONG].map(|kind| codec::encode(true, kind, &[b'!'; 125]));
    let flood = flood.map(|frame| frame.repeat(5000)).concat();
    let flooding = async {
        for _ in 0..20 {
            if tokio::time::timeout(Duration::from_secs(1), flooder.try_raw(&flood)).await.is_err()
            {
                break;
            }
        }
    };
    // Were a peer served for as long as there is something of it, this one would keep the worker.
    let tireless = stage.connect("/ws/echo").await;
    let pongs = codec::encode(true, codec::PONG, &[b'!'; 125]).repeat(5000);
    let going_on = async { while tireless.try_raw(&pongs).await {} };
    let talking = async {
        for word in 0..50 {
            calm.echoes(&word.to_string()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(flooding, talking) } => {}
        () = going_on => panic!("it was ended"),
    }
    let now = stage.node().process.resident_bytes();
    assert!(now < before + (8 << 20), "{before} bytes grew to {now}");
    drop((flooder, tireless));
    let held = async || stage.gauge("holdline_connections").await;
    until("the flooders' end", PATIENCE, held, |held| *held == 1.0).await;
}
