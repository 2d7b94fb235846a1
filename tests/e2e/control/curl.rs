//! Every curl line of the manual, run by the real curl as it is written, to another port.
//! What else can be asked is the other files' business.

use std::net::SocketAddr;

use tokio::process::Command;

use super::{control, id_of, stage};
use crate::harness::{Event, wait::PATIENCE};

const MANUAL: &str = include_str!("../../../docs/control.md");

/// The manual's command lines, in their order; one goes on until its quotes are closed.
fn lines() -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for block in MANUAL.split("```sh\n").skip(1).filter_map(|block| block.split("```").next()) {
        for line in block.lines() {
            match commands.last_mut().filter(|last| last.matches('\'').count() % 2 == 1) {
                Some(open) => *open += &format!("\n{line}"),
                None => commands.push(line.to_owned()),
            }
        }
    }
    commands.retain(|line| line.starts_with("curl "));
    commands
}

#[tokio::test]
async fn every_line_of_the_manual_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("photo.jpg"), [255, 216, 255]).expect("the folder is ours");
    let stage = stage().set("control.token", "sesame-sesame-sesame").set("drain.delay", "0s");
    let mut stage = stage.set("drain.window", "100ms").start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let mut stays = stage.connect("/ws/rooms/lobby").await;
    let (at, id) = (control(&mut stage), id_of(&stage, &peer).await);
    let lines = lines();
    let mut said = Vec::new();
    for line in &lines {
        said.push(run(line, at, &id, folder.path()).await);
    }
    for (part, promise) in [
        ("/connections\"", "\"connections\""),
        ("connections?room=lobby", "\"next\""),
        ("/connections/$ID\"", "\"round_trip_seconds\""),
        ("-X DELETE", ""),
        ("/connections/$ID/messages", "{\"delivered\":1}"),
        ("/rooms\"", "\"members\":2"),
        ("/rooms/lobby\"", "{\"name\":\"lobby\",\"members\":2}"),
        ("/rooms/lobby/messages\" -d", "{\"delivered\":2}"),
        ("@photo.jpg", "{\"delivered\":2}"),
        ("\"http://127.0.0.1:9001/messages", "{\"delivered\":2}"),
        ("/publish", "\"results\""),
        ("/openapi.json", "\"openapi\": \"3.1"),
        ("/drain", "\"draining\":true"),
    ] {
        let found = lines.iter().zip(&said).find(|(line, _)| line.contains(part));
        let (line, said) = found.unwrap_or_else(|| panic!("no line with {part}"));
        assert!(said.contains(promise), "{line}: {said}");
    }
    assert!(!said.iter().any(|said| said.starts_with("{\"type\"")), "{said:?}");
    let photo = async |peer: &mut crate::harness::Peer| {
        while peer.message().await != Event::Binary(vec![255, 216, 255]) {}
    };
    photo(&mut peer).await;
    photo(&mut stays).await;
    assert_eq!(peer.ended().await.code, 4001);
    assert_eq!(stays.ended().await.code, 1012);
    assert_eq!(stage.node().ended(PATIENCE).await.code(), Some(0));
}

async fn run(line: &str, at: SocketAddr, id: &str, folder: &std::path::Path) -> String {
    let line = line.replace("http://127.0.0.1:9001", &format!("http://{at}"));
    let token = match line.contains("Authorization") {
        true => "",
        false => "--header \"Authorization: Bearer $TOKEN\" ",
    };
    let line = line.replacen("curl ", &format!("curl --silent {token}"), 1);
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env("ID", id).env("TOKEN", "sesame-sesame-sesame");
    let output = shell.current_dir(folder).output().await.expect("a shell runs");
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
