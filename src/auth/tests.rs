//! Which tokens let somebody in, and what each other one is told.
//! How a refusal is answered is proven with the server.

use std::time::SystemTime;

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};

use super::{Auth, Denied, Identity, TOKEN_BYTES_MAX};
use crate::{
    config::{self, PublicKey, Secret},
    metrics::REJECTIONS,
};

mod claims;
mod credentials;
mod published;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Seconds since 1970 until `offset` from now.
fn seconds(offset: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    now.as_secs() as i64 + offset
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(unsigned: String, signature: impl AsRef<[u8]>) -> String {
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256_with(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let token = unsigned(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, token.as_bytes());
    signed(token, signature)
}

/// A token as the application would make it.
fn hs256(claims: Value) -> String {
    hs256_with(&json!({"alg": "HS256", "typ": "JWT"}), &claims, SECRET.as_bytes())
}

/// Claims that let somebody in, with more.
fn claims(more: Value) -> Value {
    let mut claims = json!({"sub": "anna", "exp": seconds(60)});
    let more = more.as_object().expect("an object").clone();
    claims.as_object_mut().expect("an object").extend(more);
    claims
}

fn settings() -> config::Auth {
    config::Auth { jwt_secret: Some(Secret::new(SECRET)), ..config::Auth::default() }
}

fn enter(settings: &config::Auth, token: &str) -> Result<Identity, Denied> {
    let auth = Auth::new(settings).expect("it is on");
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header's value");
    headers.insert(AUTHORIZATION, value);
    let entered = auth.authenticate(&headers, "", &[]);
    if let Err(denied) = &entered {
        // Whatever is wrong, the answer must be one that can be sent, counted and shown.
        assert!(REJECTIONS.contains(&denied.label()), "{denied:?}");
        HeaderValue::from_str(&denied.challenge()).expect("a header's value");
        let parts = token.split('.').filter(|part| part.len() > 8);
        for part in parts {
            assert!(!denied.words().contains(part), "{denied:?}");
        }
    }
    entered
}

/// Label and words of the refusal of `token`.
fn refused(settings: &config::Auth, token: &str) -> (&'static str, String) {
    let denied = enter(settings, token).expect_err("it should be refused");
    assert_eq!(denied.status(), 401, "{denied:?}");
    assert!(denied.challenge().contains("error=\"invalid_token\""), "{denied:?}");
    assert!(denied.challenge().contains(denied.words()), "{denied:?}");
    (denied.label(), denied.words().to_owned())
}

fn assert_refused(settings: &config::Auth, token: &str, label: &str, words: &str) {
    let (found, said) = refused(settings, token);
    assert!(found == label && said.contains(words), "{found}: {said}, not {label}: {words}");
}

struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random bytes");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
        Self(pair.expect("what was just made"))
    }

    /// The public key, as RFC 5480 writes it.
    fn pem(&self) -> String {
        let mut der = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").expect("base64");
        der.pop();
        der.extend_from_slice(self.0.public_key().as_ref());
        let text = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    fn es256(&self, claims: Value) -> String {
        let token = unsigned(&json!({"alg": "ES256"}), &claims);
        let signature = self.0.sign(&SystemRandom::new(), token.as_bytes()).expect("it signs");
        signed(token, signature)
    }

    fn settings(&self) -> config::Auth {
        let key = PublicKey::from_pem(&self.pem()).expect("a good key");
        config::Auth { jwt_public_key: Some(key), ..config::Auth::default() }
    }
}

#[test]
fn without_a_key_nobody_is_asked() {
    assert!(Auth::new(&config::Auth::default()).is_none());
    let anyone = Identity::default();
    assert_eq!(anyone.may_join(&"lobby".parse().expect("a room")), Ok(()));
}

#[test]
fn a_good_token_tells_who_somebody_is() {
    let identity = enter(&settings(), &hs256(claims(json!({})))).expect("let in");
    assert_eq!(identity, Identity { user: Some("anna".into()), rooms: None });
    let nobody = enter(&settings(), &hs256(json!({"exp": seconds(60)}))).expect("let in");
    assert_eq!(nobody, Identity::default());
    let issuer = Issuer::new();
    let identity = enter(&issuer.settings(), &issuer.es256(claims(json!({})))).expect("let in");
    assert_eq!(identity.user.as_deref(), Some("anna"));
}

#[test]
fn each_key_is_used_for_its_own_algorithm_only() {
    let issuer = Issuer::new();
    let both = config::Auth { jwt_secret: settings().jwt_secret, ..issuer.settings() };
    assert!(enter(&both, &hs256(claims(json!({})))).is_ok());
    assert!(enter(&both, &issuer.es256(claims(json!({})))).is_ok());
    let invalid = "token_invalid";
    assert_refused(&settings(), &issuer.es256(claims(json!({}))), invalid, "HS256 (auth.jwt_sec");
    assert_refused(&issuer.settings(), &hs256(claims(json!({}))), invalid, "ES256 (auth.jwt_pub");
    // Algorithm confusion: what everybody knows, used as a secret.
    let pem = issuer.pem();
    let point = issuer.0.public_key().as_ref();
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), point] {
        for header in [json!({"alg": "HS256"}), json!({"alg": "ES256"})] {
            let token = hs256_with(&header, &claims(json!({})), secret);
            for settings in [&issuer.settings(), &both] {
                assert_eq!(refused(settings, &token).0, invalid, "{header}");
            }
        }
    }
    let stranger = Issuer::new().es256(claims(json!({})));
    assert_refused(&both, &stranger, invalid, "does not fit auth.jwt_public_key");
}

