//! What an answer of the application means.
//! Leaves to `action.rs`: the actions in it; to whoever asked: what follows from a fault.

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};

use super::{action, fault::Fault};
use crate::callback::{Action, Welcome};

/// Of a refusal's text the peer is told so many bytes at most.
const WORDS_BYTES_MAX: usize = 1024;

/// What is to be done about a message. A text is its reply, where `replies` are wanted; no body is
/// nothing to do, whatever its type is said to be.
pub(super) fn to_message(answer: &Response<Bytes>, replies: bool) -> Result<Vec<Action>, Fault> {
    match body(answer)? {
        Body::Nothing => Ok(Vec::new()),
        Body::Text(Ok(text)) => {
            Ok(replies.then(|| Action::Reply(text.into())).into_iter().collect())
        }
        Body::Text(Err(_)) => Err(bad("its text is not UTF-8")),
        Body::Json(json) => match action::read(json)? {
            Welcome { user: None, actions } => Ok(actions),
            Welcome { .. } => Err(bad("only the answer to a connect may name a user")),
        },
        Body::Other(kind) => {
            let kind = &kind[..kind.floor_char_boundary(64)];
            Err(bad(format!("its type is {kind:?}, neither text/plain nor application/json")))
        }
    }
}

/// How somebody is let in. Success is enough; what it says counts when it is JSON.
pub(super) fn to_connect(answer: &Response<Bytes>) -> Result<Welcome, Fault> {
    match body(answer)? {
        Body::Json(json) => action::read(json),
        Body::Nothing | Body::Text(_) | Body::Other(_) => Ok(Welcome::default()),
    }
}

/// An end was told; nobody is left to do anything for.
pub(super) fn to_disconnect(answer: &Response<Bytes>) -> Result<(), Fault> {
    body(answer).map(drop)
}

enum Body<'a> {
    Nothing,
    Text(Result<&'a str, std::str::Utf8Error>),
    Json(&'a [u8]),
    Other(&'a str),
}

/// The body of a success.
fn body(answer: &Response<Bytes>) -> Result<Body<'_>, Fault> {
    let (status, bytes) = (answer.status(), &answer.body()[..]);
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    let text = || str::from_utf8(bytes);
    if status.is_client_error() {
        let words = if is("text/plain") { text().unwrap_or_default().trim() } else { "" };
        let words = words[..words.floor_char_boundary(WORDS_BYTES_MAX)].to_owned();
        return Err(Fault::Refused(status, words));
    }
    if !status.is_success() {
        return Err(Fault::Status(status));
    }
    Ok(match () {
        () if bytes.is_empty() || status == StatusCode::NO_CONTENT => Body::Nothing,
        () if is("text/plain") => Body::Text(text()),
        () if is("application/json") => Body::Json(bytes),
        () => Body::Other(kind),
    })
}

pub(super) fn bad(words: impl Into<String>) -> Fault {
    Fault::BadAnswer(words.into())
}

#[cfg(test)]
mod tests;
