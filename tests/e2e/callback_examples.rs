//! The applications of `docs/callback.md`, as they are written there, run.
//! What an application is promised is in `callback`.

use std::path::Path;

use tokio::net::TcpStream;

use super::callback::SECRET;
use crate::harness::process::Process;
use crate::harness::tool::repository;
use crate::harness::{Event, Stage, http, port, until, wait::PATIENCE};

/// The first piece of the manual in this language, with another port.
fn example(language: &str, port: u16) -> String {
    let manual = repository().join("docs/callback.md");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let (_, rest) = manual.split_once(&format!("```{language}\n")).expect("an example");
    let (code, _) = rest.split_once("\n```").expect("its end");
    assert!(code.contains("3000"), "{code}");
    code.replace("3000", &port.to_string())
}

async fn is_a_chat(language: &str, program: &str, file: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = port::free();
    std::fs::write(folder.path().join(file), example(language, port)).expect("our folder");
    let secret = [("HOLDLINE__CALLBACK__SECRET", SECRET)];
    let chat = Process::start(Path::new(program), &[file], folder.path(), &secret);
    let up = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    until(&format!("{file}: {}", chat.log.tail(5)), PATIENCE, up, |up| *up).await;
    let stage = Stage::gateway()
        .set("callback.url", format!("http://127.0.0.1:{port}/holdline"))
        .set("callback.secret", SECRET)
        .start()
        .await;
    assert_eq!(stage.dial("/ws/app").refused().await.status, 403);
    let mut ann = stage.connect("/ws/app?name=anna").await;
    let mut bob = stage.connect("/ws/app?name=bob%20b.").await;
    bob.text("hello").await;
    for peer in [&mut ann, &mut bob] {
        assert_eq!(peer.message().await, Event::Text("bob b.: hello".to_owned()));
    }
    ann.text("/quit").await;
    let end = ann.ended().await;
    assert_eq!((end.code, &*end.reason), (4000, "bye"));
    let log = async || chat.log.lines();
    let told = "anna has gone: callback_closed";
    until("the end", PATIENCE, log, |log| log.iter().any(|line| line.raw == told)).await;
    bob.text("all alone").await;
    assert_eq!(bob.message().await, Event::Text("bob b.: all alone".to_owned()));
    // Nobody else is believed.
    let now = jiff::Timestamp::now().as_second();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nwebhook-id: a\r\nwebhook-timestamp: {now}\r\n\
         webhook-signature: v1,AAAA\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let answer = http::send(address, request.as_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 401, "{answer:?}");
}

#[tokio::test]
async fn the_application_in_python_is_a_chat() {
    is_a_chat("python", "python3", "chat.py").await;
}

#[tokio::test]
async fn the_application_in_node_is_a_chat() {
    is_a_chat("js", "node", "chat.mjs").await;
}
