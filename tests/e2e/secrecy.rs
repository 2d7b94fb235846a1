//! Tokens, secrets and what messages say are in no log, no metric, no page and nobody else's answer,
//! at the deepest level there is and whatever goes wrong. `holdline link` is in `tests/bridge`.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::auth::issuer::token;
use crate::harness::application::{Application, Reply};
use crate::harness::http::{self, Answer};
use crate::harness::peer::codec;
use crate::harness::{Event, Peer, Stage, until, wait::PATIENCE};

/// In everything that is nobody's business.
const MARK: &str = "hushhush";

/// Kept by the node: the secret of tokens, the control token, the callback's secret.
const SECRETS: [&str; 3] = [
    "hushhush is the secret of all tokens",
    "hushhush-control-token",
    "whsec_hushhushhushhushhushhushhushhush",
];

/// Answers about newcomers, messages and requests with marked words, well and badly.
async fn application() -> Application {
    Application::start(|asked| {
        let text = asked.text();
        match () {
            () if asked.target.contains("hang-up") => Reply::close(),
            () if asked.target.contains("noise") => Reply::raw("hushhush noise\r\n"),
            () if asked.target.contains("fail") => Reply::new(500).body("hushhush failure"),
            () if asked.target.starts_with("/v1") => {
                Reply::text("hushhush answer").header("x-hush", "hushhush-header")
            }
            () if !text.contains("\"type\":\"message\"") => Reply::new(204),
            () if text.contains("publish") => Reply::json(
                &json!({"actions": [
                    {"publish": {"room": "lobby", "text": "hushhush publication"}},
                    {"reply": {"text": "hushhush reply"}}, {"join": "elsewhere"}]})
                .to_string(),
            ),
            () if text.contains("void") => {
                Reply::json(r#"{"actions": [{"shout": "hushhush"}, {"join": "hushhush no room"}]}"#)
            }
            () if text.contains("noise") => Reply::raw("hushhush noise\r\n"),
            () if text.contains("fail") => Reply::new(500).body("hushhush failure"),
            () if text.contains("refuse") => Reply::new(422).body("hushhush refusal"),
            () if text.contains("goodbye") => Reply::json(
                &json!({"actions": [{"close": {"code": 4001, "text": "hushhush goodbye"}}]})
                    .to_string(),
            ),
            () => Reply::text("hushhush reply"),
        }
    })
    .await
}

/// The stage with everything on: tokens in all three places, application, requests.
async fn stage(application: &Application) -> Stage {
    Stage::gateway()
        .log("trace")
        .workers(2)
        .set("auth.jwt_secret", SECRETS[0])
        .set("auth.query_token", true)
        .set("control.token", SECRETS[1])
        .set("callback.secret", SECRETS[2])
        .set("callback.url", application.url("/holdline?key=hushhush"))
        .set("callback.observe", vec!["rooms", "echo"])
        .set("rest.base_url", application.url("/v1"))
        .set("limits.message_bytes_max", 4096)
        .set("limits.close_timeout", "500ms")
        .start()
        .await
}

/// A token that lets anna in everywhere, and is marked.
fn bearer() -> String {
    use super::auth::issuer::{claims, hs256};
    hs256(&json!({"alg": "HS256"}), &claims(json!({"jti": MARK})), SECRETS[0].as_bytes())
}

async fn enter(stage: &Stage, target: &str) -> Peer {
    stage.dial(target).header("Authorization", &format!("Bearer {}", bearer())).open().await
}

/// Tokens in every place, good, spoilt, somebody else's, twice, and where none belongs.
async fn present_tokens(stage: &Stage) -> Vec<String> {
    let (good, foreign) = (bearer(), token(json!({"jti": MARK})));
    let spoilt = format!("{good}x");
    let expired = {
        use super::auth::issuer::{claims, hs256, seconds};
        let claims = claims(json!({"jti": MARK, "exp": seconds(-600)}));
        hs256(&json!({"alg": "HS256"}), &claims, SECRETS[0].as_bytes())
    };
    for token in [&good, &foreign, &spoilt, &expired] {
        let offer = format!("holdline.v1, bearer.{token}");
        for dial in [
            stage.dial("/ws/echo").header("Authorization", &format!("Bearer {token}")),
            stage.dial("/ws/echo").header("Authorization", &format!("Basic {token}")),
            stage.dial("/ws/rooms/lobby").header("Sec-WebSocket-Protocol", &offer),
            stage.dial(&format!("/ws/app?token={token}")),
            stage.dial(&format!("/ws/rest?token={token}&token={spoilt}")),
            stage.dial(&format!("/ws/nowhere?token={token}")),
            stage
                .dial("/ws/echo")
                .header("Sec-WebSocket-Protocol", &offer)
                .header("Cookie", &format!("session={MARK}; token={token}"))
                .header("Authorization", &format!("Bearer {spoilt}")),
        ] {
            match dial.attempt().await.expect("an answer") {
                Ok(peer) => peer.close(1000, MARK).await,
                Err(answer) => assert!(!format!("{answer:?}").contains(token.as_str())),
            }
        }
    }
    vec![good, foreign, spoilt, expired]
}

/// Messages that arrive, and what ends a connection in every way that a message can.
async fn talk(stage: &Stage) {
    let mut room = [enter(stage, "/ws/rooms/lobby").await, enter(stage, "/ws/rooms/lobby").await];
    room[0].text("hushhush text").await;
    room[0].binary(b"hushhush bytes").await;
    for peer in &mut room {
        peer.message().await;
        peer.message().await;
    }
    room[0].ping(b"hushhush ping").await;
    room[0].pong(b"hushhush pong").await;
    room[0].close(4000, "hushhush reason").await;
    room[0].ended().await;
    for wrong in [
        codec::encode(true, codec::TEXT, b"hushhush \xff"),
        codec::encode(true, codec::TEXT, &MARK.repeat(1000).into_bytes()),
        codec::encode(true, 3, b"hushhush opcode"),
        codec::encode(true, codec::CLOSE, b"\x03\xe8hushhush \xff"),
        [&[0x81, 16][..], b"hushhush unmasked"].concat(),
        b"GET /hushhush HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut peer = enter(stage, "/ws/echo").await;
        peer.frame(false, codec::TEXT, b"hushhush fragment").await;
        peer.raw(&wrong).await;
        peer.ended().await;
    }
    // Torn in the middle of a message.
    let peer = enter(stage, "/ws/echo").await;
    peer.frame(false, codec::TEXT, b"hushhush fragment").await;
    peer.reset().await;
}

/// The application's answers, well and badly.
async fn ask_the_application(stage: &Stage) {
    let mut peer = enter(stage, "/ws/app?key=hushhush").await;
    for word in ["reply", "publish", "void", "noise", "fail", "refuse"] {
        peer.text(&format!("hushhush {word}")).await;
        peer.message().await;
    }
    peer.text("hushhush goodbye").await;
    assert_eq!(peer.ended().await.code, 4001);
}

/// Requests that arrive, are refused, or come to nothing.
async fn make_requests(stage: &Stage) {
    let mut peer = enter(stage, "/ws/rest").await;
    let request = |more: serde_json::Value| {
        let mut request = json!({
            "id": "hushhush-id", "method": "POST", "path": "/orders?key=hushhush",
            "headers": {"authorization": "Bearer hushhush"}, "body": {"card": "hushhush"}
        });
        request.as_object_mut().expect("it is").extend(more.as_object().expect("too").clone());
        request.to_string()
    };
    for message in [
        request(json!({})),
        request(json!({"path": "/fail"})),
        request(json!({"path": "/hang-up"})),
        request(json!({"path": "/noise"})),
        request(json!({"path": "/../hushhush"})),
        request(json!({"path": "//hushhush/"})),
        request(json!({"method": "HUSHHUSH"})),
        request(json!({"headers": {"x-hushhush": "hushhush"}})),
        request(json!({"headers": {"accept": "hushhush\r\nx: y"}})),
        request(json!({"body_base64": "hushhush?"})),
        request(json!({"hushhush": "hushhush"})),
        "hushhush is no JSON".to_owned(),
        r#"{"id": "hushhush", "method": hushhush}"#.to_owned(),
    ] {
        peer.text(&message).await;
        peer.message().await;
    }
    peer.binary(b"hushhush bytes").await;
    peer.message().await;
    peer.close(1000, "").await;
    peer.ended().await;
}

/// What the control API is asked, rightly and wrongly; none of its answers quotes a message or a
/// token.
async fn ask_the_control_api(stage: &mut Stage) {
    let mut peer = enter(stage, "/ws/rooms/lobby").await;
    let id = stage.open_of(&peer).await.value("id").to_owned();
    let at = stage.node().control;
    let (right, wrong) = (format!("Bearer {}", SECRETS[1]), "Bearer hushhush-wrong".to_owned());
    let batch = json!({"messages": [{"room": "lobby", "text": "hushhush batch"}]}).to_string();
    let wrong_batch = json!({"messages": [
        {"room": "lobby", "text": "hushhush batch", "binary": "hushhush"}]})
    .to_string();
    let cut_batch = r#"{"messages": [{"room": "lobby", "text": "hushhush"#.to_owned();
    for (method, path, token, body, status) in [
        ("GET", "/connections".to_owned(), &wrong, "", 401),
        ("GET", "/connections?token=hushhush".to_owned(), &right, "", 400),
        ("GET", "/connections".to_owned(), &right, "", 200),
        ("GET", "/rooms/lobby".to_owned(), &right, "", 200),
        ("POST", "/rooms/lobby/messages".to_owned(), &right, "hushhush publication", 200),
        ("POST", format!("/connections/{id}/messages"), &right, "hushhush direct", 200),
        ("POST", "/messages".to_owned(), &right, "hushhush everyone", 200),
        ("POST", "/messages".to_owned(), &wrong, "hushhush everyone", 401),
        ("POST", "/messages".to_owned(), &right, &MARK.repeat(1000), 413),
        ("POST", "/publish".to_owned(), &right, &batch, 200),
        ("POST", "/publish".to_owned(), &right, &wrong_batch, 400),
        ("POST", "/publish".to_owned(), &right, &cut_batch, 400),
        ("DELETE", format!("/connections/{id}?code=4001&text=hushhush"), &right, "", 200),
    ] {
        let answer = asked(at, method, &path, token, body).await;
        let said = format!("{answer:?}{}", answer.text());
        assert!(answer.status == status || answer.status == 204, "{method} {path}: {said}");
        let named = path.contains("token=") && said.contains("token");
        assert!(named || !said.contains(MARK), "{method} {path}: {said}");
    }
    let mut heard = 0;
    while let (_, Event::Text(_) | Event::Ping(_)) = peer.heard().await {
        heard += 1;
    }
    assert!(heard >= 4, "the messages have arrived");
}

async fn asked(at: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: {token}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::send(at, request.as_bytes()).await;
    answer.unwrap_or_else(|why| panic!("{method} {path}: {why}"))
}

#[tokio::test]
async fn tokens_secrets_and_messages_are_in_no_log_metric_or_page() {
    let application = application().await;
    let mut stage = stage(&application).await;
    let tokens = present_tokens(&stage).await;
    talk(&stage).await;
    ask_the_application(&stage).await;
    make_requests(&stage).await;
    ask_the_control_api(&mut stage).await;
    // And with an application that is away.
    drop(application);
    let mut peer = enter_or_not(&stage).await;
    if let Some(peer) = &mut peer {
        peer.text("hushhush to nobody").await;
    }
    drop(peer);
    stage.all_ended().await;
    let control = stage.node().control;
    let metrics = http::get(control, "/metrics").await.text();
    let pages = [stage.get("/").await.text(), stage.get("/page.js").await.text()].concat();
    stage.node().terminate();
    stage.node().ended(PATIENCE * 2).await;
    let backend: String = stage.lines().into_iter().map(|line| line.raw + "\n").collect();
    let lines = async || stage.proxy().access();
    let access = until("the access log", PATIENCE, lines, |all| all.len() >= 40).await;
    let access: String = access.iter().map(|entry| format!("{entry}\n")).collect();
    // What the manual says of auth.query_token, and of no other way: nginx quotes the address.
    let errors = stage.proxy().errors();
    let errors: String = errors
        .lines()
        .filter(|line| !line.contains("?token=") && !line.contains("?key="))
        .collect();
    assert!(backend.contains("token_invalid") && backend.contains("TRACE"), "it is the whole log");
    let encoded = [STANDARD.encode(MARK), STANDARD.encode(format!("x{MARK}"))];
    let mut hushed: Vec<&str> = vec![MARK, &encoded[0][..10], &encoded[1][2..10]];
    // A token's claims or signature alone would do.
    hushed.extend(tokens.iter().flat_map(|token| token.split('.').skip(1)));
    let told = [
        ("the backend's log", &backend),
        ("the access log", &access),
        ("the error log", &errors),
        ("the metrics", &metrics),
        ("the page", &pages),
    ];
    for (where_, text) in told {
        for secret in &hushed {
            let found = text.lines().find(|line| line.contains(secret));
            assert!(found.is_none(), "{secret} in {where_}: {}", found.unwrap_or_default());
        }
    }
}

/// A peer of `/ws/rest`, where the application that may refuse newcomers is away.
async fn enter_or_not(stage: &Stage) -> Option<Peer> {
    let authorization = format!("Bearer {}", bearer());
    let dial = stage.dial("/ws/rest").header("Authorization", &authorization);
    dial.attempt().await.expect("an answer").ok()
}
