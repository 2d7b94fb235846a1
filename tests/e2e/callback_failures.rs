//! The callback's application fails, or is away: who is told what, what is told again, and when a
//! connection pays for it.

use serde_json::{Value, json};

use super::callback::{actions, answering, asking, asks, before, event, told, types};
use crate::harness::application::{Application, Gate, Reply};
use crate::harness::{Event, Peer, Stage, until, wait::PATIENCE};

/// Says this and is told that the application failed: the type's last word, and all of it.
async fn fails(peer: &mut Peer, text: &str) -> (String, Value) {
    peer.text(text).await;
    let Event::Text(answer) = peer.message().await else { panic!("an error is a text") };
    let answer: Value = serde_json::from_str(&answer).expect("an error is JSON");
    let error = answer["error"].as_object().expect("an error");
    assert!(error["title"].as_str().is_some_and(|title| title.contains("application")), "{answer}");
    let word = error["type"].as_str().and_then(|word| word.strip_prefix("urn:holdline:problem:"));
    (word.expect("a word of ours").to_owned(), answer)
}

#[tokio::test]
async fn while_the_application_is_away_its_peers_stay_and_are_told_and_then_go_on() {
    let application = answering(|message| Reply::text(message["text"].as_str().unwrap())).await;
    let stage = before(&application).set("callback.timeout", "2s").start().await;
    let mut peer = stage.connect("/ws/app").await;
    asks(&mut peer, "before", "before").await;
    let address = application.stop().await;
    for _ in 0..3 {
        let (word, answer) = fails(&mut peer, "meanwhile").await;
        assert!(!answer.to_string().contains("127.0.0.1"), "no peer's business: {answer}");
        // The first may be sent on a connection that is ending.
        assert!(word == "callback_unreachable" || word == "callback_error", "{answer}");
    }
    let troubles = stage.has_troubles(1).await;
    assert!(troubles.len() == 1 && troubles[0].raw.contains("the application fails"), "seldom");
    let refused = stage.dial("/ws/app").refused().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{refused:?}");
    let label = "callback_failed";
    assert_eq!(stage.count("holdline_handshakes_rejected_total", "reason", label).await, 1.0);
    let script = |asked: &_| Reply::text(event(asked)["text"].as_str().unwrap_or_default());
    let _back = Application::start_at(address, script).await;
    asks(&mut peer, "after", "after").await;
    stage.connect("/ws/app").await;
    let log = async || stage.lines();
    until("the good news", PATIENCE, log, |log| {
        log.iter().any(|line| line.raw.contains("the application answers again"))
    })
    .await;
}

