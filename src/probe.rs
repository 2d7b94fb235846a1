//! Measures how a path to a WebSocket server treats silent connections, and what its server does.
//! Leaves to `dial`: one connection; to the folder: which there are, what they saw, what it means.

mod cut;
mod diagnosis;
mod findings;
mod judgement;
mod known;
mod lane;
mod notes;
mod plan;
mod record;
mod report;
mod run;
mod text;
mod verdict;

use std::{fmt, future::Future, time::Duration};

pub use self::report::{
    Connection, CutSeen, Finished, Handshake, IdleTimeout, Report, RoundTrip, ServerPings, Took,
    Unanswered, Verdict,
};
use self::{plan::Plan, run::Run};
use crate::{dial::Dial, message::Message};

/// As long as the longest idle timeout among common load balancers (350 s), and a little more.
const MAX: Duration = Duration::from_secs(360);
const PRECISION: Duration = Duration::from_secs(1);

/// What to probe, and for how long.
///
/// A probe opens up to 24 connections at once to the server, none of which sends a message unless
/// [`send`](Self::send) gives one.
#[derive(Clone, Debug)]
pub struct Probe {
    dial: Dial,
    plan: Plan,
}

/// Something that happened while a probe runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Since the beginning.
    pub after: Duration,
    /// What it was, in words.
    pub words: String,
}

impl Probe {
    /// Probes where `dial` leads for six minutes at most, to a precision of a second.
    ///
    /// ```
    /// use holdline::{dial::Dial, probe::Probe};
    ///
    /// let probe = Probe::new(Dial::new("wss://example.com/ws".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(dial: Dial) -> Self {
        Self { dial, plan: Plan { max: MAX, precision: PRECISION, send: None } }
    }

    /// Ends after so long with what is known then. Timers longer than that do not show.
    ///
    /// ```
    /// # use holdline::{dial::Dial, probe::Probe};
    /// # use std::time::Duration;
    /// # let probe = Probe::new(Dial::new("wss://example.com/ws".parse()?));
    /// let probe = probe.max(Duration::from_secs(90));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max(mut self, max: Duration) -> Self {
        self.plan.max = max;
        self
    }

    /// Narrows the idle timeout to so much.
    ///
    /// ```
    /// # use holdline::{dial::Dial, probe::Probe};
    /// # use std::time::Duration;
    /// # let probe = Probe::new(Dial::new("wss://example.com/ws".parse()?));
    /// let probe = probe.precision(Duration::from_millis(200));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn precision(mut self, precision: Duration) -> Self {
        self.plan.precision = precision;
        self
    }

    /// Sends `message` at this interval on a connection of its own, to learn whether a timer that
    /// takes no notice of pings takes notice of data. It must be one that does no harm.
    ///
    /// ```
    /// # use holdline::{dial::Dial, probe::Probe};
    /// # use std::time::Duration;
    /// # let probe = Probe::new(Dial::new("wss://example.com/ws".parse()?));
    /// let probe = probe.send("hello".into(), Duration::from_secs(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(mut self, message: Message, interval: Duration) -> Self {
        self.plan.send = Some((message, interval));
        self
    }

    /// Probes until everything is known, the time is over, or `stop` completes. Tells `progress` what
    /// happens meanwhile. Needs a tokio runtime.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use holdline::{dial::Dial, probe::Probe};
    ///
    /// let probe = Probe::new(Dial::new(server.parse()?)).max(Duration::from_secs(60));
    /// let enough = tokio::time::sleep(Duration::from_millis(200));
    /// let report = probe.run(|progress| eprintln!("{progress}"), enough).await;
    /// assert_eq!(report.handshake.status, Some(101));
    /// println!("{report}");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn run(
        self,
        progress: impl FnMut(Progress),
        stop: impl Future<Output = ()>,
    ) -> Report {
        Run::new(self.dial, self.plan, progress).until_known(stop).await
    }
}

/// `  12.3 s  words`.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} s  {}", self.after.as_secs_f64(), self.words)
    }
}
