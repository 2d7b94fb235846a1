//! A child process of the test: started, signalled, waited for, and gone when the test is gone.
//! What it is for and how it is configured is the stage's business.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::log::Log;

/// A child and everything it has written to its standard error.
pub struct Process {
    child: Child,
    status: Option<ExitStatus>,
    /// Reads what it says, up to its last word.
    listener: JoinHandle<()>,
    /// What it said so far.
    pub log: Log,
}

impl Process {
    /// Starts `program` in `folder`. The kernel kills it should this thread end without having
    /// done so, an interrupted test run included; its group of its own lets [`Drop`] reach its
    /// children as well.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(program: &Path, arguments: &[&str], folder: &Path, set: &[(&str, &str)]) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(program).args(arguments).current_dir(folder);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOLDLINE")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").envs(set.iter().copied()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let log = Log::default();
        let errors = child.stderr.take().expect("standard error was piped");
        let sink = log.clone();
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                sink.push(line);
            }
        });
        Self { child, status: None, listener, log }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal; one that arrives after its end is lost, as signals are.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            let _ = kill_process(self.pid(), signal);
        }
    }

    /// Whether it has ended by now, and how.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
        }
        self.status
    }

    /// Waits for its end, and for its last words.
    ///
    /// # Panics
    /// When it still runs after `within`.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let what = format!("the end of process {}", self.id());
        let over = async || (self.status(), self.listener.is_finished());
        let seen = super::until(&what, within, over, |(status, heard)| status.is_some() && *heard);
        seen.await.0.expect("the wait was for a status")
    }

    /// How many descriptors it holds open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).map_or(0, Iterator::count)
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most that it was since [`forget_peak`](Self::forget_peak), in bytes.
    #[allow(dead_code, reason = "not every proof measures memory")]
    pub fn peak_bytes(&self) -> usize {
        self.memory("VmHWM:")
    }

    /// Lets its peak begin anew at what its resident memory is now, and tells how much that is.
    ///
    /// # Panics
    /// Where that is not allowed (proc(5), `clear_refs`).
    #[allow(dead_code, reason = "not every proof measures memory")]
    pub fn forget_peak(&self) -> usize {
        std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5").expect("a process of ours");
        self.peak_bytes()
    }

    fn memory(&self, field: &str) -> usize {
        let status = File::open(format!("/proc/{}/status", self.id())).expect("it runs");
        BufReader::new(status)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok())
            .map_or(0, |kilobytes: usize| kilobytes * 1024)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    /// A polite signal first: a killed nginx master would leave its workers behind.
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        // A draining backend takes its time; a second signal cuts that short.
        self.signal(Signal::INT);
        let began = Instant::now();
        while self.status().is_none() && began.elapsed() < Duration::from_millis(500) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}
