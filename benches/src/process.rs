//! What processes use: CPU time, memory, the kernel's memory; and this one's descriptor limit.
//! Leaves to `load`: when to look.

use std::{collections::BTreeMap, fs, process, time::Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::outcome::Account;

/// Processes whose use is told together, by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounted {
    /// Its name in the outcome.
    pub name: String,
    /// The processes.
    pub processes: Vec<u32>,
}

/// CPU time that some processes had used at some moment.
#[derive(Clone, Debug)]
pub struct Used {
    /// Each thread's, in nanoseconds (`/proc/PID/task/TID/schedstat`).
    threads: BTreeMap<(u32, u32), u64>,
    /// The processes', threads that have ended included, in nanoseconds but told in steps of 10
    /// milliseconds (`/proc/PID/stat`).
    coarse: u64,
    at: Instant,
}

/// A tick of `/proc/PID/stat` in nanoseconds: USER_HZ is 100 on every architecture in use.
const TICK_NS: u64 = 10_000_000;

impl Accounted {
    /// This process.
    pub fn this() -> Self {
        Self { name: "load".to_owned(), processes: vec![process::id()] }
    }

    /// From `NAME=PID[,PID…]`.
    ///
    /// # Errors
    /// It is not of that form, in words.
    pub fn parse(text: &str) -> Result<Self> {
        let form = "must be NAME=PID[,PID…], as in server=4711,4712";
        let (name, processes) = text.split_once('=').with_context(|| form.to_owned())?;
        let processes = processes.split(',').map(|pid| {
            pid.parse().with_context(|| format!("{pid:?} is no process number: {form}"))
        });
        Ok(Self { name: name.to_owned(), processes: processes.collect::<Result<_>>()? })
    }

    /// What its processes have used up to now.
    ///
    /// # Errors
    /// One of them is gone.
    pub fn used(&self) -> Result<Used> {
        let (mut threads, mut coarse) = (BTreeMap::new(), 0);
        for &process in &self.processes {
            let gone = || format!("process {process} ({}) is gone", self.name);
            for entry in fs::read_dir(format!("/proc/{process}/task")).with_context(gone)? {
                let path = entry.with_context(gone)?.path();
                let thread = path.file_name().and_then(|name| name.to_str()?.parse().ok());
                // One that has ended since the folder was read is in `coarse` alone.
                if let (Some(thread), Ok(text)) =
                    (thread, fs::read_to_string(path.join("schedstat")))
                {
                    threads.insert((process, thread), first_number(&text)?);
                }
            }
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).with_context(gone)?;
            coarse += ticks(&stat).with_context(|| format!("/proc/{process}/stat is strange"))?;
        }
        Ok(Used { threads, coarse: coarse * TICK_NS, at: Instant::now() })
    }

    /// Its processes' proportional set size, in bytes (`/proc/PID/smaps_rollup`).
    ///
    /// # Errors
    /// One of them is gone, or belongs to somebody else.
    pub fn pss(&self) -> Result<u64> {
        let mut sum = 0;
        for &process in &self.processes {
            let path = format!("/proc/{process}/smaps_rollup");
            let text = fs::read_to_string(&path).with_context(|| path.clone())?;
            sum += kib(&text, "Pss:").with_context(|| format!("{path} has no Pss"))?;
        }
        Ok(sum)
    }

    /// The account from a moment to now, without the memory.
    ///
    /// # Errors
    /// One of the processes is gone.
    pub fn since(&self, before: &Used) -> Result<Account> {
        let cpu_seconds = self.used()?.since(before) as f64 / 1e9;
        Ok(Account { cpu_seconds, ..Account::default() })
    }
}

impl Used {
    /// Nanoseconds of CPU time from `before` to this.
    ///
    /// Threads are summed one by one, so that one that has ended takes nothing away. What such
    /// threads used is then missing: where the coarse sum is more than its own steps explain, it is
    /// the better figure.
    pub fn since(&self, before: &Self) -> u64 {
        let grown = |(thread, now): (&_, &u64)| {
            now.saturating_sub(before.threads.get(thread).copied().unwrap_or(0))
        };
        let fine: u64 = self.threads.iter().map(grown).sum();
        // User and system time are cut to a tick each, at both ends.
        fine.max(self.coarse.saturating_sub(before.coarse + 2 * TICK_NS))
    }