#[test]
fn what_is_not_signed_with_the_key_is_refused() {
    let good = hs256(claims(json!({})));
    let (unsigned, signature) = good.rsplit_once('.').expect("three parts");
    let (header, _) = unsigned.split_once('.').expect("two parts");
    let other = URL_SAFE_NO_PAD.encode(claims(json!({"sub": "eve"})).to_string());
    let none = |alg: &str| {
        let token = self::unsigned(&json!({"alg": alg}), &claims(json!({})));
        [format!("{token}."), format!("{token}.{signature}"), token]
    };
    let mut tokens = vec![
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{unsigned}."),
        unsigned.to_owned(),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{header}.{other}.{signature}"),
        format!(" {good}x"),
        hs256_with(&json!({"alg": "HS256"}), &claims(json!({})), b"another secret"),
        hs256_with(&json!({"alg": "HS384"}), &claims(json!({})), SECRET.as_bytes()),
        hs256_with(&json!({"alg": "RS256"}), &claims(json!({})), SECRET.as_bytes()),
        hs256_with(&json!({"typ": "JWT"}), &claims(json!({})), SECRET.as_bytes()),
        hs256_with(&json!({"alg": null}), &claims(json!({})), SECRET.as_bytes()),
        hs256_with(&json!({"alg": "HS256"}), &json!([1]), SECRET.as_bytes()),
    ];
    tokens.extend(["none", "None", "NONE", "", "hs256"].into_iter().flat_map(none));
    for token in tokens {
        assert_eq!(refused(&settings(), &token).0, "token_invalid", "{token}");
    }
    assert_refused(
        &settings(),
        &hs256_with(&json!({"alg": "HS256"}), &claims(json!({})), b"another secret"),
        "token_invalid",
        "does not fit auth.jwt_secret",
    );
}

#[test]
fn a_header_that_must_be_understood_is_not() {
    for critical in [json!(["b64"]), json!([]), json!(null), json!("exp")] {
        let header = json!({"alg": "HS256", "crit": critical, "b64": true});
        let token = hs256_with(&header, &claims(json!({})), SECRET.as_bytes());
        assert_refused(&settings(), &token, "token_invalid", "crit");
    }
}

#[test]
fn a_token_has_its_bound() {
    let fitting = |bytes: usize| {
        let length = |filler: usize| hs256(claims(json!({"x": "x".repeat(filler)}))).len();
        // Base64 grows in steps, so some lengths are skipped.
        let filler = (0..bytes).rev().find(|filler| length(*filler) <= bytes);
        hs256(claims(json!({"x": "x".repeat(filler.expect("it is larger than nothing"))})))
    };
    assert!(enter(&settings(), &fitting(TOKEN_BYTES_MAX)).is_ok());
    let longer = fitting(TOKEN_BYTES_MAX + 4);
    assert!(longer.len() > TOKEN_BYTES_MAX);
    assert_refused(&settings(), &longer, "token_invalid", "at most 8192 bytes");
}
