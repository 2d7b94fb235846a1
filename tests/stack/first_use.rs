//! What somebody sees who starts the stack for the first time.

use std::time::Duration;

use crate::harness::wscat::Wscat;
use crate::stack::{Stack, docker};

const IMAGE_BYTES_MAX: u64 = 20_000_000;

/// Measured as the engine stores it, the base included.
pub fn the_backends_image_is_small(stack: &Stack) {
    let id = &stack.replicas()[0].id;
    let image = docker(&["inspect", "--format", "{{.Image}}", id]);
    let size = docker(&["image", "inspect", "--format", "{{.Size}}", image.trim()]);
    let size: u64 = size.trim().parse().expect("a size in bytes");
    println!("the backend's image: {size} bytes");
    assert!(size <= IMAGE_BYTES_MAX, "{size} bytes");
}

pub async fn prometheus_follows_connects_and_disconnects(stack: &Stack) {
    let query = "sum(holdline_connections)by(instance)";
    let instance = stack.replicas()[0].instance.clone();
    let exactly = async |count: f64| {
        let seen = stack.answers(query, |seen| seen.get(&instance) == Some(&count)).await;
        assert_eq!(seen.len(), 1, "one replica: {seen:?}");
    };
    let mut peers = stack.connect_many("/ws/echo", 5).await;
    exactly(5.0).await;
    for peer in peers.drain(..2) {
        peer.close(1000, "").await;
    }
    exactly(3.0).await;
    drop(peers);
    exactly(0.0).await;
    let gateway = stack.answers("nginx_up", |seen| seen.values().any(|up| *up == 1.0)).await;
    assert_eq!(gateway.len(), 1, "the gateway's exporter: {gateway:?}");
}

/// The container looks the gateway up by its name, with a C library that is linked statically. The
/// link goes again, because connections are counted in what follows.
pub async fn curl_gets_its_reply_by_the_link(stack: &mut Stack) {
    stack.set("COMPOSE_PROFILES", "metrics,link");
    stack.up_again();
    let line = format!(
        r#"curl -H "Content-Type: application/json" -X POST http://localhost:{}/sh -d "Hello World""#,
        stack.link()
    );
    let curl = tokio::process::Command::new("sh").args(["-c", &line]).output().await;
    let curl = curl.expect("a shell runs");
    if curl.stdout != b"Hello World" {
        let logs = stack.compose(&["logs", "--tail", "20", "link"]);
        panic!("{line}: {curl:?}\n{logs}");
    }
    let open = "holdline_links{state=\"OPEN\"}";
    stack.answers(open, |seen| seen.values().sum::<f64>() == 1.0).await;
    stack.compose(&["rm", "--stop", "--force", "link"]);
    stack.set("COMPOSE_PROFILES", "metrics");
}

pub async fn wscat_idles_past_the_read_timeout(stack: &Stack) {
    let mut wscat = Wscat::connect(stack.address(), "/ws/echo", &["-P"]).await;
    // A ping is due every second, and the timeout is three.
    for _ in 0..8 {
        wscat.shows("< Received ping (data: \"").await;
    }
    wscat.types("still here").await;
    wscat.shows("< still here").await;
    let mut peer = stack.connect("/ws/echo").await;
    let pings = peer.is_silent_for(Duration::from_secs(4)).await;
    // Otherwise the first would come after 18 s.
    assert!(!pings.is_empty(), "the backend has heard of the timeout too");
}
