//! Holdline's routes under an actix `HttpServer`: everything holds but what needs the stream.
//! What then happens to the stream is promised too.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use holdline::callback::{Action, Answer, Welcome, on_message};
use holdline::config::Config;
use holdline::drain;
use holdline::node::Node;
use holdline::route::Route;
use holdline::server::{self, Upgrader};

use crate::foreign::{Foreign, accepted, deaf, is_open};
use crate::harness::peer::{Dial, codec};
use crate::harness::{Event, PATIENCE, Tcp, Vice, until};
use crate::house::{config, ended_as, holds, queued};

#[tokio::test]
async fn echo_rooms_and_callback_work_under_a_foreign_server() {
    let shout = on_message(|_, message| {
        let words = String::from_utf8_lossy(message.as_bytes()).to_uppercase();
        Action::Reply(words.into())
    });
    let node =
        Node::with_callback(config(), shout.sees(|route| *route == Route::App)).expect("a node");
    let server = Foreign::plain(&node);
    server.connect("/ws/echo").await.echoes("hello").await;

    let mut app = server.connect("/ws/app").await;
    app.text("hello").await;
    assert_eq!(app.message().await, Event::Text("HELLO".to_owned()));

    // Enough of them to be on both workers.
    let mut members = Vec::new();
    for _ in 0..8 {
        members.push(server.connect("/ws/rooms/lobby").await);
    }
    members[0].text("to all").await;
    for member in &mut members {
        assert_eq!(member.message().await, Event::Text("to all".to_owned()));
    }
    node.publish(&"lobby".parse().unwrap(), &"from outside".into()).unwrap();
    for member in &mut members {
        assert_eq!(member.message().await, Event::Text("from outside".to_owned()));
    }
    drop((app, members));
    holds(&node, 0).await;
}

#[tokio::test]
async fn a_clean_close_is_answered_and_tcp_closed() {
    let node = Node::new(config()).expect("a node");
    let server = Foreign::plain(&node);
    let mut peer = server.connect("/ws/echo").await;
    peer.echoes("hello").await;
    peer.close(1000, "bye").await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1000, Tcp::Fin));
    ended_as(&node, "peer_closed", 1).await;
    holds(&node, 0).await;
}

#[tokio::test]
async fn a_peer_that_tears_its_tcp_is_gone() {
    let node = Node::new(config()).expect("a node");
    let server = Foreign::plain(&node);
    server.connect("/ws/echo").await.reset().await;
    ended_as(&node, "peer_gone", 1).await;
    holds(&node, 0).await;
}

#[tokio::test]
async fn what_a_peer_may_not_send_ends_its_connection_by_the_same_codes() {
    let mut config = config();
    config.limits.message_bytes_max = 1000;
    let node = Node::new(config).expect("a node");
    let server = Foreign::plain(&node);
    let mut peer = server.connect("/ws/echo").await;
    peer.text(&"x".repeat(1001)).await;
    assert_eq!(peer.ended().await.code, 1009);
    let mut peer = server.connect("/ws/echo").await;
    peer.frame(true, codec::TEXT, b"\xff").await;
    assert_eq!(peer.ended().await.code, 1007);
    let refused = Dial::new(server.address, "/ws/echo").header("Origin", "http://evil.example");
    assert_eq!(refused.refused().await.status, 403);
    holds(&node, 0).await;
}

#[tokio::test]
async fn a_mute_peer_ends_as_no_pong() {
    let mut config = config();
    config.heartbeat.ping_interval = Some(Duration::from_millis(300));
    config.heartbeat.pong_timeout = Duration::from_millis(300);
    let node = Node::new(config).expect("a node");
    let server = Foreign::plain(&node);
    let mut peer = Dial::new(server.address, "/ws/echo").vice(Vice::Mute).open().await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1011, Tcp::Fin));
    ended_as(&node, "no_pong", 1).await;
    holds(&node, 0).await;
}

