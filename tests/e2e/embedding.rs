//! A Rust program that is its own application: the callback as a trait and as a closure.
//! The same over HTTP is in `callback`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use holdline::backend::Backend;
use holdline::callback::{
    Action, Answer, Callback, Caller, Ended, Failure, Handshake, Later, Reaction, Refusal, Welcome,
};
use holdline::config::Config;
use holdline::disconnect::Close;
use holdline::message::{ConnectionId, Message};
use holdline::node::Node;
use holdline::route::Route;
use tokio::sync::{Semaphore, oneshot};

use crate::harness::peer::Dial;
use crate::harness::{Event, Peer, until, wait::PATIENCE};

/// A backend of this process, on a thread of its own. Dropping it drains it.
struct Embedded {
    node: Node,
    server: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Embedded {
    fn start(change: impl FnOnce(&mut Config), callback: impl Callback) -> Self {
        let mut config = Config::default();
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.control.listen = ([127, 0, 0, 1], 0).into();
        config.server.workers = 1;
        config.drain.delay = Duration::ZERO;
        config.drain.window = Duration::from_millis(100);
        change(&mut config);
        let node = Node::with_callback(config, callback).expect("one callback");
        let backend = Backend::bind(node.clone()).expect("a free port");
        let server = backend.public_address().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let running = backend.run(async { drop(stopped.await) });
            actix_rt::System::new().block_on(running).expect("a good end");
        });
        Self { node, server, stop: Some(stop), thread: Some(thread) }
    }

    fn dial(&self, target: &str) -> Dial<'static> {
        Dial::new(self.server, target)
    }

    async fn connect(&self, target: &str) -> Peer {
        self.dial(target).open().await
    }

    /// Asks it to stop; [`ended`](Self::ended) says when it has.
    fn stop(&mut self) {
        drop(self.stop.take());
    }

    async fn ended(&mut self) {
        let thread = self.thread.take().expect("it ends once");
        until("the end", PATIENCE, async || thread.is_finished(), |finished| *finished).await;
        thread.join().expect("it does not panic");
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
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
                *self.last.lock().unwrap() = Some(caller.id);
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
    }

    fn flushed(&self) -> Later<()> {
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
async fn a_closure_is_a_callback_that_takes_messages() {
    let embedded = Embedded::start(
        |_| {},
        |caller: &Arc<Caller>, message: Message| {
            match caller.route {
                Route::App => Some(Action::Reply(message)),
                _ => None,
            }
            .map_or_else(Vec::new, |action| vec![action])
        },
    );
    let mut peer = embedded.connect("/ws/app").await;
    peer.echoes("to myself").await;
    peer.binary(b"\xff").await;
    assert_eq!(peer.message().await, Event::Binary(vec![0xff]));
    embedded.connect("/ws/echo").await.echoes("once").await;
}

#[tokio::test]
async fn a_callback_is_told_of_a_life_in_order_and_only_on_routes_that_it_sees() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let ping = |config: &mut Config| {
        config.heartbeat.ping_interval = Some(Duration::from_millis(300));
    };
    let embedded = Embedded::start(ping, strict);
    embedded.connect("/ws/echo").await.echoes("unseen").await;
    let mut peer = embedded.connect("/ws/app?word").await;
    hears(&mut peer, "welcome").await;
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
    let mut pages = diary.has(8).await;
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
    let embedded = Embedded::start(|_| {}, strict);
    for (query, status, text) in
        [("teapot", 418, "no"), ("sorry", 403, "no"), ("other", 503, "the application sleeps")]
    {
        let answer = embedded.dial(&format!("/ws/rooms/a?{query}")).refused().await;
        assert_eq!((answer.status, answer.text().trim()), (status, text), "{answer:?}");
    }
    let mut peer = embedded.connect("/ws/rooms/a?word").await;
    hears(&mut peer, "welcome").await;
    // On a route of our own the message goes its way, whatever the callback thinks of it.
    peer.text("nothing").await;
    hears(&mut peer, "nothing").await;
    let pages = diary.has(5).await;
    assert_eq!(pages[4], "ann says nothing");
    assert!(!pages.iter().any(|page| page.contains("ends")), "{pages:?}");
    permits.add_permits(9);
}

#[tokio::test]
async fn a_failure_is_told_in_the_callback_s_own_words() {
    let strict = Strict::new();
    let permits = Arc::clone(&strict.permits);
    let impatient = |config: &mut Config| config.callback.patience = Some(Duration::ZERO);
    let embedded = Embedded::start(impatient, strict);
    let mut peer = embedded.connect("/ws/app?word").await;
    hears(&mut peer, "welcome").await;
    peer.text("fail").await;
    let error = r#"{"type":"urn:holdline:problem:tired","title":"asleep","detail":"until noon"}"#;
    hears(&mut peer, &format!(r#"{{"error":{error}}}"#)).await;
    assert_eq!(peer.ended().await.code, 1011);
    permits.add_permits(9);
}

#[tokio::test]
async fn a_panic_in_a_callback_ends_its_connection_and_no_other() {
    let strict = Strict::new();
    let (diary, permits) = (strict.diary.clone(), Arc::clone(&strict.permits));
    let embedded = Embedded::start(|_| {}, strict);
    let mut other = embedded.connect("/ws/app?word").await;
    hears(&mut other, "welcome").await;
    let mut peer = embedded.connect("/ws/app?word").await;
    hears(&mut peer, "welcome").await;
    peer.text("panic").await;
    assert_eq!(peer.ended().await.code, 1011);
    assert!(embedded.dial("/ws/app?panic").attempt().await.is_err(), "no answer at all");
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
    let mut embedded = Embedded::start(|_| {}, strict);
    let mut kicked = embedded.connect("/ws/app?word").await;
    hears(&mut kicked, "welcome").await;
    let id = last.lock().unwrap().expect("somebody came");
    embedded.node.end(id, Close::new(4003, "away with you")).expect("there is room");
    assert_eq!(kicked.ended().await.code, 4003);
    let pages = async || diary.pages();
    let end = |pages: &Vec<String>| pages.iter().any(|page| page == "ann ends as kicked after 0");
    until("the end", PATIENCE, pages, end).await;
    let mut peer = embedded.connect("/ws/app?word").await;
    hears(&mut peer, "welcome").await;
    embedded.stop();
    assert_eq!(peer.ended().await.code, 1012);
    until("the flush", PATIENCE, pages, |pages| pages.iter().any(|page| page == "flush")).await;
    assert!(!embedded.thread.as_ref().unwrap().is_finished(), "it waits");
    permits.add_permits(1);
    embedded.ended().await;
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
