//! What a token that has a good signature must say, and what it says about its bearer.
//! What makes a signature good is left to the file above.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use super::{SECRET, assert_refused, claims, enter, hs256, refused, seconds, settings, signed};
use crate::{auth::Identity, config};

#[test]
fn a_token_lives_from_nbf_to_exp_give_or_take_the_leeway() {
    let settings = config::Auth { leeway: Duration::from_secs(30), ..settings() };
    for fine in [json!({"exp": seconds(-20)}), json!({"nbf": seconds(20)}), json!({"nbf": 0})] {
        assert!(enter(&settings, &hs256(claims(fine.clone()))).is_ok(), "{fine}");
    }
    let old = hs256(claims(json!({"exp": seconds(-40)})));
    assert_refused(&settings, &old, "token_expired", "exp");
    let young = hs256(claims(json!({"nbf": seconds(60)})));
    assert_refused(&settings, &young, "token_expired", "nbf");
    assert_refused(&settings, &hs256(json!({"sub": "anna"})), "token_invalid", "exp");
    let soon = hs256(claims(json!({"exp": "tomorrow"})));
    assert_refused(&settings, &soon, "token_invalid", "no exp, or one that is no time");
    let soon = hs256(claims(json!({"nbf": "tomorrow"})));
    assert_refused(&settings, &soon, "token_invalid", "nbf of the token is no time");
    for no_time in [json!("tomorrow"), json!(null), json!(-1), json!([1]), json!(1e300)] {
        let token = hs256(claims(json!({"exp": no_time})));
        assert_eq!(refused(&settings, &token).0, "token_invalid", "{no_time}");
        let token = hs256(claims(json!({"nbf": no_time})));
        assert_eq!(refused(&settings, &token).0, "token_invalid", "{no_time}");
    }
}

#[test]
fn a_token_is_for_us_and_from_the_issuer() {
    let ours = config::Auth {
        audience: Some("holdline".into()),
        issuer: Some("https://app.example".into()),
        ..settings()
    };
    let with = |aud: Value, iss: Value| hs256(claims(json!({"aud": aud, "iss": iss})));
    let issuer = json!("https://app.example");
    for aud in [json!("holdline"), json!(["other", "holdline"])] {
        assert!(enter(&ours, &with(aud.clone(), issuer.clone())).is_ok(), "{aud}");
    }
    for aud in [json!("other"), json!(["other"]), json!([]), json!(null), json!(5), json!("")] {
        let token = with(aud, issuer.clone());
        assert_refused(&ours, &token, "token_invalid", "does not hold auth.audience");
    }
    let without = hs256(claims(json!({"iss": issuer})));
    assert_refused(&ours, &without, "token_invalid", "auth.audience");
    for iss in [json!("https://app.example/"), json!(null), json!(5), json!("")] {
        let token = with(json!("holdline"), iss);
        assert_refused(&ours, &token, "token_invalid", "is not auth.issuer");
    }
    let list = with(json!("holdline"), json!(["https://app.example"]));
    assert_refused(&ours, &list, "token_invalid", "iss");
    let without = hs256(claims(json!({"aud": "holdline"})));
    assert_refused(&ours, &without, "token_invalid", "auth.issuer");
    // RFC 7519 section 4.1.3: who is named by no audience must refuse a token that has one.
    for aud in [json!("holdline"), json!([]), json!(5), json!(null)] {
        let token = hs256(claims(json!({"aud": aud})));
        assert_refused(&settings(), &token, "token_invalid", "there is no auth.audience");
    }
    assert!(enter(&settings(), &hs256(claims(json!({"iss": "anybody"})))).is_ok());
}

#[test]
fn a_user_can_be_written_in_a_log() {
    let longest = "é".repeat(128);
    for fine in ["anna", "anna@app.example", "Zoë O'Neil \"Z\" \\", "e\u{301}", "名前", &longest]
    {
        let identity = enter(&settings(), &hs256(claims(json!({"sub": fine})))).expect(fine);
        assert_eq!(identity.user.as_deref(), Some(fine));
    }
    let too_long = format!("{longest}x");
    for bad in [
        json!(""),
        json!(too_long),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("\u{202e}anna"),
        json!("an\u{200b}na"),
        json!(null),
    ] {
        assert_refused(&settings(), &hs256(claims(json!({"sub": bad}))), "token_invalid", "sub");
    }
    for bad in [json!(5), json!(["anna"]), json!({})] {
        let token = hs256(claims(json!({"sub": bad})));
        assert_eq!(refused(&settings(), &token).0, "token_invalid", "{token}");
    }
}

#[test]
fn a_token_may_list_the_rooms_that_may_be_joined() {
    let rooms = |rooms: Value| enter(&settings(), &hs256(claims(json!({"rooms": rooms}))));
    let may = |identity: &Identity, room: &str| identity.may_join(&room.parse().expect("a room"));
    let some = rooms(json!(["lobby", "team-7"])).expect("let in");
    assert_eq!((may(&some, "lobby"), may(&some, "team-7")), (Ok(()), Ok(())));
    let denied = may(&some, "team-8").expect_err("not listed");
    assert_eq!((denied.label(), denied.status().as_u16()), ("room_not_allowed", 403));
    assert!(denied.challenge().contains("error=\"insufficient_scope\""), "{denied:?}");
    assert!(denied.words().contains("team-8"), "{denied:?}");
    assert!(may(&some, "Lobby").is_err(), "names differ by their case");
    let none = rooms(json!([])).expect("let in");
    assert!(may(&none, "lobby").is_err());
    for any in [json!(["*"]), json!(["lobby", "*"])] {
        assert!(may(&rooms(any).expect("let in"), "team-8").is_ok());
    }
    for bad in [json!("lobby"), json!(null), json!([5]), json!(["a b"]), json!(["team-*"])] {
        let token = hs256(claims(json!({"rooms": bad})));
        assert_refused(&settings(), &token, "token_invalid", "rooms");
    }
}

#[test]
fn a_claim_that_is_there_twice_means_nothing() {
    for twice in [r#""sub":"anna","sub":"eve""#, r#""rooms":["a"],"rooms":["*"]"#, r#""exp":1"#] {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let claims = format!("{{{twice},\"exp\":{}}}", seconds(60));
        let token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = hmac::sign(&key, token.as_bytes());
        assert_eq!(refused(&settings(), &signed(token, signature)).0, "token_invalid", "{twice}");
    }
}
