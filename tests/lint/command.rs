//! `holdline lint` as its caller sees it: what is printed where, and the exit code.
//! What is found is the corpus' business.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::tool::repository;

/// Runs it in an empty folder with nothing of this machine's in its environment.
fn holdline_lint(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdline"))
        .arg("lint")
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    // It may be gone already, having refused its arguments.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn corpus(file: &str) -> String {
    repository().join("tests/lint").join(file).display().to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn an_error_fails_and_is_shown_with_file_line_rule_and_what_would_be_right() {
    let file = corpus("bad/read_timeout_short.conf");
    let output = holdline_lint(&[&file], &[], "");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), ""));
    let shown = text(&output.stdout);
    let line =
        format!("{file}:16: error: proxy_read_timeout is 15s, but the backend pings every 20s");
    assert!(shown.contains(&line), "{shown}");
    assert!(shown.contains("[read-timeout]\n    right: proxy_read_timeout of three"), "{shown}");
    let judged = format!("\njudged: location /ws ({file}:9), because it passes Upgrade\n");
    assert!(shown.contains(&judged), "{shown}");
    let sum = "1 WebSocket location; 1 error, 0 warnings, 1 note\n";
    assert!(shown.ends_with(sum), "{shown}");
}

#[test]
fn warnings_and_notes_are_shown_and_do_not_fail_unless_asked_to() {
    let file = corpus("bad/read_timeout_tight.conf");
    let output = holdline_lint(&[&file], &[], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains(":16: warning: "), "{}", text(&output.stdout));
    let output = holdline_lint(&[&file, "--deny-warnings"], &[], "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn it_is_held_against_the_configuration_that_the_backend_would_have() {
    let file = corpus("bad/read_timeout_short.conf");
    let told = [("HOLDLINE__GATEWAY__READ_TIMEOUT", "15s")];
    let output = holdline_lint(&[&file], &told, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn what_nginx_prints_can_be_piped_in() {
    let dump = "# configuration file /etc/nginx/nginx.conf:\nevents {}\nhttp {\n  include a/*;\n}\n\n\
        # configuration file /etc/nginx/a/b.conf:\nserver {\n  location /ws {\n    proxy_pass http://b;\n  }\n}\n";
    let output = holdline_lint(&["-"], &[], dump);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("/etc/nginx/a/b.conf:2: error: the header Upgrade"), "{shown}");
    assert!(shown.contains("/etc/nginx/nginx.conf:1: warning: worker_connections 512"), "{shown}");
}

#[test]
fn as_json_it_is_one_object_with_the_same_in_it() {
    let output = holdline_lint(&["--format", "json", &corpus("bad/max_fails_three.conf")], &[], "");
    assert_eq!(output.status.code(), Some(0));
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let judged = object["judged"].as_array().expect("a list");
    assert_eq!((judged.len(), &judged[0]["because"]), (1, &Value::from("it passes Upgrade")));
    assert_eq!((&object["errors"], &object["warnings"]), (&Value::from(0), &Value::from(1)));
    let finding = &object["findings"].as_array().expect("a list")[1];
    assert_eq!(finding["rule"], "max-fails");
    assert_eq!(
        (&finding["line"], &finding["severity"]),
        (&Value::from(11), &Value::from("warning"))
    );
    assert!(finding["right"].as_str().expect("words").contains("max_fails=0"), "{finding}");
}

#[test]
fn what_cannot_be_judged_at_all_exits_64() {
    let good = corpus("good/small.conf");
    let named = "holdline.toml";
    for (arguments, variables, words) in [
        (vec![], vec![], "NGINX_CONF"),
        (vec!["no/such.conf"], vec![], "no/such.conf: "),
        (vec!["/"], vec![], "/: "),
        (vec![good.as_str(), "--config", named], vec![], named),
        (vec![good.as_str()], vec![("HOLDLINE__DRAIN__WINDOW", "soon")], "drain.window"),
        (vec![good.as_str(), "--route", "ws"], vec![], "must begin with /"),
        (vec![good.as_str(), "--wanted-connections", "0"], vec![], "--wanted-connections"),
        (vec!["--explain", "nothing"], vec![], "no rule nothing"),
    ] {
        let output = holdline_lint(&arguments, &variables, "");
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn each_rule_can_be_explained() {
    let all = holdline_lint(&["--rules"], &[], "");
    assert_eq!(all.status.code(), Some(0));
    let one = holdline_lint(&["--explain", "max-fails"], &[], "");
    assert_eq!(one.status.code(), Some(0));
    assert!(text(&all.stdout).contains(text(&one.stdout)), "{}", text(&one.stdout));
    assert!(text(&one.stdout).contains("ngx_http_upstream_module"), "{}", text(&one.stdout));
}
