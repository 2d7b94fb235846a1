//! What each form of an answer is promised to mean.
//! The way there and back is proven in `tests/e2e`.

use super::*;
use crate::disconnect::Close;

fn answer(status: u16, kind: &str, body: impl AsRef<[u8]>) -> Response<Bytes> {
    let answer = Response::builder().status(status);
    let answer = if kind.is_empty() { answer } else { answer.header(CONTENT_TYPE, kind) };
    answer.body(Bytes::copy_from_slice(body.as_ref())).unwrap()
}

fn json(body: &str) -> Response<Bytes> {
    answer(200, "application/json", body)
}

fn actions(body: &str) -> Vec<Action> {
    to_message(&json(body), true).unwrap()
}

/// What the log is told of an answer that is void.
fn void(answer: Result<impl std::fmt::Debug, Fault>) -> String {
    match answer {
        Err(fault @ Fault::BadAnswer(_)) => fault.to_string(),
        other => panic!("not void: {other:?}"),
    }
}

#[test]
fn a_text_is_the_reply_and_no_body_is_nothing() {
    let reply = |text: &str| Ok(vec![Action::Reply(text.into())]);
    assert_eq!(to_message(&answer(200, "text/plain", "hi"), true), reply("hi"));
    assert_eq!(to_message(&answer(201, "Text/Plain; charset=utf-8", "hä"), true), reply("hä"));
    assert_eq!(to_message(&answer(200, "text/plain", "hi"), false), Ok(vec![]), "only looked at");
    for nothing in [
        answer(204, "", ""),
        answer(200, "", ""),
        answer(200, "text/html", ""),
        answer(202, "text/plain", ""),
    ] {
        assert_eq!(to_message(&nothing, true), Ok(vec![]), "{nothing:?}");
    }
}

