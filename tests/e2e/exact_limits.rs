//! A limit is a limit to the byte: what is at it passes, and one more does what its key says. Those
//! whose edge no other promise walks along.

use serde_json::Value;

use super::callback::{answering, asks, before};
use crate::harness::application::Reply;
use crate::harness::http::{self, Answer};
use crate::harness::{Event, Peer, Stage, Vice};

#[tokio::test]
async fn an_answer_of_exactly_answer_bytes_max_is_read_and_one_byte_more_is_none() {
    let application = answering(|message| {
        let length = message["text"].as_str().and_then(|text| text.parse().ok());
        Reply::text(&"x".repeat(length.expect("a length")))
    })
    .await;
    let stage = before(&application).set("callback.answer_bytes_max", 1000).start().await;
    let mut peer = stage.connect("/ws/app").await;
    asks(&mut peer, "1000", &"x".repeat(1000)).await;
    peer.text("1001").await;
    let Event::Text(told) = peer.message().await else { panic!("an error is a text") };
    let told: Value = serde_json::from_str(&told).expect("an error is JSON");
    assert_eq!(told["error"]["type"], "urn:holdline:problem:callback_bad_answer", "{told}");
    let metric = "holdline_callback_duration_seconds_count";
    assert_eq!(stage.count(metric, "outcome", "bad_answer").await, 1.0);
    asks(&mut peer, "999", &"x".repeat(999)).await;
}

/// Posts a batch of one message to everyone, in a body of exactly this many bytes.
async fn publish(stage: &mut Stage, bytes: usize) -> Answer {
    let batch = r#"{"messages": [{"everyone": true, "text": "hello"}]}"#;
    let (at, space) = (stage.node().control, " ".repeat(bytes - batch.len()));
    let request = format!(
        "POST /publish HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: {bytes}\r\n\
         \r\n{batch}{space}"
    );
    http::send(at, request.as_bytes()).await.expect("an answer")
}

#[tokio::test]
async fn a_body_of_exactly_body_bytes_max_is_taken_and_one_byte_more_is_not() {
    let mut stage = Stage::backend().set("control.body_bytes_max", 70_000).start().await;
    let mut peer = stage.connect("/ws/echo").await;
    for (bytes, status) in [(70_000, 200), (70_001, 413)] {
        let answer = publish(&mut stage, bytes).await;
        assert_eq!(answer.status, status, "{bytes}: {}", answer.text());
    }
    assert_eq!(peer.message().await, Event::Text("hello".to_owned()));
    peer.echoes("and not a second time").await;
}

/// Says enough for a deaf member's kernel, and then this many messages of few bytes.
async fn fall_behind(speaker: &mut Peer) {
    for _ in 0..60 {
        speaker.echoes(&"x".repeat(60_000)).await;
    }
    for _ in 0..20 {
        speaker.echoes("small").await;
    }
}

#[tokio::test]
async fn a_peer_that_is_behind_by_too_many_frames_is_slow_however_small_they_are() {
    let settings = |frames: usize, write_timeout: &str| {
        Stage::backend()
            .set("limits.outbox_bytes_max", "64MiB")
            .set("limits.outbox_frames_max", frames)
            .set("limits.write_timeout", write_timeout)
    };
    // The control: with room for all of them nobody is slow.
    let roomy = settings(200, "180s").start().await;
    // Who is deaf takes no goodbye either, and is gone when that has waited for so long.
    let tight = settings(40, "10s").start().await;
    for (stage, is_slow) in [(&roomy, false), (&tight, true)] {
        let mut speaker = stage.connect("/ws/rooms/lobby").await;
        let deaf = stage.dial("/ws/rooms/lobby").vice(Vice::Deaf).open().await;
        fall_behind(&mut speaker).await;
        match is_slow {
            true => drop(stage.ended_as(&deaf, "slow", "1013").await),
            false => assert!(stage.ends().is_empty(), "{:?}", stage.ends()),
        }
        speaker.echoes("nothing noticed").await;
    }
}