#[tokio::test]
async fn a_slow_peer_that_reads_again_finds_the_close_frame_1013() {
    let mut config = config();
    config.limits.outbox_bytes_max = 256 << 10;
    let node = Node::new(config).expect("a node");
    let server = Foreign::plain(&node);
    let slow = Dial::new(server.address, "/ws/rooms/lobby").vice(Vice::Trickling(600_000));
    let mut slow = slow.open().await;
    flood(&node, 100);
    assert_eq!(slow.ended().await.code, 1013);
    ended_as(&node, "slow", 1).await;
    holds(&node, 0).await;
}

#[tokio::test]
async fn a_deaf_peer_loses_its_place_in_time_and_its_stream_by_the_kernel() {
    let node = Node::new(deaf_config()).expect("a node");
    let server = Foreign::plain(&node);
    let deaf = deaf(&server).await;
    let inode = accepted(server.address, &deaf);
    assert!(is_open(inode));
    let mut neighbour = server.connect("/ws/rooms/lobby").await;
    let began = Instant::now();
    for _ in 0..50 {
        flood(&node, 1);
        neighbour.message().await;
    }
    ended_as(&node, "write_timeout", 1).await;
    holds(&node, 1).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "not before limits.write_timeout");
    neighbour.text("nothing noticed").await;
    assert_eq!(neighbour.message().await, Event::Text("nothing noticed".to_owned()));
    queued(&node, |bytes| bytes == 0.0).await;
    // What actix still holds for it goes with TCP_USER_TIMEOUT.
    let held = async || is_open(inode);
    until("its descriptor", PATIENCE, held, |held| !held).await;
    drop(deaf);
}

#[tokio::test]
async fn a_trickling_peer_loses_its_place_in_time() {
    let mut config = deaf_config();
    config.limits.close_timeout = Duration::from_millis(300);
    let node = Node::new(config).expect("a node");
    let server = Foreign::plain(&node);
    let _trickling =
        Dial::new(server.address, "/ws/rooms/lobby").vice(Vice::Trickling(20_000)).open().await;
    flood(&node, 50);
    ended_as(&node, "write_timeout", 1).await;
    holds(&node, 0).await;
}

#[tokio::test]
async fn a_drain_says_1012_to_everybody_and_does_not_wait_for_the_deaf() {
    let mut config = deaf_config();
    config.limits.write_timeout = Duration::from_secs(60);
    config.limits.close_timeout = Duration::from_millis(300);
    // Of which a quarter is for letting go.
    config.drain.timeout = Duration::from_secs(2);
    let node = Node::new(config).expect("a node");
    let server = Foreign::plain(&node);
    let _deaf = deaf(&server).await;
    flood(&node, 50);
    queued(&node, |bytes| bytes > 2e6).await;
    let mut peers = Vec::new();
    for _ in 0..8 {
        peers.push(server.connect("/ws/echo").await);
    }
    assert_eq!(drain::run(&node).await, 0, "nobody is left");
    for peer in &mut peers {
        let end = peer.ended().await;
        assert_eq!((end.code, end.tcp), (1012, Tcp::Fin));
    }
    assert_eq!(Dial::new(server.address, "/ws/echo").refused().await.status, 503);
    ended_as(&node, "drain", 9).await;
    // Its stream is still there, with nothing behind it.
    queued(&node, |bytes| bytes == 0.0).await;
}

#[tokio::test]
async fn an_application_that_does_not_decide_is_not_waited_for() {
    let ends = Arc::new(Mutex::new(0));
    let book = Arc::clone(&ends);
    let thinker = on_message(|_, _| ())
        .on_connect(|_, _| Answer::later(std::future::pending()))
        .on_close(move |_, _| *book.lock().expect("nobody panicked") += 1);
    let mut config = config();
    config.server.handshake_timeout = Duration::from_secs(1);
    let node = Node::with_callback(config, thinker).expect("a node");
    let server = Foreign::plain(&node);
    let refused = Dial::new(server.address, "/ws/app").refused().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    holds(&node, 0).await;
    let told = async || *ends.lock().expect("nobody panicked");
    until("the farewell", PATIENCE, told, |told| *told == 1).await;
}

