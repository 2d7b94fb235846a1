//! That a token stays between its bearer and the node: in no log, in no answer.
//! Who gets in with it is proven in the file above.

use serde_json::json;

use super::issuer::token;
use super::{bearing, guarded};
use crate::harness::{until, wait::PATIENCE};

#[tokio::test]
async fn a_token_is_in_no_log_however_much_is_logged() {
    let mut stage = guarded().set("auth.query_token", true).log("trace").start().await;
    let good = |place: &str| token(json!({"jti": place}));
    let bad = |place: &str| format!("{}x", good(place));
    let tokens = ["header", "subprotocol", "address"].map(|place| [good(place), bad(place)]);
    for [good, bad] in &tokens {
        for token in [good, bad] {
            let offer = format!("holdline.v1, bearer.{token}");
            let target = format!("/ws/echo?token={token}");
            let dials = [
                bearing(&stage, "/ws/echo", token),
                stage.dial("/ws/echo").header("Sec-WebSocket-Protocol", &offer),
                stage.dial(&target),
            ];
            for dial in dials {
                match dial.attempt().await.expect("an answer") {
                    Ok(mut peer) => {
                        assert_eq!(token, good, "a bad one is let in");
                        peer.echoes("let in").await;
                        assert!(
                            peer.subprotocol.as_ref().is_none_or(|agreed| agreed == "holdline.v1")
                        );
                    }
                    Err(answer) => {
                        assert_eq!((token, answer.status), (bad, 401), "{answer:?}");
                        assert!(!format!("{answer:?}{}", answer.text()).contains(&token[..40]));
                    }
                }
            }
        }
    }
    stage.all_ended().await;
    let entries = async || stage.proxy().access().len();
    until("every line of the access log", PATIENCE, entries, |lines| *lines >= 18).await;
    let access: String = stage.proxy().access().iter().map(ToString::to_string).collect();
    let errors = stage.proxy().errors();
    let lines = stage.node().log().clone();
    let all = async || lines.lines().into_iter().map(|line| line.raw).collect::<String>();
    let told = |log: &String| log.contains("user=anna") && log.contains("token_invalid");
    let log = until("all of it in the log", PATIENCE, all, told).await;
    // The signature alone would do, and is what a line that is cut short loses first.
    for token in tokens.iter().flatten() {
        let mut parts = token.split('.').skip(1);
        let (claims, signature) =
            (parts.next().expect("claims"), parts.next().expect("a signature"));
        for secret in [claims, signature] {
            assert!(!log.contains(secret), "the backend's log has a token");
            assert!(!access.contains(secret), "the gateway's access log has a token");
        }
    }
    // What the manual says of auth.query_token, and of no other way.
    for line in errors.lines().filter(|line| line.contains(".eyJ")) {
        assert!(line.contains("?token="), "the gateway's error log has a token: {line}");
    }
}
