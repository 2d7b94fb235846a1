//! A callback in Rust: what it is told, in which order, and what its answers, failures and panics do.
//! The same over HTTP is in `tests/e2e/callback.rs`; callbacks of closures are in `beside`.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use holdline::backend::Running;
use holdline::callback::{
    Action, Answer, Callback, Caller, Ended, Failure, Flushed, Handshake, Reaction, Refusal,
    Welcome, on_message,
};
use holdline::config::Config;
use holdline::disconnect::{Close, Disconnect};
use holdline::message::{ConnectionId, Message};
use holdline::node::Node;
use holdline::route::Route;
use tokio::sync::Semaphore;

use crate::harness::peer::Dial;
use crate::harness::{Event, Peer, until, wait::PATIENCE};
use crate::house::{config, holds};

fn serve(change: impl FnOnce(&mut Config), callback: impl Callback) -> Running {
    let mut config = config();
    config.server.workers = 1;
    change(&mut config);
    holdline::serve(config, callback).expect("free ports")
}

fn dial(server: &Running, target: &str) -> Dial<'static> {
    Dial::new(server.public_address(), target)
}

/// Somebody who knows the word, and has been welcomed.
async fn welcomed(server: &Running, route: &str) -> Peer {
    let mut peer = dial(server, &format!("{route}?word")).open().await;
    hears(&mut peer, "welcome").await;
    peer
}

/// Writes down what it is told, in words.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, words: impl Into<String>) {
        self.0.lock().expect("no panics while it writes").push(words.into());
    }

    fn pages(&self) -> Vec<String> {
        self.0.lock().expect("no panics while it writes").clone()
    }

    async fn has(&self, count: usize) -> Vec<String> {
        until("what is told", PATIENCE, async || self.pages(), |pages| pages.len() >= count).await
    }
}

/// Takes whoever knows the word, and holds the message `wait` until there is a permit.
struct Strict {
    diary: Diary,
    permits: Arc<Semaphore>,
    /// Of the last one who was let in.
    last: Arc<Mutex<Option<ConnectionId>>>,
}

impl Strict {
    fn new() -> Self {
        let (diary, last) = (Diary::default(), Arc::default());
        Self { diary, permits: Arc::new(Semaphore::new(0)), last }
    }
}

fn said(message: &Message) -> String {
    String::from_utf8_lossy(message.as_bytes()).into_owned()
}

impl Callback for Strict {
    fn sees(&self, route: &Route) -> bool {
        *route != Route::Echo
    }

    fn on_connect(
        &self,
        caller: &Arc<Caller>,
        handshake: Handshake,
    ) -> Answer<Result<Welcome, Refusal>> {
        self.diary.note(format!("{} connects with {}", caller.route, handshake.query));
        let unwanted = |status| Answer::Now(Err(Refusal::Unwanted(status, "no".to_owned())));
        match &*handshake.query {
            "word" => {
                *self.last.lock().expect("nobody panicked") = Some(caller.id);
                let actions = vec![Action::Reply("welcome".into())];
                let welcome = Welcome { user: Some("ann".to_owned()), actions };
                Answer::later(async { Ok(welcome) })
            }
            "teapot" => unwanted(418),
            "sorry" => unwanted(500),
            "panic" => panic!("in on_connect"),
            _ => Answer::Now(Err(Refusal::Failed(Failure::new("x", "the application sleeps")))),
        }
    }

    fn on_message(&self, caller: &Arc<Caller>, message: Message) -> Answer<Reaction> {
        let text = said(&message);
        self.diary.note(format!("{} says {text}", caller.user.as_deref().unwrap_or("?")));
        match &*text {
            "now" => Action::Reply("done".into()).into(),
            "nothing" => ().into(),
            "two" => vec![Action::Reply("1".into()), Action::Reply("2".into())].into(),
            "fail" => Err(Failure::new("tired", "asleep").detail("until noon")).into(),
            "panic" => panic!("in on_message"),
            _ => {
                let permits = Arc::clone(&self.permits);
                Answer::later(async move {
                    permits.acquire().await.expect("it is never closed").forget();
                    Ok(vec![Action::Reply("at last".into())])
                })
            }
        }
    }

    fn on_pong(&self, caller: &Arc<Caller>, round_trip: Duration) {
        assert!(round_trip < PATIENCE);
        self.diary.note(format!("{} pongs", caller.user.as_deref().unwrap_or("?")));
    }

