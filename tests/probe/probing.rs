//! Runs `holdline probe` as an operator or a script has it, and keeps what it said and how it ended.
//! What it ought to have said is for the promises.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::harness::stage::BINARY;
use crate::harness::wait::PATIENCE;

/// How long a probe may take that was given no `--max`: its own six minutes are no use here.
const MAX: Duration = Duration::from_secs(120);

/// A probe that runs; it ends with the test.
pub struct Probing {
    child: Child,
    output: ChildStdout,
    progress: Lines<BufReader<ChildStderr>>,
    errors: String,
    began: Instant,
}

/// What came of a probe.
#[derive(Debug)]
pub struct Report {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error, the progress among it.
    pub errors: String,
    /// How long it ran.
    pub took: Duration,
}

impl Probing {
    /// Starts `holdline probe` with these arguments.
    pub fn starts(arguments: &[&str]) -> Self {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", BINARY, "probe"])
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("holdline starts");
        let output = child.stdout.take().expect("standard output was piped");
        let errors = child.stderr.take().expect("standard error was piped");
        let progress = BufReader::new(errors).lines();
        Self { child, output, progress, errors: String::new(), began: Instant::now() }
    }

    /// Waits until a line of its progress has `text` in it.
    ///
    /// # Panics
    /// When it ends or waits too long before.
    pub async fn tells(&mut self, text: &str) -> String {
        loop {
            let line = timeout(PATIENCE, self.progress.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no {text:?} after {:?}", self.errors));
            let line = line.expect("progress is text");
            let line = line.unwrap_or_else(|| panic!("ended without {text:?}: {:?}", self.errors));
            self.errors += &line;
            self.errors.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends it a signal.
    pub fn signals(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("it runs"), signal).expect("a child can be signalled");
    }

    /// Reads no more of its output, and waits for its end: its code, and what it wrote on standard
    /// error.
    pub async fn ended_unread(self) -> Report {
        let Self { child, output, progress, errors, began } = self;
        drop(output);
        end(child, None, progress, errors, began).await
    }

    /// Waits for its end.
    pub async fn ended(self) -> Report {
        let Self { child, output, progress, errors, began } = self;
        end(child, Some(output), progress, errors, began).await
    }
}

async fn end(
    mut child: Child,
    output: Option<ChildStdout>,
    mut progress: Lines<BufReader<ChildStderr>>,
    mut errors: String,
    began: Instant,
) -> Report {
    let mut text = String::new();
    let end = async {
        let said = async {
            if let Some(mut output) = output {
                output.read_to_string(&mut text).await.expect("the report is text");
            }
        };
        let told = async {
            while let Some(line) = progress.next_line().await.expect("progress is text") {
                errors += &line;
                errors.push('\n');
            }
        };
        tokio::join!(said, told);
        child.wait().await.expect("a child can be waited for")
    };
    let status = timeout(MAX + PATIENCE + PATIENCE, end).await.expect("a probe that ends");
    Report { code: status.code(), output: text, errors, took: began.elapsed() }
}

impl Report {
    /// What is at this JSON pointer of the report; null where nothing is.
    ///
    /// # Panics
    /// When the report is not JSON.
    pub fn at(&self, pointer: &str) -> Value {
        let said: Value = serde_json::from_str(&self.output)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"));
        said.pointer(pointer).cloned().unwrap_or_default()
    }

    /// A number of the report.
    pub fn number(&self, pointer: &str) -> Option<f64> {
        self.at(pointer).as_f64()
    }

    /// A text of the report, empty where there is none.
    pub fn text(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_default().to_owned()
    }

    /// Whether this number is there and within a second of `expected`: the precision that is
    /// promised. Tells on standard error when not, because the measurement is then made anew.
    pub fn is_near(&self, pointer: &str, expected: f64) -> bool {
        self.is_within(1.0, pointer, expected)
    }

    /// The same, for what must be told more sharply.
    pub fn is_within(&self, seconds: f64, pointer: &str, expected: f64) -> bool {
        let near = self.number(pointer).is_some_and(|found| (found - expected).abs() <= seconds);
        if !near {
            eprintln!("{pointer} is not within {seconds} s of {expected}: {self}");
        }
        near
    }

    /// What is said at `pointer` is this.
    ///
    /// # Panics
    /// When it is not.
    pub fn says(&self, pointer: &str, expected: impl Into<Value>) -> &Self {
        let expected = expected.into();
        assert!(self.at(pointer) == expected, "{pointer} is not {expected}: {self}");
        self
    }

    /// It ended with this exit code and the verdict that belongs to it.
    ///
    /// # Panics
    /// When not.
    pub fn ends(&self, code: i32, verdict: &str) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self.says("/verdict", verdict)
    }

    /// The connections of this kind.
    pub fn connections(&self, kind: &str) -> Vec<Value> {
        let all = self.at("/connections");
        let all = all.as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|connection| connection["kind"] == kind).collect()
    }
}

/// For whoever reads of a failure.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, output, errors, took } = self;
        write!(f, "after {took:?} with exit code {code:?}:\n{output}\n-- progress --\n{errors}")
    }
}

/// Probes `url` to the end, and returns the JSON.
pub async fn probe(url: &str, more: &[&str]) -> Report {
    let max = format!("{}s", MAX.as_secs());
    let mut arguments = vec![url, "--json"];
    if !more.contains(&"--max") {
        arguments.extend(["--max", &max]);
    }
    arguments.extend(more);
    Probing::starts(&arguments).ended().await
}
