//! What a run of the benchmark found, as it lies in `results.json`: each cell with all its rounds.
//! Leaves to `tables`, `goals` and `plots`: what it means.

use std::collections::BTreeMap;

use holdline_benches::outcome::Outcome;
use serde::{Deserialize, Serialize};

use super::{figures::Spread, machine::Machine, work::Work};

/// Everything that one run found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Where and with what.
    pub(crate) machine: Machine,
    /// Whether it was the short form, which proves that the benchmark works and measures nothing.
    pub(crate) short: bool,
    /// Rounds that each cell had, unless it says fewer.
    pub(crate) rounds: u32,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// What Holdline was told, without ports.
    pub(crate) holdline_configuration: String,
    /// In the order in which they were begun.
    pub(crate) cells: Vec<Cell>,
}

/// A work and who did it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// The part of the report that it belongs to: `echo`, `fanout`, …
    pub(crate) group: String,
    /// What was done.
    pub(crate) work: Work,
    /// By whom.
    pub(crate) server: String,
    /// Each time it was done.
    pub(crate) rounds: Vec<Round>,
}

/// One time that a work was done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Round {
    /// Each process that was started, in order, with the settings it had: enough to do it again.
    pub(crate) commands: Vec<String>,
    /// What the load generator found; `None` when something failed.
    pub(crate) outcome: Option<Outcome>,
    /// Why something failed.
    pub(crate) failure: Option<String>,
    /// System calls by name, where they were counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) calls: BTreeMap<String, u64>,
}

impl Results {
    /// The cells of a part of the report.
    pub(crate) fn group(&self, group: &str) -> Vec<&Cell> {
        self.cells.iter().filter(|cell| cell.group == group).collect()
    }

    /// The works of a part of the report, each once, in the order in which they were begun.
    pub(crate) fn works(&self, group: &str) -> Vec<&Work> {
        let mut works: Vec<&Work> = Vec::new();
        for cell in self.group(group) {
            if !works.contains(&&cell.work) {
                works.push(&cell.work);
            }
        }
        works
    }

    /// Who took part in a part of the report, likewise.
    pub(crate) fn servers(&self, group: &str) -> Vec<&str> {
        let mut servers: Vec<&str> = Vec::new();
        for cell in self.group(group) {
            if !servers.contains(&cell.server.as_str()) {
                servers.push(&cell.server);
            }
        }
        servers
    }

    /// The cell of a work and a server, if there is one.
    pub(crate) fn cell(&self, group: &str, work: &Work, server: &str) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.group == group && cell.work == *work && cell.server == server)
    }

    /// A figure of that cell over its rounds; `None` where there is no such cell, or it failed.
    pub(crate) fn figure(
        &self,
        group: &str,
        work: &Work,
        server: &str,
        figure: Figure,
    ) -> Option<Spread> {
        self.cell(group, work, server)?.figure(figure)
    }

    /// The cell of a work and a server for a round's result, made where it is the first.
    pub(crate) fn add(&mut self, group: &str, work: &Work, server: &str, round: Round) {
        let known = self
            .cells
            .iter_mut()
            .find(|cell| cell.group == group && cell.work == *work && cell.server == server);
        match known {
            Some(cell) => cell.rounds.push(round),
            None => self.cells.push(Cell {
                group: group.to_owned(),
                work: work.clone(),
                server: server.to_owned(),
                rounds: vec![round],
            }),
        }
    }

    /// Every cell that failed in a round, and why.
    pub(crate) fn failures(&self) -> Vec<(&Cell, &str)> {
        self.cells.iter().filter_map(|cell| Some((cell, cell.failure()?))).collect()
    }
}

