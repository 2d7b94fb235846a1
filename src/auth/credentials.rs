//! Where a handshake carries its token: a header, an offered subprotocol, or the address.
//! Leaves to `auth.rs`: whether the token is good.

use std::borrow::Cow;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use url::form_urlencoded;

use super::denied::Denied;

/// The parameter of the address.
const PARAMETER: &str = "token";

/// The one token of a handshake. The same one may come in several places, because who cannot tell
/// which of them gets through uses all.
pub(super) fn find<'a>(
    headers: &'a HeaderMap,
    query: &'a str,
    offered: &'a [String],
    query_token: bool,
) -> Result<Cow<'a, str>, Denied> {
    let in_query =
        || form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == PARAMETER);
    let header = in_header(headers)?.map(Cow::Borrowed);
    let offered = offered.iter().map(|token| Cow::Borrowed(token.as_str()));
    let read = in_query().filter(|_| query_token).map(|(_, token)| token);
    let mut tokens = header.into_iter().chain(offered).chain(read);
    let Some(token) = tokens.next() else {
        return Err(missing(headers, query_token, in_query().next().is_some()));
    };
    if tokens.any(|other| other != token) {
        return Err(Denied::ambiguous("the request has several tokens, and they differ"));
    }
    Ok(token)
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1); another scheme carries none.
fn in_header(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Denied::ambiguous("the request has several Authorization headers"));
    }
    let value = value.to_str().map_err(|_| Denied::malformed())?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' ')))
}

/// The query without its tokens; what is left stays as it was written.
pub(super) fn without_token(query: &str) -> String {
    let is_token =
        |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == PARAMETER);
    query.split('&').filter(|pair| !is_token(pair)).collect::<Vec<_>>().join("&")
}

fn missing(headers: &HeaderMap, query_token: bool, in_query: bool) -> Denied {
    let query = if query_token { ", or ?token=<token>" } else { "" };
    let hint = match () {
        () if headers.contains_key(AUTHORIZATION) => {
            "; the Authorization of this request has another scheme"
        }
        () if in_query => "; ?token= is not read, because auth.query_token is off",
        () => "",
    };
    Denied::missing(format!(
        "a token is needed: Authorization: Bearer <token>, or the subprotocol bearer.<token> \
         offered beside holdline.v1{query}{hint}"
    ))
}
