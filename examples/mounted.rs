//! Holdline in an actix-web application that was there before: its routes, and a route that speaks.
//! Leaves to that application: its listener, and everything that is no WebSocket.
//!
//! `cargo run --example mounted`, then `holdline connect ws://127.0.0.1:8088/live/ws/rooms/news` and
//! `curl --data "it rains" http://127.0.0.1:8088/news`. Another port: `-- 127.0.0.1:0`.
//! What such a server cannot do is said at `holdline::server::mount`; where the listener may be
//! Holdline's, `Backend::configure` takes the same routes and loses nothing.

use std::{env, io, time::Duration};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use holdline::{
    config::Config,
    drain,
    node::{Node, To},
    route::Route,
    server::{self, Upgrader},
};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let node = Node::new(Config::load(None).map_err(io::Error::other)?.config)?;
    let (mounted, draining) = (node.clone(), node.clone());
    let app = move || {
        App::new()
            // What the application had before.
            .route("/", web::get().to(async || "a site about the weather\n"))
            // `/live/ws/echo`, `/live/ws/rooms/{room}`, …
            .service(web::scope("/live").configure(server::mount(&mounted)))
            // Where handlers of the application itself need Holdline.
            .app_data(web::Data::new(mounted.clone()))
            .app_data(web::Data::new(Upgrader::new(&mounted)))
            .route("/news", web::post().to(say))
            .route("/news", web::get().to(listen))
    };
    let server = HttpServer::new(app)
        .on_connect(server::on_connect(&node))
        .client_disconnect_timeout(Duration::ZERO)
        .workers(node.config().server.workers)
        .shutdown_timeout(1)
        .shutdown_signal(async move {
            let _ = tokio::signal::ctrl_c().await;
            drain::run(&draining).await;
        })
        .bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8088"))?;
    println!("listening: {}", server.addrs()[0]);
    server.run().await
}

/// `POST /news`: the body goes to everybody in the room.
async fn say(node: web::Data<Node>, words: String) -> HttpResponse {
    let news = To::Room("news".parse().expect("a good name"));
    match node.deliver(&news, &words.into()).await {
        Ok(heard) => HttpResponse::Ok().body(format!("said to {heard}\n")),
        Err(failure) => HttpResponse::ServiceUnavailable().body(format!("{failure}\n")),
    }
}

/// `GET /news`: a WebSocket at an address of the application's own.
async fn listen(
    holdline: web::Data<Upgrader>,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    holdline.upgrade(request, body, Route::Room("news".parse().expect("a good name"))).await
}
