//! A process on its own cores that is ended with its owner, whatever happens to the owner.
//! Leaves to `server`: which processes, and when they are ready.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Below the ports that the kernel gives to outgoing connections, so that none of the thousands that
/// the load generator opens takes a port between its choice and its use.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// What a server may take to end when asked.
const GRACE: Duration = Duration::from_secs(4);

/// How often something is looked at that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(5);

/// A started process. Dropping it ends it and all it has started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// As somebody would type it.
    pub(crate) command: String,
}

/// What to start.
#[derive(Debug, Default)]
pub(crate) struct Start<'a> {
    /// Program and arguments.
    pub(crate) words: Vec<String>,
    /// Variables besides our own.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// As taskset has it: `1`, `0-1`.
    pub(crate) cpus: &'a str,
}

impl Process {
    /// Starts it with its standard error, and its standard output unless that goes to `output`, in
    /// the file `log`.
    pub(crate) fn start(start: &Start<'_>, log: &Path, output: Option<&Path>) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let output = match output {
            Some(path) => {
                File::create(path).with_context(|| format!("cannot write {}", path.display()))?
            }
            None => file.try_clone()?,
        };
        // The kernel tells it when we are gone, even when we were killed (prctl(2), PDEATHSIG). It
        // asks for an orderly end, so that nginx takes its workers with it.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "--cpu-list", start.cpus])
            .args(&start.words)
            .envs(start.variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(file)
            .spawn()
            .context("cannot start setpriv and taskset, which are in Debian's util-linux")?;
        Ok(Self { child, log: log.to_owned(), command: start.text() })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// It and all it has started, its own number first.
    pub(crate) fn family(&self) -> Vec<u32> {
        let mut family = vec![self.pid()];
        let mut next = 0;
        while let Some(pid) = family.get(next).copied() {
            family.extend(children(pid));
            next += 1;
        }
        family
    }

    /// Waits until `ready` holds. Fails when the process ends first, or after `patience`, with the
    /// end of its log.
    pub(crate) fn wait_until(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended while starting ({status}): {}", self.last_words());
            }
            if Instant::now() > deadline {
                bail!("it was not ready after {} s: {}", patience.as_secs(), self.last_words());
            }
            sleep(GLANCE);
        }
        Ok(())
    }

    /// Waits for its end, doing `meanwhile` between looks.
    pub(crate) fn wait(
        &mut self,
        patience: Duration,
        mut meanwhile: impl FnMut(),
    ) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("it did not end within {} s", patience.as_secs());
            }
            meanwhile();
            sleep(GLANCE);
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of its log, in one line.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(3)..];
        if last.is_empty() { "it said nothing".to_owned() } else { last.join(" | ") }
    }

    /// Asks a process of the family to end, and waits until all of them have.
    pub(crate) fn end(&mut self, asked: u32) {
        if self.has_ended() {
            // Its number may be another one's by now.
            return;
        }
        let family: Vec<(u32, Option<u64>)> =
            self.family().into_iter().map(|pid| (pid, started(pid))).collect();
        signal(asked, Signal::TERM);
        let deadline = Instant::now() + GRACE;
        let mut orphans_asked = false;
        loop {
            // Collected, so that it is no zombie, which would still have its number.
            let gone = self.has_ended();
            let alive: Vec<u32> = family
                .iter()
                .filter(|(pid, at)| at.is_some() && started(*pid) == *at)
                .map(|(pid, _)| *pid)
                .collect();
            if alive.is_empty() || Instant::now() > deadline + GRACE {
                break;
            }
            if Instant::now() > deadline {
                alive.iter().for_each(|&pid| signal(pid, Signal::KILL));
            } else if gone && !orphans_asked {
                orphans_asked = true;
                alive.iter().for_each(|&pid| signal(pid, Signal::TERM));
            }
            sleep(GLANCE);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = self.pid();
        self.end(pid);
    }
}

impl Start<'_> {
    /// As somebody would type it.
    fn text(&self) -> String {
        let variables =
            self.variables.iter().map(|(name, value)| format!("{name}={}", word(value)));
        let words = self.words.iter().map(|text| word(text));
        let pinned = ["taskset", "--cpu-list", self.cpus].map(str::to_owned);
        variables.chain(pinned).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// Quoted where a shell would take it apart.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:,=@%+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A port on loopback that nobody listens on, and that no call gives twice in a row.
pub(crate) fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    let first = (std::process::id() % u32::from(count)) as u16;
    for _ in 0..count {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port =
            PORTS.start + (u32::from(first) + u32::from(step)).rem_euclid(u32::from(count)) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port from {} to {} is free", PORTS.start, PORTS.end - 1)
}

/// Whether somebody accepts there.
pub(crate) fn accepts(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Those that a process has started (proc(5), `/proc/PID/task/TID/children`).
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
        })
        .collect()
}

/// When a process began, in ticks: its number may be given to another one, both together are not.
/// `None` when it has ended, also where nobody has collected it.
fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Counted from behind the name, which may contain anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(words: &[&str]) -> Process {
        let folder = tempfile::tempdir().expect("a folder");
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let start = Start { words, variables: &[("A", "b c")], cpus: "0" };
        Process::start(&start, &folder.keep().join("log"), None).expect("it starts")
    }

    #[test]
    fn what_is_dropped_ends_with_all_it_has_started() {
        let mut process = start(&["sh", "-c", "sleep 1000 & sleep 1000 & wait"]);
        let mut family = Vec::new();
        process
            .wait_until(Duration::from_secs(20), || {
                family.clear();
                true
            })
            .expect("it runs");
        let deadline = Instant::now() + Duration::from_secs(20);
        while family.len() < 3 && Instant::now() < deadline {
            family = process.family();
        }
        assert_eq!(family.len(), 3);
        drop(process);
        assert_eq!(family.iter().filter_map(|&pid| started(pid)).count(), 0);
    }

    #[test]
    fn what_ends_while_starting_is_told_with_its_last_words() {
        let mut process = start(&["sh", "-c", "echo no room for me; exit 3"]);
        let error =
            process.wait_until(Duration::from_secs(20), || false).expect_err("it has ended");
        assert!(error.to_string().contains("no room for me"), "{error}");
        assert!(error.to_string().contains('3'), "{error}");
    }

    #[test]
    fn the_command_is_what_one_would_type() {
        let process = start(&["echo", "it's", "$here"]);
        assert_eq!(process.command, r"A='b c' taskset --cpu-list 0 echo 'it'\''s' '$here'");
    }

    #[test]
    fn two_ports_are_never_the_same() {
        assert_ne!(free_port().expect("a port"), free_port().expect("a port"));
    }
}
