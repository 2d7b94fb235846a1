//! A batch is checked whole and then carried out in order, each message with its result.
//! Leaves to `src/control/batch/tests.rs`: everything that can be wrong with one.

use serde_json::{Value, json};

use super::{ask, control, id_of, is_problem, json, stage};
use crate::harness::{Event, Stage, heavy};

async fn publish(stage: &mut Stage, messages: &[Value]) -> crate::harness::http::Answer {
    let body = json!({"messages": messages}).to_string();
    let headers = [("Content-Type", "application/json")];
    ask(control(stage), "POST", "/publish", &headers, body.as_bytes()).await
}

#[tokio::test]
async fn a_batch_of_1000_is_carried_out_in_order_with_a_result_for_each() {
    let _turn = heavy().await;
    // Far less than the batch needs: it waits for itself.
    let mut stage = stage().set("limits.mailbox_bytes_max", 100_000).start().await;
    let mut lobby = stage.connect_many("/ws/rooms/lobby", 20).await;
    let mut other = stage.connect("/ws/echo").await;
    stage.holds(21).await;
    let (one, nobody) = (id_of(&stage, &lobby[0]).await, "0123456789abcdef");
    let messages: Vec<_> = (0..1000)
        .map(|count| match count % 4 {
            0 => json!({"room": "lobby", "text": count.to_string()}),
            1 => json!({"everyone": true, "text": count.to_string()}),
            2 => json!({"connection": one, "binary": "AAEC/w=="}),
            _ => json!({"connection": nobody, "text": count.to_string()}),
        })
        .collect();
    let answer = publish(&mut stage, &messages).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results = json(&answer);
    let results = results["results"].as_array().expect("a list");
    assert_eq!(results.len(), 1000);
    for (count, result) in results.iter().enumerate() {
        match count % 4 {
            3 => assert_eq!(result["error"]["status"], 404, "{count}: {result}"),
            kind => {
                let delivered = [20, 21, 1][kind];
                assert_eq!(*result, json!({ "delivered": delivered }), "{count}");
            }
        }
    }
    for (number, peer) in lobby.iter_mut().enumerate() {
        for count in 0..1000 {
            match count % 4 {
                0 | 1 => assert_eq!(peer.message().await, Event::Text(count.to_string())),
                2 if number == 0 => {
                    assert_eq!(peer.message().await, Event::Binary(vec![0, 1, 2, 255]));
                }
                _ => {}
            }
        }
    }
    for count in (1..1000).step_by(4) {
        assert_eq!(other.message().await, Event::Text(count.to_string()));
    }
}

#[tokio::test]
async fn a_batch_with_anything_wrong_in_it_sends_nothing() {
    let mut stage = stage().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let good = json!({"room": "lobby", "text": "from a refused batch"});
    let many = vec![good.clone(); 1001];
    is_problem(&publish(&mut stage, &many).await, 400, "messages");
    for (wrong, status, field) in [
        (json!({"room": "lob by", "text": "x"}), 400, "messages[17].room"),
        (json!({"room": "lobby", "txt": "x"}), 400, "messages[17].txt"),
        (json!({"room": "lobby", "text": "x".repeat(65_537)}), 413, "messages[17].text"),
        (json!({"everyone": true}), 400, "messages[17]"),
    ] {
        let mut messages = vec![good.clone(); 17];
        messages.push(wrong);
        is_problem(&publish(&mut stage, &messages).await, status, field);
    }
    assert_eq!(publish(&mut stage, &[json!({"everyone": true, "text": "good"})]).await.status, 200);
    assert_eq!(peer.message().await, Event::Text("good".to_owned()));
}
