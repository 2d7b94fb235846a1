//! The measured window: warm-up, what was counted and timed in it, what the accounted used.
//! Leaves to each work: what a unit is.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use holdline_benches::{
    outcome::{Account, Latency, Outcome},
    process::{Accounted, Used},
};

use crate::{arguments::Common, swarm::PATIENCE};

/// The longest latency that is told apart, in nanoseconds; what took longer counts as that.
const LATENCY_MAX_NS: u64 = 600_000_000_000;

#[derive(Debug)]
pub(crate) struct Meter {
    /// This process first.
    accounted: Vec<Accounted>,
    pss_before: Vec<u64>,
    warmup: Duration,
    seconds: Duration,
    units_max: u64,
    /// When this program began: what [`Meter::now`] counts from.
    start: Instant,
    /// When the warm-up or the measuring is over.
    until: Instant,
    /// What all had used when measuring began; `None` before.
    began: Option<Vec<Used>>,
    units: u64,
    histogram: Histogram<u64>,
    /// A latency that came several times in a row, not recorded yet, and how often.
    same: (u64, u64),
    /// When units were last seen to grow, and to how many.
    alive: (Instant, u64),
    /// Whether it is an error when no unit comes for a while.
    patient: bool,
}

impl Meter {
    /// To be made before the first connection, because it looks at the memory.
    ///
    /// # Errors
    /// An accounted process is gone.
    pub(crate) fn new(common: &Common) -> Result<Self> {
        let accounted: Vec<_> =
            std::iter::once(Accounted::this()).chain(common.accounts.iter().cloned()).collect();
        let now = Instant::now();
        Ok(Self {
            pss_before: accounted.iter().map(Accounted::pss).collect::<Result<_>>()?,
            accounted,
            warmup: common.warmup,
            seconds: common.seconds,
            units_max: common.units.unwrap_or(u64::MAX),
            start: now,
            until: now,
            began: None,
            units: 0,
            histogram: Histogram::new_with_max(LATENCY_MAX_NS, 3).context("a histogram")?,
            same: (0, 0),
            alive: (now, 0),
            patient: false,
        })
    }

    /// Measures for another time than `--seconds`, and takes it that no unit may come in it.
    pub(crate) fn hold(&mut self, seconds: Duration) {
        self.seconds = seconds;
        self.patient = true;
    }

    /// Nanoseconds since this program began.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// The warm-up begins; when it will be over.
    pub(crate) fn warm_up(&mut self) -> Instant {
        let now = Instant::now();
        self.until = now + self.warmup;
        self.alive = (now, self.units);
        self.until
    }

    /// Measuring begins, with or without a warm-up before.
    ///
    /// # Errors
    /// An accounted process is gone.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.units = 0;
        self.histogram.reset();
        self.same = (0, 0);
        let used = self.accounted.iter().map(Accounted::used).collect::<Result<Vec<_>>>()?;
        let now = Instant::now();
        self.began = Some(used);
        self.until = now + self.seconds;
        self.alive = (now, 0);
        Ok(())
    }

    /// How long the loop may wait at most for connections.
    #[inline]
    pub(crate) fn wait(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now()).min(Duration::from_millis(200))
    }

    /// A unit was done.
    #[inline]
    pub(crate) fn count(&mut self, units: u64) {
        self.units += units;
    }

    /// A unit, counted elsewhere, took so many nanoseconds.
    #[inline]
    pub(crate) fn took(&mut self, ns: u64) {
        if ns == self.same.0 {
            self.same.1 += 1;
        } else {
            self.record();
            self.same = (ns, 1);
        }
    }

    /// Messages that left and came back together took alike: looked up in the histogram once.
    fn record(&mut self) {
        let (ns, times) = self.same;
        if times > 0 {
            self.histogram.saturating_record_n(ns, times);
        }
    }

    /// Goes from warming up to measuring when it is time. Whether the measuring is over.
    ///
    /// # Errors
    /// No unit was done for so long that none will be; an accounted process is gone.
    pub(crate) fn turn(&mut self) -> Result<bool> {
        let now = Instant::now();
        if now >= self.until {
            if self.began.is_some() {
                return Ok(true);
            }
            self.begin()?;
        }
        if self.units != self.alive.1 {
            self.alive = (now, self.units);
        } else if !self.patient && now - self.alive.0 > PATIENCE {
            bail!("nothing came back for {PATIENCE:?}, after {} units of work", self.units);
        }
        Ok(self.began.is_some() && self.units >= self.units_max)
    }

    /// The measuring is over: what came of it.
    ///
    /// # Errors
    /// An accounted process is gone.
    pub(crate) fn finish(mut self, work: &str, arguments: &[(&str, usize)]) -> Result<Outcome> {
        self.record();
        let began = self.began.as_deref().context("nothing was measured")?;
        let mut accounts = Vec::with_capacity(began.len());
        for (accounted, before) in self.accounted.iter().zip(began) {
            accounts.push(accounted.since(before)?);
        }
        let seconds = began.last().map_or(0.0, |used| used.at().elapsed().as_secs_f64());
        for ((account, accounted), before) in
            accounts.iter_mut().zip(&self.accounted).zip(&self.pss_before)
        {
            account.pss_before = *before;
            account.pss_after = accounted.pss()?;
        }
        let mut named: BTreeMap<_, _> =
            self.accounted.into_iter().map(|accounted| accounted.name).zip(accounts).collect();
        let load = named.remove("load").unwrap_or_else(Account::default);
        Ok(Outcome {
            work: work.to_owned(),
            arguments: arguments.iter().map(|(k, v)| ((*k).to_owned(), *v as u64)).collect(),
            seconds,
            units: self.units,
            accounts: named,
            load,
            latency: latency(&self.histogram),
            ..Outcome::default()
        })
    }
}

fn latency(histogram: &Histogram<u64>) -> Option<Latency> {
    let us = |ns: u64| ns as f64 / 1000.0;
    let at = |quantile| us(histogram.value_at_quantile(quantile));
    (!histogram.is_empty()).then(|| Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: us(histogram.max()),
    })
}
