//! Every form in which a message may come, and the form of its reply.
//! What is wrong with a message is proven here too; what goes wrong on its way in `failures`.

use crate::bridge::{Bridge, problem, url};
use crate::harness::Stage;

const BINARY: &str = "Content-Type: application/octet-stream";
const LETTER: &str = "Content-Type: application/vnd.holdline.send+json";

#[tokio::test]
async fn a_text_comes_back_as_text_whatever_its_type_is_called() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"]
    {
        for text in ["Hello World", "", "{\"server\": \"ws://nobody\"}", "grün ☂ 雨\n"] {
            let field = format!("Content-Type: {kind}");
            for route in ["/sh", "/send"] {
                let answer = bridge.ask("POST", route, &[&field], text.as_bytes()).await;
                assert_eq!((answer.status, answer.text().as_str()), (200, text), "{kind}");
                assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
                assert_eq!(answer.header("cache-control"), Some("no-store"));
            }
        }
    }
    assert_eq!(bridge.link().await["opened"], 1);
}

#[tokio::test]
async fn bytes_come_back_as_bytes() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    for bytes in [vec![], vec![0xff, 0x00, 0xfe], (0..60_000_u32).map(|n| n as u8).collect()] {
        let answer = bridge.ask("POST", "/sh", &[BINARY], &bytes).await;
        assert_eq!((answer.status, &answer.body), (200, &bytes));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    }
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_is_refused_with_the_place_of_its_fault() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    for (bytes, place) in
        [(&b"\xffabc"[..], "byte 0 "), (b"gr\xc3\xbc\xff", "byte 4 "), (b"ab\xc3", "byte 2 ")]
    {
        let answer = bridge.post("/sh", bytes).await;
        let detail = problem(&answer, 400, "bad_data", Some("no"));
        assert!(detail.contains(place) && detail.contains("application/octet-stream"), "{detail}");
    }
    assert_eq!(bridge.scrape().await.sum("holdline_link_messages_total"), 0.0, "none was sent");
}

#[tokio::test]
async fn the_json_form_names_server_and_message() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let server = url(stage.address(), "/ws/echo");
    for letter in [
        format!(r#"{{"server": "{server}", "message": "Hällo"}}"#),
        r#"{"message": "Hällo"}"#.into(),
    ] {
        for kind in [LETTER.to_owned(), format!("{LETTER}; charset=utf-8")] {
            let answer = bridge.ask("POST", "/sh", &[&kind], letter.as_bytes()).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "Hällo"));
        }
    }
    for (letter, words) in [
        ("Hello", "must be {"),
        (r#"{"massage": "Hello"}"#, "massage"),
        (r#"{"server": "ws://a"}"#, "missing field `message`"),
        (r#"{"message": 7}"#, "invalid type"),
    ] {
        let answer = bridge.ask("POST", "/sh", &[LETTER], letter.as_bytes()).await;
        let detail = problem(&answer, 400, "bad_request", Some("no"));
        assert!(detail.contains(words), "{detail}");
    }
    let target = format!("/sh?server={server}");
    let letter = format!(r#"{{"server": "{server}", "message": "Hello"}}"#);
    let answer = bridge.ask("POST", &target, &[LETTER], letter.as_bytes()).await;
    assert!(problem(&answer, 400, "bad_request", Some("no")).contains("named twice"));
}

#[tokio::test]
async fn a_misspelt_parameter_is_refused_and_sends_nothing() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    for (query, words) in [
        ("sever=ws://a", "unknown field `sever`"),
        ("timeout=5", "one unit of ms, s, m, h, d"),
        ("timeout=0s", "more than 0s"),
        ("timeout=61s", "--timeout-max"),
    ] {
        let answer = bridge.post(&format!("/sh?{query}"), "Hello").await;
        let detail = problem(&answer, 400, "bad_request", Some("no"));
        assert!(detail.contains(words), "{query}: {detail}");
    }
    let answer = bridge.post("/sh?server=ftp://a", "Hello").await;
    assert!(problem(&answer, 400, "bad_url", Some("no")).contains("ws or wss"));
    assert_eq!(bridge.scrape().await.sum("holdline_link_messages_total"), 0.0, "none was sent");
}
