//! Promise 6, for whom a token is asked: who gets in, as whom, where to, and what everybody else
//! is told, all through the gateway. The forms of a token are proven beside `src/auth.rs`.

mod application;
pub mod issuer;
mod manual;
mod secrecy;

use serde_json::{Value, json};

use self::issuer::{Issuer, SECRET, claims, hs256, seconds, token, unsigned};
use crate::harness::http::{self, Answer};
use crate::harness::peer::Dial;
use crate::harness::stage::Builder;
use crate::harness::{Peer, Stage, until, wait::PATIENCE};

/// A stage that asks for a token signed with [`SECRET`].
fn guarded() -> Builder {
    Stage::gateway().set("auth.jwt_secret", SECRET)
}

fn bearing<'a>(stage: &Stage, target: &str, token: &str) -> Dial<'a> {
    stage.dial(target).header("Authorization", &format!("Bearer {token}"))
}

/// That the log calls this peer by that name, from the beginning.
async fn is_known_as(stage: &Stage, peer: &Peer, user: &str) {
    let open = async || {
        let opens = stage.opens().into_iter();
        opens.filter(|line| line.says("request", &peer.request)).collect::<Vec<_>>()
    };
    let lines = until("its open line", PATIENCE, open, |lines| lines.len() == 1).await;
    assert!(lines[0].says("user", user), "not {user}: {lines:?}");
}

/// What a refusal must be: status, `error` of the challenge, words in challenge and body, label.
struct Refused(u16, &'static str, &'static str, &'static str);

/// That the answer is one, and that it is the `nth` with its label.
async fn is_refused(stage: &Stage, answer: &Answer, refused: &Refused, nth: f64) {
    let Refused(status, error, words, label) = *refused;
    assert_eq!(answer.status, status, "{answer:?}: {}", answer.text());
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer realm=\"holdline\""), "{answer:?}");
    match error {
        "" => assert_eq!(challenge, "Bearer realm=\"holdline\"", "no error for who claims nothing"),
        _ => {
            assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
            assert!(challenge.contains("error_description=\""), "{challenge}");
            assert!(challenge.contains(answer.text().trim_end()), "{challenge}: {}", answer.text());
        }
    }
    assert!(answer.text().contains(words), "{}: not {words}", answer.text());
    let counted = stage.count("holdline_handshakes_rejected_total", "reason", label).await;
    assert_eq!(counted, nth, "{label}, {}", answer.text());
}

#[tokio::test]
async fn without_keys_nobody_is_asked_for_a_token() {
    let stage = Stage::gateway().start().await;
    let mut peer = bearing(&stage, "/ws/echo", "whatever").open().await;
    peer.echoes("let in").await;
    is_known_as(&stage, &peer, "-").await;
}

#[tokio::test]
async fn a_token_lets_somebody_in_as_whom_it_is_about_on_every_route() {
    let stage = guarded().start().await;
    for target in ["/ws/echo", "/ws/rooms/lobby"] {
        let mut peer = bearing(&stage, target, &token(json!({}))).open().await;
        peer.echoes("by a header").await;
        is_known_as(&stage, &peer, "anna").await;
        let offer = format!("holdline.v1, bearer.{}", token(json!({"sub": "bert"})));
        let mut peer = stage.dial(target).header("Sec-WebSocket-Protocol", &offer).open().await;
        peer.echoes("by a subprotocol").await;
        is_known_as(&stage, &peer, "bert").await;
        let answer = stage.dial(target).refused().await;
        assert_eq!(answer.status, 401, "{target}: {answer:?}");
    }
    // The application gets nothing to do before that: there is none at this address.
    let stage = guarded().set("rest.base_url", "http://127.0.0.1:9/").start().await;
    assert_eq!(stage.dial("/ws/rest").refused().await.status, 401);
    let peer = bearing(&stage, "/ws/rest", &token(json!({}))).open().await;
    is_known_as(&stage, &peer, "anna").await;
    let nameless = hs256(&json!({"alg": "HS256"}), &json!({"exp": seconds(60)}), SECRET.as_bytes());
    let peer = bearing(&stage, "/ws/echo", &nameless).open().await;
    is_known_as(&stage, &peer, "-").await;
}

