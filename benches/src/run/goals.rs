//! What the project promises about its performance, and whether a run holds it.
//! Leaves to `results`: the figures; to `report`: the words around.

mod judge;

use self::judge::Judge;
use super::{
    figures::{digits, times},
    results::{Figure, Results},
};

/// A promise and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    /// The work, in words.
    pub(crate) work: String,
    /// The promise.
    pub(crate) promise: String,
    /// The measured value.
    pub(crate) measured: String,
    /// Whether it holds.
    pub(crate) verdict: Verdict,
}

/// Whether a promise holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does.
    Held,
    /// It does not.
    Missed,
    /// A cell that it needs was not run, or failed.
    NotMeasured,
}

/// The peers that Holdline's echo must be cheaper than in every cell.
const ECHO_PEERS: &[&str] = &["gorilla", "ws", "tungstenite", "axum"];

/// The gateways that are compared.
const SHIPPED: &str = "nginx plain";
const STOCK: &str = "nginx plain, stock settings";

/// Equal within what two rounds of the same differ by: nobody can promise less than nothing.
const SAME: f64 = 1.05;

/// CPU time per unit of the one process under test.
const CPU: Figure = Figure::Cpu("server");

/// Every promise, in the order in which the project makes them.
pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    let judge = Judge(results);
    let mut goals = Vec::new();
    for (bytes, depth, most) in [(32, 1, 1.3), (1024, 16, 1.8)] {
        let work = judge.echo(bytes, depth);
        let name = format!("echo, {}, depth {depth}", super::work::size(bytes));
        goals.push(at_most(
            &name,
            "the floor's CPU per message",
            most,
            judge.to("echo", work, "floor"),
        ));
    }
    goals.push(judge.every_echo());
    for (in_flight, most) in [(1, 1.6), (16, 2.0)] {
        let work = judge.fanout(in_flight);
        let name = format!("fan-out to one room, {in_flight} in flight");
        goals.push(at_most(
            &name,
            "the floor's CPU per delivery",
            most,
            judge.to("fanout", work, "floor"),
        ));
    }
    goals.push(judge.every_fanout());
    goals.extend(judge.connections());
    goals.extend(judge.growth());
    goals.extend(judge.gateway());
    goals
}

/// How Holdline stands to each peer: the smallest and the largest ratio of CPU per unit in the cells
/// of a group, and whether it is below 1 in every one.
pub(crate) fn against(
    results: &Results,
    group: &str,
    peer: &str,
    figure: Figure,
) -> Option<(f64, f64)> {
    let ratios: Vec<f64> = results
        .works(group)
        .into_iter()
        .filter_map(|work| {
            let own = results.figure(group, work, "holdline", figure)?.median;
            Some(own / results.figure(group, work, peer, figure)?.median)
        })
        .collect();
    let smallest = ratios.iter().copied().min_by(f64::total_cmp)?;
    Some((smallest, ratios.iter().copied().max_by(f64::total_cmp)?))
}

fn at_most(work: &str, of: &str, most: f64, ratio: Option<f64>) -> Goal {
    // Against nothing there is no ratio.
    let ratio = ratio.filter(|ratio| ratio.is_finite());
    Goal {
        work: work.to_owned(),
        promise: format!("≤ {most}× {of}"),
        measured: ratio.map_or_else(unmeasured, times),
        verdict: verdict(ratio.map(|ratio| ratio <= most)),
    }
}

fn below(work: &str, most: f64, unit: &str, value: Option<f64>) -> Goal {
    Goal {
        work: work.to_owned(),
        promise: format!("≤ {most} {unit}"),
        measured: value.map_or_else(unmeasured, |value| format!("{} {unit}", digits(value))),
        verdict: verdict(value.map(|value| value <= most)),
    }
}

fn verdict(held: Option<bool>) -> Verdict {
    match held {
        Some(true) => Verdict::Held,
        Some(false) => Verdict::Missed,
        None => Verdict::NotMeasured,
    }
}

fn unmeasured() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        results::tests::{failed, round},
        work::Work,
    };

    fn echo(bytes: u64, depth: u64) -> Work {
        Work::Echo { connections: 64, bytes, depth, rate: None }
    }

    fn of<'a>(goals: &'a [Goal], work: &str) -> &'a Goal {
        goals.iter().find(|goal| goal.work.starts_with(work)).expect(work)
    }

    #[test]
    fn a_ratio_at_the_limit_is_held_and_one_over_it_is_missed() {
        let mut results = Results::default();
        for (server, cpu) in [("floor", 10.0), ("holdline", 13.0)] {
            results.add("echo", &echo(32, 1), server, round(cpu));
        }
        for (server, cpu) in [("floor", 1.0), ("holdline", 1.9)] {
            results.add("echo", &echo(1024, 16), server, round(cpu));
        }
        let goals = goals(&results);
        assert_eq!(of(&goals, "echo, 32 B").verdict, Verdict::Held);
        assert_eq!(of(&goals, "echo, 32 B").measured, "1.30×");
        assert_eq!(of(&goals, "echo, 1 KiB").verdict, Verdict::Missed);
    }

    #[test]
    fn below_every_peer_is_judged_by_the_nearest_and_needs_all_of_them() {
        let mut results = Results::default();
        results.add("echo", &echo(32, 1), "holdline", round(5.0));
        for (peer, cpu) in [("gorilla", 10.0), ("ws", 20.0), ("tungstenite", 6.0)] {
            results.add("echo", &echo(32, 1), peer, round(cpu));
        }
        assert_eq!(of(&goals(&results), "echo, every").verdict, Verdict::NotMeasured);
        results.add("echo", &echo(32, 1), "axum", round(4.0));
        let goal = of(&goals(&results), "echo, every").clone();
        assert_eq!(goal.verdict, Verdict::Missed);
        assert!(goal.measured.starts_with("1.25× at the nearest (axum"), "{}", goal.measured);
        assert_eq!(against(&results, "echo", "ws", CPU), Some((0.25, 0.25)));
    }

    #[test]
    fn what_failed_is_not_measured_instead_of_held() {
        let mut results = Results::default();
        let work = Work::Handshakes { in_flight: 64 };
        results.add("handshakes", &work, "holdline", failed("no"));
        let goals = goals(&results);
        assert_eq!(of(&goals, "handshake").verdict, Verdict::NotMeasured);
        assert!(goals.iter().all(|goal| goal.verdict == Verdict::NotMeasured));
    }

    #[test]
    fn ten_thousand_connections_are_five_hundred_pings_a_second() {
        let mut results = Results::default();
        let work = Work::Idle { connections: 10_000, hold: 6.0, ping: Some(5.0) };
        results.add("pings", &work, "holdline", round(12.0));
        let goals = goals(&results);
        assert_eq!(of(&goals, "10,000 connections").measured, "0.60 % of a core");
        assert_eq!(of(&goals, "ping and pong").verdict, Verdict::Held);
    }
}