#[tokio::test]
async fn nodes_in_one_application_do_not_disturb_each_other() {
    let (lobby, attic) =
        (Node::new(config()).expect("a node"), Node::new(config()).expect("a node"));
    let (below, above) = (lobby.clone(), attic.clone());
    let server = Foreign::start(&lobby, move |app| {
        app.service(web::scope("/lobby").configure(server::mount(&below)))
            .service(web::scope("/attic").configure(server::mount(&above)));
    });
    let mut below = server.connect("/lobby/ws/rooms/x").await;
    let mut above = server.connect("/attic/ws/rooms/x").await;
    assert_eq!((lobby.connections(), attic.connections()), (1, 1));
    attic.publish(&"x".parse().unwrap(), &"above".into()).unwrap();
    assert_eq!(above.message().await, Event::Text("above".to_owned()));
    below.echoes("below alone").await;
    assert_eq!(drain::run(&attic).await, 0);
    assert_eq!(above.ended().await.code, 1012);
    below.echoes("still here").await;
    assert_eq!(Dial::new(server.address, "/attic/ws/rooms/x").refused().await.status, 503);
}

#[tokio::test]
async fn a_handler_of_the_application_upgrades_where_and_whom_it_likes() {
    async fn chat(
        holdline: web::Data<Upgrader>,
        ask: HttpRequest,
        body: web::Payload,
    ) -> HttpResponse {
        if ask.query_string() != "word=sesame" {
            return HttpResponse::Unauthorized().finish();
        }
        let room = ask.match_info()["room"].parse().expect("the test's names are good");
        let mut answer = holdline.upgrade(ask, body, Route::Room(room)).await;
        answer.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("seen=yes"));
        answer
    }
    async fn app(
        holdline: web::Data<Upgrader>,
        ask: HttpRequest,
        body: web::Payload,
    ) -> HttpResponse {
        holdline.upgrade(ask, body, Route::App).await
    }
    let node = Node::new(config()).expect("a node");
    let routes = |node: &Node| {
        let node = node.clone();
        move |routes: &mut web::ServiceConfig| {
            server::mount(&node)(routes);
            routes.route("/chat/{room}", web::get().to(chat)).route("/app", web::get().to(app));
        }
    };
    let server = Foreign::start(&node, routes(&node));
    assert_eq!(Dial::new(server.address, "/chat/attic").refused().await.status, 401);
    assert_eq!(node.connections(), 0);
    let ask = holdline::dial::Dial::new(
        format!("ws://{}/chat/attic?word=sesame", server.address).parse().expect("a URL"),
    );
    let (_line, opened) = ask.open().await.expect("it is let in");
    assert_eq!(opened.answer.header("set-cookie"), Some("seen=yes"));
    let mut ours = server.connect("/chat/attic?word=sesame").await;
    let mut theirs = server.connect("/ws/rooms/attic").await;
    ours.echoes("hello").await;
    assert_eq!(theirs.message().await, Event::Text("hello".to_owned()));
    let refused = Dial::new(server.address, "/app").refused().await;
    assert_eq!(refused.status, 404, "there is no callback");

    let guide = on_message(|_, _| ())
        .on_connect(|_, handshake| Welcome::default().action(Action::Reply(handshake.path.into())));
    let node = Node::with_callback(config(), guide).expect("a node");
    let server = Foreign::start(&node, routes(&node));
    let heard = server.connect("/app").await.message().await;
    assert_eq!(heard, Event::Text("/app".to_owned()));
}

/// Keeps for a deaf peer as much as it is sent, and gives it a second.
fn deaf_config() -> Config {
    let mut config = config();
    config.limits.outbox_bytes_max = 64 << 20;
    config.limits.write_timeout = Duration::from_secs(1);
    config
}

/// Says something large to the lobby.
fn flood(node: &Node, times: usize) {
    let (lobby, words) = ("lobby".parse().expect("a good name"), "x".repeat(60_000).into());
    for _ in 0..times {
        node.publish(&lobby, &words).expect("the mailboxes hold that");
    }
}
