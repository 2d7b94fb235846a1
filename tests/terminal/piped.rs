//! What a script gives and gets: lines in, lines out, notices aside.
//! Exit codes by how it ended stand in `verdicts`.

use std::time::{Duration, Instant};

use crate::harness::Stage;
use crate::harness::peer::Event;
use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::script::{Script, json, run, run_to_goodbye};
use crate::stub::{self, Deed, Stub};

#[tokio::test]
async fn each_line_of_standard_input_is_a_message_and_the_answers_are_the_output() {
    let stage = Stage::gateway().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let ended = run_to_goodbye(&["connect", &url], b"one\n\ntwo\nlast").await;
    assert_eq!(
        (ended.code, ended.output),
        (Some(0), ["one", "", "two", "last"].map(String::from).into())
    );
    assert!(ended.errors.starts_with("Connected"), "notices are no output: {}", ended.errors);
    let ends = async || stage.ends();
    let ends = until("its end", PATIENCE, ends, |ends| !ends.is_empty()).await;
    assert!(ends[0].says("reason", "peer_closed") && ends[0].says("code", "1000"), "{ends:?}");
}

#[tokio::test]
async fn text_for_a_program_is_left_as_it_is() {
    let text = "\x1b[2J\ta\u{9b}b";
    let stub = Stub::start(stub::frame(stub::TEXT, text.as_bytes()), |_| {
        Deed::Say(stub::close(Some(1000)))
    })
    .await;
    let ended = run(&["connect", &stub.url(), "--once"], b"x\n").await;
    assert_eq!((ended.code, ended.output), (Some(0), vec![text.to_owned()]));
}

#[tokio::test]
async fn x_is_sent_instead_of_the_input_and_w_waits_for_the_answers() {
    let stage = Stage::backend().start().await;
    undisturbed("an answer within the wait", async || {
        let room = format!("/ws/rooms/{:x}", fastrand::u64(..));
        let url = format!("ws://{}{room}", stage.address());
        let mut peer = stage.connect(&room).await;
        let arguments = ["connect", &url, "-x", "one", "-x", "--two", "-w", "1.5"];
        let (mut script, began) = (Script::starts(&arguments), Instant::now());
        script.gives(b"not this\n").await;
        for text in ["one", "--two"] {
            assert_eq!(peer.message().await, Event::Text(text.to_owned()));
        }
        peer.text("late answer").await;
        assert_eq!(script.comes_to_say("late").await?, "late answer");
        let ended = script.ended().await.in_time()?;
        assert_eq!((ended.code, ended.output.len()), (Some(0), 0));
        assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
        assert_eq!(peer.message().await, Event::Text("late answer".to_owned()));
        peer.echoes("alone").await;
        Some(())
    })
    .await;
}

#[tokio::test]
async fn without_w_the_answers_to_x_are_waited_for_two_seconds() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let began = Instant::now();
    let arguments = ["connect", &url, "--slash", "-P", "-x", "hi", "-x", "/ping x"];
    let ended = run_to_goodbye(&arguments, b"").await;
    assert_eq!((ended.code, ended.output), (Some(0), vec!["hi".to_owned()]));
    assert!(ended.errors.contains("Received pong (data: \"x\")"), "{}", ended.errors);
    assert!(began.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_wait_of_minus_one_holds_on_until_the_server_closes() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut script = Script::starts(&["connect", &url, "-x", "hi", "-w", "-1", "--once"]);
    script.ends_input();
    script.says("hi").await;
    let peer = stage.connect("/ws/rooms/tea").await;
    // Longer than the wait would be without.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    peer.text("still there?").await;
    script.says("still there?").await;
    stage.holds(2).await;
}

#[tokio::test]
async fn binary_is_hexadecimal_both_ways() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let ended = run_to_goodbye(&["connect", &url, "--hex"], b"68656c6c6f\n00 FF\n").await;
    let lines = ["binary 5 bytes: 68656c6c6f", "binary 2 bytes: 00ff"].map(String::from);
    assert_eq!((ended.code, ended.output), (Some(0), lines.into()));
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_and_remembered_and_the_rest_is_sent() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let input = b"one\n\xff\xfe\n/nope\ntwo\n";
    let ended = run_to_goodbye(&["connect", &url, "--slash"], input).await;
    assert_eq!((ended.code, ended.output), (Some(1), ["one", "two"].map(String::from).into()));
    assert!(ended.errors.contains("error: not sent: a line that is not UTF-8"), "{}", ended.errors);
    assert!(ended.errors.contains("error: unrecognized slash command /nope"), "{}", ended.errors);
}

