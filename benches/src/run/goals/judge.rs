//! Judges each promise by the figures of a run.
//! Leaves to `goals`: what is promised, and how a judgement reads.

use super::{CPU, ECHO_PEERS, Goal, SAME, SHIPPED, STOCK, at_most, below, unmeasured, verdict};
use crate::{
    figures::times,
    results::{Figure, Results},
    work::Work,
};

/// A run to judge.
pub(super) struct Judge<'a>(pub(super) &'a Results);

impl<'a> Judge<'a> {
    pub(super) fn echo(&self, of_bytes: u64, of_depth: u64) -> Option<&'a Work> {
        self.0.works("echo").into_iter().find(|work| {
            matches!(work, Work::Echo { bytes, depth, .. }
                if (*bytes, *depth) == (of_bytes, of_depth))
        })
    }

    pub(super) fn fanout(&self, of_in_flight: u64) -> Option<&'a Work> {
        self.0.works("fanout").into_iter().find(|work| {
            matches!(work, Work::Fanout { in_flight, rooms: 1, .. } if *in_flight == of_in_flight)
        })
    }

    /// Holdline's CPU per unit as a multiple of somebody else's.
    pub(super) fn to(&self, group: &str, work: Option<&Work>, other: &str) -> Option<f64> {
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

    pub(super) fn every_echo(&self) -> Goal {
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

    pub(super) fn every_fanout(&self) -> Goal {
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

    pub(super) fn connections(&self) -> Vec<Goal> {
        let ping = self.value("pings", CPU);
        // 10,000 connections with a ping every 20 s are 500 pings a second.
        let share = ping.map(|us| us * 500.0 / 1e6 * 100.0);
        vec![
            below("idle connection", 16.0, "KiB PSS", self.value("idle", Figure::Memory("server"))),
            below("ping and pong", 15.0, "µs CPU", ping),
            below("10,000 connections, a ping every 20 s", 1.0, "% of a core", share),
            below("handshake", 60.0, "µs CPU", self.value("handshakes", CPU)),
        ]
    }

    pub(super) fn growth(&self) -> Vec<Goal> {
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

    pub(super) fn gateway(&self) -> Vec<Goal> {
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
                goal.verdict =
                    verdict(ratio.filter(|ratio| ratio.is_finite()).map(|ratio| ratio < 1.0));
            } else {
                goal.promise = "no more than stock nginx's CPU per unit".to_owned();
                goal.verdict =
                    verdict(ratio.filter(|ratio| ratio.is_finite()).map(|ratio| ratio <= SAME));
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
