//! One request is one request: nobody hides a second in it, nor a header that it may not set, from
//! the gateway, the backend or the control listener. What is a good handshake is in `handshake`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::handshake::opened_from;
use crate::harness::peer::codec;
use crate::harness::{Event, PATIENCE, Stage, http};

/// A correct handshake, to be spoilt.
const HANDSHAKE: &str = "GET /ws/echo HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// What somebody would like to have asked by others.
const HIDDEN: &str = "GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n";

/// How long to listen for a second answer behind the first; who is quick is heard well within it.
const MORE: Duration = Duration::from_millis(300);

/// Sends this and reads what comes back: the first answer or the end, and whatever follows soon.
/// The stream is not ended from here, which would make a gateway give up the request.
async fn all_of(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // Whoever has refused already need not read the rest.
    let _ = stream.write_all(request).await;
    let (mut read, mut patience) = (Vec::new(), PATIENCE);
    while let Ok(Ok(1..)) = timeout(patience, stream.read_buf(&mut read)).await {
        patience = MORE;
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// The status codes in what was read, one for each answer.
fn statuses(read: &str) -> Vec<u16> {
    let answers = read.split("HTTP/1.1 ").skip(1);
    answers.filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
}

/// Requests of which it could be said in two ways where they end, or what they say.
fn doubtful() -> Vec<(&'static str, Vec<u8>)> {
    let handshake = |fields: &str| format!("{HANDSHAKE}{fields}\r\n{HIDDEN}").into_bytes();
    // Here it is only the field that is wrong, not where the request ends.
    let field = |field: &str| format!("{HANDSHAKE}{field}\r\n").into_bytes();
    let length = HIDDEN.len();
    let chunked = format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n");
    let chunks = format!("{HANDSHAKE}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    vec![
        ("two lengths", handshake(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n"))),
        ("a list of lengths", handshake(&format!("Content-Length: {length}, {length}\r\n"))),
        ("a signed length", handshake(&format!("Content-Length: +{length}\r\n"))),
        ("a length in hexadecimal", handshake("Content-Length: 0x10\r\n")),
        ("a body", handshake(&format!("Content-Length: {length}\r\n"))),
        ("length and chunks", handshake(&chunked)),
        // An empty one is no body any more when the gateway passes it on.
        ("a body in chunks", chunks.into_bytes()),
        ("chunks that are not the last coding", handshake("Transfer-Encoding: chunked, x\r\n")),
        ("an unknown coding", handshake("Transfer-Encoding: xchunked\r\n")),
        ("two codings", handshake("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")),
        ("chunks behind a space", handshake("Transfer-Encoding : chunked\r\n")),
        ("chunks with a control character", handshake("Transfer-Encoding: \u{b}chunked\r\n")),
        ("a folded line", handshake("X-A: b\r\n Transfer-Encoding: chunked\r\n")),
        ("a folded first line", HANDSHAKE.replacen("\r\nHost", "\r\n Host", 1).into_bytes()),
        ("a NUL in a value", field("X-A: b\0c\r\n")),
        ("a NUL in a name", field("X-\0A: b\r\n")),
        ("a CR in a value", handshake("X-A: b\rTransfer-Encoding: chunked\r\n")),
        ("an escape character", field("User-Agent: \u{1b}[2J\r\n")),
        ("a name with a space", field("X A: b\r\n")),
        ("a field without a name", field(": b\r\n")),
        ("a field without a colon", handshake("Transfer-Encoding\r\n")),
        ("two hosts", field("Host: other\r\n")),
        ("no host", HANDSHAKE.replacen("Host: node\r\n", "", 1).into_bytes()),
        ("a NUL in the target", HANDSHAKE.replacen("echo", "ec\0ho", 1).into_bytes()),
        ("a space in the target", HANDSHAKE.replacen("echo", "echo /x", 1).into_bytes()),
        ("another version", HANDSHAKE.replacen("HTTP/1.1", "HTTP/3.0", 1).into_bytes()),
        ("no version", b"GET /ws/echo\r\n\r\n".to_vec()),
    ]
}

/// That none of them is upgraded or answered as two, and that what is hidden is not answered.
async fn nothing_is_smuggled(address: SocketAddr, by_whom: &str) {
    for (what, mut request) in doubtful() {
        if !request.ends_with(b"\r\n\r\n") {
            request.extend_from_slice(b"\r\n");
        }
        let read = all_of(address, &request).await;
        let statuses = statuses(&read);
        let refused = statuses.iter().all(|status| (400..600).contains(status));
        // HTTP/0.9 has no head, so that there is no status to be told.
        let told = usize::from(what != "no version");
        assert!(refused && (told..=1).contains(&statuses.len()), "{by_whom}, {what}: {read:?}");
        assert!(!read.contains("holdline_connections"), "{by_whom}, {what}: {read}");
    }
}

#[tokio::test]
async fn a_handshake_with_two_meanings_is_refused_by_the_backend() {
    let stage = Stage::backend().start().await;
    nothing_is_smuggled(stage.address(), "the backend").await;
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, 0.0);
    stage.connect("/ws/echo").await.echoes("everybody else").await;
}

#[tokio::test]
async fn a_handshake_with_two_meanings_is_refused_through_the_gateway() {
    let stage = Stage::gateway().start().await;
    nothing_is_smuggled(stage.address(), "the gateway").await;
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, 0.0);
    stage.connect("/ws/echo").await.echoes("everybody else").await;
}

#[tokio::test]
async fn a_request_with_two_meanings_is_refused_by_the_control_listener() {
    let mut stage = Stage::backend().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let control = stage.node().control;
    let publish = "POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\n";
    let hidden = "POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nsmuggled";
    // The control: what has one meaning is two requests.
    let two = format!("{publish}Content-Length: 5\r\n\r\nhello{hidden}");
    assert_eq!(statuses(&all_of(control, two.as_bytes()).await), [200, 200]);
    for text in ["hello", "smuggled"] {
        assert_eq!(peer.message().await, Event::Text(text.to_owned()));
    }
    for fields in [
        format!("Content-Length: 5\r\nContent-Length: {}\r\n\r\nhello{hidden}", hidden.len() + 5),
        format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("X-A: b\r\n c: d\r\nContent-Length: 0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n5;\n\nhello\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n{hidden}"),
    ] {
        let read = all_of(control, format!("{publish}{fields}").as_bytes()).await;
        let statuses = statuses(&read);
        let refused = statuses.iter().all(|status| (400..600).contains(status));
        assert!(refused && statuses.len() == 1, "{fields:?}: {read:?}");
    }
    peer.echoes("nobody has heard any of it").await;
}

#[tokio::test]
async fn what_follows_a_handshake_is_a_frame_and_never_a_request() {
    for stage in [Stage::backend(), Stage::gateway()] {
        let stage = stage.start().await;
        let read = all_of(stage.address(), format!("{HANDSHAKE}\r\n{HIDDEN}").as_bytes()).await;
        assert_eq!(statuses(&read), [101], "{read}");
        assert!(!read.contains("holdline_connections"), "{read}");
        let ends = stage.all_ended().await;
        assert!(ends[0].says("reason", "protocol_error"), "{ends:?}");
    }
}

/// nginx and the backend both take a line feed alone for the end of a line (RFC 9112 §2.2), so a
/// field that is hidden behind one is seen by both.
#[tokio::test]
async fn no_spelling_of_a_forwarding_header_passes_the_gateway() {
    let stage = Stage::gateway().start().await;
    for field in [
        "X-A: b\nX-Forwarded-For: 203.0.113.7",
        "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.8",
        "x-forwarded-FOR: 203.0.113.7",
        "X_Forwarded_For: 203.0.113.7",
        "X-Forwarded-For: 203.0.113.7, 127.0.0.1, 127.0.0.2",
        "Forwarded: for=203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\nX-Client-IP: 203.0.113.7",
        "Connection: X-Forwarded-For, X-Request-ID",
        "X-Request-ID: forged\r\nX-Request-ID: again",
    ] {
        let mut stream = TcpStream::connect(stage.address()).await.expect("it listens");
        let request = format!("{HANDSHAKE}{field}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let answer = http::head(&mut stream).await.expect("an answer");
        if answer.status == 101 {
            let request = answer.header("x-request-id").expect("the gateway's name for it");
            let made_here = request.len() == 32 && request.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(made_here, "{field:?}: {request}");
            opened_from(&stage, request, "127.0.0.1").await;
            let close = codec::encode(true, codec::CLOSE, &codec::close_payload(1000, ""));
            stream.write_all(&close).await.expect("it reads");
        }
        // A second Connection may spoil the handshake; then nobody is let in at all.
        assert!([101, 400, 426].contains(&answer.status), "{field:?}: {answer:?}");
    }
    stage.all_ended().await;
    assert!(stage.opens().len() >= 6, "{:?}", stage.opens());
    for line in stage.lines() {
        assert!(!line.raw.contains("203.0.113") && !line.raw.contains("forged"), "{line:?}");
    }
}
