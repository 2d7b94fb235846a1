//! The message that tells a peer what became of its request.
//! Leaves to `rest.rs`: asking; to `callback.rs`: the form of a failure.

use std::io;

use base64::{display::Base64Display, prelude::BASE64_STANDARD};
use bytes::Bytes;
use bytestring::ByteString;
use http::{
    HeaderMap, HeaderName, Response,
    header::{CONNECTION, CONTENT_TYPE},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{callback::Failure, message::Message};

/// Headers about one connection (RFC 9110 section 7.6.1), and those that only a browser's own
/// request could make something of.
const NOT_PASSED_ON: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The answer as a message; none when that would have more than `bytes_max` bytes.
pub(super) fn answered(
    id: &RawValue,
    answer: &Response<Bytes>,
    bytes_max: usize,
) -> Option<Message> {
    let bytes = answer.body();
    let text = std::str::from_utf8(bytes);
    let body = match text {
        _ if bytes.is_empty() => None,
        Ok(text) if is_json(answer.headers()) => match serde_json::from_str(text) {
            Ok(json) => Some(Body::Json(json)),
            Err(_) => Some(Body::Text(text)),
        },
        Ok(text) => Some(Body::Text(text)),
        Err(_) => None,
    };
    let body_base64 = text.is_err().then_some(Base64(bytes));
    let (status, headers) = (answer.status().as_u16(), Headers(answer.headers()));
    let mut bounded = Bounded { text: Vec::with_capacity(bytes.len() + 512), bytes_max };
    let whole = Answered { id, status, headers, body, body_base64 };
    serde_json::to_writer(&mut bounded, &whole).ok()?;
    Some(Message::Text(ByteString::try_from(bounded.text).ok()?))
}

/// A failure as a message; without an id when the message that failed had none.
pub(super) fn failed(id: Option<&RawValue>, failure: &Failure) -> Message {
    #[derive(Serialize)]
    struct Failed<'a> {
        id: Option<&'a RawValue>,
        error: &'a Failure,
    }
    let text = serde_json::to_string(&Failed { id, error: failure });
    text.unwrap_or_else(|error| unreachable!("texts can be written: {error}")).into()
}

#[derive(Serialize)]
struct Answered<'a> {
    id: &'a RawValue,
    status: u16,
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<Base64<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    /// As the application wrote it: numbers keep their digits.
    Json(&'a RawValue),
    Text(&'a str),
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &BASE64_STANDARD))
    }
}

struct Headers<'a>(&'a HeaderMap);

/// Each name once, in lower case; several values become a list (RFC 9110 section 5.3).
impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.0.keys().filter(|name| self.is_passed_on(name)) {
            let values = self.0.get_all(name).iter();
            let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
            map.serialize_entry(name.as_str(), &values.collect::<Vec<_>>().join(", "))?;
        }
        map.end()
    }
}

impl Headers<'_> {
    fn is_passed_on(&self, name: &HeaderName) -> bool {
        let named = |list: &str| {
            list.split(',').any(|item| name.as_str().eq_ignore_ascii_case(item.trim()))
        };
        let lists = self.0.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
        !NOT_PASSED_ON.contains(&name.as_str()) && !lists.into_iter().any(named)
    }
}

/// Whether the body says that it is JSON (RFC 8259, RFC 6839).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// Text that does not grow beyond a bound: what is escaped can be six times as long.
struct Bounded {
    text: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
