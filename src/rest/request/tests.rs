//! What a message may ask for, and how it is refused otherwise.
//! Paths are tested beside `path.rs`, addresses beside `base.rs`.

use std::collections::BTreeMap;

use super::*;

fn rules(set: impl FnOnce(&mut Config)) -> Rules {
    let mut config = Config::default();
    config.rest.base_url = Some("http://app:3000/v1/".parse().unwrap());
    set(&mut config);
    Rules::new(&config).unwrap()
}

fn read(text: &str) -> Result<Asked, Refused> {
    rules(|_| {}).read(&text.into())
}

fn asked(text: &str) -> Asked {
    read(text).unwrap_or_else(|refused| panic!("{text}: {refused:?}"))
}

/// The id, the problem's word and its detail.
fn refused(text: &str) -> (Option<String>, String, String) {
    let Refused { id, failure } = read(text).expect_err(text);
    let word = failure.r#type.trim_start_matches("urn:holdline:problem:").to_owned();
    (id.map(|id| id.get().to_owned()), word, failure.detail)
}

/// A message with these fields beside the good ones.
fn with(fields: &str) -> String {
    format!(r#"{{"id": 1, "method": "POST", "path": "/a", {fields}}}"#)
}

fn headers(asked: &Asked) -> BTreeMap<&str, &str> {
    let headers = asked.request.headers().iter();
    headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

#[test]
fn a_message_becomes_the_request_that_it_describes() {
    let asked = asked(
        r#"{"id": "a", "method": "PUT", "path": "/orders/7?x=1",
            "headers": {"Accept": "text/plain", "If-Match": "\"v1\""}, "body": {"n": 1}}"#,
    );
    assert_eq!(asked.id.get(), "\"a\"");
    assert_eq!(asked.request.method(), "PUT");
    assert_eq!(asked.request.uri(), "http://app:3000/v1/orders/7?x=1");
    let expected =
        [("accept", "text/plain"), ("content-type", "application/json"), ("if-match", "\"v1\"")];
    assert_eq!(headers(&asked), expected.into());
    assert_eq!(&asked.request.body()[..], b"{\"n\": 1}");
}

#[test]
fn without_headers_and_body_there_are_none() {
    for text in [
        r#"{"id": 1, "method": "GET", "path": "/"}"#,
        r#"{"id": 1, "method": "GET", "path": "/", "headers": null, "body": null}"#,
        r#"{"id": 1, "method": "GET", "path": "/", "headers": {}, "body_base64": null}"#,
    ] {
        let asked = asked(text);
        assert!(asked.request.headers().is_empty() && asked.request.body().is_empty(), "{text}");
    }
}

#[test]
fn an_id_comes_back_as_it_was_written() {
    let long = format!("\"{}\"", "x".repeat(254));
    for id in [
        "0",
        "-1",
        "123456789012345678901234567890",
        "1.0",
        "1e400",
        "-0.10",
        "\"\"",
        "\"\\u0061\\n\\ud800\"",
        "\"é\"",
        &long,
    ] {
        let text = format!(r#"{{"method": "GET", "path": "/", "id":  {id} }}"#);
        assert_eq!(asked(&text).id.get(), id);
        let text = format!(r#"{{"id": {id}, "method": "GET", "path": "/..", "x": 1}}"#);
        assert_eq!(refused(&text).0.as_deref(), Some(id), "in an error too");
    }
}

#[test]
fn without_a_good_id_there_is_none_in_the_error() {
    let long = format!("\"{}\"", "x".repeat(255));
    for (id, detail) in [
        ("", "id is missing"),
        ("\"id\": null,", "id must be a text or a number"),
        ("\"id\": true,", "id must be a text or a number"),
        ("\"id\": {\"a\": 1},", "id must be a text or a number"),
        ("\"id\": [1],", "id must be a text or a number"),
        ("\"id\": 1, \"\\u0069d\": 2,", "id is there twice"),
        (&format!("\"id\": {long},"), "id must have at most 256 bytes"),
    ] {
        let text = format!(r#"{{{id} "method": "GET", "path": "/"}}"#);
        assert_eq!(refused(&text), (None, "bad_request".into(), detail.into()), "{text}");
    }
}

#[test]
fn what_is_no_json_object_is_refused_without_an_id() {
    let deep = "[".repeat(60_000);
    let closed = format!("{deep}{}", "]".repeat(60_000));
    for text in [
        "",
        "x",
        "1",
        "null",
        "[]",
        "\"id\"",
        "{\"id\": 1",
        "{\"id\": 1} {}",
        "{\"id\": 01}",
        "{'id': 1}",
        "{\"id\": 1,}",
        "{\"id\": NaN}",
        &deep,
        &closed,
    ] {
        let (id, word, detail) = refused(text);
        assert_eq!((id, &word[..]), (None, "bad_request"), "{text:.40}");
        assert!(detail.starts_with("the message must be a JSON object: "), "{detail}");
        assert!(detail.len() < 200, "{detail}");
    }
    let Refused { id, failure } =
        rules(|_| {}).read(&Message::Binary("{\"id\": 1}".into())).unwrap_err();
    assert!(id.is_none());
    assert_eq!(failure.detail, "a request is a text message; this one is binary");
}

#[test]
fn json_of_any_depth_is_passed_on_without_being_climbed_into() {
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    assert_eq!(asked(&with(&format!("\"body\": {deep}"))).request.body().len(), 120_000);
    let (_, _, detail) = refused(&with(&format!("\"headers\": {deep}")));
    assert_eq!(detail, "headers must be an object of texts");
    let (_, _, detail) = refused(&with(&format!("\"headers\": {{\"accept\": {deep}}}")));
    assert_eq!(detail, "headers: accept must be a text");
}

#[test]
fn a_field_that_nobody_knows_or_that_is_there_twice_is_named() {
    for (fields, detail) in [
        (r#""url": "http://evil/""#, "there is no field \"url\""),
        (r#""Method": "GET""#, "there is no field \"Method\""),
        (r#""": 1"#, "there is no field \"\""),
        (r#""method": "GET""#, "method is there twice"),
        (r#""p\u0061th": "/b""#, "path is there twice"),
        (r#""headers": {}, "headers": {}"#, "headers is there twice"),
        (r#""body": 1, "body": 2"#, "body is there twice"),
        (r#""body": 1, "body_base64": "aGk=""#, "body and body_base64 are both there"),
    ] {
        let expected = (Some("1".into()), "bad_request".into(), detail.into());
        assert_eq!(refused(&with(fields)), expected);
    }
    let (_, _, detail) = refused(&with(&format!("\"{}\": 1", "é".repeat(1000))));
    assert_eq!(detail, format!("there is no field {:?} and more", "é".repeat(32)));
}

#[test]
fn method_and_path_must_be_there_and_texts() {
    for (text, detail) in [
        (r#"{"id": 1, "path": "/"}"#, "method is missing"),
        (r#"{"id": 1, "method": "GET"}"#, "path is missing"),
        (r#"{"id": 1, "method": 1, "path": "/"}"#, "method must be a text"),
        (r#"{"id": 1, "method": "GET", "path": ["/"]}"#, "path must be a text"),
        (r#"{"id": 1, "method": null, "path": "/"}"#, "method must be a text"),
        (r#"{"id": 1, "method": "GET", "path": "/\ud800"}"#, "path must be a text"),
    ] {
        assert_eq!(refused(text), (Some("1".into()), "bad_request".into(), detail.into()));
    }
}

#[test]
fn a_method_must_be_one_that_is_allowed_letter_by_letter() {
    for method in ["get", "HEAD", "CONNECT", "TRACE", "", "GET ", "GET /x HTTP/1.1\\r\\nX: y"] {
        let text = format!(r#"{{"id": 1, "method": "{method}", "path": "/"}}"#);
        let (_, word, detail) = refused(&text);
        assert_eq!(word, "method_not_allowed", "{method}");
        let begins = "method must be one of GET, POST, PUT, PATCH, DELETE; not \"";
        assert!(detail.starts_with(begins), "{detail}");
    }
}

#[test]
fn a_path_must_lie_below_a_prefix_by_whole_segments() {
    let rules = rules(|config| {
        config.rest.path_prefixes = vec!["/api/".to_owned(), "/health".to_owned()];
    });
    let read = |path: &str| {
        let message = format!(r#"{{"id": 1, "method": "GET", "path": "{path}"}}"#);
        rules.read(&message.into()).map(|asked| asked.request.uri().to_string())
    };
    for path in ["/api/", "/api/x?y=/apis", "/api//x", "/health", "/health?x", "/health/x"] {
        assert_eq!(read(path).unwrap(), format!("http://app:3000/v1{path}"));
    }
    for path in ["/", "/api", "/apis", "/API/x", "/healthz", "/health;x", "/%61pi/x", "/x/api/"] {
        let failure = read(path).unwrap_err().failure;
        assert_eq!(failure.r#type, "urn:holdline:problem:path_not_allowed");
        let detail = format!("path must begin with /api/ or /health; this is {path:?}");
        assert_eq!(failure.detail, detail);
    }
    assert!(read("/api/../x").unwrap_err().failure.detail.starts_with("path holds a segment"));
}

#[test]
fn only_headers_that_are_allowed_get_through_and_each_once() {
    for name in [
        "host",
        "Host",
        "connection",
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
        "x-request-id",
        "x-holdline-user",
        "cookie",
        "accept ",
        "accept:",
        " accept",
        "",
        "accept\\r\\nX",
        "äccept",
        "accept\\u0000",
    ] {
        let (_, word, detail) = refused(&with(&format!(r#""headers": {{"{name}": "x"}}"#)));
        assert_eq!(word, "header_not_allowed", "{name:?}: {detail}");
        assert!(detail.starts_with("headers must not hold \""), "{detail}");
    }
    let twice = r#""headers": {"accept": "a", "Accept": "b"}"#;
    let detail = refused(&with(twice)).2;
    assert_eq!(detail, "headers holds accept twice");
}

#[test]
fn a_header_s_value_cannot_end_its_line() {
    for value in ["a\\r\\nX: y", "a\\nb", "\\r", "a\\u0000", "\\u007f", "é", "\\u2028"] {
        let fields = format!(r#""headers": {{"accept": "{value}"}}"#);
        let detail = "headers: accept must be made of visible ASCII characters, spaces and tabs";
        let expected = (Some("1".into()), "bad_request".into(), detail.into());
        assert_eq!(refused(&with(&fields)), expected, "{value}");
    }
    for value in ["1", "[\"a\"]", "null", "\"\\ud800\""] {
        let fields = format!(r#""headers": {{"accept": {value}}}"#);
        assert_eq!(refused(&with(&fields)).2, "headers: accept must be a text");
    }
    for (written, sent) in [("a\\tb c", "a\tb c"), ("", ""), ("\\u0061~", "a~")] {
        let asked = asked(&with(&format!(r#""headers": {{"accept": "{written}"}}"#)));
        assert_eq!(headers(&asked)["accept"], sent);
    }
    for wrong in ["[]", "\"accept: a\"", "1"] {
        let detail = refused(&with(&format!("\"headers\": {wrong}"))).2;
        assert_eq!(detail, "headers must be an object of texts");
    }
}

#[test]
fn a_body_is_sent_as_it_is_written_with_a_content_type_that_fits() {
    let (json, text) = ("application/json", "text/plain; charset=utf-8");
    for (field, sent, content_type) in [
        (
            r#""body": {"a":  [1.0, 12345678901234567890]}"#,
            r#"{"a":  [1.0, 12345678901234567890]}"#,
            json,
        ),
        (r#""body": []"#, "[]", json),
        (r#""body": 1.10"#, "1.10", json),
        (r#""body": false"#, "false", json),
        (r#""body": "a\n\"é\"""#, "a\n\"é\"", text),
        (r#""body": """#, "", text),
        (r#""body": "null""#, "null", text),
        (r#""body_base64": "aGk=""#, "hi", "application/octet-stream"),
        (
            r#""body": "{}", "headers": {"Content-Type": "application/x-y"}"#,
            "{}",
            "application/x-y",
        ),
    ] {
        let asked = asked(&with(field));
        assert_eq!(std::str::from_utf8(asked.request.body()).unwrap(), sent);
        assert_eq!(headers(&asked)["content-type"], content_type, "{field}");
    }
    assert_eq!(asked(&with(r#""body_base64": "/wA=""#)).request.body()[..], [0xff, 0]);
}

#[test]
fn a_body_that_cannot_be_sent_is_refused() {
    for (field, begins) in [
        (r#""body": "\ud800""#, "body must be a text"),
        (r#""body_base64": "a""#, "body_base64: "),
        (r#""body_base64": "aGk""#, "body_base64: "),
        (r#""body_base64": "a-_=""#, "body_base64: "),
        (r#""body_base64": 1"#, "body_base64 must be a text"),
    ] {
        let (id, word, detail) = refused(&with(field));
        assert_eq!((id.as_deref(), &word[..]), (Some("1"), "bad_request"));
        assert!(detail.starts_with(begins), "{field}: {detail}");
    }
}
