//! What the application is told of a peer with a token: whom it belongs to, never the token.
//! What else it is told is proven with the callback.

use serde_json::{Value, json};

use super::{bearing, guarded, is_known_as, issuer::token};
use crate::harness::application::{Application, Reply};

#[tokio::test]
async fn the_application_is_asked_about_whom_a_token_has_let_in_and_about_nobody_else() {
    let application = Application::start(|asked| {
        let anna = asked.text().contains("\"user\":\"anna\"");
        if anna {
            Reply::new(204)
        } else {
            Reply::new(200).header("Content-Type", "application/json").body("{\"user\": \"carl\"}")
        }
    })
    .await;
    let stage = guarded()
        .set("auth.query_token", true)
        .set("callback.url", application.url("/hook"))
        .set("callback.observe", vec!["echo", "rooms"])
        .set("callback.headers", vec!["x-colour"])
        .start()
        .await;
    assert_eq!(stage.dial("/ws/echo").refused().await.status, 401);
    let elsewhere = token(json!({"rooms": ["lobby"]}));
    assert_eq!(bearing(&stage, "/ws/rooms/other", &elsewhere).refused().await.status, 403);
    assert_eq!(application.asked().len(), 0, "about those who are refused already");

    let good = token(json!({}));
    let offer = format!("chat, bearer.{good}, holdline.v1");
    let dial = stage.dial(&format!("/ws/echo?a=1&token={good}&b"));
    let dial = dial.header("Sec-WebSocket-Protocol", &offer).header("X-Colour", "blue");
    let anna = dial.open().await;
    let asked = application.was_asked(1).await.remove(0);
    let told: Value = serde_json::from_str(&asked.text()).expect("JSON");
    assert_eq!((&told["type"], &told["user"]), (&json!("connect"), &json!("anna")), "{told}");
    assert_eq!(told["subprotocols"], json!(["chat", "holdline.v1"]), "{told}");
    assert_eq!(told["query"], "a=1&b", "{told}");
    assert!(told.to_string().contains("blue"), "{told}");
    assert!(!told.to_string().contains(good.rsplit('.').next().unwrap_or(&good)), "{told}");
    is_known_as(&stage, &anna, "anna").await;

    // Who knows better than the token.
    let carl = bearing(&stage, "/ws/echo", &token(json!({"sub": "bert"}))).open().await;
    is_known_as(&stage, &carl, "carl").await;
}
