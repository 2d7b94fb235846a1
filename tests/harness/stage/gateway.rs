//! One nginx with the shipped configuration, rendered as `scripts/up` and compose render it.
//! What is behind it is told by the backends' addresses.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::process::Process;
use crate::harness::tool::{repository, tool};
use crate::harness::wait::{PATIENCE, until};
use crate::harness::{http, port};

/// A gateway that runs.
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens under TLS, if it was given a certificate.
    pub secure: SocketAddr,
    process: Process,
    folder: PathBuf,
}

impl Gateway {
    /// Renders, starts and waits until it answers; a neighbour that takes its port first costs
    /// another try.
    pub(super) async fn start(
        folder: &Path,
        variables: Vec<(String, String)>,
        directives: &[(String, Option<String>)],
    ) -> Self {
        for _ in 0..5 {
            let (port, secure) = (port::free(), port::free());
            render(folder, &variables, port, secure);
            edit(folder, directives);
            let mut process = nginx(folder);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if answers(&mut process, address).await {
                let secure = SocketAddr::from((Ipv4Addr::LOCALHOST, secure));
                return Self { address, secure, process, folder: folder.to_owned() };
            }
            let last_words = format!("{}\n{}", process.log.tail(10), tail(folder, "error"));
            assert!(last_words.contains("in use"), "nginx does not start:\n{last_words}");
        }
        panic!("five ports taken in a row");
    }

    /// Reloads the configuration and waits until new workers have taken over.
    ///
    /// # Panics
    /// When they do not.
    pub async fn reload(&self) {
        let before = self.workers();
        let output = self.nginx(&["-s", "reload"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        until(
            "new workers",
            PATIENCE,
            async || self.workers(),
            |now| now.difference(&before).count() > 0,
        )
        .await;
    }

    /// Runs nginx with these arguments on this gateway's configuration.
    pub fn nginx(&self, arguments: &[&str]) -> Output {
        let mut nginx = Command::new(tool("nginx"));
        nginx.arg("-p").arg(&self.folder).arg("-c").arg(self.folder.join("nginx.conf"));
        nginx.args(arguments).output().expect("nginx runs")
    }

    /// Tells it to reload, and waits for nothing.
    pub fn hang_up(&self) {
        self.process.signal(Signal::HUP);
    }

    /// The access log, one JSON object per connection or request that has ended.
    pub fn access(&self) -> Vec<Value> {
        let text = read(&self.folder, "access");
        let lines = text.lines();
        lines.map(|line| serde_json::from_str(line).expect("the access log is JSON")).collect()
    }

    /// The error log.
    pub fn errors(&self) -> String {
        read(&self.folder, "error")
    }

    /// Sends its master a signal: TERM is `nginx -s stop`, QUIT is `nginx -s quit`.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// The file that is its access or error log.
    ///
    /// # Panics
    /// When there is none.
    pub fn log_file(&self, kind: &str) -> PathBuf {
        let places = [format!("{kind}.log"), format!("logs/{kind}.log")];
        let found = places.iter().map(|place| self.folder.join(place)).find(|file| file.exists());
        found.unwrap_or_else(|| panic!("no {kind} log in {}", self.folder.display()))
    }

    /// The last lines of everything it wrote.
    pub fn last_words(&self) -> String {
        let (access, error) = (tail(&self.folder, "access"), tail(&self.folder, "error"));
        format!("{}\n-- access --\n{access}\n-- error --\n{error}", self.process.log.tail(20))
    }

    /// The process ids of its workers, also of those that only see their connections out.
    pub fn workers(&self) -> BTreeSet<u32> {
        let id = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        children.split_whitespace().filter_map(|child| child.parse().ok()).collect()
    }
}

/// The file as it was shipped, linked, and its includes as the shipped script renders them.
fn render(folder: &Path, variables: &[(String, String)], port: u16, secure: u16) {
    let shipped = repository().join("deploy/nginx");
    let link = folder.join("nginx.conf");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(shipped.join("nginx.conf"), &link).expect("the run folder is ours");
    let output = Command::new(shipped.join("render"))
        .arg(folder.join("holdline.d"))
        .env("GATEWAY_PORT", port.to_string())
        .env("GATEWAY_TLS_PORT", secure.to_string())
        .env("GATEWAY_STATUS_LISTEN", format!("127.0.0.1:{}", port::free()))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output();
    succeeded("deploy/nginx/render", &output.expect("the shipped script runs"));
}

/// Changes directives of a copy, or takes them out; the shipped file stays as it is.
fn edit(folder: &Path, directives: &[(String, Option<String>)]) {
    if directives.is_empty() {
        return;
    }
    let main = folder.join("nginx.conf");
    let text = std::fs::read_to_string(&main).expect("the shipped file is there");
    std::fs::remove_file(&main).expect("the link is ours");
    std::fs::write(&main, text).expect("the run folder is ours");
    let includes = std::fs::read_dir(folder.join("holdline.d")).expect("it was rendered");
    let files = includes.filter_map(Result::ok).map(|entry| entry.path()).chain([main]);
    let mut found = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a configuration file is text");
        let edited = text.lines().filter_map(|line| {
            let name = line.trim_start().split([' ', '\t', ';']).next().unwrap_or_default();
            let Some((name, value)) = directives.iter().find(|(known, _)| known == name) else {
                return Some(line.to_owned());
            };
            found.insert(name);
            value.as_ref().map(|value| format!("{name} {value};"))
        });
        let edited = edited.collect::<Vec<_>>().join("\n");
        std::fs::write(&file, edited).expect("the run folder is ours");
    }
    let wanted: BTreeSet<_> = directives.iter().map(|(name, _)| name).collect();
    assert_eq!(found, wanted, "not all of these are in the shipped files");
}

fn nginx(folder: &Path) -> Process {
    let folder_text = folder.to_str().expect("a temporary path is text");
    let file = format!("{folder_text}/nginx.conf");
    // Started like a service: it stays in the foreground, where its end is seen.
    let arguments = ["-p", folder_text, "-c", &file, "-g", "daemon off;"];
    Process::start(&tool("nginx"), &arguments, folder, &[])
}

/// Whether it comes to answer, or ends instead.
async fn answers(process: &mut Process, address: SocketAddr) -> bool {
    // A path of no backend: one that never answers, or writes down what it is asked, may be behind.
    let request = format!("GET /up HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let look = async || {
        let ended = process.status().is_some();
        (ended, !ended && http::send(address, request.as_bytes()).await.is_ok())
    };
    !until("a gateway that answers", PATIENCE, look, |(ended, up)| *ended || *up).await.0
}

/// The logs lie where the shipped configuration puts them: in the run folder or its `logs`.
fn read(folder: &Path, kind: &str) -> String {
    let places = [format!("{kind}.log"), format!("logs/{kind}.log")];
    places.iter().filter_map(|place| std::fs::read_to_string(folder.join(place)).ok()).collect()
}

fn tail(folder: &Path, kind: &str) -> String {
    let text = read(folder, kind);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn succeeded(what: &str, output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} failed ({}):\n{errors}", output.status);
}
