//! `GET /messages`: what servers say unasked, as server-sent events.
//! What is kept, and for how long, is proven beside the code.

use std::process::Stdio;

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bridge::{Bridge, problem, url};
use crate::harness::http::{self, Answer};
use crate::harness::{PATIENCE, Peer, Stage, until};

/// Somebody who reads events.
struct Reader {
    stream: TcpStream,
    head: Answer,
    /// Read, and not yet taken apart.
    text: Vec<u8>,
}

/// One event: id, kind, data.
#[derive(Debug)]
struct Told {
    id: String,
    kind: String,
    data: Value,
}

impl Reader {
    async fn open(bridge: &Bridge, target: &str, fields: &[&str]) -> Self {
        let stream = TcpStream::connect(bridge.address).await.expect("it listens");
        Self::on(stream, bridge, target, fields).await
    }

    async fn on(mut stream: TcpStream, bridge: &Bridge, target: &str, fields: &[&str]) -> Self {
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n", bridge.address);
        request.extend(fields.iter().map(|field| format!("{field}\r\n")));
        stream.write_all(format!("{request}\r\n").as_bytes()).await.expect("it reads");
        let mut head = http::head(&mut stream).await.expect("an answer");
        assert_eq!(head.status, 200, "{head:?}");
        let text = std::mem::take(&mut head.body);
        Self { stream, head, text }
    }

    /// The next event; chunk heads, comments and the opening are skipped.
    async fn next(&mut self) -> Told {
        let event = async {
            loop {
                if let Some(told) = self.take() {
                    return told;
                }
                let read = self.stream.read_buf(&mut self.text).await.expect("it stands");
                assert!(read > 0, "the stream ended");
            }
        };
        timeout(PATIENCE, event).await.expect("an event in time")
    }

    /// An event begins at `id:` and ends with an empty line; ours is never longer than a chunk.
    fn take(&mut self) -> Option<Told> {
        let at = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|it| it == what);
        let begin = at(&self.text, b"id: ")?;
        let end = begin + at(&self.text[begin..], b"\n\n")?;
        let event = String::from_utf8(self.text[begin..end].to_vec()).expect("events are UTF-8");
        self.text.drain(..end + 2);
        let field = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {event:.200}")).to_owned()
        };
        let data = serde_json::from_str(&field("data: ")).expect("data is JSON");
        Some(Told { id: field("id: "), kind: field("event: "), data })
    }

    /// The texts of the next events.
    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            let told = self.next().await;
            assert_eq!(told.kind, "text", "{told:?}");
            texts.push(told.data["text"].as_str().expect("a text").to_owned());
        }
        texts
    }

    /// Waits for the end of the stream.
    async fn ended(mut self) {
        let end =
            async { while self.stream.read_buf(&mut self.text).await.is_ok_and(|n| n > 0) {} };
        timeout(PATIENCE, end).await.expect("an end in time");
        assert!(self.text.ends_with(b"0\r\n\r\n"), "the end is a whole one");
    }
}

/// A bridge in a room, and a peer who talks there.
async fn in_a_room(stage: &Stage, arguments: &[&str]) -> (Bridge, Peer) {
    let room = url(stage.address(), "/ws/rooms/a");
    let bridge = Bridge::start(&[&["--server", &room], arguments].concat()).await;
    bridge.is("OPEN").await;
    (bridge, stage.connect("/ws/rooms/a").await)
}

/// Waits until so many messages were kept.
async fn kept(bridge: &Bridge, count: f64) {
    let look = async || bridge.scrape().await.sum("holdline_link_unasked_messages_total");
    until("unasked messages", PATIENCE, look, |kept| *kept == count).await;
}

#[tokio::test]
async fn a_message_that_nobody_asked_for_is_told_with_its_server_and_kind() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &[]).await;
    let mut reader = Reader::open(&bridge, "/messages", &[]).await;
    assert_eq!(reader.head.header("content-type"), Some("text/event-stream"));
    assert_eq!(reader.head.header("cache-control"), Some("no-store"));
    peer.text("two\nlines, \"quoted\"").await;
    peer.binary(&[0xff, 0, 1]).await;
    let (text, binary) = (reader.next().await, reader.next().await);
    assert_eq!((text.kind.as_str(), binary.kind.as_str()), ("text", "binary"));
    assert_eq!(text.data["text"], "two\nlines, \"quoted\"");
    assert_eq!(binary.data["binary"], "/wAB");
    assert_eq!(text.data["server"], url(stage.address(), "/ws/rooms/a"));
    assert_ne!(text.id, binary.id);
}

#[tokio::test]
async fn a_reply_is_told_to_nobody_else() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &[]).await;
    let mut reader = Reader::open(&bridge, "/messages", &[]).await;
    // In a room our own message comes back to us, as the reply.
    assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
    peer.text("afterwards").await;
    assert_eq!(reader.texts(1).await, ["afterwards"]);
}

