//! Who is here is told truly, page by page, from every worker, and a kick ends one of them.
//! Leaves to `publishing`: messages to them.

use std::collections::HashMap;

use serde_json::json;

use super::{ask, control, get, id_of, ids, is_problem, names_of, stage, workers};
use crate::auth::issuer::{SECRET, token};
use crate::harness::wait::PATIENCE;
use crate::harness::{heavy, until};

#[tokio::test]
async fn everyone_who_stays_is_told_once_in_order_while_others_come_and_go() {
    let _turn = heavy().await;
    let mut stage = stage().start().await;
    let mut peers = stage.connect_many("/ws/echo", 900).await;
    peers.extend(stage.connect_many("/ws/rooms/lobby", 300).await);
    stage.holds(1200).await;
    let at = control(&mut stage);
    let (mut told, mut after, mut leaving) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = get(at, &format!("/connections?limit=100{after}")).await;
        let connections = page["connections"].as_array().expect("a list");
        assert!(told.len() < 10_000, "it never ends");
        told.extend(connections.iter().map(|it| it["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(connections.len(), 100, "only the last page is short");
        assert_eq!(told.last().map(String::as_str), Some(next));
        after = format!("&after={next}");
        // Some of those told and some not told yet, the one among them that comes next as well.
        for number in [0, 3, 600, 1150] {
            let number = number.min(peers.len() - 30);
            let peer = peers.remove(number);
            leaving.push(peer.request.clone());
            peer.reset().await;
        }
        peers.push(stage.connect("/ws/echo").await);
    }
    assert!(told.is_sorted(), "in the order of their ids");
    assert_eq!(workers(&told).len(), 2, "both workers hold some");
    let times = told.iter().fold(HashMap::new(), |mut times, id| {
        *times.entry(id.clone()).or_insert(0) += 1;
        times
    });
    let names = names_of(&stage, &peers).await;
    for peer in &peers[..1100] {
        assert_eq!(times.get(&names[&peer.request]), Some(&1), "{}", peer.request);
    }
    stage.holds(peers.len()).await;
    let names = names_of(&stage, &peers).await;
    let mut here: Vec<_> = peers.iter().map(|peer| names[&peer.request].clone()).collect();
    here.sort();
    assert_eq!(ids(at, "limit=1000").await, here);
    let forgotten = leaving.iter().filter(|left| !here.contains(&names[*left])).count();
    assert!(forgotten == leaving.len() && forgotten > 40, "{forgotten} of {}", leaving.len());
    let lobby = ids(at, "room=lobby&limit=7").await;
    assert!(lobby.len() > 250 && lobby.is_sorted() && lobby.iter().all(|id| here.contains(id)));
}

#[tokio::test]
async fn a_connection_is_shown_with_what_it_is_and_did() {
    let stage = stage().ping_interval("100ms").set("auth.jwt_secret", SECRET);
    let mut stage = stage.start().await;
    let dial = stage.dial("/ws/rooms/lobby").from("127.0.0.9");
    let offer = format!("holdline.v1, bearer.{}", token(json!({})));
    let mut peer = dial.header("Sec-WebSocket-Protocol", &offer).open().await;
    peer.echoes("hello").await;
    let (at, id) = (control(&mut stage), id_of(&stage, &peer).await);
    let path = format!("/connections/{id}");
    let pinged = until(
        "a pong",
        PATIENCE,
        async || get(at, &path).await,
        |told| !told["round_trip_seconds"].is_null(),
    );
    let mut told = pinged.await;
    let number = |name: &str| told[name].as_f64().expect("a number");
    assert!(number("age_seconds") >= number("silent_seconds"), "{told}");
    assert!(number("round_trip_seconds") < 20.0, "{told}");
    for moving in ["age_seconds", "silent_seconds", "round_trip_seconds"] {
        told[moving] = json!(0);
    }
    let expected = json!({
        "id": id, "request": peer.request, "peer": "127.0.0.9", "route": "/ws/rooms/lobby",
        "user": "anna", "subprotocol": "holdline.v1", "rooms": ["lobby"],
        "age_seconds": 0, "silent_seconds": 0, "round_trip_seconds": 0,
        "outbox_bytes": 0, "messages_in": 1, "messages_out": 1, "bytes_in": 5, "bytes_out": 7,
        "ending": null,
    });
    assert_eq!(told, expected);
    peer.close(1000, "").await;
    stage.all_ended().await;
    is_problem(&ask(at, "GET", &path, &[], b"").await, 404, "");
}

#[tokio::test]
async fn a_kick_tells_the_peer_its_code_and_is_told_alike_everywhere() {
    let mut stage = stage().start().await;
    let (mut loud, mut plain) = (stage.connect("/ws/echo").await, stage.connect("/ws/echo").await);
    let mut other = stage.connect("/ws/echo").await;
    let at = control(&mut stage);
    let path = format!("/connections/{}", id_of(&stage, &loud).await);
    let kick = format!("{path}?code=4001&text=signed%20in+elsewhere%20%E2%9C%93");
    let answer = ask(at, "DELETE", &kick, &[], b"").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer:?}");
    let end = loud.ended().await;
    assert_eq!((end.code, end.reason.as_str()), (4001, "signed in elsewhere \u{2713}"));
    stage.ended_as(&loud, "kicked", "4001").await;
    is_problem(&ask(at, "DELETE", &path, &[], b"").await, 404, "");
    let path = format!("/connections/{}", id_of(&stage, &plain).await);
    assert_eq!(ask(at, "DELETE", &path, &[], b"").await.status, 204);
    assert_eq!(plain.ended().await.code, 1008);
    stage.ended_as(&plain, "kicked", "1008").await;
    other.echoes("still here").await;
}

#[tokio::test]
async fn rooms_are_told_by_name_with_members_of_both_workers() {
    let mut stage = stage().start().await;
    let at = control(&mut stage);
    assert_eq!(get(at, "/rooms").await, json!({"rooms": [], "next": null}));
    let mut peers = stage.connect_many("/ws/rooms/b", 24).await;
    for room in ["c", "a", "a-b", "B"] {
        peers.push(stage.connect(&format!("/ws/rooms/{room}")).await);
    }
    stage.holds(28).await;
    assert_eq!(workers(&ids(at, "room=b").await).len(), 2, "the room is on both workers");
    let first = json!({"rooms": [
        {"name": "B", "members": 1}, {"name": "a", "members": 1}, {"name": "a-b", "members": 1},
    ], "next": "a-b"});
    assert_eq!(get(at, "/rooms?limit=3").await, first);
    let rest = json!({"rooms": [
        {"name": "b", "members": 24}, {"name": "c", "members": 1},
    ], "next": null});
    assert_eq!(get(at, "/rooms?limit=3&after=a-b").await, rest);
    assert_eq!(get(at, "/rooms/b").await, json!({"name": "b", "members": 24}));
    peers.clear();
    stage.holds(0).await;
    is_problem(&ask(at, "GET", "/rooms/b", &[], b"").await, 404, "");
}
