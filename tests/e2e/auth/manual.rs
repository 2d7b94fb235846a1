//! That `docs/auth.md` can be followed to the letter: its commands are run as they stand there.
//! What else it says is proven in the files beside this one.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{bearing, is_known_as, issuer::token};
use crate::harness::{Stage, tool::repository};

/// The block of shell in the page that holds these words.
fn block(words: &str) -> String {
    let page = std::fs::read_to_string(repository().join("docs/auth.md")).expect("it is there");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.filter(|block| block.contains(words)).collect::<Vec<_>>();
    assert_eq!(block.len(), 1, "one block with {words}: {block:?}");
    block[0].to_owned()
}

fn shell(folder: &Path, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn the_commands_of_the_manual_make_keys_and_tokens_that_work() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    shell(folder.path(), &block("genpkey"));
    let read = |name| std::fs::read_to_string(folder.path().join(name)).expect("it was made");
    let stage = Stage::gateway()
        .set("auth.jwt_secret", read("jwt.secret"))
        .set("auth.jwt_public_key", read("issuer.pub"))
        .start()
        .await;
    let token = shell(folder.path(), &(block("b64()") + "printf '%s' \"$TOKEN\""));
    let mut peer = bearing(&stage, "/ws/rooms/lobby", &token).open().await;
    peer.echoes("let in").await;
    is_known_as(&stage, &peer, "anna").await;
    assert_eq!(bearing(&stage, "/ws/rooms/other", &token).refused().await.status, 403);
}

#[tokio::test]
async fn curl_is_told_as_the_manual_says() {
    let stage = super::guarded().start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = block("curl --include").replace("localhost:8080", &stage.address().to_string());
    let ask = |token: &str| {
        // The good one ends with curl's own time limit.
        let script = format!("TOKEN={token}\n{} || test $? = 28", script.trim_end());
        shell(folder.path(), &script)
    };
    let answer = ask(&token(json!({})));
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    let answer = ask(&token(json!({"exp": 1})));
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("error=\"invalid_token\"") && answer.contains("exp"), "{answer}");
}
