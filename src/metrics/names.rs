//! Making and registering metrics, each with every value of its label from the start.
//! Leaves to `metrics.rs`: their names.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, core::Collector,
};

/// Makes and registers metrics of one registry.
pub(super) struct Names(pub(super) Registry);

impl Names {
    pub(super) fn register<C: Collector + Clone + 'static>(
        &self,
        metric: C,
    ) -> prometheus::Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help)?)
    }

    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> prometheus::Result<Histogram> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(options)?)
    }

    /// Histograms by one label; every value exists from the start.
    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let family = self.register(HistogramVec::new(options, &[label])?)?;
        for value in values {
            family.with_label_values(&[value]);
        }
        Ok(family)
    }

    /// Counters by one label; every value exists from the start, so that a rate over a first
    /// event is not missed.
    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let family = self.register(IntCounterVec::new(Opts::new(name, help), &[label])?)?;
        for value in values {
            family.with_label_values(&[value]);
        }
        Ok(family)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> prometheus::Result<IntGaugeVec> {
        let family = self.register(IntGaugeVec::new(Opts::new(name, help), &[label])?)?;
        for value in values {
            family.with_label_values(&[value]);
        }
        Ok(family)
    }

    pub(super) fn build_info(&self) -> prometheus::Result<()> {
        let options = Opts::new("holdline_build_info", "Always 1; the version is the label.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        self.register(Gauge::with_opts(options)?)?.set(1.0);
        Ok(())
    }

    /// `process_*`, read from /proc when rendered.
    #[cfg(target_os = "linux")]
    pub(super) fn process(&self) -> prometheus::Result<()> {
        let collector = prometheus::process_collector::ProcessCollector::for_self();
        self.0.register(Box::new(collector))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn process(&self) -> prometheus::Result<()> {
        Ok(())
    }
}
