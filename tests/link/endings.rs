//! A dial tells apart how a connection ended, and why one could not be opened.
//! What a link makes of it is for `supervision` to prove.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use holdline::dial::{ConnectFault, Dial, End, Event, Line, Opened, Refusal, Step};
use holdline::message::Message;

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage};
use crate::settings::KINDS;

fn dial(address: SocketAddr, target: &str) -> Dial {
    Dial::new(format!("ws://{address}{target}").parse().expect("a good URL")).timeout(PATIENCE)
}

async fn open(address: SocketAddr, target: &str) -> (Line, Opened) {
    dial(address, target).open().await.unwrap_or_else(|refusal| panic!("{target}: {refusal}"))
}

/// Why nothing was opened.
async fn refused(dial: Dial) -> Refusal {
    match dial.open().await {
        Ok((_, opened)) => panic!("it opened: {opened:?}"),
        Err(refusal) => refusal,
    }
}

/// The next message, pings and the like aside.
async fn message(line: &mut Line) -> Message {
    loop {
        if let Event::Message(message) = event(line).await.expect("it goes on") {
            return message;
        }
    }
}

async fn event(line: &mut Line) -> Result<Event, End> {
    tokio::time::timeout(PATIENCE, line.event()).await.expect("something happens")
}

async fn end(mut line: Line) -> End {
    loop {
        if let Err(end) = event(&mut line).await {
            return end;
        }
    }
}

#[tokio::test]
async fn a_close_frame_is_told_with_its_code_and_text_whoever_serves() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        for code in [1000, 1008, 1012, 4001] {
            let (mut line, _) = open(server.address(), &format!("/close/{code}")).await;
            line.send("go on".into());
            let end = end(line).await;
            assert_eq!(end, End::ClosedByServer(code, "told to".to_owned()), "{kind:?}");
            assert_eq!(end.code(), Some(code));
        }
    }
}

#[tokio::test]
async fn our_own_goodbye_is_answered_and_told_as_ours() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let (mut line, _) = open(server.address(), "/echo").await;
        line.send("words".into());
        assert_eq!(message(&mut line).await, "words".into(), "{kind:?}");
        line.close(1000, "done");
        assert_eq!(end(line).await, End::ClosedByUs(1000), "{kind:?}");
    }
}

#[tokio::test]
async fn a_hang_up_and_a_reset_are_told_apart() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    for (resets, told) in [(false, End::Fin), (true, End::Reset)] {
        let (mut line, _) = open(relay.address(), "/ws/echo").await;
        line.send("before".into());
        assert_eq!(message(&mut line).await, "before".into());
        if resets {
            relay.reset().await
        } else {
            relay.cut().await
        }
        assert_eq!(end(line).await, told);
    }
}

#[tokio::test]
async fn a_reset_that_a_write_meets_first_is_a_reset_too() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let (mut line, _) = open(relay.address(), "/ws/echo").await;
    relay.reset().await;
    line.send("into the void".into());
    line.ping("x");
    assert_eq!(end(line).await, End::Reset);
}

#[tokio::test]
async fn what_came_before_a_close_frame_is_delivered_even_when_writing_fails() {
    let server = Foreign::start(Kind::NodeWs).await;
    let (mut line, _) = open(server.address(), "/close/1001").await;
    for _ in 0..50 {
        line.send("x".repeat(10_000).into());
    }
    assert_eq!(end(line).await, End::ClosedByServer(1001, "told to".to_owned()));
}

#[tokio::test]
async fn nobody_listening_and_nobody_answering_are_told_apart() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.refuse();
    let address = relay.address();
    let refusal = refused(dial(address, "/ws/echo")).await;
    assert_eq!(refusal, Refusal::Connect(address, ConnectFault::Refused));
    relay.accept();
    relay.black_hole();
    let (limit, began) = (Duration::from_millis(300), Instant::now());
    let refusal = refused(dial(address, "/ws/echo").timeout(limit)).await;
    assert_eq!(refusal, Refusal::Timeout(Step::Handshake, limit));
    assert!(began.elapsed() >= limit, "it gave up early");
}

#[tokio::test]
async fn a_connection_that_ends_in_the_handshake_is_told_by_how_it_ended() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    relay.answer_wrong("");
    let refusal = refused(dial(relay.address(), "/ws/echo")).await;
    assert_eq!(refusal, Refusal::HungUp(Step::Handshake, false));
    relay.pass();
    relay.black_hole();
    let dialling = tokio::spawn(refused(dial(relay.address(), "/ws/echo")));
    crate::harness::until("a connection", PATIENCE, async || relay.live(), |it| *it == 1).await;
    relay.reset().await;
    assert_eq!(dialling.await.expect("no panic"), Refusal::HungUp(Step::Handshake, true));
}

#[tokio::test]
async fn wrong_answers_are_told_in_full() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    for (answer, label, words) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "status", "with 200: \"hello\""),
        ("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", "status", "with 503"),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 8\r\n\r\n<html>\r\n", "status", "with 502"),
        ("HTTP/1.1 101 Hm\r\n\r\n", "not_websocket", "Upgrade: nothing"),
        (
            "HTTP/1.1 101 Hm\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "not_websocket",
            "does not answer our key",
        ),
        ("220 mail.example ESMTP\r\n\r\n", "not_websocket", "is not HTTP"),
    ] {
        relay.answer_wrong(answer);
        let refusal = refused(dial(relay.address(), "/ws/echo")).await;
        assert_eq!(refusal.label(), label, "{refusal}");
        assert!(refusal.to_string().contains(words), "{refusal}");
        assert!(!refusal.to_string().contains("<html>"), "a page is not for a line: {refusal}");
        if let Refusal::Status(answer) = refusal {
            let asked = (answer.status == 503).then_some(Duration::from_secs(7));
            assert_eq!(answer.retry_after(), asked);
        }
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status_whoever_serves() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        for status in [401, 403, 404, 503] {
            let refusal = refused(dial(server.address(), &format!("/refuse/{status}"))).await;
            assert_eq!(refusal.status(), Some(status), "{kind:?}: {refusal}");
        }
    }
}

