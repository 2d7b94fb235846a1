//! Several replicas: who gets what, and what one of them costs the others when it dies or hangs.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::deploys::Newcomers;
use crate::harness::metrics::Scrape;
use crate::harness::peer::codec;
use crate::harness::{Event, Peer, http, until};
use crate::stack::{Replica, Stack};

/// As the stack is started; a handshake that met the hung replica takes so long and asks another.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn echo_connections_spread_evenly(stack: &Stack) {
    let query = "holdline_connections{route=\"/ws/echo\"}";
    let up = "up{job=\"holdline\"}==1";
    stack.answers(up, |seen| seen.len() == 3).await;
    let peers = stack.connect_many("/ws/echo", 30).await;
    let seen = stack.answers(query, |seen| seen.values().sum::<f64>() == 30.0).await;
    for replica in stack.replicas() {
        assert_eq!(seen.get(&replica.instance), Some(&10.0), "{seen:?}");
    }
    drop(peers);
    stack.answers(query, |seen| seen.len() == 3 && seen.values().all(|count| *count == 0.0)).await;
}

pub async fn the_members_of_a_room_meet(stack: &Stack) {
    let mut held = Vec::new();
    for room in 0..24 {
        let target = format!("/ws/rooms/table-{room}");
        let mut anna = stack.connect(&target).await;
        let mut bert = stack.connect(&target).await;
        anna.text("milk or lemon?").await;
        for peer in [&mut anna, &mut bert] {
            assert_eq!(peer.message().await, Event::Text("milk or lemon?".to_owned()), "{target}");
        }
        held.extend([anna, bert]);
    }
    let seen = stack.answers("holdline_rooms", |seen| seen.values().sum::<f64>() == 24.0).await;
    println!("24 rooms on 3 replicas: {:?}", seen.values());
    assert!(seen.values().all(|rooms| *rooms > 0.0), "each has its share: {seen:?}");
}

pub async fn a_killed_replica_costs_its_own_connections_only(stack: &Stack) {
    let mut peers = stack.connect_many("/ws/echo", 300).await;
    let newcomers = Newcomers::start(stack.address());
    newcomers.have_come(20).await;
    let query = "holdline_connections{route=\"/ws/echo\"}";
    let seen = stack.answers(query, |seen| seen.values().sum::<f64>() >= 300.0).await;
    println!("before the kill: {:?}", seen.values());
    let before = newcomers.count();
    kill(&stack.replicas()[0], "KILL");
    newcomers.have_come(before + 100).await;
    let told = newcomers.stop().await;
    assert_eq!(told.failures, Vec::<String>::new(), "of {} handshakes", told.count);
    let mut lost = 0;
    for peer in &mut peers {
        lost += usize::from(!still_echoes(peer).await);
    }
    println!("of 300 connections {lost} were lost, of {} handshakes none", told.count);
    assert!((80..=120).contains(&lost), "a third of 300 was there, {lost} were lost");
    until("its restart", PATIENCE, async || stack.replicas().len(), |count| *count == 3).await;
}

/// By the command line alone, without a reload of the gateway.
pub async fn a_replica_that_is_added_is_used_within_seconds(stack: &Stack) {
    let known: Vec<_> = stack.replicas().into_iter().map(|replica| replica.id).collect();
    let mut held = stack.connect_many("/ws/echo", 10).await;
    scale(stack, known.len() + 1);
    let began = Instant::now();
    let all = stack.replicas();
    let added = all.iter().find(|one| !known.contains(&one.id)).expect("one more replica");
    let control = added.instance.parse().expect("an address");
    let used = async || {
        held.push(stack.connect("/ws/echo").await);
        let scrape = Scrape::parse(&http::get(control, "/metrics").await.text());
        scrape.sum("holdline_connections")
    };
    until("a connection on the new replica", PATIENCE, used, |count| *count > 0.0).await;
    println!("the new replica was used {:?} after it was healthy", began.elapsed());
    for peer in &mut held {
        peer.echoes("none was lost").await;
    }
    drop(held);
    scale(stack, known.len());
    // nginx looks names up once a second, and refuses a handshake that is on its way when the answer
    // changes: it has noticed before the next promise is tried.
    tokio::time::sleep(Duration::from_secs(5)).await;
}

fn scale(stack: &Stack, replicas: usize) {
    let scale = format!("backend={replicas}");
    stack.compose(&["up", "--detach", "--wait", "--no-build", "--no-recreate", "--scale", &scale]);
}

pub async fn a_hung_replica_delays_nobody_beyond_the_read_timeout(stack: &Stack) {
    let hung = stack.replicas()[0].clone();
    kill(&hung, "STOP");
    let mut longest = Duration::ZERO;
    for _ in 0..6 {
        let began = Instant::now();
        let mut peer = stack.connect("/ws/echo").await;
        peer.echoes("in").await;
        longest = longest.max(began.elapsed());
    }
    kill(&hung, "CONT");
    println!("with a hung replica the longest handshake took {longest:?}");
    // What nginx falls back to is a minute and more.
    assert!(longest < READ_TIMEOUT * 4, "{longest:?}");
    assert!(longest > READ_TIMEOUT / 2, "the hung replica was never asked: {longest:?}");
}

/// Stops the threads that serve, not the one that watches: tracing can stop a single thread.
pub async fn a_replica_whose_worker_hangs_ends_itself(stack: &Stack) {
    let replica = stack.replicas()[0].clone();
    let mut tracer = Command::new("python3")
        .args(["-c", STOP_WORKERS, &replica.process])
        .spawn()
        .expect("python3 can be run");
    let looked = || stack.replicas().into_iter().find(|one| one.id == replica.id);
    let pid = async || looked().map(|one| one.process);
    let renewed = |pid: &Option<String>| pid.as_ref().is_some_and(|pid| *pid != replica.process);
    until("a new process in its container", PATIENCE, pid, renewed).await;
    let _ = tracer.kill();
    let _ = tracer.wait();
    let logs = crate::stack::docker_all(&["logs", "--tail", "60", &replica.id]);
    assert!(logs.contains("a worker has stalled, aborting"), "{logs}");
}

/// PTRACE_SEIZE and PTRACE_INTERRUPT on every thread but the watchdog; see ptrace(2).
const STOP_WORKERS: &str = r#"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
tasks = f"/proc/{sys.argv[1]}/task"
for task in os.listdir(tasks):
    if open(f"{tasks}/{task}/comm").read().strip() != "watchdog":
        libc.ptrace(0x4206, int(task), None, None)
        libc.ptrace(0x4207, int(task), None, None)
try:
    while True:
        # A process whose threads nobody collects is never gone. 0x40000000 is __WALL.
        os.waitpid(-1, 0x40000000)
except ChildProcessError:
    pass
"#;

/// False when the connection has ended.
async fn still_echoes(peer: &mut Peer) -> bool {
    let question = codec::encode(true, codec::TEXT, b"still here?");
    let _ = peer.try_raw(&question).await;
    loop {
        match peer.heard().await {
            (_, Event::Text(back)) => return back == "still here?",
            (_, Event::End(_)) => return false,
            _ => {}
        }
    }
}

/// By its number on this machine: `docker kill` counts as a wish, and nothing is restarted then.
fn kill(replica: &Replica, signal: &str) {
    let status = Command::new("kill").args(["-s", signal, &replica.process]).status();
    assert!(status.expect("kill can be run").success(), "{replica:?}");
}
