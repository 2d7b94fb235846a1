//! Reading a request over HTTP: its body, whole and within its limits, and what type it is of.
//! Leaves to the routes: what it means.

use std::{str, time::Duration};

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_LENGTH, CONTENT_TYPE},
    web,
};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::StreamExt;

use crate::problem::Problem;

/// The whole body, if it has at most `max` bytes and comes in this time. `room` may refuse each
/// part of it, by its length.
pub(crate) async fn body(
    request: &HttpRequest,
    mut body: web::Payload,
    max: usize,
    timeout: Duration,
    mut room: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let too_big = || Problem::too_big(format!("a body of at most {max} bytes is taken here"));
    let length = request.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    if length.and_then(|it| it.parse::<u64>().ok()).is_some_and(|length| length > max as u64) {
        return Err(too_big());
    }
    let reading = async {
        let mut whole = BytesMut::new();
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| {
                Problem::bad_request(format!("the body could not be read: {error}"))
            })?;
            if whole.len() + part.len() > max {
                return Err(too_big());
            }
            room(part.len())?;
            whole.extend_from_slice(&part);
        }
        Ok(whole.freeze())
    };
    let late = |_| {
        let detail = format!("the body did not come within {timeout:?}");
        Problem::new(408, "body_timeout", "The body did not come in time", detail)
    };
    tokio::time::timeout(timeout, reading).await.map_err(late)?
}

/// The body's media type in lower case, without parameters; empty if none is named.
pub(crate) fn media_type(request: &HttpRequest) -> String {
    let named = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = named.and_then(|named| named.split(';').next()).unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// A text message is UTF-8 (RFC 6455 section 5.6).
pub(crate) fn text(body: Bytes) -> Result<ByteString, Problem> {
    if let Err(error) = str::from_utf8(&body) {
        let at = error.valid_up_to();
        return Err(Problem::new(
            400,
            "bad_data",
            "The message is not UTF-8",
            format!(
                "byte {at} of the body begins no UTF-8 character; a binary message needs \
                 Content-Type: application/octet-stream"
            ),
        ));
    }
    ByteString::try_from(body).map_err(|_| Problem::bad_request("the body is not UTF-8"))
}
