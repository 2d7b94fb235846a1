//! The command line that the manual begins with, by the real curl.
//! Other ways to ask are proven in `forms`.

use std::net::TcpListener;

use tokio::process::Command;

use crate::bridge::Bridge;
use crate::harness::{Stage, port};

/// What the manual says, to this port.
async fn the_line(port: u16) -> (Vec<u8>, String) {
    let line = format!(
        r#"curl -H "Content-Type: application/json" -X POST http://localhost:{port}/sh -d "Hello World""#
    );
    let output = Command::new("sh").args(["-c", &line]).output().await.expect("a shell runs");
    assert!(output.status.success(), "{line}: {output:?}");
    (output.stdout, line)
}

#[tokio::test]
async fn curl_prints_the_reply_and_nothing_else() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    assert_eq!(the_line(bridge.address.port()).await.0, b"Hello World");
}

#[tokio::test]
async fn curl_need_not_wait_for_the_link_to_open() {
    let mut stage = Stage::backend().start().await;
    let server = crate::bridge::url(stage.address(), "/ws/echo");
    stage.node().kill().await;
    let bridge = Bridge::start(&["--server", &server, "--timeout", "60s"]).await;
    let line = tokio::spawn(the_line(bridge.address.port()));
    bridge.has("queued", 1).await;
    stage.node().restart().await;
    bridge.reconnects().await;
    assert_eq!(line.await.expect("curl was run").0, b"Hello World");
}

/// Only where the port is free: whoever builds this may have a bridge of their own running.
#[tokio::test]
async fn the_line_works_as_it_is_written_on_the_port_of_its_own() {
    if TcpListener::bind(("127.0.0.1", 7456)).is_err() {
        println!("port 7456 is taken here");
        return;
    }
    let stage = Stage::backend().start().await;
    let bridge = Bridge::to_echo(&stage, &["--listen", "127.0.0.1:7456"]).await;
    let (said, line) = the_line(7456).await;
    assert_eq!((bridge.address.port(), said), (7456, b"Hello World".to_vec()));
    let manual = include_str!("../../docs/link.md");
    assert!(manual.contains(&line), "the manual has this line: {line}");
}

#[tokio::test]
async fn curl_gets_a_large_message_back_byte_by_byte() {
    // The default of a backend is 64 KiB.
    let stage = Stage::backend().set("limits.message_bytes_max", "8MiB");
    let stage = stage.set("limits.outbox_bytes_max", "16MiB").start().await;
    let bridge = Bridge::to_echo(&stage, &[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    let (sent, back) = (folder.path().join("sent"), folder.path().join("back"));
    std::fs::write(&sent, &bytes).expect("the folder is ours");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--header", "Content-Type: application/octet-stream"])
        .arg("--data-binary")
        .arg(format!("@{}", sent.display()))
        .arg("--output")
        .arg(&back)
        .arg(format!("http://localhost:{}/send", bridge.address.port()));
    assert!(curl.status().await.expect("curl runs").success());
    assert!(std::fs::read(&back).expect("curl wrote it") == bytes, "another body came back");
}