#[tokio::test]
async fn everybody_else_is_told_what_is_wrong_and_counted() {
    let stage = guarded()
        .set("auth.audience", "holdline")
        .set("auth.issuer", "https://app.example")
        .start()
        .await;
    let ours = |more: Value| {
        let mut all = json!({"aud": "holdline", "iss": "https://app.example"});
        let more = more.as_object().expect("claims are an object").clone();
        all.as_object_mut().expect("claims are an object").extend(more);
        all
    };
    bearing(&stage, "/ws/echo", &token(ours(json!({})))).open().await.echoes("the good one").await;
    let signed = |header: Value, secret: &str| {
        format!("Bearer {}", hs256(&header, &claims(ours(json!({}))), secret.as_bytes()))
    };
    let with = |more: Value| format!("Bearer {}", token(ours(more)));
    let none = format!("Bearer {}.", unsigned(&json!({"alg": "none"}), &claims(ours(json!({})))));
    let (expired, invalid) = ("token_expired", "token_invalid");
    let cases = [
        ("Basic YTpi".to_owned(), Refused(401, "", "another scheme", "token_missing")),
        ("Bearer x".to_owned(), Refused(401, "invalid_token", "JSON Web Token", invalid)),
        (none, Refused(401, "invalid_token", "must be signed with HS256", invalid)),
        (
            signed(json!({"alg": "HS512"}), SECRET),
            Refused(401, "invalid_token", "signed with HS256 (auth.jwt_secret)", invalid),
        ),
        (
            signed(json!({"alg": "HS256", "crit": ["exp"]}), SECRET),
            Refused(401, "invalid_token", "crit", invalid),
        ),
        (
            signed(json!({"alg": "HS256"}), "a secret of somebody else's, guessed"),
            Refused(401, "invalid_token", "does not fit auth.jwt_secret", invalid),
        ),
        (
            with(json!({"aud": "other"})),
            Refused(401, "invalid_token", "does not hold auth.audience", invalid),
        ),
        (
            with(json!({"iss": "https://evil.example"})),
            Refused(401, "invalid_token", "is not auth.issuer", invalid),
        ),
        (with(json!({"exp": null})), Refused(401, "invalid_token", "exp", invalid)),
        (with(json!({"sub": "a\nb"})), Refused(401, "invalid_token", "sub", invalid)),
        (with(json!({"rooms": "lobby"})), Refused(401, "invalid_token", "rooms", invalid)),
        (with(json!({"exp": seconds(-60)})), Refused(401, "invalid_token", "exp", expired)),
        (with(json!({"nbf": seconds(120)})), Refused(401, "invalid_token", "nbf", expired)),
    ];
    let mut counted = std::collections::HashMap::new();
    for (authorization, refused) in cases {
        let answer = stage.dial("/ws/echo").header("Authorization", &authorization).refused().await;
        let nth = counted.entry(refused.3).or_insert(0.0);
        *nth += 1.0;
        is_refused(&stage, &answer, &refused, *nth).await;
    }
    stage.holds(0).await;
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, 1.0, "the good one");
}

#[tokio::test]
async fn several_tokens_that_differ_are_refused_whoever_sent_them() {
    let mut stage = guarded().start().await;
    // Not through the gateway, which would refuse two of that header by itself.
    let node = stage.node().server;
    let (anna, eve) = (token(json!({})), token(json!({"sub": "eve"})));
    let header = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let offer = |token: &str| format!("Sec-WebSocket-Protocol: holdline.v1, bearer.{token}\r\n");
    let ask = async |headers: String| {
        let request = format!(
            "GET /ws/echo HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {headers}\r\n"
        );
        http::send(node, request.as_bytes()).await.expect("an answer")
    };
    assert_eq!(ask(header(&anna) + &offer(&anna)).await.status, 101, "one token, twice");
    let differ = Refused(400, "invalid_request", "they differ", "token_invalid");
    is_refused(&stage, &ask(header(&anna) + &offer(&eve)).await, &differ, 1.0).await;
    is_refused(
        &stage,
        &ask(offer(&anna) + &offer(&eve).replace("holdline.v1, ", "")).await,
        &differ,
        2.0,
    )
    .await;
    let several = Refused(400, "invalid_request", "several Authorization", "token_invalid");
    is_refused(&stage, &ask(header(&anna) + &header(&anna)).await, &several, 3.0).await;
}

