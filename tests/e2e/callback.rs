//! The callback over HTTP: what an application is told, in which order, and what its answers do.
//! Whoever vanishes in the middle is in `callback_endings`, the application that fails or is away in
//! `callback_failures`, the slow one in `callback_pressure`.

use http::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::application::{Application, Asked, Reply};
use crate::harness::stage::Builder;
use crate::harness::{Event, Peer, Stage, until, wait::PATIENCE};

pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A gateway, and a node behind it that asks this application.
pub(crate) fn before(application: &Application) -> Builder {
    asking(Stage::gateway(), application)
}

/// This stage's node asks this application.
pub(crate) fn asking(stage: Builder, application: &Application) -> Builder {
    stage.set("callback.url", application.url("/holdline?from=node")).set("callback.secret", SECRET)
}

/// What a request tells.
pub(crate) fn event(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).expect("an event is JSON")
}

/// An application that says yes to whoever comes, and answers messages by this script.
pub(crate) async fn answering(
    script: impl Fn(&Value) -> Reply + Send + Sync + 'static,
) -> Application {
    Application::start(move |asked| match event(asked) {
        message if message["type"] == "message" => script(&message),
        _ => Reply::new(204),
    })
    .await
}

/// Waits until this many requests have come, checks that each is signed, and returns what they
/// told, their `webhook-id` added.
pub(crate) async fn told(application: &Application, count: usize) -> Vec<Value> {
    let verifier = Webhook::new(SECRET).expect("a good secret");
    let asked = application.was_asked(count).await;
    let read = asked.iter().map(|asked| {
        assert_eq!((&*asked.method, &*asked.target), ("POST", "/holdline?from=node"));
        assert_eq!(asked.header("content-type"), Some("application/json"));
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers: HeaderMap = names
            .map(|name| {
                let value = asked.header(name).expect("it is there").parse().expect("a value");
                (http::HeaderName::from_static(name), value)
            })
            .into_iter()
            .collect();
        verifier.verify(&asked.body, &headers).expect("a good signature");
        let mut event = event(asked);
        event["id"] = json!(asked.header("webhook-id"));
        event
    });
    read.collect()
}

/// `type` of each.
pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a text")).collect()
}

/// Says this and hears that.
pub(crate) async fn asks(peer: &mut Peer, text: &str, answer: &str) {
    peer.text(text).await;
    assert_eq!(peer.message().await, Event::Text(answer.to_owned()), "to {text}");
}

/// The answer with these actions.
pub(crate) fn actions(actions: Value) -> Reply {
    Reply::json(&json!({ "actions": actions }).to_string())
}

#[tokio::test]
async fn the_application_is_told_of_a_connection_from_its_handshake_to_its_end() {
    let application = answering(|_| Reply::new(204)).await;
    let stage = before(&application).set("server.allowed_origins", json!(["*"])).start().await;
    let mut peer = stage
        .dial("/ws/app?room=7&x")
        .header("Cookie", "id=7; a=b")
        .header("Authorization", "Bearer sesame")
        .header("Origin", "https://shop.example")
        .header("X-Secret", "never passed on")
        .header("Sec-WebSocket-Protocol", "chat, bearer.sesame")
        .open()
        .await;
    peer.text("Hällo").await;
    peer.binary(b"\0\xff").await;
    peer.close(1000, "bye").await;
    assert_eq!(peer.ended().await.code, 1000);
    let events = told(&application, 4).await;
    let id = stage.open_of(&peer).await.value("id").to_owned();
    let common = json!({
        "connection": id, "request": peer.request, "route": "/ws/app", "room": null,
        "user": null, "peer": "127.0.0.1",
    });
    let expected = [
        json!({"type": "connect", "query": "room=7&x", "subprotocols": ["chat"], "headers": {
            "authorization": "Bearer sesame", "cookie": "id=7; a=b",
            "origin": "https://shop.example",
        }}),
        json!({"type": "message", "text": "Hällo"}),
        json!({"type": "message", "binary": "AP8="}),
        json!({"type": "disconnect", "reason": "peer_closed", "code": 1000, "messages_in": 2,
            "messages_out": 0}),
    ];
    let mut ids = Vec::new();
    for (event, expected) in events.into_iter().zip(expected) {
        let mut event = event.as_object().expect("an object").clone();
        ids.push(event.remove("id"));
        let time = event.remove("time").and_then(|time| Some(time.as_str()?.to_owned()));
        assert!(time.is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()), "RFC 3339");
        if let Some(age) = event.remove("age_seconds") {
            assert!(age.as_f64().is_some_and(|age| age > 0.0), "{age}");
        }
        let mut expected = expected.as_object().expect("an object").clone();
        expected.extend(common.as_object().expect("an object").clone());
        assert_eq!(Value::from(event), Value::from(expected));
    }
    ids.dedup();
    assert_eq!(ids.len(), 4, "no two events have the same id");
    let answered = async || {
        stage.count("holdline_callback_duration_seconds_count", "outcome", "answered").await
    };
    until("four answers in the books", PATIENCE, answered, |count| *count == 4.0).await;
}

