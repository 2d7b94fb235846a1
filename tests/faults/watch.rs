//! How long something took, less what the machine stood still or kept a backend waiting for a core,
//! and whether that was a goal missed. What the goals are is for the promises to say.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::process::Process;

/// How often it is seen whether the machine goes on.
const TICK: Duration = Duration::from_millis(5);

/// Later than this after its tick, the machine has stood still.
const STANDSTILL: Duration = Duration::from_millis(15);

/// Measures for one attempt.
pub struct Watch {
    shared: Arc<Shared>,
    /// The backend whose doings are measured.
    process: Option<u32>,
    late: Vec<String>,
}

#[derive(Default)]
struct Shared {
    /// In microseconds, all of them together.
    standstills: AtomicU64,
    over: AtomicBool,
}

/// A moment, by the watch that took it.
#[derive(Clone, Copy, Debug)]
pub struct Mark(Instant, Duration);

impl Watch {
    /// Begins to watch the machine.
    pub fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let watched = shared.clone();
        thread::spawn(move || {
            while !watched.over.load(Relaxed) {
                let before = Instant::now();
                thread::sleep(TICK);
                let late = before.elapsed().saturating_sub(TICK);
                if late > STANDSTILL {
                    watched.standstills.fetch_add(late.as_micros() as u64, Relaxed);
                }
            }
        });
        Self { shared, process: None, late: Vec::new() }
    }

    /// From now on what this process waits for a core counts as the machine's standing still. One
    /// that only sleeps, or has forgotten something, does not wait.
    pub fn on(&mut self, process: &Process) {
        self.process = Some(process.id());
    }

    /// Now.
    pub fn mark(&self) -> Mark {
        Mark(Instant::now(), self.stood_still())
    }

    /// How long ago that was, less what the machine stood still since.
    pub fn since(&self, mark: Mark) -> Duration {
        mark.0.elapsed().saturating_sub(self.stood_still().saturating_sub(mark.1))
    }

    /// Notes whether it took longer than the goal allows.
    pub fn goal(&mut self, what: &str, took: Duration, at_most: Duration) {
        if took > at_most {
            let stood = self.stood_still();
            let late = format!("{what}: {took:?}, the goal is {at_most:?} (stood still {stood:?})");
            eprintln!("{late}");
            self.late.push(late);
        } else {
            eprintln!("{what}: {took:?} of {at_most:?}");
        }
    }

    /// What an attempt comes to: none when a goal was missed.
    pub fn verdict(self) -> Option<()> {
        self.late.is_empty().then_some(())
    }

    fn stood_still(&self) -> Duration {
        let all = Duration::from_micros(self.shared.standstills.load(Relaxed));
        all + self.process.map_or(Duration::ZERO, waited)
    }
}

/// How long the thread of this process that waited longest has waited for a core, in all its life
/// (the second number of `/proc/PID/task/TID/schedstat`, in nanoseconds).
pub fn waited(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().filter_map(Result::ok);
    threads.map(|thread| read(&thread.path().join("schedstat"))).max().unwrap_or_default()
}

/// The same for the thread that asks.
pub fn own_wait() -> Duration {
    read(Path::new("/proc/thread-self/schedstat"))
}

fn read(schedstat: &Path) -> Duration {
    let text = std::fs::read_to_string(schedstat).unwrap_or_default();
    let waited = text.split(' ').nth(1).and_then(|waited| waited.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.over.store(true, Relaxed);
    }
}

#[test]
fn a_goal_that_was_missed_spoils_the_attempt() {
    let mut watch = Watch::start();
    let mark = watch.mark();
    thread::sleep(Duration::from_millis(20));
    let took = watch.since(mark);
    assert!(took <= mark.0.elapsed());
    watch.goal("a nap", took, Duration::from_secs(60));
    watch.goal("another", Duration::from_secs(2), Duration::from_secs(1));
    assert_eq!(watch.verdict(), None);
    assert_eq!(Watch::start().verdict(), Some(()));
}
