//! What is asked of the keys about the application: secrets from files, and each rule.
//! The rules about the node itself are for `rules/tests.rs`.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Config, Loaded};

fn load(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let owned = |(name, value): &(&str, &str)| (format!("HOLDLINE__{name}"), (*value).to_owned());
    let variables: Vec<_> = variables.iter().map(owned).collect();
    Config::load_from(None, variables).map_err(|error| error.to_string())
}

/// The one complaint about these variables.
fn complaint(variables: &[(&str, &str)]) -> String {
    let complaint = load(variables).expect_err("it should be refused");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("token");
    fs::write(&path, "sesame-sesame-sesame\n").expect("a writable folder");
    let path = path.to_str().expect("a plain path");
    let loaded = load(&[("CONTROL__TOKEN_FILE", path)]).expect("good");
    let token = loaded.config.control.token.expect("a token");
    assert_eq!(token.expose(), "sesame-sesame-sesame");
    let source = loaded.sources.of("control.token").to_string();
    assert_eq!(source, "HOLDLINE__CONTROL__TOKEN_FILE");
    let both = complaint(&[("CONTROL__TOKEN_FILE", path), ("CONTROL__TOKEN", "other")]);
    assert!(both.contains("HOLDLINE__CONTROL__TOKEN and") && both.contains("_FILE"), "{both}");
    let missing = complaint(&[("CONTROL__TOKEN_FILE", "/nowhere/token")]);
    assert!(missing.contains("\"/nowhere/token\"") && missing.contains("readable"), "{missing}");
    let plain = complaint(&[("SERVER__LISTEN_FILE", path)]);
    assert!(plain.contains("is not a key"), "{plain}");
}

#[test]
fn a_complaint_about_a_secret_does_not_tell_it() {
    let text = complaint(&[("AUTH__JWT_SECRET", "hunter2")]);
    assert!(!text.contains("hunter2") && text.contains("this one has 7"), "{text}");
}

#[test]
fn an_address_of_the_application_is_http_and_shows_no_credentials() {
    for (value, words) in [
        ("ws://app.example/", "http or https"),
        ("app.example", "must be an address"),
        ("http://user:hunter2@app.example/", "without credentials"),
        ("http://app.example/#top", "without a fragment"),
    ] {
        let text = complaint(&[("REST__BASE_URL", value)]);
        assert!(text.contains(words), "{value}: {text}");
    }
}

#[test]
fn what_would_open_the_way_out_of_the_base_is_refused() {
    let base = ("REST__BASE_URL", "http://127.0.0.1:3000/api");
    for (name, value, words) in [
        ("REST__METHODS", "GET,CONNECT", "neither CONNECT"),
        ("REST__METHODS", "get", "in capitals"),
        ("REST__PATH_PREFIXES", "orders", "begin with \"/\""),
        ("REST__PATH_PREFIXES", "/a/../b", "\"..\""),
        ("REST__HEADERS", "Host", "must not list \"host\""),
        ("REST__HEADERS", "transfer-encoding", "must not list"),
        ("REST__HEADERS", "x y", "header names"),
        ("REST__HEADERS", "accept,X-Forwarded-For", "knows who asks"),
        ("REST__HEADERS", "x-request-id", "knows who asks"),
        ("REST__HEADERS", "X-Holdline-User", "knows who asks"),
        ("REST__ANSWER_BYTES_MAX", "524289", "half of limits.outbox_bytes_max"),
        ("REST__IN_FLIGHT_TOTAL", "15", "at least rest.in_flight_max"),
        ("REST__TIMEOUT", "0s", "longer than nothing"),
    ] {
        let text = complaint(&[base, (name, value)]);
        assert!(text.contains(words), "{name}={value}: {text}");
    }
    let query = complaint(&[("REST__BASE_URL", "http://127.0.0.1:3000/api?key=1")]);
    assert!(query.contains("no query"), "{query}");
}

#[test]
fn a_callback_fits_into_the_handshake_and_says_when_it_is_not_signed() {
    let url = ("CALLBACK__URL", "http://127.0.0.1:3000/holdline");
    let warnings = load(&[url]).expect("good").warnings;
    assert!(warnings[0].contains("without a signature"), "{warnings:?}");
    let slow = complaint(&[url, ("CALLBACK__TIMEOUT", "10s")]);
    assert!(slow.contains("shorter than server.handshake_timeout"), "{slow}");
    let route = complaint(&[url, ("CALLBACK__OBSERVE", "lobby")]);
    assert!(route.contains("\"lobby\" is neither"), "{route}");
    let large = complaint(&[url, ("CALLBACK__ANSWER_BYTES_MAX", "600KiB")]);
    assert!(large.contains("half of limits.outbox_bytes_max"), "{large}");
    let header = complaint(&[url, ("CALLBACK__HEADERS", "Sec-WebSocket-Protocol")]);
    assert!(header.contains("may be a token in it"), "{header}");
}

#[test]
fn a_secret_of_a_signature_is_one_that_every_library_takes() {
    let url = ("CALLBACK__URL", "http://127.0.0.1:3000/holdline");
    let base64 = |bytes: usize| STANDARD.encode(vec![7; bytes]);
    for (secret, good) in [
        (format!("whsec_{}", base64(24)), true),
        (format!("whsec_{}", base64(64)), true),
        (format!("whsec_{}", base64(23)), false),
        (format!("whsec_{}", base64(65)), false),
        (base64(32), false),
        (format!("whsec_{}", "hunter2 ".repeat(5)), false),
    ] {
        let variables = [url, ("CALLBACK__SECRET", &*secret)];
        if good {
            assert_eq!(load(&variables).expect("good").warnings, [""; 0]);
        } else {
            let text = complaint(&variables);
            assert!(text.contains("callback.secret") && text.contains("24 to 64 bytes"), "{text}");
            assert!(!text.contains(&secret), "{text}");
        }
    }
}

#[test]
fn a_subprotocol_is_a_name_and_never_a_token() {
    let spaced = complaint(&[("SERVER__SUBPROTOCOLS", "chat v1")]);
    assert!(spaced.contains("RFC 6455"), "{spaced}");
    let token = complaint(&[("SERVER__SUBPROTOCOLS", "Bearer.x")]);
    assert!(token.contains("is a token"), "{token}");
}

#[test]
fn a_control_listener_that_strangers_reach_warns_without_a_token() {
    let warnings = load(&[("CONTROL__LISTEN", "0.0.0.0:9001")]).expect("good").warnings;
    assert!(warnings[0].contains("no control.token"), "{warnings:?}");
}

#[test]
fn a_public_key_that_is_none_is_refused_and_never_shown() {
    let text = complaint(&[("AUTH__JWT_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----\nhunter2")]);
    assert!(text.starts_with("auth.jwt_public_key = \"(hidden)\""), "{text}");
    assert!(text.contains("must be the text from -----BEGIN PUBLIC KEY-----"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_secret_that_everybody_knows_is_refused() {
    let text = complaint(&[("AUTH__JWT_SECRET", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZI")]);
    assert!(text.contains("belongs to auth.jwt_public_key"), "{text}");
    let text = complaint(&[("AUTH__LEEWAY", "601s")]);
    assert!(text.contains("at most \"600s\""), "{text}");
}