    /// When this was.
    pub fn at(&self) -> Instant {
        self.at
    }
}

fn first_number(text: &str) -> Result<u64> {
    let first = text.split_whitespace().next();
    first.and_then(|number| number.parse().ok()).context("a schedstat without a number")
}

/// User and system time of a process in ticks: fields 14 and 15, counted after the name, which may
/// have spaces and parentheses of its own.
fn ticks(stat: &str) -> Option<u64> {
    let fields = stat.rsplit_once(") ")?.1;
    let mut fields = fields.split(' ').skip(11).map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The kernel's memory for all that there is on this machine, in bytes: its slabs (descriptors,
/// sockets, their timers; `Slab` of `/proc/meminfo`) and the pages in TCP's queues (`mem` of
/// `/proc/net/sockstat`). On loopback both ends of a connection are in it.
///
/// # Errors
/// The system does not tell.
pub fn kernel_bytes() -> Result<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    let slab = kib(&meminfo, "Slab:").context("/proc/meminfo has no Slab")?;
    let sockets = fs::read_to_string("/proc/net/sockstat").context("/proc/net/sockstat")?;
    let pages = sockets.lines().find_map(|line| {
        line.strip_prefix("TCP: ")?.split_once(" mem ")?.1.trim().parse::<u64>().ok()
    });
    let Some(pages) = pages else { bail!("/proc/net/sockstat has no mem of TCP") };
    Ok(slab + pages * rustix::param::page_size() as u64)
}

/// Allows this process as many descriptors as it may have at most. How many that is.
///
/// # Errors
/// The system refuses.
pub fn raise_descriptor_limit() -> Result<u64> {
    let hard = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: hard, maximum: hard };
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open descriptors")?;
    Ok(hard.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(threads: &[(u32, u64)], coarse: u64) -> Used {
        let threads = threads.iter().map(|&(thread, ns)| ((1, thread), ns)).collect();
        Used { threads, coarse, at: Instant::now() }
    }

    #[test]
    fn a_thread_that_ends_takes_nothing_away_and_one_that_begins_counts() {
        let before = used(&[(1, 1000), (2, 5_000_000)], 0);
        assert_eq!(used(&[(1, 1500)], 0).since(&before), 500);
        assert_eq!(used(&[(1, 1500), (3, 70)], 0).since(&before), 570);
    }

    #[test]
    fn what_ended_threads_used_comes_from_the_coarse_sum() {
        let before = used(&[(1, 0), (2, 0)], 0);
        let after = used(&[(1, 30_000_000)], 30 * TICK_NS);
        assert_eq!(after.since(&before), 28 * TICK_NS);
        let after = used(&[(1, 295_000_000)], 30 * TICK_NS);
        assert_eq!(after.since(&before), 295_000_000, "the fine sum where it has everything");
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let this = Accounted::this();
        let before = this.used().expect("used");
        let mut sum = 0_u64;
        while this.used().expect("used").since(&before) < 2 * TICK_NS {
            sum = (0..100_000).fold(sum, |sum, next| std::hint::black_box(sum ^ next));
        }
        assert!(this.pss().expect("memory") > 100_000, "{sum}");
        assert!(kernel_bytes().expect("kernel memory") > 100_000);
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_hides_no_ticks() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 1 0";
        assert_eq!(ticks(stat), Some(42));
    }

    #[test]
    fn an_account_names_its_processes() {
        let account = Accounted::parse("gateway=12,13").expect("an account");
        assert_eq!(account, Accounted { name: "gateway".into(), processes: vec![12, 13] });
        for wrong in ["12", "a=", "a=b", "a=1,,2"] {
            let error = format!("{:#}", Accounted::parse(wrong).expect_err(wrong));
            assert!(error.contains("NAME=PID"), "{error}");
        }
    }
}