#[test]
fn every_action_is_read_in_its_order() {
    let body = r#"{"actions": [
        {"reply": {"text": "a"}}, {"reply": {"binary": "AP8="}}, {"reply": {"text": ""}},
        {"publish": {"room": "x.y", "text": "b"}}, {"publish": {"room": "z", "binary": ""}},
        {"join": "x.y"}, {"leave": "z"}, {"close": {"code": 4001, "text": "bye"}}
    ]}"#;
    let room = |name: &str| name.parse().unwrap();
    let wanted = vec![
        Action::Reply("a".into()),
        Action::Reply(Bytes::from_static(b"\0\xff").into()),
        Action::Reply("".into()),
        Action::Publish(room("x.y"), "b".into()),
        Action::Publish(room("z"), Bytes::new().into()),
        Action::Join(room("x.y")),
        Action::Leave(room("z")),
        Action::Close(Close::new(4001, "bye")),
    ];
    assert_eq!(actions(body), wanted);
    assert_eq!(to_message(&json(body), false).unwrap(), wanted, "also where replies are not");
    assert_eq!(actions("{}"), []);
    assert_eq!(actions(r#"{"actions": []}"#), []);
    assert_eq!(actions(r#"{"actions": [{"close": {"code": 1000}}]}"#).len(), 1);
}

#[test]
fn one_fault_makes_the_whole_answer_void_and_says_where_it_is() {
    let good = r#"{"join": "a"}"#;
    for (action, words) in [
        (r#"{"replay": {"text": "a"}}"#, "unknown variant `replay`"),
        (r#"{"reply": {"text": "a", "more": 1}}"#, "unknown field `more`"),
        (r#"{"reply": {"text": "a"}, "join": "b"}"#, "JSON is wrong"),
        (r#"{"reply": {}}"#, "actions[1]: a message needs either"),
        (r#"{"reply": {"text": "a", "binary": ""}}"#, "actions[1]: a message needs either"),
        (r#"{"reply": {"binary": "AP8"}}"#, "must be base64"),
        (r#"{"reply": {"text": 7}}"#, "something else, expected a string"),
        (r#"{"publish": {"text": "a"}}"#, "missing field `room`"),
        (r#"{"publish": {"room": "a/b", "text": "a"}}"#, "actions[1]: a room name"),
        (r#"{"join": ""}"#, "must not be empty"),
        (r#"{"leave": {"room": "a"}}"#, "expected a string"),
        (r#"{"close": {}}"#, "missing field `code`"),
        (r#"{"close": {"code": 1005}}"#, "close code"),
        (r#"{"close": {"code": 70000}}"#, "expected u16"),
        (r#""close""#, "something else, expected"),
    ] {
        let body = format!(r#"{{"actions": [{good}, {action}]}}"#);
        let said = void(to_message(&json(&body), true));
        assert!(said.contains(words), "{action}: {said}");
        assert_eq!(void(to_connect(&json(&body))), said);
    }
    let long = format!(r#"{{"actions": [{{"close": {{"code": 1000, "text": "{:124}"}}}}]}}"#, "");
    for (body, words) in [
        (&*long, "123 bytes"),
        ("[]", "expected struct"),
        (r#"{"action": []}"#, "unknown field `action`"),
        (r#"{"actions": []} x"#, "trailing"),
        (r#"{"actions": [], "actions": []}"#, "duplicate field"),
        (r#"{"actions": null}"#, "expected a sequence"),
        (r#"{"user": "ann"}"#, "only the answer to a connect"),
    ] {
        let said = void(to_message(&json(body), true));
        assert!(said.contains(words), "{body}: {said}");
    }
}

#[test]
fn what_is_void_does_not_show_in_the_log_what_was_written() {
    for body in [
        r#"{"actions": "sesame"}"#,
        r#"{"actions": [{"reply": "sesame, expected"}]}"#,
        r#"{"actions": [{"reply": {"binary": "sesame!"}}]}"#,
        r#"{"actions": [{"close": {"code": "sesame"}}]}"#,
    ] {
        let said = void(to_message(&json(body), true));
        assert!(!said.contains("sesame"), "{body}: {said}");
    }
    let long = format!(r#"{{"{}": 1}}"#, "x".repeat(10_000));
    assert!(void(to_message(&json(&long), true)).len() < 300);
}

#[test]
fn other_types_and_texts_that_are_none_are_void() {
    let html = void(to_message(&answer(200, "text/html; charset=utf-8", "<p>"), true));
    assert!(html.contains("\"text/html\""), "{html}");
    let none = void(to_message(&answer(200, "", "hi"), true));
    assert!(none.contains("its type is \"\""), "{none}");
    let text = void(to_message(&answer(200, "text/plain", b"\xff"), true));
    assert!(text.contains("not UTF-8"), "{text}");
}

#[test]
fn any_success_lets_in_and_only_json_says_more() {
    for (kind, body) in [("", ""), ("text/plain", "OK"), ("text/html", "<p>"), ("", "{")] {
        assert_eq!(to_connect(&answer(200, kind, body)), Ok(Welcome::default()), "{kind} {body}");
    }
    assert_eq!(to_connect(&answer(204, "", "")), Ok(Welcome::default()));
    let welcome = to_connect(&json(r#"{"user": "ann", "actions": [{"join": "a"}]}"#)).unwrap();
    let actions = vec![Action::Join("a".parse().unwrap())];
    assert_eq!(welcome, Welcome { user: Some("ann".to_owned()), actions });
    assert_eq!(to_connect(&json(r#"{"user": null}"#)), Ok(Welcome::default()));
    let long = format!(r#"{{"user": "{}"}}"#, "x".repeat(257));
    for body in [r#"{"user": ""}"#, &long] {
        let said = void(to_connect(&json(body)));
        assert!(said.contains("1 to 256 bytes"), "{said}");
    }
}

#[test]
fn a_refusal_brings_its_text_and_nothing_else() {
    let words = |kind: &str, body: &[u8]| match to_message(&answer(422, kind, body), true) {
        Err(Fault::Refused(status, words)) if status == 422 => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(words("text/plain", b" too long\n"), "too long");
    assert_eq!(words("text/html", b"<h1>Traceback"), "");
    assert_eq!(words("", b"x"), "");
    assert_eq!(words("text/plain", b"\xff"), "");
    assert_eq!(words("text/plain", "ä".repeat(1000).as_bytes()).len(), 1024);
    let refused = to_connect(&answer(403, "text/plain", "no")).unwrap_err();
    assert_eq!(refused, Fault::Refused(StatusCode::FORBIDDEN, "no".to_owned()));
    assert!(to_disconnect(&answer(200, "text/html", "<p>")).is_ok());
    assert!(!refused.may_pass());
}

#[test]
fn every_other_status_is_a_fault_and_only_a_server_s_may_pass() {
    for (status, passes) in [(301, false), (304, false), (500, true), (503, true)] {
        let fault = to_message(&answer(status, "application/json", "{}"), true).unwrap_err();
        assert_eq!((fault.outcome(), fault.may_pass()), ("error", passes), "{fault}");
        assert!(fault.to_string().contains(&status.to_string()), "{fault}");
        assert_eq!(to_connect(&answer(status, "", "")).unwrap_err(), fault);
        assert_eq!(to_disconnect(&answer(status, "", "")).unwrap_err(), fault);
    }
}

#[test]
fn peers_are_told_a_word_that_stays_and_nothing_of_the_network() {
    use crate::upstream::Failure::{Broken, Timeout, TooBig, Unreachable};
    let second = std::time::Duration::from_secs(1);
    for (fault, word) in [
        (Fault::Busy(second), "callback_busy"),
        (Fault::NoAnswer(Timeout(second)), "callback_timeout"),
        (Fault::NoAnswer(Unreachable("10.9.8.7 sesame".to_owned())), "callback_unreachable"),
        (Fault::NoAnswer(Broken("10.9.8.7 sesame".to_owned())), "callback_error"),
        (Fault::NoAnswer(TooBig(1)), "callback_bad_answer"),
        (Fault::Status(StatusCode::BAD_GATEWAY), "callback_error"),
        (Fault::BadAnswer("sesame".to_owned()), "callback_bad_answer"),
        (Fault::Refused(StatusCode::CONFLICT, String::new()), "callback_refused_message"),
    ] {
        let failure = fault.failure();
        assert_eq!(failure.r#type, format!("urn:holdline:problem:{word}"));
        let told = String::from_utf8(crate::message::Message::from(&failure).as_bytes().to_vec());
        let told = told.unwrap();
        assert!(!told.contains("sesame") && !told.contains("10.9"), "{told}");
        assert!(crate::metrics::CALLBACK_OUTCOMES.contains(&fault.outcome()), "{fault}");
    }
    let told = crate::message::Message::from(
        &Fault::Refused(StatusCode::CONFLICT, "taken".to_owned()).failure(),
    );
    let wanted = r#"{"error":{"type":"urn:holdline:problem:callback_refused_message","title":"the application refused the message","detail":"taken"}}"#;
    assert_eq!(told, wanted.into());
}