    fn on_close(&self, caller: &Arc<Caller>, ended: &Ended) {
        let user = caller.user.as_deref().unwrap_or("?");
        self.diary.note(format!("{user} ends as {} after {}", ended.why, ended.messages_in));
        assert!(ended.why != Disconnect::InternalError, "panics once more");
    }

    fn flushed(&self) -> Flushed {
        let (diary, permits) = (self.diary.clone(), Arc::clone(&self.permits));
        Box::pin(async move {
            diary.note("flush");
            permits.acquire().await.expect("it is never closed").forget();
            diary.note("flushed");
        })
    }
}

async fn hears(peer: &mut Peer, text: &str) {
    assert_eq!(peer.message().await, Event::Text(text.to_owned()));
}

#[tokio::test]
async fn a_callback_is_told_of_a_life_in_order_and_only_on_routes_that_it_sees() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let ping = |config: &mut Config| {
        config.heartbeat.ping_interval = Some(Duration::from_millis(300));
    };
    let server = serve(ping, strict);
    dial(&server, "/ws/echo").open().await.echoes("unseen").await;
    let mut peer = welcomed(&server, "/ws/app").await;
    for text in ["nothing", "now", "two"] {
        peer.text(text).await;
    }
    for text in ["done", "1", "2"] {
        hears(&mut peer, text).await;
    }
    let pongs = async || diary.pages().iter().any(|page| page == "ann pongs");
    until("a pong", PATIENCE, pongs, |ponged| *ponged).await;
    // What comes behind it waits for its answer.
    peer.text("wait").await;
    peer.text("now").await;
    let waits = async || diary.pages().iter().any(|page| page == "ann says wait");
    until("the message", PATIENCE, waits, |waits| *waits).await;
    assert!(!peer.is_silent_for(Duration::from_millis(700)).await.is_empty(), "pings go on");
    permits.add_permits(1);
    hears(&mut peer, "at last").await;
    hears(&mut peer, "done").await;
    peer.close(1000, "").await;
    peer.ended().await;
    let pages = async || diary.pages();
    let end = |pages: &Vec<String>| pages.iter().any(|page| page.starts_with("ann ends"));
    let mut pages = until("the end", PATIENCE, pages, end).await;
    pages.retain(|page| page != "ann pongs");
    assert_eq!(
        pages,
        [
            "/ws/app connects with word",
            "ann says nothing",
            "ann says now",
            "ann says two",
            "ann says wait",
            "ann says now",
            "ann ends as peer_closed after 5",
        ]
    );
    permits.add_permits(9);
}

#[tokio::test]
async fn whom_a_callback_refuses_it_is_told_no_more_of() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let server = serve(|_| {}, strict);
    for (query, status, text) in
        [("teapot", 418, "no"), ("sorry", 403, "no"), ("other", 503, "the application sleeps")]
    {
        let answer = dial(&server, &format!("/ws/rooms/a?{query}")).refused().await;
        assert_eq!((answer.status, answer.text().trim()), (status, text), "{answer:?}");
    }
    let mut peer = welcomed(&server, "/ws/rooms/a").await;
    // On a route of our own the message goes its way, whatever the callback thinks of it.
    peer.text("nothing").await;
    hears(&mut peer, "nothing").await;
    let pages = diary.has(5).await;
    assert_eq!(pages[4], "ann says nothing");
    assert!(!pages.iter().any(|page| page.contains("ends")), "{pages:?}");
    permits.add_permits(9);
}

#[tokio::test]
async fn an_application_that_looks_elsewhere_has_no_route_of_its_own() {
    let elsewhere = on_message(|_, _| ()).sees(|route| *route == Route::Echo);
    let server = serve(|_| {}, elsewhere);
    assert_eq!(dial(&server, "/ws/app").refused().await.status, 404);
}

