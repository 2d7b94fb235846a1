//! The command itself: its bounds, its progress, its words and exit codes.
//! What it measures is for the others.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::wait::undisturbed;
use crate::plain::{Cut, Manner, Plain};
use crate::probing::{Probing, Report, probe};

#[tokio::test]
async fn max_ends_it_in_time_with_what_is_known() {
    let server = Plain::start(Manner::default()).await;
    let report = undisturbed("the end of a bound", async || {
        let report = probe(&server.url(), &["--max", "4s"]).await;
        let elapsed = report.number("/elapsed_seconds")?;
        (elapsed <= 5.0 && report.took <= Duration::from_secs(7)).then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/finished", "max").says("/idle_timeout", ()).says("/cut", ());
    let survived = report.number("/longest_silence_survived_seconds").expect("some silence");
    assert!((2.0..=5.0).contains(&survived), "{report}");
    report.says("/server_pings/seen", 0);
    let silent = report.connections("silent");
    let silences = silent.iter().map(|silent| silent["silence_seconds"].as_f64());
    let longest = silences.flatten().fold(0.0, f64::max);
    assert!(longest >= 3.0, "who was silent all the time was so for {longest} s: {report}");
}

#[tokio::test]
async fn ctrl_c_ends_it_with_what_is_known() {
    let pings = Some(Duration::from_millis(300));
    let server = Plain::start(Manner { pings, ..Manner::default() }).await;
    let mut probing = Probing::starts(&[&server.url(), "--json"]);
    probing.tells("ping").await;
    probing.signals(Signal::INT);
    let report = probing.ended().await;
    report.says("/finished", "interrupted").says("/handshake/status", 101);
    assert!(report.code.is_some_and(|code| code < 2), "{report}");
}

#[tokio::test]
async fn progress_is_told_on_standard_error_and_the_report_on_standard_output_by_its_names() {
    let idle = Some((Duration::from_secs(1), Cut::Fin));
    let server = Plain::start(Manner { idle, ..Manner::default() }).await;
    let url = server.url();
    let (loud, quiet, json) = tokio::join!(
        Probing::starts(&[&url, "--max", "60s"]).ended(),
        Probing::starts(&[&url, "--max", "60s", "--quiet"]).ended(),
        probe(&url, &[])
    );
    holds_every_name(&json, &url);
    assert!(loud.errors.lines().count() >= 3, "{loud}");
    assert_eq!(quiet.errors, "", "{quiet}");
    for report in [loud, quiet] {
        assert_eq!(report.code, Some(1), "{report}");
        for words in ["FIN", "ping", " s"] {
            assert!(report.output.contains(words), "{words}: {report}");
        }
        assert!(!report.output.contains('\u{1b}') && !report.errors.contains('\u{1b}'), "{report}");
        assert!(report.output.lines().all(|line| line.len() <= 120), "{report}");
    }
}

/// Every name that is promised is there.
fn holds_every_name(report: &Report, url: &str) {
    report.says("/url", url);
    let said = report.at("");
    for name in [
        "url",
        "verdict",
        "words",
        "elapsed_seconds",
        "finished",
        "handshake",
        "round_trip_ms",
        "server_pings",
        "idle_timeout",
        "longest_silence_survived_seconds",
        "cut",
        "reset_by",
        "unanswered_pings",
        "maximum_age_seconds",
        "safe_ping_interval_seconds",
        "reason",
        "known",
        "connections",
    ] {
        assert!(said.get(name).is_some(), "{name}: {report}");
    }
    let connections = said["connections"].as_array().expect("a list");
    for name in ["kind", "opened_seconds", "age_seconds", "silence_seconds", "how", "code"] {
        assert!(connections.iter().all(|one| one.get(name).is_some()), "{name}: {report}");
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_fault() {
    let idle = Some((Duration::from_secs(1), Cut::Fin));
    let server = Plain::start(Manner { idle, ..Manner::default() }).await;
    let probing = Probing::starts(&[&server.url(), "--max", "60s"]);
    let report = probing.ended_unread().await;
    assert!(report.code.is_some_and(|code| code < 2), "{report}");
    assert!(!report.errors.contains("panicked"), "{report}");
}

#[tokio::test]
async fn help_tells_the_exit_codes_and_the_names_of_the_record() {
    let help = Probing::starts(&["--help"]).ended().await;
    assert_eq!(help.code, Some(0));
    for name in [
        "--max",
        "--precision",
        "--send",
        "--send-interval",
        "--json",
        "--quiet",
        "--subprotocol",
        "Exit code",
        "safe_ping_interval_seconds",
        "black_hole",
        "unanswered_pings",
        "Ctrl-C",
    ] {
        assert!(help.output.contains(name), "{name}: {help}");
    }
}

#[tokio::test]
async fn wrong_arguments_exit_64_and_name_what_is_wrong() {
    for (arguments, named) in [
        (&[][..], "<URL>"),
        (&["ftp://a"], "URL: "),
        (&["ws://a/#b"], "fragment"),
        (&["ws://a", "--max", "20"], "\"20s\" or \"20ms\""),
        (&["ws://a", "--max", "0s"], "--max"),
        (&["ws://a", "--precision", "soon"], "--precision"),
        (&["ws://a", "--send-interval", "1s"], "--send"),
        (&["ws://a", "-s", "a b"], "--subprotocol"),
        (&["ws://user:secret@a:b"], "URL: "),
    ] {
        let report = Probing::starts(arguments).ended().await;
        assert_eq!(report.code, Some(64), "{arguments:?}: {report}");
        assert!(report.errors.contains(named), "{arguments:?}: {report}");
        assert!(report.output.is_empty() && !report.errors.contains("secret"), "{report}");
    }
}
