//! What a person types and sees while a connection is open.
//! How it ends, and what happens when it is lost, stands beside this.

use std::time::Duration;

use crate::harness::Stage;
use crate::harness::peer::Event;
use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::person::{COLUMNS, Person};
use crate::stub::{self, Deed, Stub};

#[tokio::test]
async fn what_is_typed_is_sent_and_the_echo_is_shown() {
    let stage = Stage::gateway().start().await;
    let mut person = Person::connects(&format!("ws://{}/ws/echo", stage.address()), &[]).await;
    person.types("hello").await;
    person.is_at("> hello", 7).await;
    person.types("\r").await;
    person.sees("> hello\n< hello").await;
    person.is_at(">", 2).await;
    person.enters("Grüße 👋").await;
    person.sees("< Grüße 👋").await;
}

#[tokio::test]
async fn pings_of_the_server_are_shown_and_our_heartbeat_is_not() {
    let stage = Stage::gateway().read_timeout("2s").start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let mut person = Person::connects(&url, &["-P", "--ping-interval", "100ms"]).await;
    person
        .looks("three pings", |screen| screen.contents().matches("Received ping").count() >= 3)
        .await;
    assert_eq!(person.count("Received pong"), 0, "{}", person.contents());
    let mut other = Person::connects(&url, &[]).await;
    other.watches(Duration::from_secs(1)).await;
    assert_eq!(other.count("Received"), 0, "without -P nothing is shown: {}", other.contents());
}

#[tokio::test]
async fn slash_commands_are_frames_of_their_own() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    undisturbed("a goodbye", async || {
        let mut person = Person::connects(&url, &["-P", "--slash"]).await;
        person.enters("/ping 00000001").await;
        person.sees("< Received pong (data: \"00000001\")").await;
        person.enters("/pong x").await;
        person.enters("/binary 68656c6c6f").await;
        person.sees("< binary 5 bytes: 68656c6c6f").await;
        person.enters("/nope").await;
        person.sees("error: unrecognized slash command /nope").await;
        person.enters("/close 4001 bye").await;
        person.sees("Disconnected: closed by us with 4001").await;
        let code = person.exits().await;
        if person.was_late() {
            return None;
        }
        assert_eq!(code, Some(0));
        Some(())
    })
    .await;
    let ends = stage.all_ended().await;
    assert!(ends[0].says("reason", "peer_closed") && ends[0].says("code", "4001"), "{ends:?}");
    assert!(ends[0].says("in", "1"), "control frames are no messages: {ends:?}");
}

#[tokio::test]
async fn the_pong_of_a_typed_ping_is_shown_even_when_the_heartbeat_sent_the_same() {
    let stub = Stub::start(Vec::new(), |frame| {
        let pong = frame.0 == stub::PING;
        Deed::Say(if pong { stub::frame(stub::PONG, &frame.1) } else { Vec::new() })
    })
    .await;
    let mut person =
        Person::connects(&stub.url(), &["-P", "--slash", "--ping-interval", "100ms"]).await;
    let pinged = async || stub.heard().frames;
    let first = (stub::PING, b"00000001".to_vec());
    until("a heartbeat", PATIENCE, pinged, |frames| frames.contains(&first)).await;
    person.enters("/ping 00000001").await;
    person.sees("< Received pong (data: \"00000001\")").await;
    assert_eq!(person.count("Received"), 1, "{}", person.contents());
}

#[tokio::test]
async fn without_slash_a_slash_is_only_a_character() {
    let stage = Stage::backend().start().await;
    let mut person = Person::connects(&format!("ws://{}/ws/echo", stage.address()), &[]).await;
    person.enters("/close").await;
    person.sees("< /close").await;
}

#[tokio::test]
async fn a_half_typed_line_survives_what_comes_in() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    let mut peer = stage.connect("/ws/rooms/tea").await;
    person.types("milk lemon?\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D").await;
    person.is_at("> milk lemon?", 7).await;
    peer.text("hello").await;
    peer.text(&"x".repeat(usize::from(COLUMNS) * 2 + 10)).await;
    person.sees("< hello\n< xxx").await;
    person.is_at("> milk lemon?", 7).await;
    person.enters("or ").await;
    for _ in 0..2 {
        peer.message().await;
    }
    assert_eq!(peer.message().await, Event::Text("milk or lemon?".to_owned()));
    person.sees("> milk or lemon?\n< milk or lemon?").await;
}

