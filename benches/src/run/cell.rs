//! Runs the plan: each cell by fresh processes, in turn, round by round.
//! Leaves to `server`: starting; to `results`: keeping what was found.

use std::{
    cell::Cell as Slot,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use holdline_benches::outcome::Outcome;

use super::{
    gets, holdline,
    plan::Block,
    process::{Process, Start},
    results::{Figure, Results, Round},
    server::{LOAD_CPU, Running, Server, Tools},
    work::{Pace, Work},
};

/// What a work may take besides its measured time: 18,000 handshakes, a storm, a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often Holdline's metrics are asked for while it is measured.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// Messages per second at which latency is measured where `echo` was not run.
const RATE: u64 = 5000;

/// Does all rounds of all blocks; what fails is in the results like what does not. `progress` is told
/// each cell before it is begun.
pub(crate) fn run(
    blocks: &[Block],
    rounds: u32,
    tools: &Tools,
    results: &mut Results,
    mut progress: impl FnMut(&str),
) {
    for block in blocks {
        let work = with_rate(&block.work, results);
        for round in 0..rounds.min(block.rounds_max) {
            for server in in_turn(&block.servers, round) {
                let name = server.name();
                progress(&format!(
                    "{}: {}: {name}, round {}",
                    block.group,
                    work.label(),
                    round + 1
                ));
                let found = measure(server, &work, block.pace, tools);
                if let Some(why) = &found.failure {
                    progress(&format!("FAILED: {why}"));
                }
                results.add(block.group, &work, &name, found);
            }
        }
    }
}

/// Each round begins with another server: whatever is first meets another machine than the others.
fn in_turn(servers: &[Server], round: u32) -> impl Iterator<Item = &Server> {
    let first = round as usize % servers.len().max(1);
    servers[first..].iter().chain(&servers[..first])
}

/// The open loop's rate is half of what the slowest manages in the closed one: nobody is overloaded,
/// and all do the same.
fn with_rate(work: &Work, results: &Results) -> Work {
    let Work::Echo { connections, bytes, depth, rate: Some(_) } = *work else {
        return work.clone();
    };
    let closed = Work::Echo { connections, bytes, depth, rate: None };
    let slowest = results
        .servers("echo")
        .into_iter()
        .filter_map(|name| results.figure("echo", &closed, name, Figure::PerSecond))
        .map(|spread| spread.median)
        .min_by(f64::total_cmp);
    // In steps of 1,000, so that it is a number to remember.
    let rate = slowest.map_or(RATE, |slowest| ((slowest / 2000.0) as u64).max(1) * 1000);
    Work::Echo { connections, bytes, depth, rate: Some(rate) }
}

/// One cell, once.
fn measure(server: &Server, work: &Work, pace: Pace, tools: &Tools) -> Round {
    let mut round = Round::default();
    let folder = tools.scratch.join("cell");
    let found = fresh(&folder).and_then(|()| {
        let mut running = server.start(tools, &folder, work)?;
        // The backend first, as it was started.
        let commands = running.processes.iter().rev().map(|process| process.command.clone());
        round.commands = commands.collect();
        let outcome = if *work == Work::Gets {
            gets::run(&running, pace)
        } else {
            load(&mut running, work, pace, server.rooms_only(), tools, &folder, &mut round)
        };
        let outcome = outcome?;
        if outcome.units == 0 && !matches!(work, Work::Idle { ping: None, .. }) {
            bail!("nothing was done in {:.2} s", outcome.seconds);
        }
        round.calls = running.calls()?;
        for process in &mut running.processes {
            if running.trace.is_none() && process.has_ended() {
                bail!("the server ended under the load: {}", process.last_words());
            }
        }
        Ok(outcome)
    });
    match found {
        Ok(outcome) => round.outcome = Some(outcome),
        Err(error) => round.failure = Some(format!("{error:#}")),
    }
    for command in &mut round.commands {
        *command = command.replace(&format!("{}/", tools.root.display()), "");
    }
    if let Some(failure) = &mut round.failure {
        *failure = failure.replace(&format!("{}/", tools.root.display()), "");
    }
    round
}

/// An empty folder in place of the last cell's.
fn fresh(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn load(
    running: &mut Running,
    work: &Work,
    pace: Pace,
    rooms_only: bool,
    tools: &Tools,
    folder: &Path,
    round: &mut Round,
) -> Result<Outcome> {
    let mut words = vec![tools.load.to_string_lossy().into_owned()];
    words.extend(work.arguments(pace, rooms_only));
    words.extend(["--address".to_owned(), format!("127.0.0.1:{}", running.port)]);
    for (name, pids) in &running.accounts {
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        words.extend(["--account".to_owned(), format!("{name}={}", pids.join(","))]);
    }
    if let Some(authority) = &running.authority {
        words.extend(["--tls".to_owned(), "--ca".to_owned()]);
        words.push(authority.to_string_lossy().into_owned());
    }
    let start = Start { words, cpus: LOAD_CPU, ..Start::default() };
    let (log, output) = (folder.join("load.log"), folder.join("load.json"));
    let mut load = Process::start(&start, &log, Some(&output))?;
    round.commands.push(load.command.clone());
    let status = load.wait(PATIENCE, scraper(running.control)).context("load")?;
    if !status.success() {
        let mut why = format!("load ({status}): {}", load.last_words());
        for process in &mut running.processes {
            if process.has_ended() {
                why += &format!("; the server ended: {}", process.last_words());
            }
        }
        bail!(why);
    }
    let text = fs::read_to_string(&output)?;
    serde_json::from_str(&text).with_context(|| format!("load printed no outcome: {text}"))
}

/// Asks for the metrics once a second, as Prometheus would, only more often.
fn scraper(control: Option<u16>) -> impl FnMut() {
    let next = Slot::new(Instant::now());
    move || {
        let Some(port) = control else { return };
        if Instant::now() >= next.get() {
            next.set(Instant::now() + SCRAPE_INTERVAL);
            // A failure shows in the cell itself: the server has ended, or is stuck.
            let _ = holdline::get(port, "/metrics");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::round;

    #[test]
    fn everybody_is_first_in_turn() {
        let servers = [Server::Peer("a"), Server::Peer("b"), Server::Peer("c")];
        let order = |round| in_turn(&servers, round).map(Server::name).collect::<String>();
        assert_eq!([order(0), order(1), order(2), order(3)], ["abc", "bca", "cab", "abc"]);
    }

    #[test]
    fn latency_is_measured_at_half_of_what_the_slowest_manages() {
        let closed = Work::Echo { connections: 64, bytes: 32, depth: 1, rate: None };
        let open = Work::Echo { connections: 64, bytes: 32, depth: 1, rate: Some(0) };
        let mut results = Results::default();
        let rate = |results: &Results| match with_rate(&open, results) {
            Work::Echo { rate, .. } => rate,
            _ => None,
        };
        assert_eq!(rate(&results), Some(RATE));
        for (name, units) in [("floor", 200_000), ("slow", 31_000)] {
            let mut found = round(1.0);
            found.outcome.as_mut().expect("made up").units = units;
            results.add("echo", &closed, name, found);
        }
        // 31,000 messages in two seconds.
        assert_eq!(rate(&results), Some(7000));
    }

    #[test]
    fn a_server_that_cannot_be_started_is_a_failed_cell() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().join("nowhere");
        let tools = Tools {
            root: nowhere.clone(),
            load: nowhere.clone(),
            holdline: nowhere.clone(),
            nginx: nowhere,
            scratch: folder.path().to_owned(),
        };
        let pace = Pace { warmup: 0.0, seconds: 0.1 };
        let work = Work::Storm { connections: 1 };
        let round = measure(&Server::Peer("floor"), &work, pace, &tools);
        assert!(round.outcome.is_none());
        let failure = round.failure.expect("a reason");
        assert!(failure.contains("floor") && failure.contains("ended"), "{failure}");
    }
}
