//! Credentials reach the servers that they are for, and nobody else: no other server, no log, no
//! status.
//! How they are refused without being told is proven in `refusals`.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::bridge::{Bridge, json, problem, url};
use crate::harness::{PATIENCE, Stage};

/// A server that wants nobody, and tells what it was asked.
async fn listener() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (told, asked) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok() {}
            let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
            let _ = told.send(String::from_utf8_lossy(&head).to_lowercase()).await;
        }
    });
    (address, asked)
}

async fn next(asked: &mut mpsc::Receiver<String>) -> String {
    let next = tokio::time::timeout(PATIENCE, asked.recv()).await;
    next.expect("asked in time").expect("the listener goes on")
}

#[tokio::test]
async fn header_fields_and_token_go_to_the_servers_they_are_for_and_to_no_other() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    let token = file("token", "hush-token\n");
    let fields = file("fields", "# a comment\n\nX-File: hush-file\n");
    let (own, mut own_asked) = listener().await;
    let (trusted, mut trusted_asked) = listener().await;
    let (other, mut other_asked) = listener().await;
    let bridge = Bridge::start(&[
        "--server",
        &url(own, "/?key=hush-query"),
        "--allow-with-credentials",
        &url(trusted, "/"),
        "--allow",
        &url(other, "/"),
        "--token-file",
        &token,
        "--header-file",
        &fields,
        "-H",
        "X-Field: hush-field",
        "-s",
        "v1",
    ])
    .await;
    for server in [trusted, other] {
        let wish = format!(r#"{{"server": "{}"}}"#, url(server, "/x"));
        assert_eq!(bridge.post("/connect", wish).await.status, 201);
    }
    let fields = ["authorization: bearer hush-token", "x-file: hush-file", "x-field: hush-field"];
    for asked in [&mut own_asked, &mut trusted_asked] {
        let head = next(asked).await;
        assert!(fields.iter().all(|field| head.contains(field)), "{head}");
    }
    let head = next(&mut other_asked).await;
    assert!(!head.contains("hush") && head.contains("sec-websocket-protocol: v1"), "{head}");
}

#[tokio::test]
async fn nothing_secret_is_in_a_log_a_status_or_an_answer() {
    let stage = Stage::backend().start().await;
    let server = url(stage.address(), "/ws/rooms/a?key=hush").replace("ws://", "ws://me:hush@");
    let arguments = ["--server", &server, "-H", "X-Key: hush"];
    for format in ["text", "json"] {
        let set = [("RUST_LOG", "trace"), ("HOLDLINE_LINK_LOG_FORMAT", format)];
        let mut bridge = Bridge::start_with(&arguments, &set).await;
        bridge.is("OPEN").await;
        assert_eq!(bridge.post("/sh?timeout=60s", "a hushed message").await.status, 200);
        let named = url(stage.address(), "/ws/rooms/a");
        // The name without its secrets is a name too.
        let answer = bridge.post(&format!("/sh?server={named}"), "Hello").await;
        assert_eq!(answer.text(), "Hello");
        stage.connect("/ws/rooms/a").await.text("an unasked hush").await;
        let status = bridge.get("/status").await.text();
        assert!(status.contains(&named) && !status.contains("hush"), "{status}");
        let answer = bridge.post("/disconnect", "").await;
        assert!(!answer.text().contains("hush"), "{}", answer.text());
        let answer = bridge.post("/sh", "Hello").await;
        problem(&answer, 503, "down", Some("no"));
        assert_eq!(json(&answer)["server"], named);
        assert!(!answer.text().contains("hush"));
        let answer = bridge.post("/sh?server=ws://me:hush@b/?hush", "Hello").await;
        assert!(!answer.text().contains("hush"), "{}", answer.text());
        assert!(!bridge.get("/metrics").await.text().contains("hush"));
        bridge.terminate();
        assert!(bridge.process.ended(PATIENCE).await.success());
        let log = bridge.process.log.tail(1000);
        assert!(log.contains("link open") && log.contains("request"), "{log}");
        assert!(!log.contains("hush"), "{log}");
    }
}
