//! The opening handshake (RFC 6455 section 4.1): asks for the upgrade and reads the answer
//! exactly, so that a refusal can be told in full.
//! Leaves to tokio-tungstenite: everything after the 101.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::refusal::Answer;

/// A longer head than any server sends in good faith.
const HEAD_BYTES_MAX: usize = 32 * 1024;
const FIELDS_MAX: usize = 128;
/// As much of a refusal's body as is kept.
const BODY_BYTES_MAX: usize = 1024;

/// The extension that a diagnosis offers (RFC 7692), to learn whether the server would agree.
pub(super) const DEFLATE: &str = "permessage-deflate; client_max_window_bits";

/// Which request is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// For a WebSocket.
    Upgrade,
    /// For one with [`DEFLATE`].
    Deflate,
    /// For a page, as if we had never heard of WebSockets.
    Page,
}

/// What the upgrade's request says beside its fixed fields.
pub(super) struct Request<'a> {
    pub(super) asking: Asking,
    pub(super) path_and_query: &'a str,
    pub(super) host: &'a str,
    pub(super) subprotocols: &'a [String],
    /// In the caller's order.
    pub(super) fields: &'a [(String, String)],
}

/// How the handshake went wrong; `dial.rs` knows what became of the stream.
pub(super) enum Failure {
    Io(io::Error),
    Status(Answer),
    NotWebSocket(String, Option<Answer>),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Performs the handshake. Returns the answer and the bytes that came behind it, which belong to
/// the first frames.
pub(super) async fn upgrade<S>(
    stream: &mut S,
    request: Request<'_>,
) -> Result<(Answer, Vec<u8>), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = generate_key();
    stream.write_all(request.text(&key).as_bytes()).await?;
    stream.flush().await?;
    let mut bytes = Vec::with_capacity(1024);
    let (mut answer, head) = head(stream, &mut bytes).await?;
    let mut rest = bytes.split_off(head);
    if answer.status != 101 {
        body(stream, &answer, &mut rest).await;
        rest.truncate(BODY_BYTES_MAX);
        answer.body = String::from_utf8_lossy(&rest).into_owned();
        return Err(Failure::Status(answer));
    }
    match judge(&answer, &key, &request) {
        None => Ok((answer, rest)),
        Some(fault) => Err(Failure::NotWebSocket(fault, Some(answer))),
    }
}

impl Request<'_> {
    fn text(&self, key: &str) -> String {
        let Self { asking, path_and_query, host, subprotocols, fields } = self;
        let mut text = format!("GET {path_and_query} HTTP/1.1\r\nHost: {host}\r\n");
        text += &match asking {
            Asking::Page => "Connection: close\r\n".to_owned(),
            _ => format!(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: {key}\r\n"
            ),
        };
        if *asking == Asking::Deflate {
            text += &format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n");
        }
        if !subprotocols.is_empty() && *asking != Asking::Page {
            text += &format!("Sec-WebSocket-Protocol: {}\r\n", subprotocols.join(", "));
        }
        for (name, value) in *fields {
            text += &format!("{name}: {value}\r\n");
        }
        text + "\r\n"
    }
}

/// Reads until the head is whole; returns it and its length in `bytes`.
async fn head<S>(stream: &mut S, bytes: &mut Vec<u8>) -> Result<(Answer, usize), Failure>
where
    S: AsyncRead + Unpin,
{
    loop {
        if stream.read_buf(bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => return Ok((answer_of(&response), length)),
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => {}
            Ok(httparse::Status::Partial) => {
                let words = format!("its answer's head has more than {HEAD_BYTES_MAX} bytes");
                return Err(Failure::NotWebSocket(words, None));
            }
            Err(fault) => {
                let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
                let words = format!("its answer is not HTTP ({fault}): {begin:?}");
                return Err(Failure::NotWebSocket(words, None));
            }
        }
    }
}

fn answer_of(response: &httparse::Response<'_, '_>) -> Answer {
    let field = |field: &httparse::Header<'_>| {
        (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned())
    };
    Answer {
        status: response.code.unwrap_or_default(),
        headers: response.headers.iter().map(field).collect(),
        body: String::new(),
    }
}

/// Reads on while the body's announced length says that there is more to explain the refusal.
async fn body<S: AsyncRead + Unpin>(stream: &mut S, answer: &Answer, rest: &mut Vec<u8>) {
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    let wanted = length.unwrap_or(0).min(BODY_BYTES_MAX);
    while rest.len() < wanted {
        match stream.read_buf(rest).await {
            Ok(count) if count > 0 => {}
            // What is there must do; the status is known.
            _ => return,
        }
    }
}

