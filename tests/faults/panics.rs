//! R10: a panic in a callback is the end of one connection, told as 1011 and counted once; nobody
//! else notices. The node is in this process, whose own books are kept.

use std::sync::Arc;
use std::time::Duration;

use holdline::callback::{Action, Caller, on_message};
use holdline::config::Config;
use holdline::message::Message;
use holdline::route::Route;

use super::neighbours::Neighbours;
use crate::harness::metrics::Scrape;
use crate::harness::peer::Dial;
use crate::harness::{Event, PATIENCE, http, until};

/// How many panic.
const PANICS: usize = 30;

/// What they say, so that the panics of others are still seen.
const WORD: &str = "panic, as planned";

#[tokio::test]
async fn panics_in_a_callback_end_their_own_connections_with_1011_and_are_counted() {
    quiet();
    let mut config = Config::default();
    config.server.listen.set_port(0);
    config.control.listen.set_port(0);
    config.server.workers = 2;
    let callback = on_message(|_: &Arc<Caller>, message: Message| {
        assert!(message.as_bytes() != WORD.as_bytes(), "{WORD}");
        Action::Reply(message)
    })
    .sees(|route| *route == Route::App);
    let server = holdline::serve(config, callback).expect("free ports");
    let (address, control) = (server.public_address(), server.control_address());
    let pause = Duration::from_millis(10);
    let neighbours = Neighbours::in_room(address, "/ws/rooms/near", 200, pause).await;
    let mut colleague = Dial::new(address, "/ws/app").open().await;
    colleague.echoes("before").await;
    let open = async || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = open().await;
    for _ in 0..PANICS {
        let mut peer = Dial::new(address, "/ws/app").open().await;
        peer.echoes("all is well").await;
        peer.text(WORD).await;
        assert_eq!(peer.ended().await.code, 1011);
        colleague.echoes("I saw nothing").await;
    }
    let counted = async || {
        let scrape = Scrape::parse(&http::get(control, "/metrics").await.text());
        let ends = |reason| scrape.sum_of("holdline_disconnects_total", "reason", reason) as usize;
        let ended = scrape.sum("holdline_disconnects_total") as usize;
        (ends("internal_error"), ended, scrape.sum("holdline_connections") as usize)
    };
    let all = (PANICS, PANICS, Neighbours::COUNT + 1);
    until("one count for each", PATIENCE, counted, |counts| *counts == all).await;
    until("their descriptors", PATIENCE, open, |open| *open <= before).await;
    neighbours.speak_again().await;
    neighbours.leave();
    colleague.echoes("after").await;
    drop(colleague);
    tokio::task::spawn_blocking(|| server.stop()).await.expect("no panic").expect("a good end");
}

/// Lets the panics that are planned be silent.
fn quiet() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if !text.contains(WORD) {
            before(panic);
        }
    }));
}
