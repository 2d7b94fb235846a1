//! `holdline why` without an id, and over logs as other people have them: all ends by cause, other formats,
//! lines of collectors, files that are missing, mixed or damaged.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Logs, is_told, line_of};
use crate::harness::stage::{BINARY, Builder};
use crate::harness::wait::{PATIENCE, undisturbed};
use crate::harness::{Stage, until};

/// The row of a cause.
fn row<'a>(table: &'a Value, cause: &str) -> &'a Value {
    let rows = table["rows"].as_array().expect("a list");
    let found = rows.iter().find(|row| row["cause"] == cause && row["or"] == Value::Null);
    found.unwrap_or_else(|| panic!("no {cause} in {table:#}"))
}

#[tokio::test]
async fn all_ends_are_counted_once_each_by_cause_and_the_worst_is_told_last() {
    let stage = Stage::gateway().read_timeout("2s").ping_interval("off");
    let mut stage = stage.set("limits.message_bytes_max", 1000).start().await;
    for _ in 0..3 {
        let mut peer = stage.connect("/ws/echo").await;
        peer.close(1000, "").await;
        peer.ended().await;
    }
    let peer = stage.connect("/ws/echo").await;
    peer.text(&"x".repeat(2000)).await;
    stage.ended_as(&peer, "too_big", "1009").await;
    let mut silent = [stage.connect("/ws/echo").await, stage.connect("/ws/echo").await];
    for peer in &mut silent {
        peer.ended().await;
        line_of(&mut stage, &peer.request).await;
    }
    let left = stage.connect("/ws/echo").await;
    left.hang_up().await;
    stage.ended_as(&left, "peer_gone", "-").await;
    line_of(&mut stage, &left.request).await;
    assert_eq!(stage.dial("/ws/nowhere").refused().await.status, 404);
    assert_eq!(stage.get("/wp-login.php").await.status, 404);
    assert_eq!(stage.get("/").await.status, 200);
    stage.all_ended().await;
    let _stays = stage.connect("/ws/echo").await;
    stage.holds(1).await;
    let opens = async || stage.opens().len();
    until("all opens", PATIENCE, opens, |opens| *opens == 8).await;
    let what = async || stage.proxy().access().iter().filter(|line| line["uri"] == "/").count();
    until("the plain request's line", PATIENCE, what, |lines| *lines == 1).await;
    let logs = Logs::of(&mut stage);
    let (table, code) = logs.ask(&[]);
    // The gateway's answer to the harness, when it came up, is a 404 as well.
    let lines = stage.proxy().access();
    let (refused, others): (Vec<_>, Vec<_>) = lines
        .iter()
        .filter(|line| line["status"] == "404")
        .partition(|line| line["uri"].as_str().is_some_and(|uri| uri.starts_with("/ws/")));
    let (refused, others) = (refused.len(), others.len());
    let counts = [
        ("peer_closed", 3),
        ("gateway_read_timeout", 2),
        ("too_big", 1),
        ("client_hung_up", 1),
        ("still_open", 1),
        ("refused_by_gateway", refused),
    ];
    for (cause, count) in counts {
        assert_eq!(row(&table, cause)["count"], count, "{cause}: {table:#}");
    }
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    assert_eq!((&table["ends"], code), (&Value::from(all), Some(0)), "{table:#}");
    assert_eq!(table["other_requests"], others, "{table:#}");
    assert_eq!((&table["plain_requests"], &table["unjoined"]), (&1.into(), &0.into()));
    assert_eq!(
        (&table["worst"], &table["unread"]["count"]),
        (&"gateway_read_timeout".into(), &0.into())
    );
    let life = row(&table, "gateway_read_timeout")["median_seconds"].as_f64().expect("a number");
    assert!(life > 1.0, "{life}");
    // The example can be asked about.
    let example = row(&table, "gateway_read_timeout")["example"].as_str().expect("an id");
    logs.say(example, "gateway_read_timeout");
    let (text, code) = logs.read(&[]);
    let last = text.lines().last().unwrap_or_default();
    assert_eq!(
        (last, code),
        (&*format!("Worst: gateway_read_timeout, 2 of {all} ends"), Some(0)),
        "{text}"
    );
    assert!(
        text.contains("gateway_read_timeout") && text.contains("have something pass"),
        "{text}"
    );
}

/// A gateway whose access log is of another format.
fn of_format(name: &str) -> Builder {
    Stage::gateway()
        .read_timeout("2s")
        .ping_interval("off")
        .directive("access_log", &format!("access.log {name}"))
}

/// Two peers of these addresses, cut one right after the other at a gateway whose lines have
/// no ids. None when the machine stood still: what is joined by time must be of one time in both logs.
async fn cut_without_ids(from: [&str; 2]) -> Option<(Stage, [String; 2])> {
    let mut stage = of_format("combined").start().await;
    let mut peers = [
        stage.dial("/ws/echo").from(from[0]).open().await,
        stage.dial("/ws/echo").from(from[1]).open().await,
    ];
    for peer in &mut peers {
        peer.ended().await;
        stage.ended_as(peer, "peer_gone", "-").await;
    }
    let access = stage.proxy().log_file("access");
    let text = async || fs::read_to_string(&access).expect("it is there");
    until("both lines", PATIENCE, text, |text| text.matches("/ws/echo").count() == 2).await;
    let requests = peers.map(|peer| peer.request.clone());
    let (answer, _) = Logs::of(&mut stage).ask(&[&requests[0]]);
    (answer["cause"] == "gateway_read_timeout").then_some((stage, requests))
}