#[tokio::test]
async fn a_line_longer_than_the_terminal_is_typed_in_one_row_and_sent_whole() {
    let stage = Stage::backend().start().await;
    let mut person = Person::connects(&format!("ws://{}/ws/echo", stage.address()), &[]).await;
    let line: String = (0..60).map(|number| format!("{number:03} ")).collect();
    person.types(&line).await;
    person.looks("its end", |screen| screen.contents().trim_end().ends_with("058 059")).await;
    assert_eq!(person.contents().lines().count(), 2, "{}", person.contents());
    person.types("\r").await;
    let echo = format!("< {line}");
    person
        .looks("the echo, whole", |screen| screen.contents().replace('\n', "").contains(&echo))
        .await;
}

#[tokio::test]
async fn former_lines_come_back_by_the_arrow_up() {
    let stage = Stage::backend().start().await;
    let mut person = Person::connects(&format!("ws://{}/ws/echo", stage.address()), &[]).await;
    person.enters("one").await;
    person.enters("two").await;
    person.types("\x1b[A\x1b[A").await;
    person.is_at("> one", 5).await;
    person.enters("s").await;
    person.sees("< ones").await;
}

#[tokio::test]
async fn a_paste_of_several_lines_is_one_message() {
    let stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/rooms/tea").await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    person.types("\x1b[200~{\r  \"a\": 1\r}\x1b[201~").await;
    person.is_at("> {␊  \"a\": 1␊}", 14).await;
    person.types("\r").await;
    assert_eq!(peer.message().await, Event::Text("{\n  \"a\": 1\n}".to_owned()));
}

#[tokio::test]
async fn lines_typed_faster_than_they_are_read_are_all_sent() {
    let stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/rooms/tea").await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    person.types(&(0..50).map(|number| format!("line {number}\r")).collect::<String>()).await;
    for number in 0..50 {
        assert_eq!(peer.message().await, Event::Text(format!("line {number}")));
    }
}

#[tokio::test]
async fn a_server_cannot_play_with_the_terminal() {
    let attack = "\x1b]0;owned\x07\x1b[2J\x1b[H\u{9b}31mgone\r\n< forged\n> typed\x08";
    let stub = Stub::start(stub::frame(stub::TEXT, attack.as_bytes()), |frame| {
        let close = [&4001_u16.to_be_bytes()[..], b"\x1b[2Jreason"].concat();
        Deed::Say(if frame.0 == stub::TEXT { stub::frame(stub::CLOSE, &close) } else { Vec::new() })
    })
    .await;
    let mut person = Person::connects(&stub.url(), &["--once"]).await;
    person.sees("< \\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{1b}[H\\u{9b}31mgone").await;
    person.sees("\n  < forged\n  > typed\\u{8}").await;
    person.sees("Connected").await;
    person.enters("go").await;
    person.sees("closed by the server with 4001: \"\\u{1b}[2Jreason\"").await;
    assert_eq!(person.exits().await, Some(1));
    assert_eq!(person.titles(), 0);
    assert!(person.contents().starts_with("Connected"), "{}", person.contents());
}

#[tokio::test]
async fn hexadecimal_is_typed_for_binary() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut peer = stage.connect("/ws/rooms/tea").await;
    let mut person = Person::connects(&url, &["--hex"]).await;
    person.enters("00 ff").await;
    assert_eq!(peer.message().await, Event::Binary(vec![0, 255]));
    person.sees("< binary 2 bytes: 00ff").await;
    person.enters("hello").await;
    person.sees("error: not hexadecimal").await;
    stage.holds(2).await;
}

#[tokio::test]
async fn timestamps_begin_each_line_that_is_shown() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let mut person = Person::connects(&url, &["-t"]).await;
    person.enters("hi").await;
    person.sees("Z < hi").await;
    let stamped = |line: &str| line.starts_with("20") && line[23..].starts_with("Z ");
    let contents = person.contents();
    let shown = contents.lines().filter(|line| line.len() > 2);
    assert!(shown.clone().count() == 3 && shown.clone().all(stamped), "{contents}");
}

#[tokio::test]
async fn a_large_message_is_shown_whole() {
    let stage = Stage::backend().set("limits.message_bytes_max", "1000KiB").start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    let peer = stage.dial("/ws/rooms/tea").open().await;
    peer.text(&format!("{}END", "x".repeat(900 * 1024))).await;
    person.sees("xEND").await;
    let shown = person.raw.iter().filter(|byte| **byte == b'x').count();
    assert_eq!(shown, 900 * 1024);
}