#[tokio::test]
async fn headers_and_subprotocols_arrive_whoever_serves() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let told = dial(server.address(), "/headers")
            .header("Authorization", "Bearer some-token")
            .and_then(|dial| dial.subprotocol("chat.v2"))
            .and_then(|dial| dial.subprotocol("chat.v1"))
            .expect("good options");
        let (mut line, opened) = told.open().await.expect("it opens");
        assert_eq!(opened.subprotocol.as_deref(), Some("chat.v1"), "{kind:?}");
        let headers = message(&mut line).await;
        let headers = String::from_utf8_lossy(headers.as_bytes()).to_lowercase();
        assert!(headers.contains("bearer some-token"), "{kind:?}: {headers}");
        assert!(!format!("{told:?}").contains("some-token"), "a secret is shown: {told:?}");
    }
}

#[tokio::test]
async fn what_is_meant_for_one_server_does_not_go_along_to_another() {
    let server = Foreign::start(Kind::NodeWs).await;
    let first = dial(server.address(), "/headers")
        .header("Authorization", "Bearer one")
        .and_then(|dial| dial.header("Authorization", "Bearer some-token"))
        .and_then(|dial| dial.header("Cookie", "a=secret"))
        .and_then(|dial| dial.header("Host", "first.example"))
        .and_then(|dial| dial.header("X-Ours", "goes along"))
        .expect("good options");
    let headers = async |dial: &Dial| {
        let (mut line, _) = dial.open().await.expect("it opens");
        String::from_utf8_lossy(message(&mut line).await.as_bytes()).into_owned()
    };
    let told = headers(&first).await;
    for field in ["\"Bearer some-token\"", "\"a=secret\"", "\"first.example\"", "goes along"] {
        assert!(told.contains(field), "{field}: {told}");
    }
    let address = server.address();
    let bare = format!("ws://{address}/headers").parse().expect("a good URL");
    let told = headers(&first.to(bare)).await;
    for field in ["some-token", "secret", "first.example", "authorization"] {
        assert!(!told.contains(field), "{field}: {told}");
    }
    assert!(told.contains("goes along") && told.contains(&format!("\"{address}\"")), "{told}");
    let own = format!("ws://anna:pw@{address}/headers").parse().expect("a good URL");
    let told = headers(&first.to(own)).await;
    assert!(told.contains("\"authorization\":\"Basic YW5uYTpwdw==\""), "just one: {told}");
}

#[tokio::test]
async fn what_would_make_it_another_request_is_refused_without_showing_it() {
    let dial = || dial("127.0.0.1:1".parse().expect("an address"), "/");
    for (name, value) in [
        ("Sec-WebSocket-Key", "secret"),
        ("content-length", "5"),
        ("Upgrade", "h2c"),
        ("X-Y", "secret\r\nX-Z: injected"),
        ("X-Y", "secret\0"),
        ("X Y", "secret"),
        ("X-Y:", "secret"),
        ("", "secret"),
    ] {
        let invalid = dial().header(name, value).expect_err(name).to_string();
        assert!(!invalid.contains("secret"), "{invalid}");
    }
    assert!(dial().header(" X-Y ", "tabs\tand spaces are fine ").is_ok());
    assert!(dial().subprotocol("a b").is_err() && dial().subprotocol("").is_err());
    let twice = dial().subprotocol("chat.v1").and_then(|dial| dial.subprotocol("chat.v1"));
    assert!(twice.is_err());
}

#[tokio::test]
async fn a_server_that_breaks_the_rules_is_told_so_and_hears_why() {
    // A frame that is masked (RFC 6455 section 5.1), one that is too large, text that is not UTF-8.
    for (frame, told, code) in [
        (&b"\x81\x82\0\0\0\0hi"[..], "protocol_error", 1002),
        (&b"\x82\x7f\0\0\0\0\0\x10\0\0"[..], "too_big", 1009),
        (&b"\x81\x02\xff\xfe"[..], "bad_data", 1007),
        (&b"\xc1\x02hi"[..], "protocol_error", 1002),
    ] {
        let (address, heard) = server_that_says(frame).await;
        let bytes_max = 64 * 1024;
        let (line, _) =
            dial(address, "/").message_bytes_max(bytes_max).open().await.expect("it opens");
        let end = end(line).await;
        assert_eq!(end.label(), told, "{end}");
        let heard = heard.await.expect("the server has not panicked");
        assert_eq!(heard.len(), 8, "a masked close frame with a code: {heard:?}");
        let code_of = |at: usize| heard[6 + at] ^ heard[2 + at];
        assert_eq!((heard[0], u16::from_be_bytes([code_of(0), code_of(1)])), (0x88, code));
    }
}

/// A server that answers one handshake well and then says these bytes; what it hears until the
/// end comes back.
async fn server_that_says(frame: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody dials");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.expect("a request");
        }
        let request = String::from_utf8(request).expect("ASCII");
        let key = request.split("Sec-WebSocket-Key: ").nth(1).expect("a key").lines().next();
        let accept = derive_accept_key(key.expect("a key").as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(&[answer.as_bytes(), frame].concat()).await.expect("it reads");
        let mut heard = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        heard
    });
    (address, heard)
}
