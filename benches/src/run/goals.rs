//! What the project promises about its performance, and whether a run holds it.
//! Leaves to `results`: the figures; to `report`: the words around.

use super::{
    figures::{digits, times},
    results::{Figure, Results},
    work::Work,
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

struct Judge<'a>(&'a Results);

impl<'a> Judge<'a> {
    fn echo(&self, of_bytes: u64, of_depth: u64) -> Option<&'a Work> {
        self.0.works("echo").into_iter().find(|work| {
            matches!(work, Work::Echo { bytes, depth, .. }
                if (*bytes, *depth) == (of_bytes, of_depth))
        })
    }

    fn fanout(&self, of_in_flight: u64) -> Option<&'a Work> {
        self.0.works("fanout").into_iter().find(|work| {
            matches!(work, Work::Fanout { in_flight, rooms: 1, .. } if *in_flight == of_in_flight)
        })
    }

    /// Holdline's CPU per unit as a multiple of somebody else's.
    fn to(&self, group: &str, work: Option<&Work>, other: &str) -> Option<f64> {
        let own = self.0.figure(group, work?, "holdline", CPU)?.median;
        Some(own / self.0.figure(group, work?, other, CPU)?.median)
    }

    fn value(&self, group: &str, figure: Figure) -> Option<f64> {
        let work = self.0.works(group).into_iter().next()?;
        Some(self.0.figure(group, work, "holdline", figure)?.median)
    }

    /// The worst ratio to any of some peers in any of some works. `None` where one is missing.
    fn worst(&self, group: &str, works: &[&Work], peers: &[&str]) -> Option<(f64, String)> {
        let mut worst: Option<(f64, String)> = None;
        for &work in works {
            for peer in peers {
                let ratio = self.to(group, Some(work), peer)?;
                if worst.as_ref().is_none_or(|(known, _)| ratio > *known) {
                    worst = Some((ratio, format!("{peer}, {}", work.label())));
                }
            }
        }
        worst
    }

    fn every_echo(&self) -> Goal {
        let works = self.0.works("echo");
        let worst = self.worst("echo", &works, ECHO_PEERS);
        Goal {
            work: "echo, every cell".to_owned(),
            promise: format!("below {}", ECHO_PEERS.join(", ")),
            verdict: verdict(worst.as_ref().map(|(ratio, _)| *ratio < 1.0)),
            measured: worst.map_or_else(unmeasured, |(ratio, whom)| {
                format!("{} at the nearest ({whom})", times(ratio))
            }),
        }
    }

    fn every_fanout(&self) -> Goal {
        let work = self.fanout(16);
        let servers = self.0.servers("fanout");
        let peers: Vec<&str> =
            servers.into_iter().filter(|name| !matches!(*name, "floor" | "holdline")).collect();
        let worst = work.and_then(|work| self.worst("fanout", &[work], &peers));
        Goal {
            work: "fan-out to one room, 16 in flight".to_owned(),
            promise: "≤ 0.25× every peer's CPU per delivery".to_owned(),
            verdict: verdict(worst.as_ref().map(|(ratio, _)| *ratio <= 0.25)),
            measured: worst.map_or_else(unmeasured, |(ratio, whom)| {
                let whom = whom.split(',').next().unwrap_or_default();
                format!("{} at the nearest ({whom})", times(ratio))
            }),
        }
    }

    fn connections(&self) -> Vec<Goal> {
        let ping = self.value("pings", CPU);
        // 10,000 connections with a ping every 20 s are 500 pings a second.
        let share = ping.map(|us| us * 500.0 / 1e6 * 100.0);
        vec![
            below(
                "idle connection, every feature on",
                16.0,
                "KiB PSS",
                self.value("idle", Figure::Memory("server")),
            ),
            below("ping and pong", 15.0, "µs CPU", ping),
            below("10,000 connections, a ping every 20 s", 1.0, "% of a core", share),
            below("handshake", 60.0, "µs CPU", self.value("handshakes", CPU)),
        ]
    }

    fn growth(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for server in ["holdline", "holdline, 2 workers"] {
            let name = if server == "holdline" { "1 worker" } else { "2 workers" };
            let one_room = |work: &&Work| matches!(work, Work::Fanout { rooms: 1, .. });
            let works: Vec<&Work> = self.0.works("growth").into_iter().filter(one_room).collect();
            let (few, many) = (at_size(&works, 1000, false), at_size(&works, 10_000, true));
            let cpu =
                |work: Option<&Work>| Some(self.0.figure("growth", work?, server, CPU)?.median);
            let ratio = cpu(many).zip(cpu(few)).map(|(many, few)| many / few);
            let what = format!("growth to 10,000 members in one room, {name}");
            goals.push(at_most(&what, "the CPU per delivery at 1,000", 1.3, ratio));

            let works = self.0.works("memory");
            let memory = |work: Option<&&Work>| {
                let figure = Figure::Memory("server");
                Some(self.0.figure("memory", work?, server, figure)?.median)
            };
            let ratio =
                memory(works.last()).zip(memory(works.first())).map(|(many, few)| many / few);
            let what = format!("memory up to 18,000 connections, {name}");
            goals.push(at_most(&what, "the memory per connection at 1,000", 1.1, ratio));
        }
        goals
    }

    fn gateway(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for work in self.0.works("gateway") {
            let idle = matches!(work, Work::Idle { .. });
            let figure = if idle { Figure::Memory("gateway") } else { Figure::Cpu("gateway") };
            let of = |name| Some(self.0.figure("gateway", work, name, figure)?.median);
            let ratio = of(SHIPPED).zip(of(STOCK)).map(|(shipped, stock)| shipped / stock);
            let mut goal = at_most(
                &format!("through the gateway: {}", work.label()),
                "stock nginx's CPU per unit",
                1.0,
                ratio,
            );
            if idle {
                goal.promise = "below stock nginx's memory per connection".to_owned();
                goal.verdict = verdict(ratio.map(|ratio| ratio < 1.0));
            } else {
                goal.promise = "no more than stock nginx's CPU per unit".to_owned();
                goal.verdict = verdict(ratio.map(|ratio| ratio <= SAME));
            }
            goals.push(goal);
        }
        goals
    }
}

/// The work with so many members; where there is none the first, or the last.
fn at_size<'a>(works: &[&'a Work], members: u64, last: bool) -> Option<&'a Work> {
    let exact = works.iter().find(|work| work.connections() == members);
    exact.or(if last { works.last() } else { works.first() }).copied()
}

fn at_most(work: &str, of: &str, most: f64, ratio: Option<f64>) -> Goal {
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
    use crate::results::tests::{failed, round};

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
