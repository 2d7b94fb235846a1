//! Connections that end while the application is asked about them: what was begun is finished, and in
//! order. Endings that nothing is under way about are in `callback`.

use serde_json::json;

use super::callback::{actions, answering, asking, before, event, told, types};
use crate::harness::application::{Application, Gate, Reply};
use crate::harness::{Event, Stage, http, until, wait::PATIENCE};

#[tokio::test]
async fn a_peer_that_vanishes_while_its_message_is_answered_is_told_of_after_it() {
    let gate = Gate::new();
    let held = gate.clone();
    let application = answering(move |_| {
        actions(json!([{"reply": {"text": "x"}}, {"publish": {"room": "a", "text": "done"}}]))
            .held(&held)
    })
    .await;
    let stage = before(&application).start().await;
    let mut listener = stage.connect("/ws/rooms/a").await;
    let peer = stage.connect("/ws/app").await;
    peer.text("do it").await;
    until("the message", PATIENCE, async || application.under_way(), |count| *count == 1).await;
    peer.reset().await;
    // Nothing is read from a peer while it is answered: its end is noticed behind the answer.
    gate.open();
    assert_eq!(listener.message().await, Event::Text("done".to_owned()));
    let events = told(&application, 3).await;
    assert_eq!(types(&events), ["connect", "message", "disconnect"]);
    assert_eq!(events[2]["reason"], "peer_gone");
    stage.holds(1).await;
}

/// What was begun for a peer is finished after it, and in the order in which it was begun.
#[tokio::test]
async fn a_connection_that_is_ended_while_its_message_is_answered_is_told_of_after_it() {
    let gate = Gate::new();
    let held = gate.clone();
    let application = answering(move |_| {
        actions(json!([{"reply": {"text": "x"}}, {"publish": {"room": "a", "text": "done"}}]))
            .held(&held)
    })
    .await;
    let mut stage = before(&application).start().await;
    let mut listener = stage.connect("/ws/rooms/a").await;
    let mut peer = stage.connect("/ws/app").await;
    peer.text("do it").await;
    until("the message", PATIENCE, async || application.under_way(), |count| *count == 1).await;
    let id = told(&application, 2).await[1]["connection"].as_str().expect("a text").to_owned();
    let kick = format!(
        "DELETE /connections/{id}?code=4003&text=away HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    );
    let answer = http::send(stage.node().control, kick.as_bytes()).await.expect("an answer");
    assert!(answer.status < 300, "{answer:?}");
    let end = peer.ended().await;
    assert_eq!((end.code, &*end.reason), (4003, "away"));
    stage.ended_as(&peer, "kicked", "4003").await;
    assert_eq!(application.asked().len(), 2, "the end waits");
    gate.open();
    assert_eq!(listener.message().await, Event::Text("done".to_owned()));
    let events = told(&application, 3).await;
    assert_eq!(
        (&events[2]["type"], &events[2]["reason"]),
        (&json!("disconnect"), &json!("kicked"))
    );
}

#[tokio::test]
async fn a_peer_that_vanishes_while_it_is_asked_about_is_told_of_if_it_was_let_in() {
    for (status, expected) in [(204, &["connect", "disconnect"][..]), (403, &["connect"])] {
        let gate = Gate::new();
        let held = gate.clone();
        let application = Application::start(move |asked| match event(asked)["type"].as_str() {
            Some("connect") => Reply::new(status).held(&held),
            _ => Reply::new(204),
        })
        .await;
        // Without the gateway, which would keep the handshake open a little longer.
        let stage = asking(Stage::backend(), &application).start().await;
        let dial = stage.dial("/ws/app").attempt();
        tokio::select! {
            _ = dial => panic!("nobody has let it in"),
            _ = application.was_asked(1) => {}
        }
        // The dial is dropped, and its stream with it.
        gate.open();
        assert_eq!(types(&told(&application, expected.len()).await), *expected);
        stage.holds(0).await;
        let mut next = stage.dial("/ws/app").attempt().await.expect("an answer");
        assert_eq!(next.is_ok(), status == 204);
        if let Ok(peer) = &mut next {
            peer.close(1000, "").await;
            peer.ended().await;
        }
        let events = told(&application, 2 * expected.len()).await;
        assert_eq!(types(&events), expected.repeat(2));
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_before_its_turn_is_not_asked_about_at_all() {
    let gate = Gate::new();
    let held = gate.clone();
    let application = Application::start(move |asked| match event(asked)["query"].as_str() {
        Some("first") => Reply::new(204).held(&held),
        _ => Reply::new(204),
    })
    .await;
    let stage = asking(Stage::backend(), &application).set("callback.in_flight_max", 1);
    let stage = stage.set("server.connections_max", 2).start().await;
    let first = tokio::spawn(stage.dial("/ws/app?first").open());
    application.was_asked(1).await;
    let refusals =
        async |reason| stage.count("holdline_handshakes_rejected_total", "reason", reason).await;
    let began = std::time::Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "the second never waits for its turn");
        let mut second = Box::pin(stage.dial("/ws/app?second").attempt());
        let probe = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            stage.dial("/ws/echo").attempt().await.expect("an answer")
        };
        // Nothing is left for the probe when the second has the place.
        let held = tokio::select! {
            _ = &mut second => false,
            probed = probe => probed.is_err(),
        };
        if held {
            break;
        }
        stage.holds(0).await;
    }
    let gone = async || refusals("peer_gone").await;
    until("one who has gone", PATIENCE, gone, |gone| *gone >= 1.0).await;
    gate.open();
    let _first = first.await.expect("no panic");
    let _third = stage.connect("/ws/app?third").await;
    let events = told(&application, 2).await;
    let queries: Vec<_> = events.iter().map(|event| &event["query"]).collect();
    assert_eq!(queries, ["first", "third"]);
}

#[tokio::test]
async fn a_newcomer_whom_the_application_lets_in_while_the_node_stops_is_told_to_have_ended() {
    let gate = Gate::new();
    let held = gate.clone();
    let application = Application::start(move |asked| match event(asked)["type"].as_str() {
        Some("connect") => Reply::new(204).held(&held),
        _ => Reply::new(204),
    })
    .await;
    let mut stage =
        before(&application).set("drain.delay", "100ms").set("drain.window", "100ms").start().await;
    let newcomer = tokio::spawn(stage.dial("/ws/app").refused());
    application.was_asked(1).await;
    stage.node().terminate();
    let draining = async || stage.gauge("holdline_draining").await;
    until("a node that drains", PATIENCE, draining, |draining| *draining == 1.0).await;
    gate.open();
    assert_eq!(newcomer.await.expect("no panic").status, 503);
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
    let events = told(&application, 2).await;
    assert_eq!(types(&events), ["connect", "disconnect"]);
    assert_eq!(events[1]["reason"], "drain");
}
