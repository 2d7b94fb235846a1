//! From a message to the HTTP request that it asks for, or to why it is refused.
//! Leaves to `fields.rs`: reading JSON; to `path.rs` and `base.rs`: what a path may be.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use bytestring::ByteString;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_TYPE, Entry},
};
use serde_json::value::RawValue;

use super::{
    base::Base,
    fields::{Fault, Fields, Pairs},
    path,
};
use crate::{callback::Failure, config::Config, message::Message};

/// The longest id that is echoed, in bytes of JSON.
const ID_BYTES_MAX: usize = 256;

/// As much of what was refused as is told back, in bytes.
const QUOTE_BYTES_MAX: usize = 64;

/// What the operator allows (`rest` in `holdline.toml`).
#[derive(Debug)]
pub(super) struct Rules {
    base: Base,
    methods: Vec<String>,
    path_prefixes: Vec<String>,
    headers: Vec<String>,
}

/// What a message asks for.
#[derive(Debug)]
pub(super) struct Asked {
    /// As it was written.
    pub(super) id: Box<RawValue>,
    pub(super) request: Request<Bytes>,
}

/// Why a message asks for nothing, and its id if it has one.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) id: Option<Box<RawValue>>,
    pub(super) failure: Failure,
}

impl Rules {
    /// None while there is no `rest.base_url`.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let rest = &config.rest;
        Some(Self {
            base: Base::new(rest.base_url.as_ref()?),
            methods: rest.methods.clone(),
            path_prefixes: rest.path_prefixes.clone(),
            headers: rest.headers.clone(),
        })
    }

    /// The request that `message` asks for.
    pub(super) fn read(&self, message: &Message) -> Result<Asked, Refused> {
        let Message::Text(text) = message else {
            return Err(bad_request("a request is a text message; this one is binary").into());
        };
        let fields: Fields<'_> = serde_json::from_str(text)
            .map_err(|error| bad_request(format!("the message must be a JSON object: {error}")))?;
        let id = id(&fields)?.to_owned();
        match self.request(text, &fields) {
            Ok(request) => Ok(Asked { id, request }),
            Err(failure) => Err(Refused { id: Some(id), failure }),
        }
    }

    fn request(&self, text: &ByteString, fields: &Fields<'_>) -> Result<Request<Bytes>, Failure> {
        match &fields.fault {
            Some(Fault::Unknown(name)) => {
                return Err(bad_request(format!("there is no field {}", quoted(name))));
            }
            Some(Fault::Twice(name)) => return Err(bad_request(format!("{name} is there twice"))),
            None => {}
        }
        let method = self.method(&string("method", fields.method)?)?;
        let uri = self.uri(&string("path", fields.path)?)?;
        let mut headers = self.headers(fields.headers)?;
        let (body, content_type) = body(text, fields)?;
        if let (Some(default), Entry::Vacant(vacant)) = (content_type, headers.entry(CONTENT_TYPE))
        {
            vacant.insert(HeaderValue::from_static(default));
        }
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn method(&self, method: &str) -> Result<Method, Failure> {
        let allowed = self.methods.iter().find(|allowed| *allowed == method);
        allowed.and_then(|method| method.parse().ok()).ok_or_else(|| {
            let allowed = self.methods.join(", ");
            let detail = format!("method must be one of {allowed}; not {}", quoted(method));
            Failure::new("method_not_allowed", "The method is not allowed").detail(detail)
        })
    }

    fn uri(&self, target: &str) -> Result<Uri, Failure> {
        let refuse = |why: &str| {
            let detail = format!("path {why}; this is {}", quoted(target));
            Failure::new("path_not_allowed", "The path is not allowed").detail(detail)
        };
        let path = path::check(target).map_err(refuse)?;
        if !self.path_prefixes.iter().any(|prefix| is_below(path, prefix)) {
            return Err(refuse(&format!("must begin with {}", self.path_prefixes.join(" or "))));
        }
        self.base.join(target).ok_or_else(|| refuse("leads to another place than it says"))
    }

    fn headers(&self, headers: Option<&RawValue>) -> Result<HeaderMap, Failure> {
        let mut map = HeaderMap::new();
        let Some(headers) = present(headers) else { return Ok(map) };
        let Pairs(pairs) = serde_json::from_str(headers.get())
            .map_err(|_| bad_request("headers must be an object of texts"))?;
        for (name, value) in pairs {
            let allowed = self.headers.iter().find(|allowed| allowed.eq_ignore_ascii_case(&name));
            let known = allowed.and_then(|name| name.parse::<HeaderName>().ok());
            let known = known.ok_or_else(|| {
                let detail = format!("headers must not hold {}", quoted(&name));
                Failure::new("header_not_allowed", "The header is not allowed").detail(detail)
            })?;
            let value = header_value(&known, value)?;
            if map.insert(&known, value).is_some() {
                return Err(bad_request(format!("headers holds {known} twice")));
            }
        }
        Ok(map)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { id: None, failure }
    }
}