#[tokio::test]
async fn nginx_s_default_format_is_joined_by_address_path_and_time() {
    let attempt = async || cut_without_ids(["127.0.0.77", "127.0.0.78"]).await;
    let (mut stage, [request, _]) = undisturbed("a cut without ids", attempt).await;
    let answer = Logs::of(&mut stage).say(&request, "gateway_read_timeout");
    assert_eq!(answer["doubt"], Value::Null, "{answer:#}");
    assert_eq!(answer["evidence"].as_array().map(Vec::len), Some(4), "{answer:#}");
    let (table, _) = Logs::of(&mut stage).ask(&[]);
    assert_eq!(row(&table, "gateway_read_timeout")["count"], 2, "{table:#}");
    assert!(table["missing"].to_string().contains("$request_id"), "{table:#}");
}

#[tokio::test]
async fn two_ends_of_one_address_in_one_second_are_told_to_be_ambiguous_without_ids() {
    let attempt = async || {
        let cut = cut_without_ids(["127.0.0.77"; 2]).await;
        let (mut stage, [request, _]) = cut?;
        let (answer, _) = Logs::of(&mut stage).ask(&[&request]);
        let doubt = answer["doubt"].as_str()?;
        assert!(doubt.contains("log_format"), "{answer:#}");
        Some(Logs::of(&mut stage).read(&[&request]).0)
    };
    let text = undisturbed("two cuts in one second", attempt).await;
    assert!(text.contains("\nNot certain: "), "{text}");
}

#[tokio::test]
async fn a_format_that_is_told_is_joined_by_its_request_ids() {
    let format = "$msec $status $request_id $request_time \"$request\"";
    let mut stage = Stage::gateway().read_timeout("2s").ping_interval("off").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.ended().await;
    stage.ended_as(&peer, "peer_gone", "-").await;
    let line = line_of(&mut stage, &peer.request).await;
    // What this nginx wrote, as another one would have written it.
    let time: jiff::Timestamp = line["time"].as_str().expect("a text").parse().expect("a time");
    let other =
        format!("{}.000 101 {} 2.000 \"GET /ws/echo HTTP/1.1\"\n", time.as_second(), peer.request);
    let mut logs = Logs::of(&mut stage);
    let file = logs.own.as_ref().expect("one").with_file_name("other.log");
    fs::write(&file, other).expect("it is ours");
    logs.access = Some(file);
    let (answer, code) = logs.ask(&[&peer.request, "--access-format", format]);
    assert_eq!((&answer["cause"], code), (&"gateway_read_timeout".into(), Some(0)), "{answer:#}");
    assert_eq!(answer["evidence"].as_array().map(Vec::len), Some(4), "{answer:#}");
}

#[tokio::test]
async fn one_log_of_everybody_as_compose_writes_it_serves_for_all_three() {
    let mut stage = Stage::gateway().read_timeout("2s").ping_interval("off").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.ended().await;
    stage.ended_as(&peer, "peer_gone", "-").await;
    line_of(&mut stage, &peer.request).await;
    let logs = Logs::of(&mut stage);
    let mut all = String::new();
    let names = ["gateway-1  | ", "gateway-1  | ", "backend-1  | "];
    for (name, file) in names.into_iter().zip([&logs.access, &logs.error, &logs.own]) {
        let text = fs::read_to_string(file.as_ref().expect("one")).expect("it is there");
        all.extend(text.lines().map(|line| format!("{name}{line}\n")));
    }
    let file = logs.own.as_ref().expect("one").with_file_name("all.log");
    fs::write(&file, all).expect("it is ours");
    let one = || Some(file.clone());
    let mixed = Logs { access: one(), error: one(), own: one() };
    mixed.say(&peer.request, "gateway_read_timeout");
    let (table, _) = mixed.ask(&[]);
    assert_eq!(row(&table, "gateway_read_timeout")["count"], 1, "{table:#}");
    assert_eq!(table["unread"]["count"], 0, "{table:#}");
}

/// A folder with one log of ours.
fn folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("own.log");
    fs::write(&file, text).expect("it is ours");
    (folder, file)
}

const END: &str = "2026-11-21T11:33:20.375Z WARN  end id=1fd6bb0000000000 request=c1d0 reason=";

#[test]
fn unknown_is_a_cause_that_only_a_later_version_knows() {
    let (_folder, file) = folder(&format!("{END}sunspots code=1011 age=3.013 in=0 out=0\n"));
    let logs = Logs { access: None, error: None, own: Some(file) };
    let (answer, code) = logs.ask(&["c1d0"]);
    assert_eq!((&answer["cause"], code), (&"unknown".into(), Some(1)), "{answer:#}");
    assert!(answer["evidence"][0]["text"].as_str().expect("a text").contains("sunspots"));
}

