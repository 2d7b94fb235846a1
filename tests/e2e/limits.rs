//! Promise 6, for those who are too many: each limit has its refusal, its words and its counter,
//! through the gateway. What happens at the backend's own door is in `handshake`.

use std::sync::Arc;

use holdline::backend::Backend;
use holdline::callback::{Action, Caller};
use holdline::config::Config;
use holdline::message::{Message, Room};
use holdline::node::Node;
use tokio::sync::oneshot;

use crate::harness::http::Answer;
use crate::harness::peer::codec;
use crate::harness::{Event, Stage};

/// That the answer names this limit, says when to come back, and was counted as the first.
async fn is_over(stage: &Stage, answer: &Answer, status: u16, key: &str) {
    assert_eq!(answer.status, status, "{answer:?}: {}", answer.text());
    let after = answer.header("retry-after").and_then(|after| after.parse::<u32>().ok());
    assert!(after.is_some_and(|after| after > 0), "{answer:?}");
    assert!(answer.text().contains(key), "{}: not {key}", answer.text());
    let label = key.rsplit('.').next().unwrap_or(key);
    let counted = stage.count("holdline_handshakes_rejected_total", "reason", label).await;
    assert_eq!(counted, 1.0, "{label}");
}

#[tokio::test]
async fn a_full_node_refuses_with_503_and_has_room_again() {
    let stage = Stage::gateway().set("server.connections_max", 2).start().await;
    let mut inside = [stage.connect("/ws/echo").await, stage.connect("/ws/rooms/lobby").await];
    let answer = stage.dial("/ws/echo").refused().await;
    is_over(&stage, &answer, 503, "server.connections_max").await;
    inside[0].echoes("unharmed").await;
    drop(inside);
    stage.holds(0).await;
    stage.connect("/ws/echo").await.echoes("room again").await;
}

#[tokio::test]
async fn an_address_over_its_share_is_refused_with_429_and_nobody_else_is() {
    let stage = Stage::gateway().set("limits.connections_per_ip_max", 2).start().await;
    let dial = |from: &str| stage.dial("/ws/echo").from(from);
    let _anna = [dial("127.0.0.7").open().await, dial("127.0.0.7").open().await];
    let answer = dial("127.0.0.7").refused().await;
    is_over(&stage, &answer, 429, "limits.connections_per_ip_max").await;
    dial("127.0.0.8").open().await.echoes("somebody else").await;
}

#[tokio::test]
async fn a_room_too_many_is_refused_with_503_and_the_others_go_on() {
    let stage = Stage::gateway().workers(2).set("limits.rooms_max", 2).start().await;
    let mut first = stage.connect("/ws/rooms/a").await;
    let _second = stage.connect("/ws/rooms/b").await;
    let answer = stage.dial("/ws/rooms/c").refused().await;
    is_over(&stage, &answer, 503, "limits.rooms_max").await;
    let mut third = stage.connect("/ws/rooms/a").await;
    third.text("to both").await;
    for peer in [&mut first, &mut third] {
        assert_eq!(peer.message().await, Event::Text("to both".into()));
    }
    stage.holds(3).await;
    drop((first, third));
    stage.holds(1).await;
    stage.connect("/ws/rooms/c").await.echoes("room again").await;
}

#[tokio::test]
async fn a_peer_over_its_pace_ends_with_1013_and_one_within_it_lives() {
    let stage = Stage::gateway().set("limits.messages_per_second", 10).start().await;
    let mut calm = stage.connect("/ws/rooms/lobby").await;
    let mut hasty = stage.connect("/ws/rooms/lobby").await;
    hasty.raw(&codec::encode(true, codec::TEXT, b"again").repeat(200)).await;
    let end = hasty.ended().await;
    assert_eq!(end.code, 1013, "{end:?}");
    stage.ended_as(&hasty, "rate_limited", "1013").await;
    // What came within the limit was passed on, and no more.
    calm.text("calm").await;
    let mut passed = 0;
    while calm.message().await != Event::Text("calm".into()) {
        passed += 1;
    }
    assert!((10..200).contains(&passed), "{passed} were passed on");
}

/// A node in this process, whose application has each sender join the room that it names.
fn joining(rooms_per_connection_max: usize) -> (Node, Backend) {
    let mut config = Config::default();
    config.server.listen.set_port(0);
    config.control.listen.set_port(0);
    config.server.workers = 1;
    config.limits.rooms_per_connection_max = rooms_per_connection_max;
    let node = Node::with_callback(config, |_: &Arc<Caller>, message: Message| {
        let name = String::from_utf8_lossy(message.as_bytes()).into_owned();
        Action::Join(name.parse().expect("a room's name"))
    })
    .expect("a node");
    let backend = Backend::bind(node.clone()).expect("free ports");
    (node, backend)
}

#[tokio::test]
async fn a_connection_in_too_many_rooms_joins_no_further_one_and_keeps_those_it_has() {
    let (node, backend) = joining(2);
    let address = backend.public_address().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = std::thread::spawn(move || {
        actix_rt::System::new().block_on(backend.run(async { drop(stopped.await) }))
    });
    let stage = Stage::gateway().behind(address).start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    // The one it came for is the first.
    for room in ["second", "third", "second"] {
        peer.echoes(room).await;
    }
    let tell = |room: &str, text: &str| {
        let room: Room = room.parse().expect("a room's name");
        node.publish(&room, &Message::from(text)).expect("nothing is full");
    };
    tell("third", "to nobody");
    tell("second", "to the second");
    tell("lobby", "to the first");
    for text in ["to the second", "to the first"] {
        assert_eq!(peer.message().await, Event::Text(text.into()));
    }
    let metrics = String::from_utf8(node.render_metrics()).expect("text");
    assert!(metrics.contains("\nholdline_joins_refused_total 1\n"), "{metrics}");
    peer.close(1000, "").await;
    peer.ended().await;
    drop(stop);
    let served = tokio::task::spawn_blocking(|| served.join()).await.expect("it is waited for");
    served.expect("no panic").expect("it ended well");
}
