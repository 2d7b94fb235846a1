//! The rows of the table that Holdline's own label decides: each through the gateway, told alike by
//! close frame, log, metric and `holdline why`. `internal_error` is in `panics`.

use serde_json::json;

use super::{Logs, is_told, line_of};
use crate::callback::{actions, answering, before};
use crate::harness::application::Reply;
use crate::harness::peer::codec;
use crate::harness::stage::Builder;
use crate::harness::{Peer, Stage, Tcp, Vice, http, until, wait::PATIENCE};

/// Through the end of `peer`: its code, TCP ended by FIN, told alike everywhere.
async fn ends_with(stage: &mut Stage, mut peer: Peer, reason: &str, code: u16) {
    let end = peer.ended().await;
    // Where the peer still says something, it may meet a gateway that has closed already.
    let talks = ["peer_closed", "callback_failed"].contains(&reason);
    assert!(end.code == code && (end.tcp == Tcp::Fin || talks), "{end:?}");
    stage.ended_as(&peer, reason, &code.to_string()).await;
    let answer = is_told(stage, &peer.request, "OK", reason).await;
    assert_eq!(answer["code"], code, "{answer:#}");
}

#[tokio::test]
async fn peer_closed_is_the_client_s_goodbye_in_text_logs_and_in_json_logs() {
    for format in ["text", "json"] {
        let mut stage = Stage::gateway().set("log.format", format).start().await;
        for code in [1000, 4321] {
            let mut peer = stage.connect("/ws/echo").await;
            peer.echoes("hello").await;
            peer.close(code, "bye").await;
            let open = stage.open_of(&peer).await;
            let request = peer.request.clone();
            ends_with(&mut stage, peer, "peer_closed", code).await;
            let answer = Logs::of(&mut stage).say(open.value("id"), "peer_closed");
            assert_eq!(answer["request"], request, "asked by connection id");
            let sentence = answer["sentence"].as_str().expect("a text");
            let begins = sentence.starts_with("The client ended it after ");
            assert!(begins && sentence.contains(&format!("with close code {code}")), "{sentence}");
        }
    }
}

#[tokio::test]
async fn no_pong_is_holdline_giving_up_a_dead_client() {
    let stage = Stage::gateway().ping_interval("600ms").pong_timeout("5s");
    let mut stage = stage.set("limits.close_timeout", "500ms").start().await;
    let peer = stage.dial("/ws/echo").vice(Vice::Mute).open().await;
    ends_with(&mut stage, peer, "no_pong", 1011).await;
}

/// A peer that reads nothing, in a room where more is said than the gateway and the kernel take.
async fn deaf(stage: &Stage) -> Peer {
    let deaf = stage.dial("/ws/rooms/lobby").vice(Vice::Deaf).open().await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    let text = "x".repeat(60_000);
    for _ in 0..300 {
        speaker.echoes(&text).await;
    }
    deaf
}

fn roomy() -> Builder {
    Stage::gateway()
        .set("limits.outbox_bytes_max", 128 << 20)
        .set("limits.outbox_frames_max", 100_000)
}

#[tokio::test]
async fn write_timeout_is_holdline_giving_up_a_client_that_takes_nothing() {
    let stage = roomy().directive("send_timeout", "60s").set("limits.write_timeout", "3s");
    let mut stage = stage.start().await;
    let peer = deaf(&stage).await;
    let request = peer.request.clone();
    stage.ended_as(&peer, "write_timeout", "-").await;
    // The peer sees nothing of it as long as the gateway has something for it: for its `send_timeout`.
    Logs::of(&mut stage).say(&request, "write_timeout");
    drop(peer);
    is_told(&mut stage, &request, "OK", "write_timeout").await;
}

#[tokio::test]
async fn slow_is_holdline_giving_up_a_client_whose_outbox_is_full() {
    let stage =
        Stage::gateway().set("limits.outbox_bytes_max", 256 << 10).directive("send_timeout", "60s");
    let mut stage = stage.start().await;
    let peer = deaf(&stage).await;
    let request = peer.request.clone();
    stage.ended_as(&peer, "slow", "1013").await;
    drop(peer);
    is_told(&mut stage, &request, "OK", "slow").await;
}

