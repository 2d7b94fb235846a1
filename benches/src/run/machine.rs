//! Where a run took place and with what: processor, memory, kernel, versions, commit; and how quiet
//! the machine was.
//! Leaves to `main`: what to do about noise.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::server::Tools;

/// A process that takes more than this share of a core while nothing should run is named.
const BUSY: f64 = 0.05;

/// How long is looked at who is busy.
const LOOK: Duration = Duration::from_millis(500);

/// Ticks per second of `/proc/PID/stat`; Linux has had no other value for user space (proc(5)).
const TICKS: f64 = 100.0;

/// Where and with what.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Cores that the system has.
    pub(crate) cores: usize,
    /// Its memory, in GiB.
    pub(crate) memory_gib: f64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The day, UTC.
    pub(crate) date: String,
    /// The commit that was measured.
    pub(crate) commit: String,
    /// Whether files differed from it.
    pub(crate) dirty: bool,
    /// Versions of all that took part.
    pub(crate) versions: BTreeMap<String, String>,
    /// What else was going on when it began; empty on a quiet machine.
    pub(crate) noise: Vec<String>,
}

impl Machine {
    /// This one. `peers`: the folder that has `versions.json`.
    pub(crate) fn look(tools: &Tools, peers: &Path) -> Self {
        let git =
            |words: &[&str]| output(Command::new("git").arg("-C").arg(&tools.root).args(words));
        let changed = git(&["status", "--porcelain"]);
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            cores: fs::read_to_string("/proc/cpuinfo")
                .map(|text| text.lines().filter(|line| line.starts_with("processor")).count())
                .unwrap_or_default(),
            memory_gib: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
                .map_or(0.0, |kib| kib / 1024.0 / 1024.0),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map(|text| text.trim().to_owned())
                .unwrap_or_default(),
            date: day(SystemTime::now()),
            commit: git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into()),
            dirty: changed.is_none_or(|text| !text.is_empty()),
            versions: versions(tools, peers),
            noise: noise(),
        }
    }
}

fn versions(tools: &Tools, peers: &Path) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    let known = fs::read_to_string(peers.join("versions.json")).unwrap_or_default();
    if let Ok(known) = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&known) {
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        // That nginx is another one than the gateway's.
        let name = |name: String| if name == "nginx" { "nginx of nchan".to_owned() } else { name };
        versions.extend(known.into_iter().map(|(key, value)| (name(key), text(value))));
    }
    let lock = fs::read_to_string(tools.root.join("benches/Cargo.lock")).unwrap_or_default();
    for name in ["axum", "fastwebsockets", "tokio", "tokio-tungstenite"] {
        if let Some(version) = locked(&lock, name) {
            versions.insert(name.to_owned(), version);
        }
    }
    let mut add = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            versions.insert(name.to_owned(), text);
        }
    };
    let last = |text: String| text.split(['/', ' ']).next_back().map(str::to_owned);
    add("holdline", output(Command::new(&tools.holdline).arg("--version")).and_then(last));
    add("nginx", output(Command::new(&tools.nginx).arg("-v")).and_then(last));
    let rustc = output(Command::new("rustc").arg("--version"));
    add("rustc", rustc.and_then(|text| text.split(' ').nth(1).map(str::to_owned)));
    versions
}

/// The versions of a crate in a Cargo.lock; different crates may use different ones.
fn locked(lock: &str, name: &str) -> Option<String> {
    let own = format!("name = \"{name}\"");
    let entries = lock.split("[[package]]").filter(|entry| entry.lines().any(|line| line == own));
    let version = |entry: &str| {
        let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
        Some(version.trim_matches('"').to_owned())
    };
    let versions: Vec<String> = entries.filter_map(version).collect();
    (!versions.is_empty()).then(|| versions.join(" and "))
}

/// What a program prints, on whichever stream; `None` when it fails.
fn output(command: &mut Command) -> Option<String> {
    let done = command.output().ok().filter(|done| done.status.success())?;
    let text = if done.stdout.is_empty() { done.stderr } else { done.stdout };
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

/// The first value of a name in a file of `name : value` lines.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// What else is going on: the load of the last minute, and who is busy right now.
fn noise() -> Vec<String> {
    let mut noise = Vec::new();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    if load > 0.5 {
        noise.push(format!("a load of {load} in the last minute"));
    }
    let before = used();
    sleep(LOOK);
    for (pid, (name, ticks)) in used() {
        let earlier = before.get(&pid).map_or(ticks, |(_, ticks)| *ticks);
        let share = ticks.saturating_sub(earlier) as f64 / TICKS / LOOK.as_secs_f64();
        if share > BUSY {
            noise.push(format!("{name} takes {:.0} % of a core", share * 100.0));
        }
    }
    noise
}

/// Name and CPU time of each process, in ticks.
fn used() -> BTreeMap<u32, (String, u64)> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let of = |entry: fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let mut fields =
            rest.split_whitespace().skip(11).map_while(|text| text.parse::<u64>().ok());
        Some((pid, (name.to_owned(), fields.next()? + fields.next()?)))
    };
    entries.flatten().filter_map(of).collect()
}

/// A moment's day as 2026-11-22, UTC.
fn day(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut days = seconds / 86_400;
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named_as_calendars_do() {
        let at = |seconds| day(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01");
        assert_eq!(at(1_709_164_800), "2024-02-29");
        assert_eq!(at(1_798_761_599), "2026-12-31");
    }

    #[test]
    fn a_crate_is_found_by_its_whole_name() {
        let lock = "[[package]]\nname = \"tokio-util\"\nversion = \"0.7.1\"\n\n\
                    [[package]]\nname = \"tokio\"\nversion = \"1.54.0\"\n";
        assert_eq!(locked(lock, "tokio").as_deref(), Some("1.54.0"));
        assert_eq!(locked(lock, "axum"), None);
    }
}