/// What is wrong with a 101, by RFC 6455 section 4.1, points 2 to 6.
fn judge(answer: &Answer, key: &str, request: &Request<'_>) -> Option<String> {
    let upgrade = answer.header("upgrade");
    if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Some(format!("its 101 says Upgrade: {}", upgrade.unwrap_or("nothing")));
    }
    let connections = answer.headers.iter().filter(|(name, _)| name == "connection");
    let mut tokens = connections.flat_map(|(_, value)| value.split(','));
    if !tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade")) {
        return Some("its 101 lacks Connection: Upgrade".to_owned());
    }
    if answer.header("sec-websocket-accept").map(str::trim)
        != Some(&*derive_accept_key(key.as_bytes()))
    {
        return Some("its Sec-WebSocket-Accept does not answer our key".to_owned());
    }
    if let Some(extension) = answer.header("sec-websocket-extensions")
        && request.asking != Asking::Deflate
    {
        return Some(format!("it uses an extension that was not offered: {extension:?}"));
    }
    // Choosing none of what was offered is allowed (RFC 6455 section 4.2.2, point 5).
    match answer.header("sec-websocket-protocol") {
        Some(chosen) if !request.subprotocols.iter().any(|offer| offer == chosen) => {
            Some(format!("it chose a subprotocol that was not offered: {chosen:?}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome of an upgrade that is answered by `answer`, where ACCEPT stands for the right
    /// key.
    async fn answered(answer: &str, offered: &[&str]) -> Result<(Answer, Vec<u8>), String> {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        let answer = answer.to_owned();
        let server = tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                far.read_buf(&mut request).await.unwrap();
            }
            let request = String::from_utf8(request).unwrap();
            let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap();
            let key = derive_accept_key(key.lines().next().unwrap().as_bytes());
            far.write_all(answer.replace("ACCEPT", &key).as_bytes()).await.unwrap();
            request
        });
        let subprotocols: Vec<_> = offered.iter().map(|it| (*it).to_owned()).collect();
        let request = Request {
            asking: Asking::Upgrade,
            path_and_query: "/ws?x=1",
            host: "a.example",
            subprotocols: &subprotocols,
            fields: &[("X-Y".to_owned(), "z".to_owned())],
        };
        let outcome = upgrade(&mut near, request).await;
        let request = server.await.unwrap();
        assert!(request.starts_with("GET /ws?x=1 HTTP/1.1\r\nHost: a.example\r\n"), "{request}");
        assert!(request.contains("\r\nX-Y: z\r\n"), "{request}");
        outcome.map_err(|failure| match failure {
            Failure::Io(error) => error.to_string(),
            Failure::Status(answer) => format!("{} {}", answer.status, answer.body),
            Failure::NotWebSocket(why, _) => why,
        })
    }

    fn good(more: &str) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n{more}\r\n"
        )
    }

    #[tokio::test]
    async fn a_good_answer_opens_and_the_first_frames_behind_it_are_kept() {
        let (answer, early) = answered(&(good("") + "\u{1}early"), &[]).await.unwrap();
        assert_eq!((answer.status, early.as_slice()), (101, &b"\x01early"[..]));
        assert!(answered(&good(""), &["chat.v1"]).await.is_ok(), "none need be chosen");
        let chosen = good("Sec-WebSocket-Protocol: chat.v1\r\n");
        assert!(answered(&chosen, &["chat.v2", "chat.v1"]).await.is_ok());
    }

    #[tokio::test]
    async fn an_answer_that_breaks_the_rules_is_refused_by_its_fault() {
        let chosen = good("Sec-WebSocket-Protocol: chat.v1\r\n");
        let deflate = good("Sec-WebSocket-Extensions: permessage-deflate\r\n");
        let long = format!("HTTP/1.1 101 x\r\nx: {}", "y".repeat(HEAD_BYTES_MAX));
        for (answer, words) in [
            (good("").replace("WebSocket\r\n", "h2c\r\n"), "Upgrade: h2c"),
            (good("").replace("upgrade: WebSocket\r\n", ""), "Upgrade: nothing"),
            (good("").replace(", Upgrade", ""), "lacks Connection: Upgrade"),
            (good("").replace("ACCEPT", "dGhlIHNhbXBsZSBub25jZQ=="), "does not answer our key"),
            (chosen, "not offered: \"chat.v1\""),
            (deflate, "extension that was not offered"),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(), "is not HTTP"),
            (long, "more than 32768 bytes"),
        ] {
            let refused = answered(&answer, &[]).await.unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[tokio::test]
    async fn another_status_is_told_with_its_body() {
        let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot today";
        assert_eq!(answered(answer, &[]).await.unwrap_err(), "403 not today");
        let cut = "HTTP/1.1 503 Busy\r\nContent-Length: 900\r\n\r\nthe server hangs up he";
        assert_eq!(answered(cut, &[]).await.unwrap_err(), "503 the server hangs up he");
        let long = format!("HTTP/1.1 500 Oops\r\nContent-Length: 9999\r\n\r\n{}", "x".repeat(9999));
        assert_eq!(answered(&long, &[]).await.unwrap_err().len(), 4 + BODY_BYTES_MAX);
    }

    #[tokio::test]
    async fn an_end_in_the_middle_of_the_head_is_an_end() {
        let refused = answered("HTTP/1.1 101 Switching", &[]).await.unwrap_err();
        assert_eq!(refused, "unexpected end of file");
    }
}
