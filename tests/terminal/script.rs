//! A script that runs `holdline` without a terminal: gives it input, reads its output and its end.
//! What the output must be is for the promises to say.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::harness::stage::BINARY;
use crate::harness::wait::{PATIENCE, undisturbed};

/// What is said when a server was late with its goodbye.
pub const LATE: &str = "did not answer the close within 2s";

/// A holdline that runs; it ends with the test.
pub struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

/// How it ended, and what it said that was not read before.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: Vec<String>,
    pub errors: String,
}

impl Ended {
    /// Whether the server took longer for its goodbye than is waited for, which nothing configures.
    pub fn was_late(&self) -> bool {
        let unanswered = r#""event":"unanswered""#;
        self.errors.contains(LATE) || self.output.iter().any(|line| line.contains(unanswered))
    }

    /// None when the server was late with its goodbye: for an attempt that must be made anew then.
    pub fn in_time(self) -> Option<Self> {
        Some(self).filter(|ended| !ended.was_late())
    }
}

impl Script {
    /// Starts `holdline` with these arguments.
    pub fn starts(arguments: &[&str]) -> Self {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", BINARY])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("holdline starts");
        let output = child.stdout.take().expect("standard output was piped");
        let input = child.stdin.take();
        Self { child, input, output: BufReader::new(output).lines() }
    }

    /// Gives it input; false when it takes no more.
    ///
    /// # Panics
    /// When it takes its time.
    pub async fn gives(&mut self, bytes: &[u8]) -> bool {
        let input = self.input.as_mut().expect("the input was not ended");
        let given = async { input.write_all(bytes).await.is_ok() && input.flush().await.is_ok() };
        timeout(PATIENCE, given).await.expect("somebody reads the input")
    }

    /// Ends its input.
    pub fn ends_input(&mut self) {
        self.input = None;
    }

    /// The next line of its output.
    pub async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("a line in time");
        line.expect("the output is text").expect("a line before the end")
    }

    /// The next line of its output that is a record of this event.
    pub async fn event(&mut self, event: &str) -> Value {
        loop {
            let record = json(&self.line().await);
            if record["event"] == event {
                return record;
            }
        }
    }

    /// Waits until a line of its output has `text` in it.
    pub async fn says(&mut self, text: &str) -> String {
        let said = self.comes_to_say(text).await;
        said.unwrap_or_else(|| panic!("{text:?} before the end"))
    }

    /// The same; none when its output ends before.
    pub async fn comes_to_say(&mut self, text: &str) -> Option<String> {
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await.expect("a line in time");
            let line = line.expect("the output is text")?;
            if line.contains(text) {
                return Some(line);
            }
        }
    }

    /// Sends it a signal.
    pub fn signals(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("it runs"), signal).expect("a child can be signalled");
    }

    /// Stops reading its output.
    pub fn hangs_up(self) -> (Child, Option<ChildStdin>) {
        (self.child, self.input)
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let mut output = Vec::new();
        let end = async {
            while let Ok(Some(line)) = self.output.next_line().await {
                output.push(line);
            }
            // An unread pipe of input must not end before: its end has a meaning.
            self.child.wait_with_output().await
        };
        let ended = timeout(PATIENCE, end).await;
        let ended = ended.expect("it ends in time").expect("a child can be waited for");
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        Ended { code: ended.status.code(), output, errors }
    }
}

/// Runs `holdline` with this input to its end.
pub async fn run(arguments: &[&str], input: &[u8]) -> Ended {
    let mut script = Script::starts(arguments);
    script.gives(input).await;
    script.ends_input();
    script.ended().await
}

/// The same, again where the server was late with its goodbye.
pub async fn run_to_goodbye(arguments: &[&str], input: &[u8]) -> Ended {
    undisturbed("a goodbye", async || run(arguments, input).await.in_time()).await
}

/// A line of `--json`.
pub fn json(line: &str) -> Value {
    let record: Value = serde_json::from_str(line).unwrap_or_else(|error| {
        panic!("no JSON ({error}): {line}");
    });
    assert!(record["time"].as_str().is_some_and(|time| time.len() == 24), "{line}");
    assert!(record["event"].is_string(), "{line}");
    record
}
