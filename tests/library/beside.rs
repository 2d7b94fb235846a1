//! A backend beside a program's own work: `holdline::serve`, and what may be done from any thread.
//! How a drain treats each peer is proven in `tests/e2e`.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdline::backend::Backend;
use holdline::callback::{Action, Answer, Refusal, Welcome, on_message};
use holdline::disconnect::Close;
use holdline::message::Room;
use holdline::node::Node;

use crate::harness::peer::Dial;
use crate::harness::{Event, PATIENCE, Peer, until};
use crate::house::{config, ended_as, holds};

fn lobby() -> Room {
    "lobby".parse().expect("a good name")
}

async fn says(peer: &mut Peer, words: &str) {
    assert_eq!(peer.message().await, Event::Text(words.to_owned()));
}

#[tokio::test]
async fn a_few_closures_are_a_chat() {
    let left = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&left);
    let chat = on_message(|_, message| Action::Publish(lobby(), message))
        .on_connect(|_, handshake| match handshake.query.strip_prefix("name=") {
            Some(name) => {
                let news = format!("{name} is here");
                let welcome = Welcome::joining(lobby()).user(name);
                Ok(welcome.action(Action::Publish(lobby(), news.into())))
            }
            None => Err(Refusal::Unwanted(403, "who are you?".to_owned())),
        })
        .on_close(move |caller, ended| {
            let name = caller.user.clone().unwrap_or_default();
            book.lock().unwrap().push((name, ended.why.label(), ended.messages_in));
        });
    let server = holdline::serve(config(), chat).unwrap();
    let address = server.public_address();
    assert_eq!(Dial::new(address, "/ws/app").refused().await.status, 403);
    let mut ada = Dial::new(address, "/ws/app?name=ada").open().await;
    says(&mut ada, "ada is here").await;
    let mut bob = Dial::new(address, "/ws/app?name=bob").open().await;
    for peer in [&mut ada, &mut bob] {
        says(peer, "bob is here").await;
    }
    bob.text("hello").await;
    for peer in [&mut ada, &mut bob] {
        says(peer, "hello").await;
    }
    bob.close(1000, "").await;
    bob.ended().await;
    let seen = async || left.lock().unwrap().clone();
    let seen = until("a farewell", PATIENCE, seen, |seen| !seen.is_empty()).await;
    assert_eq!(seen, [("bob".to_owned(), "peer_closed", 1)]);
}

#[tokio::test]
async fn a_callback_of_closures_sees_the_routes_it_names_and_pongs() {
    let mut config = config();
    config.heartbeat.ping_interval = Some(Duration::from_millis(100));
    let told = Arc::new(Mutex::new((0, 0)));
    let (messages, pongs) = (Arc::clone(&told), Arc::clone(&told));
    let watcher = on_message(move |_, _| messages.lock().unwrap().0 += 1)
        .sees(|route| route.room().is_some())
        .on_connect(|_, _| Answer::later(async { Ok(Welcome::default()) }))
        .on_pong(move |_, round_trip| {
            assert!(round_trip < PATIENCE);
            pongs.lock().unwrap().1 += 1;
        });
    let server = holdline::serve(config, watcher).unwrap();
    let mut unseen = Dial::new(server.public_address(), "/ws/echo").open().await;
    unseen.echoes("nobody is told").await;
    let mut seen = Dial::new(server.public_address(), "/ws/rooms/lobby").open().await;
    seen.echoes("told").await;
    let pongs = async || *told.lock().unwrap();
    let told = until("a pong", PATIENCE, pongs, |told| told.1 > 0).await;
    assert_eq!(told.0, 1, "messages");
}

#[tokio::test]
async fn any_thread_broadcasts_and_ends_connections() {
    let newcomers = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&newcomers);
    let chat = on_message(|_, _| ()).on_connect(move |caller, _| {
        book.lock().unwrap().push(caller.id);
        Welcome::joining(lobby())
    });
    let server = holdline::serve(config(), chat).unwrap();
    let mut first = Dial::new(server.public_address(), "/ws/app").open().await;
    let mut second = Dial::new(server.public_address(), "/ws/app").open().await;
    let node = server.node().clone();
    std::thread::spawn(move || node.publish(&lobby(), &"hello".into())).join().unwrap().unwrap();
    for peer in [&mut first, &mut second] {
        says(peer, "hello").await;
    }
    let id = newcomers.lock().unwrap()[0];
    let node = server.node().clone();
    std::thread::spawn(move || node.end(id, Close::new(4000, "enough"))).join().unwrap().unwrap();
    let end = first.ended().await;
    assert_eq!((end.code, end.reason.as_str()), (4000, "enough"));
    ended_as(server.node(), "kicked", 1).await;
    holds(server.node(), 1).await;
}

#[tokio::test]
async fn a_stop_says_goodbye_to_everybody_and_returns_when_they_are_gone() {
    let server = holdline::serve(config(), on_message(|_, _| ())).unwrap();
    let node = server.node().clone();
    let mut peer = Dial::new(server.public_address(), "/ws/echo").open().await;
    let address = server.public_address();
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    assert_eq!(peer.ended().await.code, 1012);
    stopped.await.unwrap().unwrap();
    assert_eq!(node.connections(), 0);
    assert!(Dial::new(address, "/ws/echo").attempt().await.is_err(), "nobody listens");
}

#[tokio::test]
async fn who_lets_go_of_a_running_backend_stops_it() {
    let server = Backend::bind(Node::new(config()).unwrap()).unwrap().start().unwrap();
    let mut peer = Dial::new(server.public_address(), "/ws/echo").open().await;
    drop(server);
    assert_eq!(peer.ended().await.code, 1012);
}

#[tokio::test]
async fn a_configuration_that_breaks_a_rule_is_refused_before_anything_is_bound() {
    let mut config = config();
    config.heartbeat.ping_interval = Some(Duration::from_secs(59));
    let error = holdline::serve(config, on_message(|_, _| ())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("heartbeat.ping_interval"), "{error}");
}
