//! One HTTP/1.1 request, written byte by byte if need be, and its answer.
//! What becomes of a connection that is upgraded is the peer's business.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer, and what came behind its head.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body; of a 101, the bytes that came in the same read as the head.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// How often that header is there.
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// GETs `path` on a connection of its own.
///
/// # Panics
/// When there is no whole answer within [`super::PATIENCE`].
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    send(address, request.as_bytes()).await.unwrap_or_else(|why| panic!("GET {path}: {why}"))
}

/// Sends these bytes on a connection of its own and reads one answer.
///
/// # Errors
/// When there is no whole answer, with what there was.
pub async fn send(address: SocketAddr, request: &[u8]) -> Result<Answer, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        exchange(&mut stream, request).await
    };
    timeout(super::PATIENCE, exchange).await.map_err(|_| "no whole answer".to_owned())?
}

/// Sends these bytes on a connection that stands, and reads one answer.
///
/// # Errors
/// When the stream ends before the answer does.
pub async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> Result<Answer, String> {
    stream.write_all(request).await.map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    let mut answer = head(stream).await?;
    if answer.status != 101 {
        body(stream, &mut answer).await?;
    }
    Ok(answer)
}

/// Reads the head of an answer; what was read beyond it becomes the body so far.
///
/// # Errors
/// When the stream ends before the head does.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Answer, String> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return parse(&String::from_utf8_lossy(&read[..end]), body);
        }
        match stream.read_buf(&mut read).await {
            Ok(0) => return Err(format!("FIN after {:?}", String::from_utf8_lossy(&read))),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Reads what is left of the body: by its length, its chunks, or to the end of the stream.
///
/// # Errors
/// When the stream ends too early.
pub async fn body(
    stream: &mut (impl AsyncRead + Unpin),
    answer: &mut Answer,
) -> Result<(), String> {
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let chunked = answer.header("transfer-encoding") == Some("chunked");
    loop {
        let whole = match length {
            Some(length) => answer.body.len() >= length,
            None => chunked && answer.body.ends_with(b"0\r\n\r\n"),
        };
        if whole {
            break;
        }
        match stream.read_buf(&mut answer.body).await {
            Ok(0) if length.is_none() && !chunked => break,
            Ok(0) => return Err(format!("FIN within the body of {answer:?}")),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    if chunked {
        answer.body = dechunk(&answer.body);
    }
    Ok(())
}

/// How long it took the other end to close the stream; none when it still stands after `within`.
pub async fn closed(stream: &mut TcpStream, within: Duration) -> Option<Duration> {
    let began = std::time::Instant::now();
    let mut waste = [0; 4096];
    let end = async { while matches!(stream.read(&mut waste).await, Ok(1..)) {} };
    timeout(within, end).await.ok().map(|()| began.elapsed())
}

fn parse(head: &str, body: Vec<u8>) -> Result<Answer, String> {
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok())
        .ok_or_else(|| format!("no HTTP/1 answer: {head:?}"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Ok(Answer { status, headers, body })
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()).unwrap_or(0);
        if size == 0 || rest.len() < end + 4 + size {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}