/// A text or a number, of bounded length.
fn id<'a>(fields: &Fields<'a>) -> Result<&'a RawValue, Failure> {
    if let Some(Fault::Twice("id")) = fields.fault {
        return Err(bad_request("id is there twice"));
    }
    let id = fields.id.ok_or_else(|| bad_request("id is missing"))?;
    if !id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        return Err(bad_request("id must be a text or a number"));
    }
    if id.get().len() > ID_BYTES_MAX {
        return Err(bad_request(format!("id must have at most {ID_BYTES_MAX} bytes")));
    }
    Ok(id)
}

/// Whether a path is the prefix itself or lies below it, by whole segments.
fn is_below(path: &str, prefix: &str) -> bool {
    let behind = path.strip_prefix(prefix);
    behind.is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

/// Visible ASCII, spaces and tabs (RFC 9110 section 5.5): nothing that could end a line.
fn header_value(name: &HeaderName, value: &RawValue) -> Result<HeaderValue, Failure> {
    let wrong = |why| bad_request(format!("headers: {name} {why}"));
    let text: String = serde_json::from_str(value.get()).map_err(|_| wrong("must be a text"))?;
    if !text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(wrong("must be made of visible ASCII characters, spaces and tabs"));
    }
    HeaderValue::try_from(text).map_err(|_| wrong("is no header's value"))
}

/// The body, and what its content type is unless the message says.
fn body(text: &ByteString, fields: &Fields<'_>) -> Result<(Bytes, Option<&'static str>), Failure> {
    match (present(fields.body), present(fields.body_base64)) {
        (None, None) => Ok((Bytes::new(), None)),
        (Some(_), Some(_)) => Err(bad_request("body and body_base64 are both there")),
        (None, body @ Some(_)) => {
            let bytes = BASE64_STANDARD.decode(string("body_base64", body)?);
            let bytes = bytes.map_err(|error| bad_request(format!("body_base64: {error}")))?;
            Ok((bytes.into(), Some("application/octet-stream")))
        }
        (body @ Some(raw), None) if raw.get().starts_with('"') => {
            Ok((string("body", body)?.into(), Some("text/plain; charset=utf-8")))
        }
        (Some(raw), None) => {
            let body = text.as_bytes().slice_ref(raw.get().as_bytes());
            Ok((body, Some("application/json")))
        }
    }
}

/// Null is as good as nothing.
fn present(field: Option<&RawValue>) -> Option<&RawValue> {
    field.filter(|field| field.get() != "null")
}

fn string(name: &str, field: Option<&RawValue>) -> Result<String, Failure> {
    let field = field.ok_or_else(|| bad_request(format!("{name} is missing")))?;
    serde_json::from_str(field.get()).map_err(|_| bad_request(format!("{name} must be a text")))
}

fn bad_request(detail: impl Into<String>) -> Failure {
    Failure::new("bad_request", "The message is no request").detail(detail)
}

/// What a peer wrote, as far as it is told back.
fn quoted(text: &str) -> String {
    let end = text.floor_char_boundary(QUOTE_BYTES_MAX);
    if end == text.len() { format!("{text:?}") } else { format!("{:?} and more", &text[..end]) }
}

#[cfg(test)]
mod tests;
