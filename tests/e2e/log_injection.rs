//! What somebody far away wrote is in the log as one value of one line, whoever reads it: a person
//! at a terminal, or a program.

use serde_json::{Value, json};

use super::auth::issuer::{SECRET, token};
use crate::harness::stage::Builder;
use crate::harness::{Stage, http, until, wait::PATIENCE};

/// Agents that try to be more than a value: a key, a line, a terminal's sequence, another
/// direction of writing, no text at all.
const AGENTS: [&[u8]; 8] = [
    b"x reason=drain code=1012 id=forged",
    br#"x" reason="drain" y="#,
    br#"x\" reason=\"drain"#,
    br#"{"level":"error","message":"forged"}"#,
    "x\u{9b}31m\u{85}2026-11-21T10:00:00.000Z INFO  end id=forged".as_bytes(),
    "x\u{2028}INFO end id=forged\u{202e}dne".as_bytes(),
    b"x\xff\xfe\x9b31m",
    b"x\ty",
];

/// Every agent has come and gone; each is one value of one line.
async fn each_agent_is_one_value(stage: Builder) -> Stage {
    let stage = stage.start().await;
    for agent in AGENTS {
        let head = "GET /ws/echo HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: ";
        let request = [head.as_bytes(), agent, b"\r\n\r\n"].concat();
        let answer = http::send(stage.address(), &request).await.expect("an answer");
        assert_eq!(answer.status, 101, "{agent:?}: {answer:?}");
    }
    let long = "y".repeat(6000);
    drop(stage.dial("/ws/echo").header("User-Agent", &long).open().await);
    let ends = stage.all_ended().await;
    let opens = stage.opens();
    assert_eq!((opens.len(), ends.len()), (AGENTS.len() + 1, AGENTS.len() + 1));
    for (line, agent) in opens.iter().zip(AGENTS) {
        let wanted = String::from_utf8_lossy(agent);
        let same = match line.raw.starts_with('{') {
            true => line.says("user_agent", &wanted),
            // A text line has it as Rust writes a text, so that it can be read back.
            false => line.raw.contains(&format!("user_agent={wanted:?}")),
        };
        assert!(same, "{wanted:?}: {line:?}");
        assert!(!line.has("reason") && !line.says("id", "forged"), "{line:?}");
        // Over 255 all is said; what follows it is cut.
        assert!(!line.raw.contains(|c: char| c.is_control()), "{line:?}");
    }
    assert_eq!(opens[AGENTS.len()].value("user_agent").len(), 256, "an essay is cut");
    for line in stage.lines() {
        assert!(!line.raw.contains(char::is_control), "{line:?}");
    }
    stage
}

#[tokio::test]
async fn a_user_agent_is_one_value_of_a_line_of_text() {
    each_agent_is_one_value(Stage::backend()).await;
}

#[tokio::test]
async fn a_user_agent_is_one_value_of_a_line_of_json() {
    let stage = each_agent_is_one_value(Stage::backend().set("log.format", "json")).await;
    for line in stage.lines() {
        let parsed = serde_json::from_str::<Value>(&line.raw);
        assert!(parsed.is_ok_and(|value| value.is_object()), "{line:?}");
    }
}

#[tokio::test]
async fn the_gateway_s_access_log_is_one_object_per_line_whatever_is_asked() {
    let mut stage = Stage::gateway().start().await;
    let agents = [r#"x","status":"200","y":""#, r#"x\", \u0022"#, "x\u{2028}y\u{9b}31m"];
    for agent in agents {
        drop(stage.dial("/ws/echo").header("User-Agent", agent).open().await);
    }
    for path in ["/ws/%22,%22status%22:%22200", "/%0a%7b%22forged%22:1%7d", "/%1b%5b2J", "/\u{e9}"]
    {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    // Parsing them is what `access` does, and it panics at a line that is no object.
    // The stage itself asks for `/up`.
    let entries = async || {
        let entries = stage.proxy().access().into_iter();
        entries.filter(|entry| entry["uri"] != "/up").collect::<Vec<_>>()
    };
    let entries = until("their lines", PATIENCE, entries, |all| all.len() >= 7).await;
    assert_eq!(entries.len(), 7, "{entries:#?}");
    for agent in agents {
        let said = entries.iter().filter(|entry| entry["user_agent"] == agent).count();
        assert_eq!(said, 1, "{agent:?}: {entries:#?}");
    }
    assert!(entries.iter().all(|entry| entry.get("forged").is_none()), "{entries:#?}");
    let errors = stage.proxy().errors();
    assert!(!errors.contains('\u{1b}') && !errors.contains("\n{\"forged"), "{errors}");
}

#[tokio::test]
async fn a_request_id_and_an_address_are_only_what_they_may_be() {
    let stage = Stage::backend().start().await;
    for (id, wanted) in [
        ("a reason=drain", "areason=drain"),
        ("{\"x\":1}", "x:1"),
        ("\u{202e}\u{e9}", "-"),
        (&"z".repeat(500), &"z".repeat(64)),
    ] {
        let dial = stage.dial("/ws/echo").header("X-Request-ID", id);
        let peer = dial.header("X-Forwarded-For", "203.0.113.7 reason=drain").open().await;
        drop(peer);
        let opens = async || stage.opens().pop();
        let good = |line: &Option<crate::harness::log::Line>| {
            line.as_ref().is_some_and(|line| line.says("request", wanted))
        };
        let line = until("its line", PATIENCE, opens, good).await.expect("it was waited for");
        // What is no address is not believed; the proxy's own is all that is known.
        assert!(line.says("peer", "127.0.0.1") && !line.has("reason"), "{line:?}");
    }
}

#[tokio::test]
async fn a_user_of_a_token_cannot_write_more_than_its_name() {
    let stage = Stage::gateway().set("auth.jwt_secret", SECRET).start().await;
    for user in ["x\nINFO end", "x\u{1b}[2J", "", "x\u{0}"] {
        let bearer = format!("Bearer {}", token(json!({"sub": user})));
        let answer = stage.dial("/ws/echo").header("Authorization", &bearer).refused().await;
        assert_eq!(answer.status, 401, "{user:?}: {answer:?}");
    }
    let bearer = format!("Bearer {}", token(json!({"sub": "x reason=drain \"y"})));
    match stage.dial("/ws/echo").header("Authorization", &bearer).attempt().await {
        Ok(Ok(peer)) => {
            let line = stage.open_of(&peer).await;
            assert!(line.says("user", "x reason=drain \"y") && !line.has("reason"), "{line:?}");
        }
        Ok(Err(answer)) => assert_eq!(answer.status, 401, "{answer:?}"),
        Err(why) => panic!("{why}"),
    }
}
