//! What a batch may say and how a wrong one is refused.
//! Leaves to `tests/e2e`: what becomes of a good one.

use super::*;
use crate::message::Room;

fn read(body: &str) -> Result<Vec<(To, Message)>, Problem> {
    understand(body.as_bytes(), 10)
}

/// The member `field` and the status of the refusal.
fn refused(body: &str) -> (String, u64) {
    let Err(problem) = read(body) else { panic!("{body} is taken") };
    let told = serde_json::to_value(&problem).unwrap();
    let field = told["field"].as_str().unwrap_or_default().to_owned();
    assert!(problem.to_string().contains(&field), "{problem}");
    (field, told["status"].as_u64().unwrap())
}

#[test]
fn each_target_and_each_kind_of_message_is_understood() {
    let body = r#"{"messages": [
        {"room": "lobby", "text": "h\u00e9"},
        {"connection": "0123456789abcdef", "binary": "AAEC/w=="},
        {"text": "", "everyone": true}
    ]}"#;
    let room: Room = "lobby".parse().unwrap();
    let binary = Message::Binary(vec![0, 1, 2, 255].into());
    assert_eq!(
        read(body).unwrap(),
        [
            (To::Room(room), "hé".into()),
            (To::Connection("0123456789abcdef".parse().unwrap()), binary),
            (To::Everyone, "".into()),
        ]
    );
    assert_eq!(read(r#"{"messages": []}"#).unwrap(), []);
}

#[test]
fn whatever_is_wrong_is_named_with_its_place() {
    let good = r#"{"room": "a", "text": "x"}"#;
    for (item, field) in [
        (r#"{"room": "a/b", "text": "x"}"#, "messages[1].room"),
        (r#"{"room": null, "text": "x"}"#, "messages[1].room"),
        (r#"{"room": ["a"], "text": "x"}"#, "messages[1].room"),
        (r#"{"connection": "12", "text": "x"}"#, "messages[1].connection"),
        (r#"{"everyone": false, "text": "x"}"#, "messages[1].everyone"),
        (r#"{"everyone": 1, "text": "x"}"#, "messages[1].everyone"),
        (r#"{"rom": "a", "text": "x"}"#, "messages[1].rom"),
        (r#"{"room": "a", "room": "b", "text": "x"}"#, "messages[1]"),
        (r#"{"room": "a", "text": 5}"#, "messages[1].text"),
        (r#"{"room": "a", "binary": "AAE"}"#, "messages[1].binary"),
        (r#"{"room": "a", "text": "x", "binary": null}"#, "messages[1].binary"),
        (r#"{"text": "x"}"#, "messages[1]"),
        (r#"{"room": "a", "everyone": true, "text": "x"}"#, "messages[1]"),
        (r#"{"room": "a"}"#, "messages[1]"),
        (r#"{"room": "a", "text": "x", "binary": "AAE="}"#, "messages[1]"),
        (r#""lobby""#, "messages[1]"),
        (r#"["lobby"]"#, "messages[1]"),
    ] {
        let said = refused(&format!(r#"{{"messages": [{good}, {item}, {good}]}}"#));
        assert_eq!(said, (field.to_owned(), 400), "{item}");
    }
}

#[test]
fn what_is_no_batch_at_all_is_refused() {
    for (body, field) in [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        (r#"[[{"everyone": true, "text": "x"}]]"#, ""),
        (r#"{"messages": []} x"#, ""),
        ("{}", "messages"),
        (r#"{"messages": null}"#, "messages"),
        (r#"{"messages": {}}"#, "messages"),
        (r#"{"messages": [], "mesages": []}"#, "mesages"),
    ] {
        assert_eq!(refused(body), (field.to_owned(), 400), "{body}");
    }
}

#[test]
fn a_batch_has_at_most_1000_messages_of_the_largest_size() {
    let batch = |count| {
        let items = vec![r#"{"everyone": true, "text": "x"}"#; count];
        format!(r#"{{"messages": [{}]}}"#, items.join(", "))
    };
    assert_eq!(read(&batch(1000)).unwrap().len(), 1000);
    assert_eq!(refused(&batch(1001)), ("messages".to_owned(), 400));
    let text = |text| format!(r#"{{"messages": [{{"everyone": true, "text": "{text}"}}]}}"#);
    assert!(read(&text("0123456789")).is_ok());
    assert_eq!(refused(&text("0123456789é")), ("messages[0].text".to_owned(), 413));
    let binary = r#"{"messages": [{"everyone": true, "binary": "AAAAAAAAAAAAAAAA"}]}"#;
    assert_eq!(refused(binary), ("messages[0].binary".to_owned(), 413));
}

#[test]
fn a_batch_is_json_or_nameless() {
    for good in ["", "application/json", "text/json", "application/vnd.holdline+json"] {
        assert!(is_json(good).is_ok(), "{good}");
    }
    for wrong in ["application/x-www-form-urlencoded", "text/plain", "json"] {
        assert!(is_json(wrong).is_err(), "{wrong}");
    }
}
