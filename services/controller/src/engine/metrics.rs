//! The metrics of the controller. The values of labels come from small fixed sets; names of objects belong in logs and traces.

use super::readings::Readings;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge, histogram::Histogram},
};
use std::time::{Duration, SystemTime};
use tars_kit::{auth, metrics::Registry, tls::ServingCertificate};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Run {
    reconciler: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciler {
    reconciler: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Watch {
    kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    verb: &'static str,
    kind: String,
    outcome: &'static str,
}

/// What leads from a bucket of a histogram to the trace of one of its samples.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trace {
    trace_id: String,
}

#[derive(Debug)]
pub struct Metrics {
    runs: Family<Run, Counter>,
    seconds: Family<Reconciler, HistogramWithExemplars<Trace>, fn() -> HistogramWithExemplars<Trace>>,
    queue_seconds: Family<Reconciler, Histogram, fn() -> Histogram>,
    interruptions: Family<Watch, Counter>,
    full: Gauge,
    writes: Family<Write, Counter>,
    leading: Gauge,
    /// What is read at each scrape.
    pub readings: Readings,
    /// The callers of gRPC.
    pub callers: auth::Metrics,
    /// The certificate of gRPC.
    pub certificate: ServingCertificate,
}

/// Buckets from 100 µs (a run without work) to 10 s (an API server in trouble).
const BUCKETS: [f64; 13] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            runs: Family::default(),
            seconds: Family::new_with_constructor(|| HistogramWithExemplars::new(BUCKETS.into_iter())),
            queue_seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            interruptions: Family::default(),
            full: Gauge::default(),
            writes: Family::default(),
            leading: Gauge::default(),
            readings: Readings::default(),
            callers: auth::Metrics::default(),
            certificate: ServingCertificate::default(),
        }
    }
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let certificate = ServingCertificate::register(registry);
        let metrics = Self { callers: auth::Metrics::register(registry), certificate, ..Self::default() };
        registry.register_family("reconciles", "Runs of a reconciler by outcome", metrics.runs.clone());
        registry.register_family(
            "reconcile_seconds",
            "Duration of a run, with the trace_id of a run in each bucket as exemplar if traces are exported",
            metrics.seconds.clone(),
        );
        registry.register_family("queue_seconds", "Time for which a key waited for a worker", metrics.queue_seconds.clone());
        registry.register_family(
            "watch_interruptions",
            "Errors of a watch, after each of which it begins anew",
            metrics.interruptions.clone(),
        );
        registry.register_collector(Readings::DECLARATIONS, metrics.readings.clone());
        registry.register("caches_full", "1 once every kind has been listed", metrics.full.clone());
        registry.register_family("api_writes", "Writes to the API server by verb, kind and outcome", metrics.writes.clone());
        registry.register("leading", "1 while this instance holds the Lease and writes", metrics.leading.clone());
        metrics
    }

    /// A run took `took`. `trace` is the id of its trace, if the trace is exported.
    pub fn count_run(&self, reconciler: &'static str, outcome: &'static str, took: Duration, trace: Option<String>) {
        self.runs.get_or_create(&Run { reconciler, outcome }).inc();
        let (trace, now) = (trace.map(|trace_id| Trace { trace_id }), SystemTime::now());
        self.seconds.get_or_create(&Reconciler { reconciler }).observe(took.as_secs_f64(), trace, Some(now));
    }

    /// A worker took a key that had waited for `waited`.
    pub fn note_wait(&self, reconciler: &'static str, waited: Duration) {
        self.queue_seconds.get_or_create(&Reconciler { reconciler }).observe(waited.as_secs_f64());
    }

    pub fn count_interruption(&self, kind: &str) {
        self.interruptions.get_or_create(&Watch { kind: kind.to_owned() }).inc();
    }

    pub fn set_full(&self) {
        self.full.set(1);
    }

    pub fn count_write(&self, verb: &'static str, kind: &str, outcome: &'static str) {
        self.writes.get_or_create(&Write { verb, kind: kind.to_owned(), outcome }).inc();
    }

    pub fn set_leading(&self, leads: bool) {
        self.leading.set(i64::from(leads));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::{encoding::text::encode, registry::Registry};

    #[test]
    fn the_duration_of_a_run_leads_to_its_trace() {
        let metrics = Metrics::default();
        metrics.count_run("tserver", "ok", Duration::from_millis(3), None);
        metrics.count_run("tserver", "ok", Duration::from_millis(70), Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()));
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register("reconcile_seconds", "", metrics.seconds);
        encode(&mut text, &registry).unwrap();
        let exemplars: Vec<_> = text.lines().filter_map(|line| line.split_once(" # ")).collect();
        assert_eq!(exemplars.len(), 1, "{text}");
        assert_eq!(exemplars[0].0, "reconcile_seconds_bucket{le=\"0.1\",reconciler=\"tserver\"} 2");
        assert!(exemplars[0].1.starts_with("{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.07 "), "{text}");
    }
}
