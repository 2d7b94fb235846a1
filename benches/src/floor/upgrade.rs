//! The opening handshake's other end: which route a request is for, and the answer.
//! Leaves to `connection`: what comes after.

use holdline_benches::wire::handshake::header;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What a connection is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/ws/echo`.
    Echo,
    /// `/ws/rooms/{room}`.
    Room(&'a str),
}

/// Where this request's head asks to go and the answer; `None` when it is no such handshake.
pub(crate) fn answer(head: &[u8]) -> Option<(Route<'_>, Vec<u8>)> {
    let line = str::from_utf8(head.strip_prefix(b"GET ")?.split(|byte| *byte == b' ').next()?);
    let route = match line.ok()?.strip_prefix("/ws/")? {
        "echo" => Route::Echo,
        path => Route::Room(path.strip_prefix("rooms/").filter(|room| !room.is_empty())?),
    };
    let accept = derive_accept_key(header(head, "sec-websocket-key")?.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Some((route, answer.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_answered_with_its_accept_and_other_requests_are_not() {
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let request = format!("GET /ws/rooms/a HTTP/1.1\r\n{key}");
        let (route, answer) = answer(request.as_bytes()).expect("an answer");
        assert_eq!(route, Route::Room("a"));
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.contains("Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"), "{answer}");
        for line in ["GET /ws/other", "POST /ws/echo", "GET /ws/rooms/", "GET /"] {
            assert_eq!(super::answer(format!("{line} HTTP/1.1\r\n{key}").as_bytes()), None);
        }
        assert_eq!(super::answer(b"GET /ws/echo HTTP/1.1\r\n\r\n"), None, "no key");
    }
}
