//! A stalled worker ends its process: seen on a process of its own, which this test starts from itself.
//! Which worker counts as stalled, to the millisecond, is left to the unit tests of `watchdog`.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use holdline::watchdog::Watchdog;

/// Tells the started process what to do with its worker.
const ROLE: &str = "HOLDLINE_TEST_WATCHDOG_ROLE";

/// Twice as long, and a machine that lets everything else run may keep a worker waiting.
const TIMEOUT: Duration = Duration::from_secs(1);
const SIGABRT: i32 = 6;

#[test]
fn a_stalled_worker_aborts_the_process() {
    let mut child = start("stalled");
    let status = wait(&mut child, Duration::from_secs(30)).expect("the watchdog barks");
    assert_eq!(status.signal(), Some(SIGABRT));
}

#[test]
fn a_busy_worker_that_comes_round_in_time_is_left_alone() {
    let mut child = start("busy");
    let status = wait(&mut child, Duration::from_secs(30)).expect("it ends by itself");
    assert_eq!(status.code(), Some(0));
}

/// What the started process does; nothing when the test runner comes by.
#[test]
fn worker() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let watchdog = Watchdog::new(TIMEOUT);
    actix_rt::System::new().block_on(async {
        watchdog.watch_this_worker();
        watchdog.start().expect("a thread can be had");
        // Blocks its thread, as a runtime that stalls does.
        match &*role {
            "stalled" => thread::sleep(Duration::from_secs(60)),
            _ => {
                for _ in 0..24 {
                    thread::sleep(TIMEOUT / 6);
                    actix_rt::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    });
}

fn start(role: &str) -> Child {
    Command::new(std::env::current_exe().expect("a test knows its file"))
        .args(["--exact", "worker", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::null())
        .spawn()
        .expect("a test can start itself")
}

fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("the child can be asked") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("the child can be killed");
    None
}
