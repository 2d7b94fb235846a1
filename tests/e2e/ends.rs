//! The table of ends, row by row: each end is made through the gateway, and what its peer saw, both logs,
//! the metrics and `holdline why` say the same of it. The rows are those of `docs/ends.md`.

mod backend;
mod gateway;
mod labels;
mod pages;
mod panics;
mod refusals;
mod tables;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::stage::BINARY;
use crate::harness::{Stage, until, wait::PATIENCE};

/// The three logs that `holdline why` is given.
struct Logs {
    access: Option<PathBuf>,
    error: Option<PathBuf>,
    own: Option<PathBuf>,
}

impl Logs {
    /// All that a stage has by now.
    fn of(stage: &mut Stage) -> Self {
        let own = Some(stage.own_log());
        let (access, error) = (stage.proxy().log_file("access"), stage.proxy().log_file("error"));
        Self { access: Some(access), error: Some(error), own }
    }

    fn arguments(&self) -> Vec<&Path> {
        let named =
            [("--access-log", &self.access), ("--error-log", &self.error), ("--log", &self.own)];
        let given = named.into_iter().filter_map(|(name, file)| Some((name, file.as_deref()?)));
        given.flat_map(|(name, file)| [Path::new(name), file]).collect()
    }

    /// What `holdline why` answers as JSON, with these further arguments, and its exit code.
    fn ask(&self, more: &[&str]) -> (Value, Option<i32>) {
        let output = Command::new(BINARY)
            .arg("why")
            .args(more)
            .args(["--format", "json"])
            .args(self.arguments())
            .output()
            .expect("the binary runs");
        let (said, errors) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        let said = serde_json::from_slice(&said).unwrap_or_else(|_| panic!("no JSON: {errors}"));
        (said, output.status.code())
    }

    /// The same as text.
    fn read(&self, more: &[&str]) -> (String, Option<i32>) {
        let output = Command::new(BINARY).arg("why").args(more).args(self.arguments()).output();
        let output = output.expect("the binary runs");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    }

    /// That the end of this request has this cause and no other, in both forms, and what was said.
    fn say(&self, request: &str, cause: &str) -> Value {
        let (answer, code) = self.ask(&[request]);
        assert_eq!((&answer["cause"], code), (&Value::from(cause), Some(0)), "{answer:#}");
        assert_eq!(answer["or"], Value::Null, "{answer:#}");
        assert_eq!(answer["unread"]["count"], 0, "{answer:#}");
        let (text, code) = self.read(&[request]);
        let sentence = answer["sentence"].as_str().expect("a text");
        assert!(text.starts_with(&format!("{cause}: {sentence}\nWhat to do: ")), "{text}");
        assert_eq!(code, Some(0));
        let evidence = answer["evidence"].as_array().expect("a list");
        assert!(!evidence.is_empty(), "{answer:#}");
        for line in evidence {
            let place = line["place"].as_str().expect("a text");
            assert!(text.contains(&format!("{place}: ")), "no {place} in {text}");
        }
        answer
    }
}

/// The gateway's line of a request, once it is written.
async fn line_of(stage: &mut Stage, request: &str) -> Value {
    let what = format!("the gateway's line of {request}");
    let mine = |line: &Value| line["request"] == request;
    let look = async || stage.proxy().access().into_iter().find(mine);
    until(&what, PATIENCE, look, Option::is_some).await.expect("the wait was for a line")
}

/// That the gateway's line of an upgraded connection has this completion, and `why` this answer.
async fn is_told(stage: &mut Stage, request: &str, completion: &str, cause: &str) -> Value {
    let line = line_of(stage, request).await;
    assert_eq!(
        (&line["status"], &line["completion"]),
        (&"101".into(), &completion.into()),
        "{line}"
    );
    Logs::of(stage).say(request, cause)
}

/// Whether the error log has a line with all these words about this serial number.
fn complains(stage: &mut Stage, line: &Value, words: &[&str]) -> bool {
    let (worker, serial) = (&line["worker"], &line["serial"]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let start = format!("] {}#", text(worker));
    let serial = format!(": *{} ", text(serial));
    stage.proxy().errors().lines().any(|line| {
        line.contains(&start)
            && line.contains(&serial)
            && words.iter().all(|word| line.contains(word))
    })
}