#[tokio::test]
async fn a_reader_that_comes_back_goes_on_where_it_was() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &[]).await;
    for text in ["one", "two", "three", "four"] {
        peer.text(text).await;
    }
    kept(&bridge, 4.0).await;
    let mut first = Reader::open(&bridge, "/messages", &[]).await;
    let (one, two) = (first.next().await, first.next().await);
    assert_eq!((&one.data["text"], &two.data["text"]), (&"one".into(), &"two".into()));
    let field = format!("Last-Event-ID: {}", two.id);
    let mut again = Reader::open(&bridge, "/messages", &[&field]).await;
    assert_eq!(again.texts(2).await, ["three", "four"]);
    let mut by_address = Reader::open(&bridge, &format!("/messages?after={}", one.id), &[]).await;
    assert_eq!(by_address.texts(3).await, ["two", "three", "four"]);
    let mut other = Reader::open(&bridge, "/messages", &["Last-Event-ID: 00000000-99"]).await;
    let lost = other.next().await;
    assert_eq!((lost.kind.as_str(), &lost.data["missed"]), ("lost", &Value::Null));
    assert_eq!(other.texts(4).await, ["one", "two", "three", "four"]);
    problem(&bridge.get("/messages?after=yesterday").await, 400, "bad_request", None);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_as_lost() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &["--messages-max", "3"]).await;
    peer.text("one").await;
    let one = Reader::open(&bridge, "/messages", &[]).await.next().await;
    for text in ["two", "three", "four", "five", "six"] {
        peer.text(text).await;
    }
    kept(&bridge, 6.0).await;
    let target = format!("/messages?after={}", one.id);
    let mut reader = Reader::open(&bridge, &target, &[]).await;
    let lost = reader.next().await;
    assert_eq!((lost.kind.as_str(), &lost.data["missed"]), ("lost", &2.into()));
    assert_eq!(reader.texts(3).await, ["four", "five", "six"]);
    // Whoever comes back with the id of a loss has heard of it.
    let mut again = Reader::open(&bridge, &format!("/messages?after={}", lost.id), &[]).await;
    assert_eq!(again.texts(3).await, ["four", "five", "six"]);
}

#[tokio::test]
async fn a_reader_of_one_server_hears_of_no_other() {
    let stage = Stage::backend().start().await;
    let rooms = ["a", "b"].map(|room| url(stage.address(), &format!("/ws/rooms/{room}")));
    let bridge = Bridge::start(&["--server", &rooms[0], "--server", &rooms[1]]).await;
    bridge.all_are("OPEN").await;
    let target = format!("/messages?server={}", rooms[1]);
    let mut reader = Reader::open(&bridge, &target, &[]).await;
    stage.connect("/ws/rooms/a").await.text("in a").await;
    kept(&bridge, 1.0).await;
    stage.connect("/ws/rooms/b").await.text("in b").await;
    assert_eq!(reader.texts(1).await, ["in b"]);
    problem(&bridge.get("/messages?server=ftp://a").await, 400, "bad_url", None);
}

#[tokio::test]
async fn a_slow_reader_loses_only_its_own() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &["--messages-bytes-max", "256KiB"]).await;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("any socket has one");
    socket.connect(&bridge.address.into()).expect("it listens");
    socket.set_nonblocking(true).expect("any socket can be made so");
    let stream = TcpStream::from_std(socket.into()).expect("a stream");
    let mut slow = Reader::on(stream, &bridge, "/messages", &[]).await;
    let mut fast = Reader::open(&bridge, "/messages", &[]).await;
    let text = |number: usize| format!("{number} {}", "x".repeat(60_000));
    // Far more than all buffers between hold; each is read by the fast one before the next.
    for number in 0..200 {
        peer.text(&text(number)).await;
        assert!(fast.texts(1).await[0] == text(number), "the fast one misses none");
    }
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < 200 {
        let told = slow.next().await;
        match told.kind.as_str() {
            "lost" => missed += told.data["missed"].as_u64().expect("a number"),
            _ => seen += 1,
        }
    }
    assert!(missed > 0 && seen > 0 && seen + missed == 200, "{seen} seen, {missed} missed");
    assert!(bridge.process.resident_bytes() < 64 << 20, "nothing piles up");
}

#[tokio::test]
async fn there_are_no_more_readers_than_allowed_and_one_that_leaves_makes_room() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &["--readers-max", "2"]).await;
    let first = Reader::open(&bridge, "/messages", &[]).await;
    let _second = Reader::open(&bridge, "/messages", &[]).await;
    let answer = bridge.get("/messages").await;
    assert!(problem(&answer, 503, "readers_max", None).contains("--readers-max"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(first);
    let look = async || {
        // Writing is what shows that somebody is gone.
        peer.text("anybody there?").await;
        let mut stream = TcpStream::connect(bridge.address).await.expect("it listens");
        let request = format!("GET /messages HTTP/1.1\r\nHost: {}\r\n\r\n", bridge.address);
        stream.write_all(request.as_bytes()).await.expect("it reads");
        http::head(&mut stream).await.expect("an answer").status
    };
    until("a free seat", PATIENCE, look, |status| *status == 200).await;
}

#[tokio::test]
async fn curl_shows_the_stream_as_it_comes() {
    let stage = Stage::backend().start().await;
    let (bridge, peer) = in_a_room(&stage, &[]).await;
    peer.text("Hello").await;
    kept(&bridge, 1.0).await;
    let address = format!("http://localhost:{}/messages", bridge.address.port());
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["--silent", "--no-buffer", &address]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut curl = curl.spawn().expect("curl runs");
    let mut shown = curl.stdout.take().expect("its output was piped");
    let (wanted, mut text) = (&b"event: text\ndata: {\"server\":"[..], Vec::new());
    let come = async {
        while !text.windows(wanted.len()).any(|part| part == wanted) {
            let read = shown.read_buf(&mut text).await.expect("curl writes");
            assert!(read > 0, "curl ended");
        }
    };
    timeout(PATIENCE, come).await.expect("the event, while the stream stands");
}

#[tokio::test]
async fn a_shutdown_ends_the_stream_whole() {
    let stage = Stage::backend().start().await;
    // Whoever waits for the readers waits longer than the test.
    let (mut bridge, _peer) = in_a_room(&stage, &["--drain-timeout", "180s"]).await;
    let reader = Reader::open(&bridge, "/messages", &[]).await;
    bridge.terminate();
    reader.ended().await;
    assert!(bridge.process.ended(PATIENCE).await.success());
}
