//! permessage-deflate, through the gateway, with clients that nobody here wrote.
//! The rules of each message are proven in `inbound`, conformity by Autobahn's groups 12 and 13.

use std::{path::PathBuf, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::control::{control, post};
use crate::harness::{
    Event, Stage,
    stage::Builder,
    tool::{repository, tool},
    until,
    wait::PATIENCE,
};

/// One of the clients beside this file.
struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// Comes in and says what was agreed to; leaves after so many messages.
    async fn open(stage: &Stage, name: &str, target: &str, count: usize) -> (Self, String) {
        let (peers, address) = (tool("peers"), stage.address());
        let script: PathBuf = repository().join("tests/e2e/compression").join(name);
        let mut command = match name {
            "client.py" => Command::new(peers.join("venv/bin/python")),
            _ => Command::new("node"),
        };
        let mut child = command
            .env("NODE_PATH", peers.join("node_modules"))
            .arg(script)
            .args([format!("ws://{address}{target}"), count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("scripts/tool peers provides it");
        let input = child.stdin.take().expect("it was piped");
        let output = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let mut client = Self { child, input, output };
        let opened = client.line().await;
        (client, opened.strip_prefix("open ").expect("it gets in").to_owned())
    }

    async fn says(&mut self, text: &str) {
        let line = format!("{text}\n");
        let written = timeout(PATIENCE, self.input.write_all(line.as_bytes())).await;
        written.expect("it reads").expect("it is there");
    }

    async fn hears(&mut self, text: &str) {
        let letters: String = text.chars().take(8).collect();
        assert_eq!(self.line().await, format!("message {} {letters}", text.len()));
    }

    async fn line(&mut self) -> String {
        let line = timeout(PATIENCE * 3, self.output.next_line()).await.expect("a line in time");
        line.expect("text").expect("it goes on")
    }

    async fn leaves(mut self) {
        // Whoever still reads it waits no longer.
        drop(self.input);
        let status =
            timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status");
        assert!(status.success(), "the closing handshake: {status:?}");
    }
}

fn large(first: &str) -> String {
    format!("{first} {}", "{\"id\": 7, \"name\": \"somebody\"}, ".repeat(300))
}

fn stage() -> Builder {
    Stage::gateway().set("compression.mode", "shared")
}

#[tokio::test]
async fn clients_of_others_talk_deflated_with_no_context_on_either_side() {
    for name in ["client.js", "client.py"] {
        let stage = stage().start().await;
        let (mut client, agreed) = Client::open(&stage, name, "/ws/echo", 3).await;
        let agreed = agreed.replace('_', "").to_lowercase();
        assert!(agreed.contains("nocontexttakeover"), "{name}: {agreed}");
        for text in [large("first"), "small".to_owned(), large("again")] {
            client.says(&text).await;
            client.hears(&text).await;
        }
        client.leaves().await;
        stage.holds(0).await;
        let sent = stage.count("holdline_message_bytes_total", "direction", "out").await;
        let whole = 2.0 * large("first").len() as f64;
        assert!(sent > 10.0 && sent < whole / 10.0, "{name}: {sent} of {whole} bytes");
    }
}

#[tokio::test]
async fn in_one_room_each_member_gets_a_message_in_the_form_that_it_agreed_to() {
    let mut stage = stage().workers(2).start().await;
    let mut plain = stage.connect("/ws/rooms/lobby").await;
    let mut clients = Vec::new();
    for name in ["client.js", "client.py"] {
        clients.push(Client::open(&stage, name, "/ws/rooms/lobby", 1).await.0);
    }
    stage.holds(3).await;
    let at = control(&mut stage);
    assert_eq!(post(at, "/rooms/lobby/messages", &large("all")).await, 3);
    assert_eq!(plain.message().await, Event::Text(large("all")));
    for mut client in clients {
        client.hears(&large("all")).await;
        client.leaves().await;
    }
    let sent = async || stage.count("holdline_message_bytes_total", "direction", "out").await;
    let whole = large("all").len() as f64;
    // The plain one, and two that are a fraction of it.
    until("all that was sent is counted", PATIENCE, sent, |sent| *sent > whole).await;
    assert!(sent().await < whole * 1.3);
}

#[tokio::test]
async fn where_it_is_off_or_not_offered_nothing_is_agreed_to() {
    let off = Stage::gateway().start().await;
    let (mut client, agreed) = Client::open(&off, "client.js", "/ws/echo", 1).await;
    assert_eq!(agreed, "plain");
    client.says("hello").await;
    client.hears("hello").await;
    client.leaves().await;
    let on = stage().start().await;
    on.connect("/ws/echo").await.echoes("who offers nothing is let in as ever").await;
}

#[tokio::test]
async fn an_offer_that_is_no_list_of_extensions_is_refused() {
    let stage = stage().start().await;
    let offer = "permessage-deflate; server_max_window_bits=";
    let dial = stage.dial("/ws/echo").header("Sec-WebSocket-Extensions", offer);
    let answer = dial.refused().await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text().starts_with("Sec-WebSocket-Extensions lists"), "{}", answer.text());
}

#[tokio::test]
async fn a_bomb_costs_its_sender_the_connection_and_the_backend_nothing() {
    let mut stage = stage().set("limits.message_bytes_max", "64KiB").start().await;
    let mut bystander = stage.connect("/ws/echo").await;
    // Sixty megabytes of one letter: about sixty kilobytes on the wire.
    let bomb = "x".repeat(60_000_000);
    let (mut client, _) = Client::open(&stage, "client.js", "/ws/echo", 1).await;
    stage.holds(2).await;
    let before = stage.node().process.resident_bytes();
    client.says(&bomb).await;
    drop(client.input);
    stage.holds(1).await;
    let after = stage.node().process.resident_bytes();
    assert!(after < before + 8_000_000, "inflated no further than allowed");
    bystander.echoes("nobody else notices").await;
    assert_eq!(stage.count("holdline_disconnects_total", "reason", "too_big").await, 1.0);
}
