//! The rows of the table that are no ends: handshakes that were refused, by whom and why.
//! That each refusal has its words is proven in `handshake`, `front_door` and `limits`.

use std::time::Duration;

use super::backend::{Manner, impolite};
use super::{Logs, complains, line_of};
use crate::harness::http::Answer;
use crate::harness::{Stage, until, wait::PATIENCE};

fn request(answer: &Answer) -> String {
    answer.header("x-request-id").expect("the gateway names each request").to_owned()
}

/// The answer has this status, the gateway's line the same, and `why` this cause.
async fn is_refused(stage: &mut Stage, answer: &Answer, status: u16, cause: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let line = line_of(stage, &request(answer)).await;
    assert_eq!(line["status"], status.to_string(), "{line}");
    let answer = Logs::of(stage).say(&request(answer), cause);
    let sentence = answer["sentence"].as_str().expect("a text");
    assert!(sentence.contains(&format!("refused the handshake with {status}")), "{sentence}");
}

#[tokio::test]
async fn refused_by_backend_is_holdline_s_own_answer() {
    let stage = Stage::gateway().set("limits.connections_per_ip_max", 1).log("debug");
    let mut stage = stage.start().await;
    let _inside = stage.connect("/ws/echo").await;
    for (name, value, target, status, reason) in [
        ("X", "y", "/ws/echo", 429, "connections_per_ip_max"),
        ("Origin", "https://evil.example", "/ws/echo", 403, "foreign_origin"),
        ("Sec-WebSocket-Version", "8", "/ws/echo", 426, "bad_handshake"),
        ("Sec-WebSocket-Key", "short", "/ws/echo", 400, "bad_handshake"),
        ("X", "y", "/ws/app", 404, "not_configured"),
    ] {
        let answer = stage.dial(target).header(name, value).refused().await;
        is_refused(&mut stage, &answer, status, "refused_by_backend").await;
        let counted = stage.count("holdline_handshakes_rejected_total", "reason", reason).await;
        assert!(counted >= 1.0, "{reason}");
        // At `debug` our log says it too, and the sentence has the reason.
        let id = request(&answer);
        let lines = async || stage.lines();
        let told = until("the refusal's line", PATIENCE, lines, |lines| {
            lines.iter().any(|line| line.words == "refused" && line.says("request", &id))
        });
        told.await;
        let answer = Logs::of(&mut stage).say(&id, "refused_by_backend");
        assert!(answer["sentence"].as_str().expect("a text").contains(reason), "{answer:#}");
    }
}

#[tokio::test]
async fn refused_by_backend_is_also_a_backend_that_drains() {
    let mut stage =
        Stage::gateway().set("drain.delay", "60s").set("drain.timeout", "180s").start().await;
    let _inside = stage.connect("/ws/echo").await;
    stage.node().terminate();
    let draining = async || stage.gauge("holdline_draining").await;
    until("a node that drains", PATIENCE, draining, |draining| *draining == 1.0).await;
    let answer = stage.dial("/ws/echo").refused().await;
    is_refused(&mut stage, &answer, 503, "refused_by_backend").await;
    assert_eq!(stage.count("holdline_handshakes_rejected_total", "reason", "draining").await, 1.0);
}

#[tokio::test]
async fn refused_by_gateway_is_a_request_that_no_backend_sees() {
    let mut stage = Stage::gateway().start().await;
    let answer = stage.dial("/ws/nowhere").refused().await;
    is_refused(&mut stage, &answer, 404, "refused_by_gateway").await;
    let answer = stage.dial("/ws/echo").header("Content-Length", "5000").refused().await;
    is_refused(&mut stage, &answer, 413, "refused_by_gateway").await;
    let line = line_of(&mut stage, &request(&answer)).await;
    assert!(complains(&mut stage, &line, &["too large body"]));
}

#[tokio::test]
async fn refused_by_limit_is_the_gateway_s_limit_of_an_address() {
    let mut stage = Stage::gateway().render("GATEWAY_ADDRESS_CONNECTIONS", "1").start().await;
    let _inside = stage.connect("/ws/echo").await;
    let answer = stage.dial("/ws/echo").refused().await;
    is_refused(&mut stage, &answer, 429, "refused_by_limit").await;
    let line = line_of(&mut stage, &request(&answer)).await;
    assert!(complains(&mut stage, &line, &["limiting connections by zone"]));
}

#[tokio::test]
async fn no_backend_is_a_gateway_with_nobody_behind_it() {
    let mut stage = Stage::gateway().start().await;
    stage.node().kill().await;
    let answer = stage.dial("/ws/echo").refused().await;
    is_refused(&mut stage, &answer, 502, "no_backend").await;
    let line = line_of(&mut stage, &request(&answer)).await;
    assert!(complains(&mut stage, &line, &["[error]", "connect() failed"]));
    let mute = impolite(Manner::Mute).await;
    let mut stage = Stage::gateway().behind(mute).start().await;
    let answer = stage.dial("/ws/echo").refused().await;
    is_refused(&mut stage, &answer, 502, "no_backend").await;
}

#[tokio::test]
async fn backend_silent_is_a_backend_that_does_not_answer_in_time() {
    let hanging = impolite(Manner::Hang).await;
    let stage = Stage::gateway().behind(hanging).render("HOLDLINE_READ_TIMEOUT", "2s");
    let mut stage = stage.start().await;
    let answer = stage.dial("/ws/echo").refused().await;
    is_refused(&mut stage, &answer, 504, "backend_silent").await;
}

#[tokio::test]
async fn client_gave_up_is_a_client_that_does_not_wait_for_its_answer() {
    let hanging = impolite(Manner::Hang).await;
    let mut stage = Stage::gateway().behind(hanging).start().await;
    // It has no answer, so no id: the gateway's line is the only one with this status.
    let waiting =
        tokio::time::timeout(Duration::from_millis(500), stage.dial("/ws/echo").attempt());
    assert!(waiting.await.is_err(), "it was answered");
    let given_up = |line: &serde_json::Value| line["status"] == "499";
    let look = async || stage.proxy().access().into_iter().find(given_up);
    let line = until("the gateway's 499", PATIENCE, look, Option::is_some).await.expect("a line");
    Logs::of(&mut stage).say(line["request"].as_str().expect("a text"), "client_gave_up");
}

#[tokio::test]
async fn not_a_websocket_is_a_plain_request() {
    let mut stage = Stage::gateway().start().await;
    let answer = stage.get("/").await;
    assert_eq!(answer.status, 200);
    line_of(&mut stage, &request(&answer)).await;
    Logs::of(&mut stage).say(&request(&answer), "not_a_websocket");
}
