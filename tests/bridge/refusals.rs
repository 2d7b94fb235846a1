//! What the command refuses: exit 64 before anything is opened, with argument, value and rule.
//! What a running bridge refuses is proven in the files beside.

use std::net::TcpListener;
use std::process::{Command, Output};

use crate::harness::stage::BINARY;

/// Runs it to its end, for which it has a minute.
fn run(arguments: &[&str], set: &[(&str, &str)]) -> Output {
    let mut command = Command::new("timeout");
    command.arg("60").arg(BINARY).arg("link").args(arguments);
    command.env_clear().envs(set.iter().copied());
    command.output().expect("the binary starts")
}

fn refused(arguments: &[&str], set: &[(&str, &str)], named: &[&str]) {
    let output = run(arguments, set);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{arguments:?} {set:?}: {said}");
    for word in named {
        assert!(said.contains(word), "{word:?} is not named: {said}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_argument_value_and_rule() {
    for (argument, value, rule) in [
        ("--timeout", "5", "one unit of ms, s, m, h, d"),
        ("--timeout", "0s", "more than 0s"),
        ("--timeout", "2m", "at most --timeout-max"),
        ("--ping-interval", "never", "or \"off\""),
        ("--queue-max", "0", "at least 1"),
        ("--links-max", "many", "whole number"),
        ("--requests-bytes-max", "1KiB", "at least --message-bytes-max"),
        ("--message-bytes-max", "64k", "KiB"),
        ("--listen", "localhost:7456", "IP address and a port"),
        ("--server", "ftp://a.example", "ws or wss"),
        ("--allow", "*", "*"),
        ("--log-format", "xml", "\"text\" or \"json\""),
        ("--subprotocol", "a,b", "token"),
        ("--header", "Connection: close", "handshake writes"),
        ("--ca", "/nowhere", "/nowhere"),
        ("--cert", "/nowhere", "--key"),
        ("--connect-timeout", "0s", "more than 0s"),
    ] {
        let both = ["--server", "ws://127.0.0.1:9/", argument, value];
        let arguments = if argument == "--server" { &both[2..] } else { &both[..] };
        refused(arguments, &[], &[argument, rule]);
        // The variable of the same name is refused alike.
        let name = format!("HOLDLINE_LINK_{}", argument[2..].replace('-', "_").to_uppercase());
        refused(&both[..if argument == "--server" { 0 } else { 2 }], &[(&name, value)], &[rule]);
    }
    refused(&["--sever", "ws://a"], &[], &["--sever", "--server"]);
}

#[test]
fn what_is_refused_is_not_told_where_it_may_be_a_secret() {
    for arguments in [
        &["--server", "ws://a/", "--header", "Authorization Bearer hush"][..],
        &["--server", "ftp://name:hush@a.example/"],
        &["--allow", "ws://name:hush@a.example/"],
        &["--server", "ws://a/", "--token", "two hush"],
        &["--server", "ws://a/", "--token", "hush", "-H", "Authorization: Basic hush"],
        &["--server", "ws://a/", "--token", "hush", "--token-file", "/dev/null"],
    ] {
        let output = run(arguments, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(!said.contains("hush"), "{arguments:?}: {said}");
    }
    let set = [("HOLDLINE_LINK_TOKEN", "hush"), ("HOLDLINE_LINK_HEADER", "X-Key: hush")];
    let help = run(&["--help"], &set);
    assert!(help.status.success());
    assert!(!String::from_utf8_lossy(&help.stdout).contains("hush"));
}

#[test]
fn a_port_that_is_taken_is_a_failure_and_names_itself() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let output = run(&["--listen", &address], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}
