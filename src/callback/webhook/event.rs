//! One event as the application is told of it: its JSON, and the id that it keeps when told again.
//! Leaves to `post.rs`: the signature and the way there.

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::BuildHasher,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Serialize;

use crate::{
    callback::{Caller, Ended, Handshake},
    message::Message,
};

/// What is told, once or several times.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// `webhook-id`: the same whenever this event is told, and no other event's.
    pub(super) id: String,
    /// The JSON.
    pub(super) body: Bytes,
}

/// Makes events, each with an id of its own.
#[derive(Debug)]
pub(super) struct Events {
    /// Of this node's life: another node, and this one after a restart, has another.
    life: u64,
    next: AtomicU64,
    /// Headers of a handshake that are passed on (`callback.headers`).
    headers: Vec<String>,
}

#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    connection: String,
    request: Option<&'a str>,
    route: &'static str,
    room: Option<&'a str>,
    user: Option<&'a str>,
    peer: IpAddr,
    time: String,
    #[serde(flatten)]
    more: More<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum More<'a> {
    Connect {
        query: &'a str,
        headers: BTreeMap<&'a str, String>,
        subprotocols: &'a [String],
    },
    Text {
        text: &'a str,
    },
    Binary {
        binary: String,
    },
    Disconnect {
        reason: &'static str,
        code: Option<u16>,
        age_seconds: f64,
        messages_in: u64,
        messages_out: u64,
    },
}

impl Events {
    pub(super) fn new(headers: Vec<String>) -> Self {
        // The system's randomness, which is what its keys are made of.
        let life = RandomState::new().hash_one("");
        Self { life, next: AtomicU64::new(0), headers }
    }

    pub(super) fn connect(&self, caller: &Caller, handshake: &Handshake) -> Event {
        let mut headers = BTreeMap::<&str, String>::new();
        for (name, value) in &handshake.headers {
            if !self.headers.contains(name) {
                continue;
            }
            // A header that came twice means the same as a list (RFC 9110 section 5.3).
            let known = headers.entry(name).or_default();
            *known = if known.is_empty() { value.clone() } else { format!("{known}, {value}") };
        }
        let (query, subprotocols) = (&*handshake.query, &*handshake.subprotocols);
        self.event("connect", caller, More::Connect { query, headers, subprotocols })
    }

    pub(super) fn message(&self, caller: &Caller, message: &Message) -> Event {
        let more = match message {
            Message::Text(text) => More::Text { text },
            Message::Binary(bytes) => More::Binary { binary: STANDARD.encode(bytes) },
        };
        self.event("message", caller, more)
    }

    pub(super) fn disconnect(&self, caller: &Caller, ended: &Ended) -> Event {
        let Ended { why, age, messages_in, messages_out } = ended;
        let more = More::Disconnect {
            reason: why.label(),
            code: why.code(),
            age_seconds: age.as_millis() as f64 / 1000.0,
            messages_in: *messages_in,
            messages_out: *messages_out,
        };
        self.event("disconnect", caller, more)
    }

    fn event(&self, kind: &'static str, caller: &Caller, more: More<'_>) -> Event {
        let told = Told {
            r#type: kind,
            connection: caller.id.to_string(),
            request: Some(&*caller.request).filter(|request| *request != "-"),
            route: caller.route.label(),
            room: caller.route.room().map(crate::message::Room::as_str),
            user: caller.user.as_deref(),
            peer: caller.peer,
            time: format!("{:.3}", jiff::Timestamp::now()),
            more,
        };
        let body = serde_json::to_vec(&told);
        let body = body.unwrap_or_else(|error| unreachable!("names and texts are JSON: {error}"));
        let number = self.next.fetch_add(1, Relaxed);
        Event { id: format!("msg_{:016x}{number:016x}", self.life), body: body.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        callback::webhook::samples,
        disconnect::{Close, Disconnect},
        route::Route,
    };

    fn events() -> Events {
        Events::new(vec!["cookie".to_owned(), "x-a".to_owned()])
    }

    /// The JSON, and apart from it the time.
    fn read(event: &Event) -> (Value, String) {
        let mut value: Value = serde_json::from_slice(&event.body).unwrap();
        let time = value.as_object_mut().unwrap().remove("time").unwrap();
        (value, time.as_str().unwrap().to_owned())
    }

    #[test]
    fn a_message_is_told_with_who_sent_it_and_when() {
        let caller = samples::caller(Route::App);
        let (told, time) = read(&events().message(&caller, &"Hällo \u{1}".into()));
        let wanted = json!({
            "type": "message", "connection": caller.id.to_string(), "request": "abc-1",
            "route": "/ws/app", "room": null, "user": "ann", "peer": "203.0.113.7",
            "text": "Hällo \u{1}",
        });
        assert_eq!(told, wanted);
        let age = jiff::Timestamp::now().duration_since(time.parse().unwrap());
        assert!(age.as_secs() < 60 && time.len() == "2026-11-21T11:33:17.361Z".len(), "{time}");
        let (told, _) = read(&events().message(&caller, &Bytes::from_static(b"\0\xff>?").into()));
        assert_eq!((&told["binary"], told.get("text")), (&json!("AP8+Pw=="), None));
    }

    #[test]
    fn a_connect_tells_only_the_headers_that_are_listed() {
        let mut caller = Caller::clone(&samples::caller(Route::Room("a.b".parse().unwrap())));
        caller.request = "-".to_owned();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let handshake = Handshake {
            path: "/ws/app".to_owned(),
            query: "a=1&b".to_owned(),
            headers: vec![
                header("authorization", "Bearer sesame"),
                header("cookie", "id=7"),
                header("x-a", "1"),
                header("x-a", "2"),
            ],
            subprotocols: vec!["chat".to_owned()],
        };
        let (told, _) = read(&events().connect(&caller, &handshake));
        let wanted = json!({
            "type": "connect", "connection": caller.id.to_string(), "request": null,
            "route": "/ws/rooms", "room": "a.b", "user": "ann", "peer": "203.0.113.7",
            "query": "a=1&b", "headers": {"cookie": "id=7", "x-a": "1, 2"},
            "subprotocols": ["chat"],
        });
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_disconnect_tells_why_and_what_was_said() {
        let caller = samples::caller(Route::Echo);
        let why = Disconnect::Kicked(Close::new(4001, "bye"));
        let ended =
            Ended { why, age: Duration::from_micros(61_234_567), messages_in: 3, messages_out: 2 };
        let (told, _) = read(&events().disconnect(&caller, &ended));
        assert_eq!(
            (&told["type"], &told["reason"], &told["code"], &told["age_seconds"]),
            (&json!("disconnect"), &json!("kicked"), &json!(4001), &json!(61.234))
        );
        assert_eq!((&told["messages_in"], &told["messages_out"]), (&json!(3), &json!(2)));
        let ended = Ended { why: Disconnect::PeerGone, ..ended };
        let (told, _) = read(&events().disconnect(&caller, &ended));
        assert_eq!((&told["reason"], &told["code"]), (&json!("peer_gone"), &Value::Null));
    }

    #[test]
    fn no_two_events_have_the_same_id() {
        let (one, other, caller) = (events(), events(), samples::caller(Route::App));
        let ids = [&one, &one, &other].map(|events| events.message(&caller, &"".into()).id);
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
        assert!(!ids[0].contains('.'), "a dot separates what is signed");
        assert!(Arc::strong_count(&caller) == 1);
    }
}