#[tokio::test]
async fn too_big_is_holdline_refusing_a_message_over_the_limit() {
    let mut stage = Stage::gateway().set("limits.message_bytes_max", 1000).start().await;
    let peer = stage.connect("/ws/echo").await;
    peer.text(&"x".repeat(1001)).await;
    ends_with(&mut stage, peer, "too_big", 1009).await;
}

#[tokio::test]
async fn bad_data_is_holdline_refusing_text_that_is_none() {
    let mut stage = Stage::gateway().start().await;
    let peer = stage.connect("/ws/echo").await;
    peer.frame(true, codec::TEXT, b"\xC3\x28").await;
    ends_with(&mut stage, peer, "bad_data", 1007).await;
}

#[tokio::test]
async fn protocol_error_is_holdline_refusing_a_frame_that_rfc_6455_forbids() {
    let mut stage = Stage::gateway().start().await;
    let peer = stage.connect("/ws/echo").await;
    peer.frame(true, 0x3, b"an unknown opcode").await;
    ends_with(&mut stage, peer, "protocol_error", 1002).await;
}

#[tokio::test]
async fn rate_limited_is_holdline_ending_a_client_over_its_pace() {
    let mut stage = Stage::gateway().set("limits.messages_per_second", 10).start().await;
    let peer = stage.connect("/ws/echo").await;
    peer.raw(&codec::encode(true, codec::TEXT, b"again").repeat(200)).await;
    ends_with(&mut stage, peer, "rate_limited", 1013).await;
}

#[tokio::test]
async fn message_timeout_is_holdline_giving_up_a_message_that_is_never_finished() {
    let mut stage = Stage::gateway().set("limits.message_timeout", "1s").start().await;
    let peer = stage.connect("/ws/echo").await;
    peer.frame(false, codec::TEXT, b"I was about to").await;
    ends_with(&mut stage, peer, "message_timeout", 1008).await;
}

#[tokio::test]
async fn kicked_is_the_operator_s_doing() {
    let mut stage = Stage::gateway().start().await;
    let peer = stage.connect("/ws/echo").await;
    let id = stage.open_of(&peer).await.value("id").to_owned();
    let kick = format!(
        "DELETE /connections/{id}?code=4003 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    );
    let answer = http::send(stage.node().control, kick.as_bytes()).await.expect("an answer");
    assert!(answer.status < 300, "{answer:?}");
    ends_with(&mut stage, peer, "kicked", 4003).await;
}

#[tokio::test]
async fn callback_closed_is_the_application_s_doing() {
    let application =
        answering(|_| actions(json!([{"close": {"code": 4002, "text": "logged out"}}]))).await;
    let mut stage = before(&application).start().await;
    let peer = stage.connect("/ws/app").await;
    peer.text("out").await;
    ends_with(&mut stage, peer, "callback_closed", 4002).await;
}

#[tokio::test]
async fn callback_failed_is_holdline_giving_up_for_an_application_that_fails() {
    let application = answering(|_| Reply::new(503)).await;
    let stage = before(&application).ping_interval("off").set("callback.patience", "1s");
    let mut stage = stage.start().await;
    let peer = stage.connect("/ws/app").await;
    let counted = async || {
        let said = peer.try_raw(&codec::encode(true, codec::TEXT, b"anybody?")).await;
        let ended = stage.count("holdline_disconnects_total", "reason", "callback_failed").await;
        (said, ended)
    };
    until("the end of its patience", PATIENCE, counted, |(_, ended)| *ended == 1.0).await;
    ends_with(&mut stage, peer, "callback_failed", 1011).await;
}

#[tokio::test]
async fn drain_is_the_backend_saying_goodbye() {
    let stage = Stage::gateway().set("drain.delay", "100ms").set("drain.window", "100ms");
    let mut stage = stage.set("drain.timeout", "60s").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    stage.node().terminate();
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1012, Tcp::Fin));
    // The node, and its metrics with it, may be gone by now.
    let line = stage.end_of(&peer).await;
    assert!(line.says("reason", "drain") && line.says("code", "1012"), "{line:?}");
    is_told(&mut stage, &peer.request, "OK", "drain").await;
    assert_eq!(line_of(&mut stage, &peer.request).await["upstream_status"], "101");
}