#[tokio::test]
async fn each_form_of_an_answer_does_what_it_says() {
    let application = answering(|message| match message["text"].as_str().expect("a text") {
        "text" => Reply::text("it is ä"),
        "chunked" => Reply::text(&"long".repeat(2000)).chunked(),
        "old" => Reply::text("until the end").old(),
        "json" => actions(json!([
            {"reply": {"text": "one"}}, {"reply": {"binary": "AP8="}}, {"reply": {"text": ""}},
        ])),
        "nothing" => Reply::new(204),
        "empty" => Reply::new(200),
        "accepted" => Reply::new(202).header("content-type", "text/html"),
        _ => Reply::json(r#"{"actions": []}"#),
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/app").await;
    asks(&mut peer, "text", "it is ä").await;
    asks(&mut peer, "chunked", &"long".repeat(2000)).await;
    asks(&mut peer, "old", "until the end").await;
    asks(&mut peer, "json", "one").await;
    assert_eq!(peer.message().await, Event::Binary(b"\0\xff".to_vec()));
    assert_eq!(peer.message().await, Event::Text(String::new()));
    for nothing in ["nothing", "empty", "accepted", "no actions"] {
        peer.text(nothing).await;
    }
    // The next answer is the next thing heard.
    asks(&mut peer, "text", "it is ä").await;
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

#[tokio::test]
async fn the_application_moves_connections_between_rooms_and_speaks_there() {
    let application = answering(|message| {
        let words = message["text"].as_str().expect("a text");
        let (order, room) = words.split_once(' ').expect("two words");
        match order {
            "say" => actions(json!([{"publish": {"room": room, "text": words}}])),
            "leave" => actions(json!([{"leave": room}, {"reply": {"text": "left"}}])),
            _ => actions(json!([{"join": room}, {"reply": {"text": "joined"}}])),
        }
    })
    .await;
    let stage = before(&application).workers(2).start().await;
    let mut peers = stage.connect_many("/ws/app", 4).await;
    let mut listener = stage.connect("/ws/rooms/a").await;
    for peer in &mut peers[..3] {
        asks(peer, "join a", "joined").await;
        asks(peer, "join a", "joined").await;
    }
    peers[3].text("say a").await;
    let said = Event::Text("say a".to_owned());
    assert_eq!(listener.message().await, said);
    for peer in &mut peers[..3] {
        assert_eq!(peer.message().await, said, "once, although it joined twice");
    }
    asks(&mut peers[0], "leave a", "left").await;
    asks(&mut peers[0], "leave never-joined", "left").await;
    asks(&mut peers[1], "say a", "say a").await;
    assert_eq!(listener.message().await, said);
    // Who left, and who never was there, hears nothing of it: the next it hears is its own.
    for (peer, room) in [(0, "b"), (3, "b")] {
        asks(&mut peers[peer], &format!("join {room}"), "joined").await;
    }
}

#[tokio::test]
async fn a_join_over_a_limit_is_refused_and_the_rest_of_the_answer_is_done() {
    let application = answering(|_| {
        actions(json!([{"join": "a"}, {"join": "b"}, {"join": "c"}, {"reply": {"text": "done"}}]))
    })
    .await;
    let stage = before(&application).set("limits.rooms_per_connection_max", 2).start().await;
    let mut peer = stage.connect("/ws/app").await;
    asks(&mut peer, "all", "done").await;
    assert_eq!(stage.gauge("holdline_rooms").await, 2.0);
    assert_eq!(stage.gauge("holdline_joins_refused_total").await, 1.0);
    // The log has the first one; each message may ask for it again.
    asks(&mut peer, "all", "done").await;
    assert_eq!(stage.gauge("holdline_joins_refused_total").await, 2.0);
    let told = stage.has_troubles(1).await;
    assert!(told.len() == 1 && told[0].raw.contains("rooms_per_connection_max"), "{told:?}");
    let full = before(&application).set("limits.rooms_max", 1).start().await;
    let mut peer = full.connect("/ws/app").await;
    asks(&mut peer, "all", "done").await;
    assert_eq!(full.gauge("holdline_joins_refused_total").await, 2.0);
}

#[tokio::test]
async fn the_application_closes_a_connection_behind_what_it_said_before() {
    let application = answering(|_| {
        actions(json!([
            {"reply": {"text": "last words"}}, {"close": {"code": 4001, "text": "logged out"}},
            {"reply": {"text": "never heard"}},
        ]))
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/app").await;
    asks(&mut peer, "bye", "last words").await;
    let end = peer.ended().await;
    assert_eq!((end.code, &*end.reason), (4001, "logged out"));
    stage.ended_as(&peer, "callback_closed", "4001").await;
    let events = told(&application, 3).await;
    assert_eq!(types(&events), ["connect", "message", "disconnect"]);
    assert_eq!(
        (&events[2]["reason"], &events[2]["code"]),
        (&json!("callback_closed"), &json!(4001))
    );
}

#[tokio::test]
async fn a_newcomer_that_the_application_refuses_gets_its_status_and_words() {
    let application =
        Application::start(|asked| match event(asked)["query"].as_str().expect("a connect") {
            "401" => Reply::new(401).header("content-type", "text/plain").body("who are you?"),
            "403" => Reply::new(403).header("content-type", "text/plain").body("x".repeat(9000)),
            status => Reply::new(status.parse().expect("a status"))
                .header("content-type", "text/html")
                .body("<h1>Traceback</h1>"),
        })
        .await;
    let stage = before(&application).start().await;
    const UNSAID: &str = "the application does not let you in\n";
    for (status, words) in
        [(401, "who are you?\n"), (403, &*"x".repeat(1024)), (404, UNSAID), (418, UNSAID)]
    {
        let answer = stage.dial(&format!("/ws/app?{status}")).refused().await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.text().starts_with(words), "{answer:?}");
        assert!(!answer.text().contains("Traceback"), "{answer:?}");
        assert!(answer.body.len() < 1100, "{}", answer.body.len());
    }
    let refused = "holdline_handshakes_rejected_total";
    assert_eq!(stage.count(refused, "reason", "callback_refused").await, 4.0);
    // A round trip behind them: no connect was repeated, and no end of one told.
    asks_for_one_more(&application, &stage, 5).await;
    assert_eq!(types(&told(&application, 5).await), ["connect"; 5]);
    assert_eq!(stage.gauge("holdline_connections").await, 0.0);
    assert_eq!(stage.troubles().len(), 0, "{:?}", stage.troubles());
}

async fn asks_for_one_more(application: &Application, stage: &Stage, count: usize) {
    assert_eq!(stage.dial("/ws/app?409").refused().await.status, 409);
    application.was_asked(count).await;
}

#[tokio::test]
async fn the_application_names_the_user_and_speaks_first() {
    let application = Application::start(|asked| match event(asked)["type"].as_str() {
        Some("connect") => {
            let actions = json!([{"reply": {"text": "welcome"}}, {"join": "news"}]);
            Reply::json(&json!({"user": "ann o'clock", "actions": actions}).to_string())
        }
        Some("message") => actions(json!([{"publish": {"room": "news", "text": "hot"}}])),
        _ => Reply::new(204),
    })
    .await;
    let stage = before(&application).start().await;
    let mut peer = stage.connect("/ws/app").await;
    assert_eq!(peer.message().await, Event::Text("welcome".to_owned()));
    asks(&mut peer, "news?", "hot").await;
    assert_eq!(stage.open_of(&peer).await.value("user"), "ann o'clock");
    peer.close(1000, "").await;
    peer.ended().await;
    let events = told(&application, 3).await;
    let users: Vec<_> = events.iter().map(|event| &event["user"]).collect();
    assert_eq!(users, [&json!(null), &json!("ann o'clock"), &json!("ann o'clock")]);
}

#[tokio::test]
async fn rooms_and_echo_work_on_their_own_while_the_application_looks_on() {
    let application = answering(|message| match message["text"].as_str() {
        Some("kick me") => actions(json!([{"close": {"code": 4002}}])),
        Some("answer me") => actions(json!([{"reply": {"text": "yes?"}}])),
        Some("fail") => Reply::new(500),
        _ => Reply::text("not for you"),
    })
    .await;
    let observing = before(&application).set("callback.observe", json!(["rooms"]));
    let stage = observing.start().await;
    let mut unseen = stage.connect("/ws/echo").await;
    unseen.echoes("nobody sees this").await;
    let mut ann = stage.connect("/ws/rooms/a").await;
    let mut bob = stage.connect("/ws/rooms/a").await;
    for text in ["hello", "fail", "hello again"] {
        asks(&mut ann, text, text).await;
        assert_eq!(bob.message().await, Event::Text(text.to_owned()));
    }
    asks(&mut ann, "answer me", "answer me").await;
    assert_eq!(ann.message().await, Event::Text("yes?".to_owned()));
    asks(&mut ann, "kick me", "kick me").await;
    assert_eq!(ann.ended().await.code, 4002);
    let events = told(&application, 8).await;
    assert!(events.iter().all(|event| event["route"] == "/ws/rooms" && event["room"] == "a"));
    assert_eq!(types(&events)[..3], ["connect", "connect", "message"]);
    assert_eq!(types(&events)[7], "disconnect");
    let both = before(&application).set("callback.observe", json!(["echo", "rooms"])).start().await;
    let mut seen = both.connect("/ws/echo").await;
    seen.echoes("somebody sees this").await;
    assert_eq!(told(&application, 10).await[9]["route"], "/ws/echo");
}

#[tokio::test]
async fn without_an_address_of_the_application_there_is_no_such_route() {
    let stage = Stage::gateway().start().await;
    let answer = stage.dial("/ws/app").refused().await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("callback.url"), "{}", answer.text());
}
