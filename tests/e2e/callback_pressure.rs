//! The callback's application is slow: only who asked it waits, in order, and nobody is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::callback::{answering, asking, asks, before, told, types};
use crate::harness::application::{Gate, Reply};
use crate::harness::wait::{PATIENCE, undisturbed};
use crate::harness::{Event, Stage, heavy, until};

#[tokio::test]
async fn while_a_message_is_answered_its_peer_is_read_no_further_and_pings_go_on() {
    let _turn = heavy().await;
    let gate = Gate::new();
    let held = gate.clone();
    let application = answering(move |message| {
        let number = message["text"].as_str().expect("a text").split(' ').next().unwrap_or("");
        Reply::text(number).held(&held)
    })
    .await;
    let stage = asking(Stage::backend(), &application)
        .ping_interval("300ms")
        .pong_timeout("5s")
        .set("gateway.read_timeout", "1s")
        .set("callback.timeout", "180s")
        .set("server.handshake_timeout", "181s")
        .start()
        .await;
    let mut neighbour = stage.connect("/ws/echo").await;
    let mut peer = stage.connect("/ws/app").await;
    // More than all buffers on the way hold together.
    const MESSAGES: usize = 250;
    let filling = "x".repeat(60_000);
    let frames: Vec<_> = (0..MESSAGES).map(|number| format!("{number} {filling}")).collect();
    let sending = async {
        for frame in &frames {
            peer.text(frame).await;
        }
    };
    let mut sending = Box::pin(sending);
    tokio::select! {
        () = &mut sending => panic!("15 MB went nowhere"),
        () = async {
            until("a message", PATIENCE, async || application.asked().len(), |asked| *asked == 2)
                .await;
            // Twice what a peer that is read may be silent.
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(11) {
                neighbour.echoes("nothing to me").await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        } => {}
    }
    assert_eq!(application.asked().len(), 2, "one message at a time");
    assert_eq!(application.most_under_way(), 1);
    assert_eq!(stage.gauge("holdline_callback_in_flight").await, 1.0);
    assert!(stage.gauge("holdline_pings_sent_total").await >= 4.0, "pings go on");
    assert!(stage.ends().is_empty(), "nobody is given up: {:?}", stage.ends());
    gate.open();
    sending.as_mut().await;
    drop(sending);
    for number in 0..MESSAGES {
        assert_eq!(peer.message().await, Event::Text(number.to_string()));
    }
    assert_eq!(application.most_under_way(), 1);
}

#[tokio::test]
async fn each_connection_s_messages_come_in_order_however_many_send_at_once() {
    let _turn = heavy().await;
    const PEERS: usize = 24;
    const MESSAGES: usize = 30;
    let busy = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let gate = Gate::new();
    let held = gate.clone();
    let application = answering(move |message| {
        let id = message["connection"].as_str().expect("a text").to_owned();
        let mut busy = busy.lock().expect("no panics");
        let expected = busy.entry(id).or_default();
        assert_eq!(message["text"], expected.to_string(), "in order");
        *expected += 1;
        Reply::text(message["text"].as_str().expect("a text")).held(&held)
    })
    .await;
    let stage = before(&application).workers(2).set("callback.in_flight_max", 4).start().await;
    let mut peers = stage.connect_many("/ws/app", PEERS).await;
    for number in 0..MESSAGES {
        for peer in &peers {
            peer.text(&number.to_string()).await;
        }
    }
    let under_way = async || application.under_way();
    until("four at once", PATIENCE, under_way, |count| *count == 4).await;
    gate.open();
    for peer in &mut peers {
        for number in 0..MESSAGES {
            assert_eq!(peer.message().await, Event::Text(number.to_string()));
        }
    }
    for peer in &mut peers {
        peer.close(1000, "").await;
    }
    let events = told(&application, PEERS * (MESSAGES + 2)).await;
    assert_eq!(application.most_under_way(), 4);
    let mut lives = HashMap::<&str, Vec<&Value>>::new();
    for event in &events {
        let id = event["connection"].as_str().expect("a text");
        lives.entry(id).or_default().push(event);
    }
    assert_eq!(lives.len(), PEERS);
    for life in lives.values() {
        let (first, last) = (life[0], life[life.len() - 1]);
        assert_eq!((&first["type"], &last["type"]), (&json!("connect"), &json!("disconnect")));
        assert_eq!(last["messages_in"], json!(MESSAGES));
    }
}

#[tokio::test]
async fn who_gets_no_turn_is_told_so_and_was_never_sent() {
    undisturbed("five at once", five_for_one_turn).await;
}

/// None when they did not come at once, so that some waited too little for others.
async fn five_for_one_turn() -> Option<()> {
    let application = answering(|message| match message["text"].as_str() {
        Some("hang") => Reply::hang(),
        _ => Reply::text("fine"),
    })
    .await;
    let stage = before(&application)
        .set("callback.in_flight_max", 1)
        .set("callback.timeout", "2s")
        .start()
        .await;
    let mut peers = stage.connect_many("/ws/app", 5).await;
    for peer in &peers {
        peer.text("hang").await;
    }
    let mut words = Vec::new();
    for peer in &mut peers {
        let Event::Text(text) = peer.message().await else { panic!("an error is a text") };
        let answer: Value = serde_json::from_str(&text).expect("an error is JSON");
        words.push(answer["error"]["type"].as_str().expect("a type").to_owned());
    }
    // Two turns in the time that the others wait, or three when they come late.
    let busy = words.iter().filter(|word| word.ends_with(":callback_busy")).count();
    let late = words.iter().filter(|word| word.ends_with(":callback_timeout")).count();
    assert_eq!(busy + late, 5, "{words:?}");
    if busy < 2 || late < 2 {
        return None;
    }
    assert_eq!(application.asked().len(), 5 + late, "who had no turn was not sent");
    assert_eq!(application.most_under_way(), 1);
    let metric = "holdline_callback_duration_seconds_count";
    assert_eq!(stage.count(metric, "outcome", "busy").await, busy as f64);
    asks(&mut peers[0], "and now", "fine").await;
    Some(())
}

#[tokio::test]
async fn ends_that_wait_to_be_told_leave_room_for_messages() {
    let gate = Gate::new();
    let held = gate.clone();
    let application =
        crate::harness::application::Application::start(move |asked| match super::callback::event(
            asked,
        )["type"]
            .as_str()
        {
            Some("disconnect") => Reply::new(204).held(&held),
            Some("message") => Reply::text("fine"),
            _ => Reply::new(204),
        })
        .await;
    let stage = before(&application).set("callback.in_flight_max", 4).start().await;
    let mut peer = stage.connect("/ws/app").await;
    for leaving in stage.connect_many("/ws/app", 12).await {
        leaving.reset().await;
    }
    let under_way = async || application.under_way();
    until("ends that are being told", PATIENCE, under_way, |count| *count == 2).await;
    for _ in 0..3 {
        asks(&mut peer, "hello?", "fine").await;
    }
    assert_eq!(application.under_way(), 2, "half of the turns, not more");
    gate.open();
    let events = told(&application, 1 + 12 + 3 + 12).await;
    let ends = types(&events).into_iter().filter(|kind| *kind == "disconnect").count();
    assert_eq!(ends, 12);
}