#[test]
fn what_cannot_be_read_is_counted_and_the_first_of_it_is_named() {
    let text =
        format!("no line of ours\n{END}no_pong code=1011 age=3.013 in=0 out=0\n{{\"x\":1}}\n");
    let (_folder, file) = folder(&text);
    let logs = Logs { access: None, error: None, own: Some(file.clone()) };
    for arguments in [&["1FD6bb0000000000"][..], &[]] {
        let (answer, code) = logs.ask(arguments);
        assert_eq!((&answer["unread"]["count"], code), (&2.into(), Some(0)), "{answer:#}");
        let (text, _) = logs.read(arguments);
        let told = format!("2 lines could not be read, the first is {}:1", file.display());
        assert!(text.contains(&told), "{text}");
    }
}

#[test]
fn another_program_s_access_log_is_told_to_be_none_and_so_is_one_without_ids() {
    let haproxy = "Nov 21 20:31:37 host haproxy[17]: 203.0.113.7:5000 [21/Nov/2026:20:31:37.000] in \
                   out/b1 0/0/0/1/3014 101 300 - - ---- 1/1/1/1/0 0/0 \"GET /ws/echo HTTP/1.1\"\n";
    let combined = "203.0.113.7 - - [21/Nov/2026:20:31:37 +0000] \"GET /ws/echo HTTP/1.1\" 101 4 \"-\" \"x\"\n";
    let ask = |text: &str, arguments: &[&str]| {
        let (_folder, file) = folder(text);
        let mut command = Command::new(BINARY);
        command.arg("why").args(arguments).arg("--access-log").arg(file);
        let output = command.output().expect("it runs");
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat()
    };
    for arguments in [&["c1d0"][..], &[]] {
        let said = ask(haproxy, arguments);
        assert!(said.contains("\n1 line could not be read"), "{said}");
        assert!(said.contains("no access log of nginx"), "{said}");
        assert!(said.contains("--access-format"), "{said}");
    }
    let said = ask(combined, &["c1d0"]);
    assert!(said.contains("c1d0 is in none of these files"), "{said}");
    assert!(said.contains("has a request id") && said.contains("--access-format"), "{said}");
    assert!(!ask(combined, &[]).contains("no access log of nginx"));
}

#[test]
fn an_id_in_no_file_exits_1_and_wrong_arguments_exit_64() {
    let (folder, file) = folder(&format!("{END}no_pong code=1011 age=3.013 in=0 out=0\n"));
    let file = file.to_str().expect("a temporary path is text");
    let packed = folder.path().join("own.log.gz");
    fs::write(&packed, [0x1f, 0x8b, 8, 0, 0]).expect("it is ours");
    let packed = packed.to_str().expect("a temporary path is text");
    for (arguments, code, words) in [
        (&["c1d1", "--log", file][..], 1, "in none of these files"),
        (&["c1d0"], 64, "--access-log"),
        (&["c1d0", "--log", "-", "--error-log", "-"], 64, "standard input"),
        (&["c1d0", "--log", "/nowhere/own.log"], 64, "/nowhere/own.log"),
        (&["c1d0", "--log", packed], 64, "zcat"),
        (&["c1d0", "--log", file, "--access-format", "combined"], 64, "variable"),
        (&["c1d0", "--log", file, "--format", "yaml"], 64, "yaml"),
    ] {
        let output = Command::new(BINARY).arg("why").args(arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn a_log_may_come_by_a_pipe() {
    let mut command = Command::new(BINARY);
    command.args(["why", "c1d0", "--log", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let line = format!("{END}slow code=1013 age=3.013 in=0 out=0 \u{1b}[2J\n");
    let mut pipe = child.stdin.take().expect("it is piped");
    pipe.write_all(line.as_bytes()).expect("it is read");
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.starts_with("slow: Holdline ended it after 3.0 s with close code 1013: "),
        "{text}"
    );
    // What somebody made a log say does not reach the terminal as it is.
    assert!(text.contains("-:1: ") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn the_serial_number_tells_two_connections_of_one_second_apart() {
    // One worker, so that its number does not tell them apart.
    let stage = Stage::gateway().read_timeout("2s").ping_interval("off");
    let mut stage = stage.directive("worker_processes", "1").start().await;
    // All from one address to one route, and all end within the same second or two.
    let mut cut = stage.connect("/ws/echo").await;
    cut.ended().await;
    let mut left = stage.connect("/ws/echo").await;
    left.close(1000, "").await;
    left.ended().await;
    let hung_up = stage.connect("/ws/echo").await;
    hung_up.hang_up().await;
    stage.all_ended().await;
    is_told(&mut stage, &cut.request, "OK", "gateway_read_timeout").await;
    is_told(&mut stage, &left.request, "OK", "peer_closed").await;
    is_told(&mut stage, &hung_up.request, "OK", "client_hung_up").await;
}