#[tokio::test]
async fn every_failure_has_its_word_and_nothing_of_a_bad_answer_is_done() {
    let application = answering(|message| {
        let json = |json: &str| Reply::json(json);
        match message["text"].as_str().expect("a text") {
            "500" => Reply::new(500).header("content-type", "text/plain").body("Traceback"),
            "302" => Reply::new(302).header("location", "/elsewhere"),
            "cut" => Reply::text("half").cut(2),
            "closed" => Reply::close(),
            "noise" => Reply::raw("220 mail.example.org ESMTP\r\n"),
            "hang" => Reply::hang(),
            "html" => Reply::new(200).header("content-type", "text/html").body("<p>"),
            "large" => Reply::text(&"x".repeat(70_000)),
            "endless" => Reply::text("and on").endless(),
            "unknown" => actions(json!([{"reply": {"text": "x"}}, {"shout": "x"}])),
            "field" => json(r#"{"actions": [], "action": []}"#),
            "room" => actions(json!([{"reply": {"text": "x"}}, {"join": "a b"}])),
            "code" => actions(json!([{"reply": {"text": "x"}}, {"close": {"code": 1006}}])),
            "broken" => json(r#"{"actions": [{"reply": {"text": "x"}}"#),
            "422" => Reply::new(422).header("content-type", "text/plain").body("too blue"),
            "409" => Reply::new(409).header("content-type", "text/html").body("Traceback"),
            other => Reply::text(other),
        }
    })
    .await;
    let stage = before(&application)
        .set("callback.timeout", "5s")
        .set("callback.answer_bytes_max", "64KiB")
        .start()
        .await;
    let mut peer = stage.connect("/ws/app").await;
    let failures = [
        ("callback_error", "error", &["500", "302", "cut", "closed", "noise"][..]),
        ("callback_timeout", "timeout", &["hang"]),
        (
            "callback_bad_answer",
            "bad_answer",
            &["html", "large", "endless", "unknown", "field", "room", "code", "broken"],
        ),
        ("callback_refused_message", "refused", &["422", "409"]),
    ];
    let mut count = 1;
    for (word, outcome, texts) in failures {
        for text in texts {
            let (said, answer) = fails(&mut peer, text).await;
            assert_eq!(said, word, "{text}: {answer}");
            assert!(!answer.to_string().contains("Traceback"), "{answer}");
            let detail = answer["error"]["detail"].as_str();
            assert_eq!(
                detail,
                match *text {
                    "422" => Some("too blue"),
                    "409" => Some("409 Conflict"),
                    _ => None,
                }
            );
            count += 1;
            assert_eq!(application.asked().len(), count, "{text}: at most once");
        }
        let metric = "holdline_callback_duration_seconds_count";
        assert_eq!(stage.count(metric, "outcome", outcome).await, texts.len() as f64, "{outcome}");
    }
    // Nothing of them is left over.
    asks(&mut peer, "fine", "fine").await;
    let in_flight = async || stage.gauge("holdline_callback_in_flight").await;
    until("nothing in flight", PATIENCE, in_flight, |count| *count == 0.0).await;
    assert_eq!(stage.gauge("holdline_callback_retries_total").await, 0.0);
}

#[tokio::test]
async fn a_connection_ends_when_the_application_fails_it_longer_than_its_patience() {
    let application = answering(|message| match message["text"].as_str() {
        Some("fail") => Reply::new(503),
        Some("refuse") => Reply::new(422),
        _ => Reply::text("fine"),
    })
    .await;
    // Without pings nothing else is heard, however long it takes.
    let stage = before(&application).ping_interval("off").set("callback.patience", "6s");
    let stage = stage.start().await;
    let (mut doomed, mut served) = (stage.connect("/ws/app").await, stage.connect("/ws/app").await);
    let mut refused = stage.connect("/ws/app").await;
    let began = std::time::Instant::now();
    let end = loop {
        assert!(began.elapsed() < PATIENCE, "its patience has no end");
        fails(&mut served, "fail").await;
        asks(&mut served, "once in a while", "fine").await;
        fails(&mut refused, "refuse").await;
        fails(&mut doomed, "fail").await;
        doomed.ping(b"still there?").await;
        match doomed.heard().await.1 {
            Event::Pong(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            end => break end,
        }
    };
    assert_eq!(end, Event::Close(Some(1011), "the application does not answer".to_owned()));
    assert!(began.elapsed() >= std::time::Duration::from_secs(6), "{:?}", began.elapsed());
    stage.ended_as(&doomed, "callback_failed", "1011").await;
    asks(&mut served, "still there", "fine").await;
    asks(&mut refused, "still there", "fine").await;
}

#[tokio::test]
async fn a_connect_is_told_again_with_the_same_id_until_there_is_an_answer() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let application = Application::start(move |_| {
        match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::new(503),
            1 => Reply::close(),
            _ => Reply::new(204),
        }
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/app").await;
    let events = told(&application, 3).await;
    assert_eq!(types(&events), ["connect"; 3]);
    assert!(events.iter().all(|event| *event == events[0]), "the same, id and time and all");
    assert_eq!(stage.gauge("holdline_callback_retries_total").await, 2.0);
    peer.close(1000, "").await;
    peer.ended().await;
    assert_eq!(types(&told(&application, 4).await)[3], "disconnect");
}

/// An application that noted somebody and failed then would wait for the end.
#[tokio::test]
async fn a_newcomer_whom_the_application_may_know_and_who_is_not_let_in_is_told_to_have_ended() {
    for reply in [Reply::hang(), Reply::new(500), Reply::json("{"), Reply::new(302)] {
        let refusal = reply.clone();
        let application = Application::start(move |asked| match event(asked)["type"].as_str() {
            Some("connect") => refusal.clone(),
            _ => Reply::new(204),
        })
        .await;
        let stage = before(&application).set("callback.timeout", "700ms").start().await;
        let answer = stage.dial("/ws/app").refused().await;
        assert_eq!(answer.status, 503, "{reply:?}: {answer:?}");
        let asked = async || application.asked();
        let asked = until("the end", PATIENCE, asked, |asked| {
            asked.last().is_some_and(|asked| event(asked)["type"] == "disconnect")
        })
        .await;
        let (first, last) = (event(&asked[0]), event(asked.last().expect("the end")));
        assert_eq!(
            (&last["reason"], &last["connection"]),
            (&json!("callback_failed"), &first["connection"])
        );
    }
}

#[tokio::test]
async fn an_end_is_told_again_with_the_same_id_until_it_has_arrived() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let application = Application::start(move |asked| {
        if event(asked)["type"] != "disconnect" {
            return Reply::new(204);
        }
        match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::new(500),
            1 => Reply::close(),
            // What it thinks of it does not matter.
            _ => Reply::new(404),
        }
    })
    .await;
    let stage = before(&application).start().await;
    stage.connect("/ws/app").await.reset().await;
    let events = told(&application, 4).await;
    assert_eq!(types(&events), ["connect", "disconnect", "disconnect", "disconnect"]);
    assert!(events[1] == events[2] && events[2] == events[3], "the same, id and time and all");
    assert_eq!(events[3]["reason"], "peer_gone");
    let retries = async || stage.gauge("holdline_callback_retries_total").await;
    until("two retries", PATIENCE, retries, |retries| *retries == 2.0).await;
    assert_eq!(stage.gauge("holdline_callback_dropped_total").await, 0.0);
}

#[tokio::test]
async fn ends_that_nobody_hears_of_are_kept_up_to_a_limit_and_told_later() {
    let application = answering(|_| Reply::new(204)).await;
    let stage = before(&application).set("callback.disconnects_max", 3).start().await;
    let mut peers = stage.connect_many("/ws/app", 5).await;
    let address = application.stop().await;
    for peer in &mut peers {
        peer.close(1000, "").await;
        peer.ended().await;
    }
    let dropped = async || stage.gauge("holdline_callback_dropped_total").await;
    until("two dropped", PATIENCE, dropped, |dropped| *dropped == 2.0).await;
    let said =
        async || stage.lines().iter().any(|line| line.raw.contains("callback.disconnects_max"));
    until("a line about it", PATIENCE, said, |said| *said).await;
    let back = Application::start_at(address, |_| Reply::new(204)).await;
    let events = told(&back, 3).await;
    assert_eq!(types(&events), ["disconnect"; 3]);
}

#[tokio::test]
async fn a_drained_stop_waits_until_the_application_has_heard_of_every_end() {
    let gate = Gate::new();
    let held = gate.clone();
    let application = Application::start(move |asked| match event(asked)["type"].as_str() {
        Some("disconnect") => Reply::new(204).held(&held),
        _ => Reply::new(204),
    })
    .await;
    let mut stage =
        draining(&application).workers(2).set("callback.in_flight_max", 4).start().await;
    let mut peers = stage.connect_many("/ws/app", 20).await;
    stage.node().terminate();
    for peer in &mut peers {
        assert_eq!(peer.ended().await.code, 1012);
    }
    let under_way = async || application.under_way();
    until("ends that are being told", PATIENCE, under_way, |count| *count == 2).await;
    assert_eq!(stage.node().process.status(), None, "it waits");
    gate.open();
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    let events = told(&application, 40).await;
    assert_eq!(types(&events)[20..], ["disconnect"; 20]);
    assert!(events[20..].iter().all(|event| event["reason"] == "drain" && event["code"] == 1012));
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

#[tokio::test]
async fn a_drained_stop_does_not_wait_for_an_application_that_is_away() {
    let application = answering(|_| Reply::new(204)).await;
    let mut stage = draining(&application).set("drain.timeout", "8s").start().await;
    let mut peers = stage.connect_many("/ws/app", 3).await;
    application.stop().await;
    stage.node().terminate();
    for peer in &mut peers {
        assert_eq!(peer.ended().await.code, 1012);
    }
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    let lost =
        stage.node().log().about("the application will not hear of the last ends: no time is left");
    assert!(lost.len() == 1 && lost[0].says("ends", "3"), "{lost:?}");
}

/// Their next tries would be seconds away by then.
#[tokio::test]
async fn a_drained_stop_tells_at_once_what_waited_for_an_application_that_is_back() {
    let application = answering(|_| Reply::new(204)).await;
    let mut stage = draining(&application).set("drain.timeout", "3s").start().await;
    let mut peers = stage.connect_many("/ws/app", 12).await;
    let address = application.stop().await;
    for peer in &mut peers {
        peer.close(1000, "").await;
        peer.ended().await;
    }
    // By then they wait for up to four seconds and more.
    let retries = async || stage.gauge("holdline_callback_retries_total").await;
    until("five tries each", PATIENCE * 2, retries, |retries| *retries >= 5.0 * 12.0).await;
    let back = Application::start_at(address, |_| Reply::new(204)).await;
    stage.node().terminate();
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    let asked = back.asked();
    assert_eq!(asked.len(), 12, "{asked:#?}");
    let lost = "the application will not hear of the last ends: no time is left";
    assert!(stage.node().log().about(lost).is_empty(), "nothing is lost");
}

fn draining(application: &Application) -> crate::harness::stage::Builder {
    asking(Stage::gateway(), application)
        .set("drain.delay", "100ms")
        .set("drain.window", "300ms")
        .set("drain.timeout", "15s")
        .set("limits.close_timeout", "500ms")
}
