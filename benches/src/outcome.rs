//! What one run of the load generator found, as it goes from `load` to `run` and into the raw data.
//! Leaves to `run`: joining several of them, and what they mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one run found: one JSON object on the standard output of `load`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The kind of work: `echo`, `fanout`, `idle`, `handshakes`, `storm`.
    pub work: String,
    /// The arguments that shaped it, by name: `connections`, `bytes`, `depth`, …
    pub arguments: BTreeMap<String, u64>,
    /// How long was measured, after the warm-up, in seconds.
    pub seconds: f64,
    /// Units of work done in that time: echoes, deliveries, pings answered, handshakes,
    /// connections that came back.
    pub units: u64,
    /// What the accounted processes used in that time, by the name given to `--account`.
    pub accounts: BTreeMap<String, Account>,
    /// What the load generator itself used in that time.
    pub load: Account,
    /// How long a unit took, where that is measured.
    pub latency: Option<Latency>,
    /// The kernel's memory for both ends of all connections, where memory is the work: `idle`.
    #[serde(default)]
    pub kernel: Option<Kernel>,
    /// Connections that were refused or cut in a `storm` and had to try again.
    #[serde(default)]
    pub retries: u64,
}

/// The kernel's memory on the whole machine, in bytes: slabs (`/proc/meminfo`) and the pages in
/// TCP's queues (`/proc/net/sockstat`). The load generator's end of each connection is in it too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    /// Before the first connection.
    pub before: u64,
    /// At the end of the work, with all connections open.
    pub after: u64,
}

/// What some processes used while the work was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// CPU time, user and system together, in seconds (`/proc/PID/task/*/schedstat`).
    pub cpu_seconds: f64,
    /// Proportional set size before the first connection, in bytes (`/proc/PID/smaps_rollup`).
    pub pss_before: u64,
    /// The same at the end of the work, with all connections open.
    pub pss_after: u64,
}

/// The distribution of a time, in microseconds (HDR histogram, three significant digits).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The half.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Outcome {
    /// CPU time of an account per unit of work, in microseconds; `None` without units.
    pub fn cpu_us_per_unit(&self, account: &str) -> Option<f64> {
        let used = self.accounts.get(account)?.cpu_seconds;
        (self.units > 0).then(|| used * 1e6 / self.units as f64)
    }
}
