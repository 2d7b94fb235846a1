//! Routes of somebody else's application on Holdline's own listener.
//! That its streams have deadlines is proven in `tests/e2e`; here, that these routes have them too.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use holdline::backend::{Backend, Running};
use holdline::node::Node;
use holdline::route::Route;
use holdline::server::{Upgrader, lift_deadline};

use crate::harness::peer::Dial;
use crate::harness::{Event, http};
use crate::house::config;

/// Everybody in the lobby hears the body of a POST.
async fn say(node: web::Data<Node>, words: String) -> HttpResponse {
    let lobby = "lobby".parse().expect("a good name");
    match node.publish(&lobby, &words.into()) {
        Ok(()) => HttpResponse::Accepted().finish(),
        Err(busy) => HttpResponse::ServiceUnavailable().body(busy.to_string()),
    }
}

async fn chat(holdline: web::Data<Upgrader>, ask: HttpRequest, body: web::Payload) -> HttpResponse {
    holdline.upgrade(ask, body, Route::Room("lobby".parse().expect("a good name"))).await
}

/// Answers when the client has waited for longer than it may, if it was told to.
async fn slow(ask: HttpRequest) -> HttpResponse {
    if ask.query_string() == "patient" {
        lift_deadline(&ask);
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    HttpResponse::Ok().body("done")
}

fn start() -> Running {
    let mut config = config();
    config.server.handshake_timeout = Duration::from_secs(1);
    let added = |app: &mut web::ServiceConfig| {
        app.route("/say", web::post().to(say))
            .route("/chat", web::get().to(chat))
            .route("/slow", web::get().to(slow))
            .route("/ws/echo", web::to(HttpResponse::Gone));
    };
    let backend =
        Backend::bind(Node::new(config).expect("a node")).expect("a port is free").configure(added);
    backend
        .configure(|app| {
            app.route("/more", web::get().to(HttpResponse::Ok));
        })
        .start()
        .expect("a thread")
}

#[tokio::test]
async fn an_http_route_broadcasts_to_a_room_at_a_path_of_its_own() {
    let server = start();
    let address = server.public_address();
    let mut peer = Dial::new(address, "/chat").open().await;
    let mut other = Dial::new(address, "/ws/rooms/lobby").open().await;
    let ask = "POST /say HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(http::send(address, ask.as_bytes()).await.unwrap().status, 202);
    for peer in [&mut peer, &mut other] {
        assert_eq!(peer.message().await, Event::Text("hello".to_owned()));
    }
    assert_eq!(http::get(address, "/more").await.status, 200, "two calls add up");
}

#[tokio::test]
async fn a_route_of_ours_can_be_replaced_and_the_others_stay() {
    let server = start();
    let address = server.public_address();
    assert_eq!(Dial::new(address, "/ws/echo").refused().await.status, 410);
    assert_eq!(http::get(address, "/readyz").await.status, 200);
    let nowhere = http::get(address, "/nowhere").await;
    assert!(nowhere.status == 404 && nowhere.text().contains("/ws/rooms"), "{nowhere:?}");
    let mut peer = Dial::new(address, "/ws/rooms/x").open().await;
    peer.echoes("hello").await;
}

#[tokio::test]
async fn an_added_route_has_the_handshake_s_deadline_until_its_handler_lifts_it() {
    let server = start();
    let address = server.public_address();
    let ask = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    let cut = http::send(address, ask).await.expect_err("no answer within the deadline");
    assert!(!cut.contains("done"), "{cut}");
    let answer = http::get(address, "/slow?patient").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
}
