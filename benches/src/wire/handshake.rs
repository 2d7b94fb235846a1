//! The opening handshake as bytes (RFC 6455, 4): the request that is built once, the response.
//! Leaves to `load`: sending it; to `floor`: its own answers.

use anyhow::{Result, bail, ensure};

/// The key of all our handshakes: the RFC's own example. Servers may not tell them apart by it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What the server must answer to [`KEY`] (RFC 6455, 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A response longer than this is none to a WebSocket handshake, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 8192;

/// The request for `path` at `host`, with further header lines of the form `Name: value`.
///
/// # Errors
/// A header line that is none, or that would end the request.
pub fn request(host: &str, path: &str, headers: &[String]) -> Result<Vec<u8>> {
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    );
    for header in headers {
        ensure!(
            header.contains(':') && !header.contains(['\r', '\n']),
            "--header {header:?} is no header: it must be 'Name: value' in one line"
        );
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    Ok(request.into_bytes())
}

/// Where the head of a request or response at the beginning of `bytes` ends, past its empty line.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header in the head of a request or response, its name in any case.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let found = line[..colon].eq_ignore_ascii_case(name.as_bytes());
        found.then(|| str::from_utf8(&line[colon + 1..]).ok().map(str::trim))?
    })
}

/// Whether this response agrees to [`request`].
///
/// # Errors
/// It does not; the error says what it answered.
pub fn check_response(head: &[u8]) -> Result<()> {
    if !head.starts_with(b"HTTP/1.1 101") {
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        bail!("the server answered {:?}, not 101", String::from_utf8_lossy(line));
    }
    let accept = header(head, "sec-websocket-accept");
    ensure!(
        accept == Some(ACCEPT),
        "the server's 101 has Sec-WebSocket-Accept {accept:?}, not {ACCEPT:?}"
    );
    let extensions = header(head, "sec-websocket-extensions");
    ensure!(extensions.is_none(), "the server agreed to extensions nobody offered: {extensions:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(accept: &str) -> Vec<u8> {
        format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-ACCEPT:  {accept}\r\n\r\nrest")
            .into_bytes()
    }

    #[test]
    fn a_response_ends_at_its_empty_line_and_agrees_by_its_accept() {
        let response = response(ACCEPT);
        let end = head_end(&response).expect("an end");
        assert_eq!(&response[end..], b"rest");
        check_response(&response[..end]).expect("agreed");
    }

    #[test]
    fn another_accept_or_status_is_told() {
        let error = check_response(&response("x")).expect_err("a wrong accept");
        assert!(error.to_string().contains("Some(\"x\")"), "{error}");
        let error = check_response(b"HTTP/1.1 503 Busy\r\n\r\n").expect_err("a wrong status");
        assert!(error.to_string().contains("503 Busy"), "{error}");
    }

    #[test]
    fn an_extension_nobody_offered_is_told() {
        let head = format!(
            "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        let error = check_response(head.as_bytes()).expect_err("an extension");
        assert!(error.to_string().contains("permessage-deflate"), "{error}");
    }

    #[test]
    fn a_header_that_would_end_the_request_is_refused() {
        request("h", "/", &["Cookie: a=b".into()]).expect("a header");
        request("h", "/", &["Cookie: a\r\nb: c".into()]).expect_err("two lines");
        request("h", "/", &["Cookie".into()]).expect_err("no colon");
    }
}
