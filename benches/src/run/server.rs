//! Who does the work in a cell: the floor, Holdline, a peer, or a gateway with Holdline behind it.
//! Leaves to `holdline` and `gateway`: their configuration; to `process`: starting and ending.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{
    gateway::Gateway,
    holdline,
    process::{Process, Start, accepts, free_port},
    work::Work,
};

/// How long a server may take until it accepts; node and nginx take a tenth of a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where the load generator runs, and the benchmark itself.
pub(crate) const LOAD_CPU: &str = "0";

/// Where everything that is measured runs.
pub(crate) const SERVER_CPU: &str = "1";

/// Who does the work.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Server {
    /// What `benches/peers/start` starts by this name; the floor is one of them.
    Peer(&'static str),
    /// The program itself, with so many workers.
    Holdline { workers: u32 },
    /// nginx in front of it.
    Gateway(Gateway),
    /// One of the first two, with its system calls counted.
    Traced(Box<Server>),
}

/// Where everything is that a cell needs.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// The repository.
    pub(crate) root: PathBuf,
    /// The load generator.
    pub(crate) load: PathBuf,
    /// The program that all this is about.
    pub(crate) holdline: PathBuf,
    /// An nginx ≥ 1.27.3.
    pub(crate) nginx: PathBuf,
    /// For certificates, and for the folder of each cell while it runs.
    pub(crate) scratch: PathBuf,
}

/// A server that accepts, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where the load goes.
    pub(crate) port: u16,
    /// The authority of its certificate, where the load speaks TLS.
    pub(crate) authority: Option<PathBuf>,
    /// Which processes count under which name.
    pub(crate) accounts: Vec<(&'static str, Vec<u32>)>,
    /// Holdline's control listener, which is scraped as in real life.
    pub(crate) control: Option<u16>,
    /// Where strace writes what it has counted.
    pub(crate) trace: Option<PathBuf>,
    /// All that was started, the backend last.
    pub(crate) processes: Vec<Process>,
}

impl Server {
    /// As tables have it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Peer(name) => (*name).to_owned(),
            Self::Holdline { workers: 1 } => "holdline".to_owned(),
            Self::Holdline { workers } => format!("holdline, {workers} workers"),
            Self::Gateway(gateway) => gateway.name(),
            Self::Traced(server) => server.name(),
        }
    }

    /// Whether it has rooms only.
    pub(crate) fn rooms_only(&self) -> bool {
        *self == Self::Peer("nchan")
    }

    /// Starts it for a work, its files in `folder`, and waits until it accepts.
    pub(crate) fn start(&self, tools: &Tools, folder: &Path, work: &Work) -> Result<Running> {
        match self {
            Self::Peer(name) => start_peer(name, tools, folder, work, &[]),
            Self::Holdline { workers } => holdline::start(*workers, tools, folder, work, &[]),
            Self::Gateway(gateway) => gateway.start(tools, folder, work),
            Self::Traced(server) => {
                let trace = folder.join("calls");
                let count =
                    ["strace", "-f", "-c", "-o", &trace.to_string_lossy(), "--"].map(str::to_owned);
                let running = match server.as_ref() {
                    Self::Peer(name) => start_peer(name, tools, folder, work, &count)?,
                    _ => holdline::start(1, tools, folder, work, &count)?,
                };
                Ok(Running { trace: Some(trace), ..running })
            }
        }
    }
}

/// What `benches/peers/start NAME PORT [PING_SECONDS]` runs, behind the words `before`.
fn start_peer(
    name: &str,
    tools: &Tools,
    folder: &Path,
    work: &Work,
    before: &[String],
) -> Result<Running> {
    let port = free_port()?;
    let mut words = before.to_vec();
    words.push(tools.root.join("benches/peers/start").to_string_lossy().into_owned());
    words.extend([name.to_owned(), port.to_string()]);
    if work.ping_seconds() > 0.0 {
        words.push(work.ping_seconds().to_string());
    }
    let start = Start { words, cpus: SERVER_CPU, ..Start::default() };
    let mut process = Process::start(&start, &folder.join(format!("{name}.log")), None)?;
    process.wait_until(PATIENCE, || accepts(port)).with_context(|| name.to_owned())?;
    let accounts = vec![("server", process.family())];
    Ok(Running {
        port,
        authority: None,
        accounts,
        control: None,
        trace: None,
        processes: vec![process],
    })
}

impl Running {
    /// Ends what strace counts, so that strace writes its sum, and reads that: calls by name.
    pub(crate) fn calls(&mut self) -> Result<std::collections::BTreeMap<String, u64>> {
        let Some(trace) = &self.trace else { return Ok(std::collections::BTreeMap::new()) };
        let process = self.processes.last_mut().context("nothing runs under strace")?;
        let traced = super::process::children(process.pid());
        let traced = traced.first().context("strace has started nothing")?;
        process.end(*traced);
        let text = fs::read_to_string(trace).context("strace has written nothing")?;
        Ok(super::calls::summary(&text))
    }
}
