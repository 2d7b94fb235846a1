//! The application behind a callback is away, slow, or answers nonsense: its peers are told, its
//! neighbours notice nothing, and nothing is left behind. Word for word it is in
//! `tests/e2e/callback_failures.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::ledger::Ledger;
use super::neighbours::Neighbours;
use super::watch::Watch;
use crate::harness::application::{Application, Asked, Reply};
use crate::harness::{Event, PATIENCE, Peer, Stage, until};

/// How many talk to the application.
const PEERS: usize = 150;

/// How the application is, beside being away.
const WELL: usize = 0;
const SLOW: usize = 1;
const NONSENSE: usize = 2;

/// What each of its peers gets.
const UNREACHABLE: &[&str] = &["callback_unreachable", "callback_error", "callback_busy"];
const LATE: &[&str] = &["callback_timeout", "callback_busy"];
/// An endless one is late where the machine is slow.
const BAD: &[&str] = &["callback_error", "callback_bad_answer", "callback_timeout"];

fn script(mood: &Arc<AtomicUsize>) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let (mood, asked) = (mood.clone(), AtomicUsize::new(0));
    move |event: &Asked| {
        if !event.text().contains(r#""type":"message""#) {
            return Reply::new(204);
        }
        match mood.load(Relaxed) {
            WELL => Reply::text("well"),
            SLOW => Reply::hang(),
            _ => match asked.fetch_add(1, Relaxed) % 4 {
                0 => Reply::raw("220 mail.example.org ESMTP\r\n"),
                1 => Reply::json(r#"{"actions": [{"shout": "x"}]}"#),
                2 => Reply::text("half").cut(2),
                _ => Reply::text("and on").endless(),
            },
        }
    }
}

#[tokio::test]
async fn an_application_that_is_away_slow_or_mad_harms_nobody_but_those_who_ask_it() {
    let mood = Arc::new(AtomicUsize::new(WELL));
    let application = Application::start(script(&mood)).await;
    let mut stage = Stage::backend()
        .workers(2)
        .set("callback.url", application.url("/"))
        .set("callback.timeout", "2s")
        .set("callback.answer_bytes_max", "64KiB")
        .environment("MALLOC_TRIM_THRESHOLD_", "131072")
        .start()
        .await;
    let address = stage.address();
    let pause = Duration::from_millis(20);
    let neighbours = Neighbours::in_room(address, "/ws/rooms/near", 200, pause).await;
    // One round of all of it, so that what is kept for the next request is kept.
    ask(come(&stage).await, &["well"]).await;
    stage.holds(Neighbours::COUNT).await;
    let ledger = Ledger::open(&mut stage).await;
    let mut peers = come(&stage).await;
    for (now, words) in [(SLOW, LATE), (NONSENSE, BAD), (WELL, &["well"][..])] {
        mood.store(now, Relaxed);
        peers = ask(peers, words).await;
        neighbours.speak_again().await;
    }
    let place = application.stop().await;
    peers = ask(peers, UNREACHABLE).await;
    neighbours.speak_again().await;
    let _back = Application::start_at(place, script(&mood)).await;
    peers = ask(peers, &["well"]).await;
    drop(peers);
    let mut watch = Watch::start();
    let mark = watch.mark();
    ledger.balances_within("an application", &mut stage, mark, PATIENCE * 2, &mut watch).await;
    let idle = async || stage.gauge("holdline_callback_in_flight").await;
    until("nothing under way", PATIENCE, idle, |count| *count == 0.0).await;
    neighbours.speak_again().await;
    neighbours.leave();
    assert_eq!(stage.gauge("holdline_callback_dropped_total").await, 0.0, "all ends were told");
    ledger.memory_is_back(&mut stage).await;
}

async fn come(stage: &Stage) -> Vec<Peer> {
    stage.connect_many("/ws/app", PEERS).await
}

/// Each says something and hears one of these words, or of an error that they name.
async fn ask(mut peers: Vec<Peer>, words: &[&str]) -> Vec<Peer> {
    for peer in &peers {
        peer.text("how are you?").await;
    }
    for peer in &mut peers {
        let Event::Text(heard) = peer.message().await else { panic!("all of it is text") };
        assert!(words.iter().any(|word| heard.contains(word)), "{heard}, not of {words:?}");
    }
    peers
}