#[tokio::test]
async fn a_token_in_the_address_is_read_only_where_that_is_wanted() {
    let target = format!("/ws/echo?token={}", token(json!({})));
    let stage = guarded().start().await;
    let off = Refused(401, "", "auth.query_token is off", "token_missing");
    is_refused(&stage, &stage.dial(&target).refused().await, &off, 1.0).await;
    let stage = guarded().set("auth.query_token", true).start().await;
    let mut peer = stage.dial(&target).open().await;
    peer.echoes("let in").await;
    is_known_as(&stage, &peer, "anna").await;
    let missing = Refused(401, "", "or ?token=", "token_missing");
    is_refused(&stage, &stage.dial("/ws/echo").refused().await, &missing, 1.0).await;
}

#[tokio::test]
async fn each_public_key_checks_its_own_algorithm_and_is_no_secret() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for issuer in [Issuer::p256(), Issuer::rsa(folder.path())] {
        let stage = Stage::gateway().set("auth.jwt_public_key", issuer.pem()).start().await;
        let mut peer = bearing(&stage, "/ws/echo", &issuer.token(json!({}))).open().await;
        peer.echoes("let in").await;
        is_known_as(&stage, &peer, "anna").await;
        // Algorithm confusion: the public key is known to everybody.
        let pem = issuer.pem();
        let confused = [
            hs256(&json!({"alg": "HS256"}), &claims(json!({})), pem.as_bytes()),
            hs256(&json!({"alg": "HS256"}), &claims(json!({})), pem.trim_end().as_bytes()),
            token(json!({})),
            Issuer::p256().token(json!({})),
        ];
        for token in confused {
            let answer = bearing(&stage, "/ws/echo", &token).refused().await;
            assert_eq!(answer.status, 401, "{answer:?}");
            assert!(answer.text().contains("auth.jwt_public_key"), "{}", answer.text());
        }
        let refused =
            stage.count("holdline_handshakes_rejected_total", "reason", "token_invalid").await;
        assert_eq!(refused, 4.0);
    }
    // Both keys at once: while one is replaced by the other.
    let issuer = Issuer::p256();
    let stage = guarded().set("auth.jwt_public_key", issuer.pem()).start().await;
    for token in [token(json!({})), issuer.token(json!({}))] {
        bearing(&stage, "/ws/echo", &token).open().await.echoes("let in").await;
    }
}

#[tokio::test]
async fn a_token_may_limit_the_rooms() {
    let stage = guarded().start().await;
    let some = token(json!({"rooms": ["lobby", "team-7"]}));
    for room in ["lobby", "team-7"] {
        bearing(&stage, &format!("/ws/rooms/{room}"), &some).open().await.echoes(room).await;
    }
    let refused = Refused(403, "insufficient_scope", "do not list team-8", "room_not_allowed");
    let answer = bearing(&stage, "/ws/rooms/team-8", &some).refused().await;
    is_refused(&stage, &answer, &refused, 1.0).await;
    bearing(&stage, "/ws/echo", &some).open().await.echoes("no room is no matter").await;
    let any = token(json!({"rooms": ["*"]}));
    bearing(&stage, "/ws/rooms/team-8", &any).open().await.echoes("any").await;
    let none = token(json!({"rooms": []}));
    assert_eq!(bearing(&stage, "/ws/rooms/lobby", &none).refused().await.status, 403);
    stage.holds(0).await;
    assert_eq!(stage.gauge("holdline_rooms").await, 0.0, "who is refused has joined nothing");
}