#[tokio::test]
async fn with_json_everything_is_a_record_on_standard_output() {
    let stage = Stage::backend().ping_interval("300ms").start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let ended = undisturbed("a goodbye", async || {
        let mut script = Script::starts(&["connect", &url, "--json", "--slash"]);
        assert_eq!(script.event("open").await["address"], stage.address().to_string());
        script.gives(b"hello\n/binary 00ff\n/ping x\n").await;
        assert_eq!(script.event("message").await["text"], "hello");
        assert_eq!(script.event("message").await["binary"], "00ff");
        assert!(script.event("ping").await["text"].is_string());
        script.gives(b"/ping y\n").await;
        assert_eq!(script.event("pong").await["text"], "y");
        script.ends_input();
        script.ended().await.in_time()
    });
    let ended = ended.await;
    let records: Vec<_> = ended.output.iter().map(|line| json(line)).collect();
    let close = records.last().expect("a last record");
    assert_eq!((&close["event"], &close["reason"]), (&"close".into(), &"closed_by_us".into()));
    assert_eq!((&close["code"], ended.code), (&1000.into(), Some(0)));
    assert_eq!(ended.errors, "", "nothing beside it");
}

#[tokio::test]
async fn losses_refusals_and_waits_are_records_too() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    undisturbed("a goodbye", async || {
        let mut script = Script::starts(&["connect", &url, "--json"]);
        script.event("open").await;
        stage.node().kill().await;
        let lost = script.event("lost").await;
        assert!(["fin", "reset"].contains(&lost["reason"].as_str().unwrap()), "{lost}");
        assert!(script.event("reconnecting").await["wait_ms"].is_number());
        assert_eq!(script.event("refused").await["reason"], "connect");
        // Given while there is no connection, and sent when there is one.
        script.gives(b"kept\nand this\n").await;
        script.ends_input();
        stage.node().restart().await;
        script.event("open").await;
        let ended = script.ended().await.in_time()?;
        let records = ended.output.iter().map(|line| json(line));
        let messages: Vec<_> = records.filter(|record| record["event"] == "message").collect();
        assert_eq!((messages.len(), ended.code), (2, Some(0)), "{messages:?}");
        assert_eq!(
            (&messages[0]["text"], &messages[1]["text"]),
            (&"kept".into(), &"and this".into())
        );
        Some(())
    })
    .await;
}

#[tokio::test]
async fn the_options_of_the_handshake_arrive() {
    let stub = Stub::start(Vec::new(), |_| Deed::Say(stub::close(Some(1000)))).await;
    let options = [
        "-H",
        "X-Token: t1",
        "-H",
        "X-Other:o",
        "-s",
        "chat",
        "-s",
        "superchat",
        "-o",
        "https://a.example",
        "--host",
        "b.example",
        "--auth",
        "user:pass",
    ];
    let ended = run(&[&["connect", &stub.url(), "-x", "x"], &options[..]].concat(), b"").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.errors.contains("subprotocol chat"), "{}", ended.errors);
    let head = &stub.heard().heads[0];
    for line in [
        "X-Token: t1",
        "X-Other: o",
        "Sec-WebSocket-Protocol: chat, superchat",
        "Origin: https://a.example",
        "Host: b.example",
        "Authorization: Basic dXNlcjpwYXNz",
    ] {
        assert!(head.lines().any(|field| field == line), "{line}: {head}");
    }
}

#[tokio::test]
async fn a_slow_server_slows_the_script_down_and_loses_nothing() {
    undisturbed("a goodbye", slowed_down).await;
}

/// None when the server was late with its goodbye.
async fn slowed_down() -> Option<()> {
    const LINES: usize = 10_000;
    // It reads nothing for a while after its first frame.
    let stub = Stub::start(Vec::new(), {
        let mut first = true;
        move |frame| {
            if std::mem::take(&mut first) {
                return Deed::Rest(Duration::from_secs(1));
            }
            let close = frame.0 == stub::CLOSE;
            Deed::Say(if close { stub::close(Some(1000)) } else { Vec::new() })
        }
    })
    .await;
    // The stub answers no pings.
    let mut script = Script::starts(&["connect", &stub.url(), "--ping-interval", "off"]);
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let (mut given, began) = (0, Instant::now());
    while given < LINES && began.elapsed() < Duration::from_millis(700) {
        let some = tokio::time::timeout(Duration::from_millis(100), script.gives(&line)).await;
        match some {
            Ok(taken) => assert!(taken),
            // Part of a line may be written; the rest below ends it.
            Err(_) => break,
        }
        given += 1;
    }
    assert!(given < LINES, "10 MiB went somewhere within a second");
    for _ in given..LINES {
        script.gives(&line).await;
    }
    script.ends_input();
    let ended = script.ended().await.in_time()?;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    let heard = stub.heard().frames;
    let texts = heard.iter().filter(|frame| frame.0 == stub::TEXT);
    let bytes: usize = texts.map(|frame| frame.1.len()).sum();
    assert!(bytes >= (LINES - 1) * 1023, "{bytes} bytes arrived");
    Some(())
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_it_politely() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut script = Script::starts(&["connect", &url]);
    script.gives(b"hello\n").await;
    script.says("hello").await;
    let (mut child, input) = script.hangs_up();
    stage.connect("/ws/rooms/tea").await.text("to nobody").await;
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0));
    let ends = async || stage.ends();
    let ends = until("its end", PATIENCE, ends, |ends| {
        ends.iter().any(|end| end.says("reason", "peer_closed") && end.says("code", "1000"))
    });
    ends.await;
    drop(input);
}
