//! What is agreed to of the subprotocols that a peer offers, through the gateway.
//! The tokens among them are proven in `auth`.

use crate::harness::Stage;

async fn agreed(stage: &Stage, offer: &str) -> Option<String> {
    let mut peer = stage.dial("/ws/echo").header("Sec-WebSocket-Protocol", offer).open().await;
    peer.echoes("let in").await;
    peer.subprotocol.clone()
}

#[tokio::test]
async fn the_first_configured_one_that_is_offered_is_agreed_to() {
    let stage = Stage::gateway().set("server.subprotocols", vec!["stomp", "chat"]).start().await;
    assert_eq!(agreed(&stage, "chat, stomp").await.as_deref(), Some("stomp"));
    assert_eq!(agreed(&stage, "holdline.v1,chat").await.as_deref(), Some("chat"));
    assert_eq!(agreed(&stage, "holdline.v1, other").await.as_deref(), Some("holdline.v1"));
    assert_eq!(agreed(&stage, "other").await, None, "which browsers take for a refusal");
    assert_eq!(stage.connect("/ws/echo").await.subprotocol, None, "what was not offered");
}

#[tokio::test]
async fn a_browser_that_offers_its_token_beside_ours_gets_ours_and_nothing_else() {
    let stage = Stage::gateway().start().await;
    // Also where nobody asks for a token: a page may not know.
    assert_eq!(agreed(&stage, "holdline.v1, bearer.a.b.c").await.as_deref(), Some("holdline.v1"));
    assert_eq!(agreed(&stage, "bearer.a.b.c, holdline.v1").await.as_deref(), Some("holdline.v1"));
    assert_eq!(agreed(&stage, "bearer.a.b.c").await, None);
}

#[tokio::test]
async fn an_offer_that_is_no_list_of_names_is_refused() {
    let stage = Stage::gateway().start().await;
    for (nth, offer) in ["a b", "a, a", "\"a\"", "bearer.a="].into_iter().enumerate() {
        let dial = stage.dial("/ws/echo").header("Sec-WebSocket-Protocol", offer);
        let answer = dial.refused().await;
        assert_eq!(answer.status, 400, "{offer}: {answer:?}");
        assert!(answer.text().starts_with("Sec-WebSocket-Protocol lists"), "{}", answer.text());
        let counted =
            stage.count("holdline_handshakes_rejected_total", "reason", "bad_handshake").await;
        assert_eq!(counted, nth as f64 + 1.0);
    }
}
