//! What the command refuses: a wrong configuration ends with exit 64 before any port is bound, and
//! names key, value, source and rule. Which rules there are is proven beside them.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::harness::stage::BINARY;
use crate::harness::{PATIENCE, http, port, until};

/// Runs the binary to its end in `folder`, with these variables and nothing inherited.
///
/// # Panics
/// When it does not end by itself.
fn run(folder: &Path, arguments: &[&str], set: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(folder).env_clear().envs(set.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let began = Instant::now();
    while child.try_wait().expect("a child can be waited for").is_none() {
        if began.elapsed() > PATIENCE * 3 {
            let _ = child.kill();
            let output = child.wait_with_output().expect("it was killed");
            panic!("{arguments:?} goes on:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("it has ended")
}

/// Exit 64, and everything in `named` on standard error.
fn refused(folder: &Path, arguments: &[&str], set: &[(&str, &str)], named: &[&str]) {
    let output = run(folder, arguments, set);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{arguments:?} {set:?}: {said}");
    for word in named {
        assert!(said.contains(word), "{word:?} is not named: {said}");
    }
}

#[test]
fn a_wrong_value_names_key_value_source_and_rule() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("holdline.toml");
    // The file in the working directory is read without being named.
    let cases = [
        ("heartbeat.ping_intervall = \"5s\"", vec!["heartbeat.ping_intervall", "holdline.toml"]),
        ("[hartbeat]\nping_interval = \"5s\"", vec!["hartbeat", "holdline.toml"]),
        (
            "limits.write_timeout = \"1m30s\"",
            vec!["limits.write_timeout", "1m30s", "holdline.toml"],
        ),
        ("limits.write_timeout = \"1.5s\"", vec!["limits.write_timeout", "1.5s"]),
        ("limits.write_timeout = 60", vec!["limits.write_timeout", "60"]),
        ("server.workers = 0", vec!["server.workers", "0", "holdline.toml", "must"]),
        ("server.listen = \"nowhere\"", vec!["server.listen", "nowhere", "holdline.toml"]),
        (
            "server.trusted_proxies = [\"10.0.0.0/33\"]",
            vec!["server.trusted_proxies", "10.0.0.0/33"],
        ),
        ("drain.timeout = \"5s\"", vec!["drain.timeout", "5s", "drain.window", "must"]),
        ("this is no TOML", vec!["holdline.toml"]),
        (
            "heartbeat.ping_interval = \"31s\"",
            vec![
                "heartbeat.ping_interval",
                "31s",
                "holdline.toml",
                "gateway.read_timeout",
                "60s",
                "half",
            ],
        ),
    ];
    for (text, named) in cases {
        std::fs::write(&file, text).expect("the folder is ours");
        refused(folder.path(), &["serve"], &[], &named);
    }
}

#[test]
fn a_wrong_variable_is_named_as_the_source() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let interval = ("HOLDLINE__HEARTBEAT__PING_INTERVAL", "40s");
    refused(
        folder.path(),
        &["serve"],
        &[interval],
        &["heartbeat.ping_interval", "40s", interval.0],
    );
    let read_timeout = ("HOLDLINE__GATEWAY__READ_TIMEOUT", "5s");
    let named = ["heartbeat.ping_interval", "gateway.read_timeout", "5s", read_timeout.0, "half"];
    refused(folder.path(), &["serve"], &[interval, read_timeout], &named);
    let unknown = ("HOLDLINE__SERVER__WORKERZ", "2");
    refused(folder.path(), &["serve"], &[unknown], &["workerz"]);
    let bare = ("HOLDLINE__GATEWAY__READ_TIMEOUT", "60");
    refused(folder.path(), &["serve"], &[bare], &["gateway.read_timeout", "60", bare.0]);
}

#[test]
fn a_key_that_tokens_could_not_be_trusted_with_refuses_the_start_and_is_not_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("key");
    let file = path.to_str().expect("a temporary path is text");
    for (kind, text, rule) in [
        ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----", "damaged"),
        ("JWT_PUBLIC_KEY", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", "BEGIN PUBLIC KEY"),
        ("JWT_SECRET", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQc", "32 bytes"),
        ("JWT_SECRET", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0C", "auth.jwt_public_key"),
    ] {
        std::fs::write(&path, text).expect("the folder is ours");
        let variable = format!("HOLDLINE__AUTH__{kind}_FILE");
        let key = format!("auth.{}", kind.to_lowercase());
        let named = [&*key, &*variable, "(hidden)", "must", rule];
        refused(folder.path(), &["serve"], &[(&variable, file)], &named);
        let output = run(folder.path(), &["serve"], &[(&variable, file)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("MFkwEwYHKoZIzj0C"), "{said}");
    }
}

#[test]
fn a_missing_file_and_a_wrong_argument_are_usage_errors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    refused(folder.path(), &["serve", "--config", "nowhere.toml"], &[], &["nowhere.toml"]);
    refused(folder.path(), &["serve", "--confick", "x"], &[], &["--confick"]);
    refused(folder.path(), &["sreve"], &[], &["sreve"]);
    refused(folder.path(), &[], &[], &["serve"]);
}

#[tokio::test]
async fn what_is_refused_has_bound_no_port() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = port::free();
    let _holder = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("it was free");
    // The port is taken; were it tried before the check, that would be the complaint.
    let listen = format!("127.0.0.1:{port}");
    let set = [("HOLDLINE__SERVER__LISTEN", listen.as_str()), ("HOLDLINE__SERVER__WORKERS", "0")];
    let output = run(folder.path(), &["serve"], &set);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("server.workers") && !said.contains("in use"), "{said}");
    // With the value right it is the port, and that is no matter of configuration.
    let output = run(folder.path(), &["serve"], &set[..1]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&listen), "{said}");
    assert!(!matches!(output.status.code(), Some(0 | 64) | None), "{:?}: {said}", output.status);
}

#[tokio::test]
async fn the_health_command_asks_readiness() {
    let mut stage = crate::harness::Stage::backend()
        .set("drain.delay", "60s")
        .set("drain.window", "0s")
        .set("drain.timeout", "180s")
        .start()
        .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("http://{}/readyz", stage.node().control);
    let health = || run(folder.path(), &["health", "--url", &url], &[]).status.code();
    // It waits 5 s for the answer.
    until("a healthy node", PATIENCE, async || health(), |code| *code == Some(0)).await;
    let _peer = stage.connect("/ws/echo").await;
    stage.node().terminate();
    let control = stage.node().control;
    let ready = async || http::get(control, "/readyz").await.status;
    until("a draining node", PATIENCE, ready, |it| *it == 503).await;
    assert_eq!(health(), Some(1), "alive but draining");
    stage.node().kill().await;
    assert_eq!(health(), Some(1), "nobody there");
}
