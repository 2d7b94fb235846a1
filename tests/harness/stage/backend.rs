//! One backend process: the real binary with a configuration file of its own.
//! What stands in front of it and who connects is decided elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::http;
use crate::harness::log::{Line, Log};
use crate::harness::metrics::Scrape;
use crate::harness::port;
use crate::harness::process::Process;
use crate::harness::wait::{PATIENCE, until};

/// The binary that is proven.
pub const BINARY: &str = env!("CARGO_BIN_EXE_holdline");

/// A backend; it keeps its addresses when it is restarted.
pub struct Backend {
    /// Where it serves peers.
    pub server: SocketAddr,
    /// Where it answers scrapes.
    pub control: SocketAddr,
    /// The process, running or ended.
    pub process: Process,
    folder: PathBuf,
    file: PathBuf,
    surroundings: Surroundings,
}

/// What a backend is started in, beside its configuration.
#[derive(Clone, Default)]
pub(super) struct Surroundings {
    /// Variables of its environment.
    pub(super) variables: Vec<(String, String)>,
    /// Its limit of descriptors, soft and hard; none leaves it that of the test.
    pub(super) descriptors: Option<usize>,
}

impl Backend {
    /// Starts one and waits until it listens. Its public port lies where a restart finds it free
    /// again; a neighbour that takes it first costs another try.
    pub(super) async fn start(
        folder: &Path,
        number: usize,
        settings: &[(String, Value)],
        surroundings: &Surroundings,
    ) -> Self {
        let file = folder.join(format!("holdline-{number}.toml"));
        for _ in 0..5 {
            let listen = format!("127.0.0.1:{}", port::free());
            // JSON strings, numbers and lists of strings are TOML as well.
            let mut text = String::new();
            if settings.iter().all(|(key, _)| key != "server.listen") {
                text = format!("server.listen = \"{listen}\"\n");
            }
            text.extend(settings.iter().map(|(key, value)| format!("{key} = {value}\n")));
            std::fs::write(&file, text).expect("the run folder is ours");
            let mut process = serve(folder, &file, surroundings);
            if let Some((server, control)) = listening(&mut process).await {
                return Self {
                    server,
                    control,
                    process,
                    folder: folder.to_owned(),
                    file,
                    surroundings: surroundings.clone(),
                };
            }
            let last_words = process.log.tail(10);
            assert!(last_words.contains("in use"), "the backend does not start:\n{last_words}");
        }
        panic!("five ports taken in a row");
    }

    /// Starts it again, at the same addresses. Its log goes on where it was.
    ///
    /// # Panics
    /// When it does not listen again.
    pub async fn restart(&mut self) {
        let before = self.process.log.clone();
        self.process = serve(&self.folder, &self.file, &self.surroundings);
        let found = listening(&mut self.process).await;
        let found = found.unwrap_or_else(|| panic!("no restart:\n{}", self.process.log.tail(10)));
        (self.server, self.control) = found;
        // The open and end lines of its former life still count.
        for line in before.lines().into_iter().filter(|line| !is_listening(line)) {
            self.process.log.push(line.raw);
        }
    }

    /// Kills it as the kernel would.
    pub async fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.ended(PATIENCE).await;
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        self.process.ended(within).await
    }

    /// What it wrote.
    pub fn log(&self) -> &Log {
        &self.process.log
    }

    /// The lines that say something went wrong since it listens; what it says before is about its
    /// configuration and this machine.
    pub fn troubles(&self) -> Vec<Line> {
        self.process.log.troubles(is_listening)
    }

    /// Scrapes its metrics.
    pub async fn scrape(&self) -> Scrape {
        let answer = http::get(self.control, "/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Scrape::parse(&answer.text())
    }
}

fn serve(folder: &Path, file: &Path, surroundings: &Surroundings) -> Process {
    let file = file.to_str().expect("a temporary path is text");
    let set = surroundings.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let set: Vec<_> = set.collect();
    let Some(limit) = surroundings.descriptors else {
        return Process::start(Path::new(BINARY), &["serve", "--config", file], folder, &set);
    };
    let limit = format!("--nofile={limit}:{limit}");
    let arguments = [&limit, BINARY, "serve", "--config", file];
    Process::start(Path::new("prlimit"), &arguments, folder, &set)
}

/// Waits for the line that tells both addresses; none when it ended instead.
async fn listening(process: &mut Process) -> Option<(SocketAddr, SocketAddr)> {
    let log = process.log.clone();
    let look = async || {
        let mut lines = log.lines().into_iter();
        (lines.find(is_listening), process.status())
    };
    let come = until("a backend that listens", PATIENCE, look, |(line, status)| {
        line.is_some() || status.is_some()
    });
    let line = come.await.0?;
    let at = |key| line.value(key).parse().expect("an address");
    Some((at("server"), at("control")))
}

fn is_listening(line: &Line) -> bool {
    line.words.ends_with("listening") && line.has("server")
}
