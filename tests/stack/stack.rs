//! One stack of containers under a name of its own: up, asked, changed, and cleared away.
//! What is promised about it stands in the files beside it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::peer::Dial;
use crate::harness::tool::repository;
use crate::harness::wait::until;
use crate::harness::{Peer, http, port};

/// How long Prometheus may take to see a change: names are looked up and targets scraped every 5 s.
const SCRAPED: Duration = Duration::from_secs(60);

/// The stack; dropping it removes its containers, networks and volumes.
pub struct Stack {
    /// `COMPOSE_PROJECT_NAME`.
    pub project: String,
    settings: BTreeMap<&'static str, String>,
    gateway: u16,
    prometheus: u16,
    link: u16,
    run: TempDir,
}

/// A container of the backend.
#[derive(Clone, Debug)]
pub struct Replica {
    /// The container's id.
    pub id: String,
    /// Prometheus' name for it, `address:9001`.
    pub instance: String,
    /// Its process, as this machine numbers it.
    pub process: String,
}

impl Stack {
    /// Starts one replica behind a gateway with Prometheus beside, by `scripts/up --compose`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn up(read_timeout: &str) -> Self {
        let stack = Self::planned(read_timeout);
        stack.up_again();
        stack
    }

    /// The same, not started.
    pub fn planned(read_timeout: &str) -> Self {
        let project = format!("holdline-test-{:08x}", fastrand::u32(..));
        let run = tempfile::tempdir().expect("a folder can be made");
        let (gateway, prometheus, link) = (port::free(), port::free(), port::free());
        let settings = [
            ("COMPOSE_PROJECT_NAME", project.clone()),
            ("COMPOSE_PROFILES", "metrics".to_owned()),
            ("HOLDLINE_RUN_DIR", run.path().display().to_string()),
            ("HOLDLINE_ENV_FILE", run.path().join("backend.env").display().to_string()),
            ("GATEWAY_PORT", format!("127.0.0.1:{gateway}")),
            // Whatever certificate lies in deploy/tls.
            ("GATEWAY_TLS_FOLDER", String::new()),
            ("PROMETHEUS_PORT", format!("127.0.0.1:{prometheus}")),
            ("HOLDLINE_LINK_PORT", format!("127.0.0.1:{link}")),
            ("HOLDLINE_READ_TIMEOUT", read_timeout.to_owned()),
            ("HOLDLINE_REPLICAS", "1".to_owned()),
            ("HOLDLINE_VERSION", "dev".to_owned()),
            // Shorter than what ships, so that many deploys take little time.
            ("HOLDLINE__DRAIN__DELAY", "200ms".to_owned()),
            ("HOLDLINE__DRAIN__WINDOW", "1s".to_owned()),
            ("HOLDLINE__SERVER__STALL_TIMEOUT", "2s".to_owned()),
        ];
        Self { project, settings: BTreeMap::from(settings), gateway, prometheus, link, run }
    }

    /// Changes a variable, for the next [`Stack::up_again`].
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    /// `scripts/up --compose` with the settings as they are.
    ///
    /// # Panics
    /// When it fails.
    pub fn up_again(&self) {
        succeeded("scripts/up", &self.script("up", &["--compose"]));
    }

    /// Runs a script of the repository with this stack's settings.
    pub fn script(&self, name: &str, arguments: &[&str]) -> Output {
        let path: PathBuf = repository().join("scripts").join(name);
        let mut command = Command::new(path);
        command.args(arguments).envs(&self.settings).output().expect("a script can be run")
    }

    /// `docker compose` with this stack's settings; its output.
    ///
    /// # Panics
    /// When it fails.
    pub fn compose(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("docker");
        command.args(["compose", "--file"]).arg(repository().join("docker-compose.yml"));
        let output = command.args(arguments).envs(&self.settings).output();
        succeeded(&format!("docker compose {arguments:?}"), &output.expect("docker can be run"))
    }

    /// Where peers come in.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.gateway).into()
    }

    /// Where the link listens.
    pub fn link(&self) -> u16 {
        self.link
    }

    /// A peer about to come in.
    pub fn dial(&self, target: &str) -> Dial<'static> {
        Dial::new(self.address(), target)
    }

    /// A peer that is in.
    pub async fn connect(&self, target: &str) -> Peer {
        self.dial(target).open().await
    }

    /// This many peers, all in.
    pub async fn connect_many(&self, target: &str, count: usize) -> Vec<Peer> {
        let mut peers = Vec::with_capacity(count);
        for _ in 0..count {
            peers.push(self.connect(target).await);
        }
        peers
    }

    /// The backend's containers that run; one that is just being restarted does not.
    pub fn replicas(&self) -> Vec<Replica> {
        let ids = self.compose(&["ps", "--quiet", "backend"]);
        ids.lines().filter_map(replica).collect()
    }

    /// The value of `query` per `instance`, as Prometheus' own interface answers now.
    pub async fn asked(&self, query: &str) -> BTreeMap<String, f64> {
        let address = ([127, 0, 0, 1], self.prometheus).into();
        let answer = http::get(address, &format!("/api/v1/query?query={query}")).await;
        let answer: serde_json::Value =
            serde_json::from_slice(&answer.body).expect("Prometheus answers JSON");
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |one: &serde_json::Value| one["value"][1].as_str()?.parse().ok();
        let name = |one: &serde_json::Value| one["metric"]["instance"].as_str().map(str::to_owned);
        series.iter().filter_map(|one| Some((name(one)?, value(one)?))).collect()
    }

    /// Waits until Prometheus' answer to `query` is `good`, and returns it.
    ///
    /// # Panics
    /// When it does not come to that in time.
    pub async fn answers(
        &self,
        query: &str,
        good: impl Fn(&BTreeMap<String, f64>) -> bool,
    ) -> BTreeMap<String, f64> {
        until(query, SCRAPED, async || self.asked(query).await, good).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut command = Command::new("docker");
            command.args(["compose", "--project-name", &self.project]);
            let logs = command.args(["logs", "--tail", "15"]).envs(&self.settings).output();
            println!("{}", logs.map_or_else(|error| error.to_string(), |logs| text(&logs.stdout)));
        }
        let _ = Command::new("docker")
            .args(["compose", "--file"])
            .arg(repository().join("docker-compose.yml"))
            .args(["--profile", "*", "down", "--volumes", "--timeout", "5"])
            .envs(&self.settings)
            .output();
    }
}

/// Runs `docker` and returns what it prints.
///
/// # Panics
/// When it fails.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker can be run");
    succeeded(&format!("docker {arguments:?}"), &output)
}

/// The same with what it prints as an error, where a container's log goes.
pub fn docker_all(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker can be run");
    text(&output.stdout) + &text(&output.stderr)
}

/// None where the container has ended since it was listed: it has no process and no address then.
fn replica(id: &str) -> Option<Replica> {
    let format = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let about = docker(&["inspect", "--format", format, id]);
    let (process, address) = about.trim().split_once(' ').filter(|(process, _)| *process != "0")?;
    let (process, instance) = (process.to_owned(), format!("{address}:9001"));
    Some(Replica { id: id.to_owned(), instance, process })
}

fn succeeded(what: &str, output: &Output) -> String {
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{said}\n{errors}", output.status);
    said
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
