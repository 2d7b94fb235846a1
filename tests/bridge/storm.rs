//! Many requests at once, each with its own reply.
//! One at a time is proven in `forms`.

use tokio::process::Command;
use tokio::task::JoinSet;

use crate::bridge::{Bridge, ask};
use crate::harness::Stage;

#[tokio::test]
async fn two_hundred_requests_at_once_get_their_own_replies_on_one_connection() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let (address, mut asking) = (bridge.address, JoinSet::new());
    for number in 0..200_usize {
        asking.spawn(async move {
            // Of many lengths, so that they overtake each other wherever they can.
            let text = format!("{number} ").repeat(1 + number * 37 % 3000);
            let answer = ask(address, "POST", "/sh?timeout=60s", &[], text.as_bytes()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text() == text, "{number} got {:.40}", answer.text());
        });
    }
    let done = asking.join_all().await;
    assert_eq!(done.len(), 200);
    assert_eq!(bridge.link().await["opened"], 1);
    let scrape = bridge.scrape().await;
    assert_eq!(scrape.sum_of("holdline_link_requests_total", "outcome", "reply"), 200.0);
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, 1.0);
}

#[tokio::test]
async fn forty_curls_at_once_get_their_own_replies() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let (port, mut asking) = (bridge.address.port(), JoinSet::new());
    for number in 0..40 {
        asking.spawn(async move {
            let (url, text) = (format!("http://localhost:{port}/sh"), format!("number {number}"));
            let curl = Command::new("curl").args(["--silent", &url, "--data", &text]).output();
            let output = curl.await.expect("curl runs");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        });
    }
    assert_eq!(asking.join_all().await.len(), 40);
}