#[tokio::test]
async fn a_failure_is_told_in_the_callback_s_own_words() {
    let strict = Strict::new();
    let permits = Arc::clone(&strict.permits);
    let impatient = |config: &mut Config| config.callback.patience = Some(Duration::ZERO);
    let server = serve(impatient, strict);
    let mut peer = welcomed(&server, "/ws/app").await;
    peer.text("fail").await;
    let error = r#"{"type":"urn:holdline:problem:tired","title":"asleep","detail":"until noon"}"#;
    hears(&mut peer, &format!(r#"{{"error":{error}}}"#)).await;
    assert_eq!(peer.ended().await.code, 1011);
    permits.add_permits(9);
}

#[tokio::test]
async fn who_never_answers_a_message_holds_its_peer_for_the_timeout_and_loses_no_end() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let hasty = |config: &mut Config| config.callback.timeout = Duration::from_millis(200);
    let server = serve(hasty, strict);
    let mut peer = welcomed(&server, "/ws/app").await;
    peer.text("wait").await;
    peer.text("now").await;
    let title = "the application did not answer in time";
    let error = format!(r#"{{"type":"urn:holdline:problem:callback_timeout","title":"{title}"}}"#);
    hears(&mut peer, &format!(r#"{{"error":{error}}}"#)).await;
    hears(&mut peer, "done").await;
    peer.text("wait").await;
    let waits = async || diary.pages().iter().filter(|page| *page == "ann says wait").count();
    until("the message", PATIENCE, waits, |waits| *waits == 2).await;
    peer.reset().await;
    let pages = async || diary.pages();
    let end = |pages: &Vec<String>| pages.iter().any(|page| page.starts_with("ann ends"));
    until("the end", PATIENCE, pages, end).await;
    permits.add_permits(9);
}

#[tokio::test]
async fn who_never_answers_about_a_newcomer_has_it_refused_in_time_and_told_of() {
    let book = Diary::default();
    let noted = book.clone();
    let silent = on_message(|_, _| ())
        .on_connect(|_, _| Answer::<Result<Welcome, Refusal>>::later(std::future::pending()))
        .on_close(move |_, ended| noted.note(ended.why.label()));
    let hasty = |config: &mut Config| {
        config.server.handshake_timeout = Duration::from_secs(2);
    };
    let server = serve(hasty, silent);
    let answer = dial(&server, "/ws/app").refused().await;
    let words = "the application did not decide in time";
    assert_eq!((answer.status, answer.text().trim()), (503, words), "{answer:?}");
    assert_eq!(book.has(1).await, ["callback_failed"]);
    holds(server.node(), 0).await;
}

#[tokio::test]
async fn a_panic_in_a_callback_ends_its_connection_and_no_other() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let server = serve(|_| {}, strict);
    let mut other = welcomed(&server, "/ws/app").await;
    let mut peer = welcomed(&server, "/ws/app").await;
    peer.text("panic").await;
    assert_eq!(peer.ended().await.code, 1011);
    assert!(dial(&server, "/ws/app?panic").attempt().await.is_err(), "no answer at all");
    other.text("now").await;
    hears(&mut other, "done").await;
    let pages = async || diary.pages();
    let ends = "ann ends as internal_error after 1";
    until("the end of one", PATIENCE, pages, |pages| pages.iter().any(|page| page == ends)).await;
    permits.add_permits(9);
}

#[tokio::test]
async fn a_kick_is_told_and_a_stop_waits_until_the_callback_has_told_the_last_end() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let last = Arc::clone(&strict.last);
    let server = serve(|_| {}, strict);
    let mut kicked = welcomed(&server, "/ws/app").await;
    let id = last.lock().unwrap().expect("somebody came");
    server.node().end(id, Close::new(4003, "away with you")).expect("there is room");
    assert_eq!(kicked.ended().await.code, 4003);
    let pages = async || diary.pages();
    let end = |pages: &Vec<String>| pages.iter().any(|page| page == "ann ends as kicked after 0");
    until("the end", PATIENCE, pages, end).await;
    let mut peer = welcomed(&server, "/ws/app").await;
    let stopped = thread::spawn(move || server.stop());
    assert_eq!(peer.ended().await.code, 1012);
    until("the flush", PATIENCE, pages, |pages| pages.iter().any(|page| page == "flush")).await;
    assert!(!stopped.is_finished(), "it waits");
    permits.add_permits(1);
    until("the end", PATIENCE, async || stopped.is_finished(), |finished| *finished).await;
    stopped.join().expect("no panic").expect("a good end");
    let pages = diary.pages();
    assert_eq!(pages[pages.len() - 3..], ["ann ends as drain after 0", "flush", "flushed"]);
}

#[test]
fn a_program_that_is_its_own_application_must_not_be_told_of_another() {
    let mut config = Config::default();
    config.callback.url = Some("http://127.0.0.1:9/".parse().expect("an address"));
    let refused = Node::with_callback(config, |_: &Arc<Caller>, _: Message| ());
    let words = refused.expect_err("one too many").to_string();
    assert!(words.contains("callback.url must not be set"), "{words}");
}
