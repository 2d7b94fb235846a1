//! Where a token may come from, and what several of them mean.
//! What makes a token good is left to the file above.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::json;

use super::{claims, hs256, settings};
use crate::{
    auth::{Auth, Denied, Identity},
    config,
};

/// A handshake's ways to carry a token.
#[derive(Default)]
struct Handshake<'a> {
    authorization: &'a [&'a str],
    query: &'a str,
    offered: &'a [&'a str],
}

fn enter(settings: &config::Auth, handshake: Handshake<'_>) -> Result<Identity, Denied> {
    let mut headers = HeaderMap::new();
    for value in handshake.authorization {
        let value = HeaderValue::from_str(value).expect("a header's value");
        headers.append(AUTHORIZATION, value);
    }
    let offered: Vec<_> = handshake.offered.iter().map(|token| (*token).to_owned()).collect();
    Auth::new(settings).expect("it is on").authenticate(&headers, handshake.query, &offered)
}

fn with_query_token() -> config::Auth {
    config::Auth { query_token: true, ..settings() }
}

#[test]
fn a_token_comes_in_a_header_a_subprotocol_or_if_allowed_the_address() {
    let token = hs256(claims(json!({})));
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let authorization = &[&*format!("{scheme} {token}")];
        assert!(enter(&settings(), Handshake { authorization, ..Handshake::default() }).is_ok());
    }
    let offered = &[&*token];
    assert!(enter(&settings(), Handshake { offered, ..Handshake::default() }).is_ok());
    for query in [format!("token={token}"), format!("a=b&token={}&c", token.replace('.', "%2E"))] {
        let handshake = || Handshake { query: &query, ..Handshake::default() };
        assert!(enter(&with_query_token(), handshake()).is_ok());
        let denied = enter(&settings(), handshake()).expect_err("it is off");
        assert_eq!(denied.label(), "token_missing");
        assert!(denied.words().contains("auth.query_token is off"), "{denied:?}");
    }
}

#[test]
fn without_a_token_somebody_is_told_where_to_put_it() {
    for (settings, handshake, words) in [
        (settings(), Handshake::default(), "Authorization: Bearer"),
        (settings(), Handshake::default(), "bearer.<token>"),
        (with_query_token(), Handshake::default(), "?token="),
        (
            settings(),
            Handshake { authorization: &["Basic YW5uYTpzZWNyZXQ="], ..Handshake::default() },
            "another scheme",
        ),
        (settings(), Handshake { query: "Token=x&tokens=y", ..Handshake::default() }, "needed"),
    ] {
        let denied = enter(&settings, handshake).expect_err("there is no token");
        assert_eq!((denied.label(), denied.status().as_u16()), ("token_missing", 401));
        assert_eq!(
            denied.challenge(),
            "Bearer realm=\"holdline\"",
            "no error to who asked nothing"
        );
        assert!(denied.words().contains(words), "{denied:?}");
    }
}

#[test]
fn several_tokens_are_refused_unless_they_are_one() {
    let (one, two) = (hs256(claims(json!({}))), hs256(claims(json!({"sub": "eve"}))));
    let (bearer, other) = (&*format!("Bearer {one}"), &*format!("Bearer {two}"));
    let query = &*format!("token={two}");
    let same = Handshake {
        authorization: &[bearer],
        offered: &[&one],
        query: &format!("token={one}&token={one}"),
    };
    assert!(enter(&with_query_token(), same).is_ok());
    for (handshake, words) in [
        (Handshake { authorization: &[bearer, other], ..Handshake::default() }, "several Auth"),
        (Handshake { authorization: &[bearer, bearer], ..Handshake::default() }, "several Auth"),
        (Handshake { authorization: &["Basic x", bearer], ..Handshake::default() }, "several Auth"),
        (
            Handshake { authorization: &[bearer], offered: &[&two], ..Handshake::default() },
            "several tokens",
        ),
        (Handshake { offered: &[&one, &two], ..Handshake::default() }, "several tokens"),
        (Handshake { authorization: &[bearer], query, ..Handshake::default() }, "several tokens"),
        (
            Handshake { authorization: &["Bearer"], offered: &[&one], ..Handshake::default() },
            "several tokens",
        ),
    ] {
        let denied = enter(&with_query_token(), handshake).expect_err("they differ");
        assert_eq!((denied.label(), denied.status().as_u16()), ("token_invalid", 400));
        assert!(denied.challenge().contains("error=\"invalid_request\""), "{denied:?}");
        assert!(denied.words().contains(words), "{denied:?}");
    }
}

#[test]
fn what_cannot_be_a_token_is_refused_where_one_must_be() {
    for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer,x", "Bearer x,y"] {
        let handshake = Handshake { authorization: &[value], ..Handshake::default() };
        let denied = enter(&settings(), handshake).expect_err("no token");
        let comma = value.starts_with("Bearer,");
        let label = if comma { "token_missing" } else { "token_invalid" };
        assert_eq!(denied.label(), label, "{value}");
    }
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_bytes(b"Bearer \xff").expect("a header's value");
    headers.append(AUTHORIZATION, value);
    let auth = Auth::new(&settings()).expect("it is on");
    let denied = auth.authenticate(&headers, "", &[]).expect_err("no text");
    assert_eq!(denied.label(), "token_invalid");
}

#[test]
fn a_token_that_was_read_in_the_address_is_not_told_further() {
    let left = |settings, query| Auth::new(&settings).expect("it is on").without_token(query);
    for (query, rest) in [
        ("token=x", ""),
        ("a=1&token=x&b=%2B", "a=1&b=%2B"),
        ("a&%74oken=x&token", "a"),
        ("Token=x&tokens=y", "Token=x&tokens=y"),
    ] {
        assert_eq!(left(with_query_token(), query), rest);
        assert_eq!(left(settings(), query), query, "a parameter of somebody else");
    }
}
