//! nginx as the judge: what it refuses is a fault here, and what it reads is what is read here.
//! Leaves to `generated.rs`: configurations that nobody wrote.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use holdline::{
    config::Config,
    lint::{Expected, Finding, Severity, Source, lint},
};
use tempfile::TempDir;

use crate::{sample::Sample, tool::tool};

/// What makes nginx refuse a configuration, as this linter calls it.
const REFUSED: &[&str] = &[
    "missing-semicolon",
    "unbalanced",
    "unterminated-quote",
    "syntax",
    "unknown-directive",
    "misplaced-directive",
    "arguments",
    "bad-value",
    "proxy-pass-scheme",
    "include-unread",
    "not-judged",
];

/// nginx's own verdict on a folder with an `nginx.conf`.
pub fn judge(folder: &Path, option: &str) -> Output {
    fs::create_dir_all(folder.join("logs")).expect("the folder is ours");
    let main = folder.join("nginx.conf");
    let command = Command::new(tool("nginx"))
        .args(["-e", "stderr", option, "-p"])
        .arg(folder)
        .arg("-c")
        .arg(main)
        .output();
    command.expect("nginx runs")
}

/// Whether nginx could read it. That it would start is another matter: ports and folders count too.
pub fn accepts(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("syntax is ok")
}

/// Whether this linter says that nginx would refuse it.
pub fn refuses(findings: &[Finding]) -> bool {
    let refused = |finding: &Finding| {
        REFUSED.contains(&finding.rule) || finding.wrong.ends_with("nginx does not start")
    };
    findings.iter().any(refused)
}

/// A copy that can be given to nginx: a part of a configuration stands in one.
fn staged(sample: &Sample) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let beside = sample.main.parent().expect("it lies in a folder");
    for file in sample.files() {
        let text = fs::read_to_string(&file).expect("text");
        // A port that needs no privilege; whether it is free does not matter to `nginx -t`.
        let text = text.replace("listen 80;", "listen 8765;").replace("listen 80 ", "listen 8765 ");
        let text = text.replace("[::]:80 ", "[::]:8766 ");
        let is_main = file == sample.main;
        let name = file.strip_prefix(beside).expect("it lies in the folder");
        let whole = text.contains("\nevents {") || text.contains("\nhttp {");
        let place = match is_main {
            true if whole => folder.path().join("nginx.conf"),
            true => folder.path().join("part.conf"),
            false => folder.path().join(name),
        };
        let lacks_events = is_main && whole && !text.contains("\nevents {");
        let text = if lacks_events { format!("{text}events {{}}\n") } else { text };
        if is_main && !whole {
            let around = "events {}\nhttp {\n  include part.conf;\n}\n";
            fs::write(folder.path().join("nginx.conf"), around).expect("the folder is ours");
        }
        fs::create_dir_all(place.parent().expect("a folder")).expect("the folder is ours");
        fs::write(place, text).expect("the folder is ours");
    }
    folder
}

fn corpus() -> impl Iterator<Item = Sample> {
    Sample::all("bad").into_iter().chain(Sample::all("good"))
}

#[test]
fn nginx_refuses_what_has_a_fault_of_syntax_and_accepts_the_rest() {
    let (mut good, mut bad) = (0, 0);
    for sample in corpus() {
        let folder = staged(&sample);
        let output = judge(folder.path(), "-t");
        let source = Source::read(&folder.path().join("nginx.conf")).expect("it is there");
        let report = lint(&source, &sample.expected());
        let (said, refused) = (String::from_utf8_lossy(&output.stderr), refuses(&report.findings));
        let name = sample.main.display();
        // A module that not every nginx is built with: this one has no opinion.
        if said.contains("unknown directive \"stream\"") {
            continue;
        }
        assert_eq!(accepts(&output), !refused, "{name}: nginx says\n{said}\n{report:#?}");
        *(if refused { &mut bad } else { &mut good }) += 1;
    }
    assert!(good > 50 && bad > 15, "{good} accepted, {bad} refused: not much of a proof");
}

#[test]
fn the_files_and_what_nginx_prints_of_them_are_read_alike() {
    let mut compared = 0;
    for sample in corpus() {
        let folder = staged(&sample);
        let output = judge(folder.path(), "-T");
        if !output.status.success() {
            continue;
        }
        let files = Source::read(&folder.path().join("nginx.conf")).expect("it is there");
        let printed = Source::from_text("-", &String::from_utf8_lossy(&output.stdout));
        assert_eq!(files.directives(), printed.directives(), "{}", sample.main.display());
        let expected = sample.expected();
        assert_eq!(
            lint(&files, &expected).findings,
            lint(&printed, &expected).findings,
            "{}",
            sample.main.display()
        );
        compared += 1;
    }
    assert!(compared > 50, "only {compared} of the corpus are accepted by nginx");
}

#[test]
fn nginx_has_every_directive_of_the_table_that_it_was_built_with() {
    // Each with no argument at all: nginx tells "unknown directive" from "invalid number of arguments".
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["proxy_read_timeout", "limit_req", "add_header", "set_real_ip_from", "stub_status"]
    {
        let text = format!(
            "events {{}}\nhttp {{\n  server {{\n    location / {{\n      {name} a b c d e f g h;\n    }}\n  }}\n}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), &text).expect("the folder is ours");
        let said = judge(folder.path(), "-t");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.contains("unknown directive"), "{said}");
        let report =
            lint(&Source::from_text("nginx.conf", &text), &Expected::new(&Config::default()));
        let refused = report
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error && finding.rule == "arguments");
        assert_eq!(refused, said.contains("number of arguments"), "{name}: {said}");
    }
}
