//! How an answer of the application is told.
//! What is asked of it is tested beside `request.rs`.

use super::*;

fn told(headers: &[(&str, &str)], body: &[u8], bytes_max: usize) -> Option<String> {
    let mut answer = Response::builder().status(207);
    for (name, value) in headers {
        answer = answer.header(*name, value.as_bytes());
    }
    let answer = answer.body(Bytes::copy_from_slice(body)).unwrap();
    let id: Box<RawValue> = serde_json::from_str("1.0").unwrap();
    match answered(&id, &answer, bytes_max)? {
        Message::Text(text) => Some(text.to_string()),
        Message::Binary(_) => panic!("answers are text"),
    }
}

fn body(kind: &str, body: &[u8]) -> String {
    let told = told(&[("content-type", kind)], body, 1 << 20).unwrap();
    let begins = format!(r#"{{"id":1.0,"status":207,"headers":{{"content-type":"{kind}"}}"#);
    told.strip_prefix(&begins).unwrap_or_else(|| panic!("{told}")).trim_end_matches('}').to_owned()
}

#[test]
fn json_comes_as_it_was_written_and_keeps_every_digit() {
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"]
    {
        assert_eq!(
            body(kind, b" [12345678901234567890, 1.0]\n"),
            r#","body":[12345678901234567890, 1.0]"#
        );
    }
    assert_eq!(body("application/json", b"null"), r#","body":null"#);
    assert_eq!(body("application/json", b"\"x\""), r#","body":"x""#);
    let deep = "[".repeat(60_000) + &"]".repeat(60_000);
    assert_eq!(body("application/json", deep.as_bytes()), format!(",\"body\":{deep}"));
}

#[test]
fn other_text_comes_as_text_and_bytes_as_base64() {
    assert_eq!(body("text/plain", "a\n\"é\"".as_bytes()), r#","body":"a\n\"é\"""#);
    assert_eq!(body("text/json", b"[1]"), r#","body":"[1]""#);
    assert_eq!(body("application/octet-stream", b"hi"), r#","body":"hi""#);
    assert_eq!(body("text/plain", &[0xff, 0]), r#","body_base64":"/wA=""#);
    assert_eq!(body("application/json", &[b'"', 0xff, b'"']), r#","body_base64":"Iv8i""#);
    assert_eq!(body("text/plain", b""), "");
    assert_eq!(body("application/json", b""), "");
}

#[test]
fn what_only_claims_to_be_json_comes_as_text() {
    for (broken, text) in [
        ("{\"a\": 1", r#","body":"{\"a\": 1""#),
        ("{} {}", r#","body":"{} {}""#),
        ("1}, \"status\": 200, \"x\": {", r#","body":"1}, \"status\": 200, \"x\": {""#),
        ("\u{feff}1", ",\"body\":\"\u{feff}1\""),
    ] {
        assert_eq!(body("application/json", broken.as_bytes()), text);
    }
}

#[test]
fn headers_of_the_connection_and_cookies_stay_here_and_lists_are_joined() {
    let headers = [
        ("Location", "/b"),
        ("vary", "a"),
        ("set-cookie", "s=1; HttpOnly"),
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("Vary", "b, c"),
        ("x-quote", "\"\\\tä"),
    ];
    let told = told(&headers, b"", 1000).unwrap();
    let expected = r#"{"location":"/b","vary":"a, b, c","x-quote":"\"\\\tä"}"#;
    assert_eq!(told, format!(r#"{{"id":1.0,"status":207,"headers":{expected}}}"#));
}

#[test]
fn an_answer_counts_as_it_is_written_into_the_message() {
    let length = told(&[], b"x", 1000).unwrap().len();
    assert!(told(&[], b"x", length).is_some());
    assert_eq!(told(&[], b"x", length - 1), None);
    assert!(told(&[], &[b'x'; 100], length + 99).is_some());
    // Six bytes for each of them.
    assert_eq!(told(&[], &[1; 100], length + 598), None);
    assert!(told(&[], &[1; 100], length + 599).is_some());
    assert_eq!(told(&[("x-a", &"y".repeat(1000))], b"", 1000), None);
}

#[test]
fn a_failure_is_told_with_the_id_or_with_null() {
    let failure = Failure::new("timeout", "Late").detail("very");
    let text = |id: Option<&RawValue>| match failed(id, &failure) {
        Message::Text(text) => text.to_string(),
        Message::Binary(_) => panic!("answers are text"),
    };
    let error =
        r#""error":{"type":"urn:holdline:problem:timeout","title":"Late","detail":"very"}}"#;
    let id: Box<RawValue> = serde_json::from_str("\"a\\u0062\"").unwrap();
    assert_eq!(text(Some(&id)), format!(r#"{{"id":"a\u0062",{error}"#));
    assert_eq!(text(None), format!(r#"{{"id":null,{error}"#));
}