/// A number that an outcome has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// CPU time of an account per unit of work, in microseconds.
    Cpu(&'static str),
    /// CPU time of the load generator per unit of work, in microseconds.
    LoadCpu,
    /// Units of work per second.
    PerSecond,
    /// The latency that half, 99 of 100, 999 of 1,000 stay below, in microseconds.
    P50,
    /// See above.
    P99,
    /// See above.
    P999,
    /// Proportional set size that an account grew by per connection, in KiB.
    Memory(&'static str),
    /// Memory of the kernel for both ends of a connection, in KiB.
    Kernel,
    /// Proportional set size of an account before the first connection, in MiB.
    Base(&'static str),
    /// How long it took, in seconds.
    Seconds,
    /// Connections that had to try again.
    Retries,
    /// System calls per unit of work.
    Calls,
}

impl Cell {
    /// A figure over all rounds; `None` where one of them failed or has no such number.
    pub(crate) fn figure(&self, figure: Figure) -> Option<Spread> {
        let values: Option<Vec<f64>> =
            self.rounds.iter().map(|round| round.figure(self, figure)).collect();
        Spread::of(values?)
    }

    /// Why a round of it failed, if one did.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.rounds.iter().find_map(|round| round.failure.as_deref())
    }
}

impl Round {
    fn figure(&self, cell: &Cell, figure: Figure) -> Option<f64> {
        let outcome = self.outcome.as_ref()?;
        let connections = cell.work.connections() as f64;
        let per_unit = |number: f64| (outcome.units > 0).then(|| number / outcome.units as f64);
        match figure {
            Figure::Cpu(account) => outcome.cpu_us_per_unit(account),
            Figure::LoadCpu => per_unit(outcome.load.cpu_seconds * 1e6),
            Figure::PerSecond => Some(outcome.units as f64 / outcome.seconds),
            Figure::P50 => Some(outcome.latency.as_ref()?.p50),
            Figure::P99 => Some(outcome.latency.as_ref()?.p99),
            Figure::P999 => Some(outcome.latency.as_ref()?.p999),
            Figure::Memory(account) => {
                let account = outcome.accounts.get(account)?;
                let grown = account.pss_after as f64 - account.pss_before as f64;
                Some(grown / 1024.0 / connections)
            }
            Figure::Kernel => kernel_kib(outcome).map(|kib| kib / connections),
            Figure::Base(account) => {
                Some(outcome.accounts.get(account)?.pss_before as f64 / 1024.0 / 1024.0)
            }
            Figure::Retries => Some(outcome.retries as f64),
            Figure::Seconds => Some(outcome.seconds),
            Figure::Calls => per_unit(self.calls.values().sum::<u64>() as f64),
        }
    }
}

/// What the kernel took for all connections, both ends, in KiB.
fn kernel_kib(outcome: &Outcome) -> Option<f64> {
    let kernel = outcome.kernel.as_ref()?;
    Some((kernel.after as f64 - kernel.before as f64) / 1024.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use holdline_benches::outcome::Account;

    use super::*;

    /// A round in which the account `server` used so much CPU time per unit.
    pub(crate) fn round(cpu_us: f64) -> Round {
        let used = Account { cpu_seconds: cpu_us / 1000.0, ..Account::default() };
        let outcome = Outcome {
            seconds: 2.0,
            units: 1000,
            accounts: [("server".to_owned(), used)].into(),
            ..Outcome::default()
        };
        Round { outcome: Some(outcome), ..Round::default() }
    }

    pub(crate) fn failed(why: &str) -> Round {
        Round { failure: Some(why.to_owned()), ..Round::default() }
    }

    const WORK: Work = Work::Storm { connections: 10 };

    #[test]
    fn the_rounds_of_a_cell_are_one_figure() {
        let mut results = Results::default();
        for cpu in [3.0, 9.0, 5.0] {
            results.add("storm", &WORK, "floor", round(cpu));
        }
        let figure = results.figure("storm", &WORK, "floor", Figure::Cpu("server"));
        let median = figure.expect("three rounds").median;
        assert!((median - 5.0).abs() < 1e-9, "{median}");
        assert_eq!(results.servers("storm"), ["floor"]);
        assert_eq!(results.works("storm"), [&WORK]);
        assert!(results.failures().is_empty());
    }

    #[test]
    fn one_failed_round_leaves_the_cell_without_a_figure_but_with_a_reason() {
        let mut results = Results::default();
        results.add("storm", &WORK, "floor", round(3.0));
        results.add("storm", &WORK, "floor", failed("it fell over"));
        for figure in [Figure::Cpu("server"), Figure::Seconds] {
            assert_eq!(results.figure("storm", &WORK, "floor", figure), None);
        }
        let failures = results.failures();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].1, "it fell over");
    }
}
