//! The metrics of the name service. All label values come from closed sets.

use crate::index::{Index, Resolution, Snapshot, SourceKind};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
    },
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};
use tars::server::{AdapterStats, Stats};
use tars_kit::{
    auth,
    contact::Contact,
    metrics::{MetricDeclaration, Registry, begin, counter, gauge},
    tls::ServingCertificate,
};

/// The functions that look up a servant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `findObjectById`.
    ById,
    /// `findObjectById4Any`.
    Any,
    /// `findObjectById4All`.
    All,
    /// `findObjectByIdInSameGroup`, which nearly every client calls.
    SameGroup,
    /// `findObjectByIdInSameStation`.
    SameStation,
    /// `findObjectByIdInSameSet`.
    SameSet,
    /// gRPC `NameService.Resolve`.
    Resolve,
}

impl Function {
    const EVERY: [Self; 7] = [Self::ById, Self::Any, Self::All, Self::SameGroup, Self::SameStation, Self::SameSet, Self::Resolve];

    /// The name that the interface definition gives the function.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ById => "findObjectById",
            Self::Any => "findObjectById4Any",
            Self::All => "findObjectById4All",
            Self::SameGroup => "findObjectByIdInSameGroup",
            Self::SameStation => "findObjectByIdInSameStation",
            Self::SameSet => "findObjectByIdInSameSet",
            Self::Resolve => "Resolve",
        }
    }

    /// Finds a function of `QueryObj` by its name. `findObjectByIdInSameGroup` comes first, because nearly every client calls it.
    pub fn query(name: &str) -> Option<Self> {
        Some(match name {
            "findObjectByIdInSameGroup" => Self::SameGroup,
            "findObjectByIdInSameSet" => Self::SameSet,
            "findObjectById4Any" => Self::Any,
            "findObjectById4All" => Self::All,
            "findObjectById" => Self::ById,
            "findObjectByIdInSameStation" => Self::SameStation,
            _ => return None,
        })
    }

    /// Whether the function has a second argument, which names a station or a set.
    pub const fn has_place(self) -> bool {
        matches!(self, Self::SameStation | Self::SameSet)
    }
}

const OUTCOMES: [&str; 6] = ["registry", "cluster", "no_servant", "up_chain", "unknown", "malformed"];

const fn outcome_position(resolution: Resolution<'_>) -> usize {
    match resolution {
        Resolution::Registry(_) => 0,
        Resolution::Cluster(_) => 1,
        Resolution::NoServant => 2,
        Resolution::UpChain(_) => 3,
        Resolution::Unknown => 4,
        Resolution::Malformed => 5,
    }
}

/// The result of a state report or of the rendering of a configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    function: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

/// The counters of this process. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// A counter for each function and outcome, so that a lookup needs no search for its counter.
    lookups: Arc<[[Counter; OUTCOMES.len()]; Function::EVERY.len()]>,
    watch_failures: Family<ResourceLabels, Counter>,
    skipped: Family<ResourceLabels, Counter>,
    reports: Family<OutcomeLabels, Counter>,
    renderings: Family<OutcomeLabels, Counter>,
    /// The callers of gRPC.
    pub callers: auth::Metrics,
    /// The certificate of gRPC.
    pub certificate: ServingCertificate,
}

impl Metrics {
    /// Makes the counters of this service, and the registry that shows them together with `readings`.
    pub fn register(readings: Readings) -> (Self, Registry) {
        let mut registry = Registry::new("tars_registry", env!("CARGO_PKG_VERSION"));
        let metrics = Self::new(&mut registry);
        registry.register_collector(Readings::declarations(), readings);
        (metrics, registry)
    }

    /// Registers the counters with `registry`. The counters of lookups and watches begin with 0, the others with their first event.
    pub fn new(registry: &mut Registry) -> Self {
        let lookups = Family::<LookupLabels, Counter>::default();
        let counter =
            |function: Function, outcome| lookups.get_or_create_owned(&LookupLabels { function: function.name(), outcome });
        let metrics = Self {
            lookups: Arc::new(Function::EVERY.map(|function| OUTCOMES.map(|outcome| counter(function, outcome)))),
            watch_failures: Family::default(),
            skipped: Family::default(),
            reports: Family::default(),
            renderings: Family::default(),
            callers: auth::Metrics::register(registry),
            certificate: ServingCertificate::register(registry),
        };
        for kind in SourceKind::ALL {
            let labels = ResourceLabels { resource: kind.plural() };
            drop(metrics.watch_failures.get_or_create(&labels));
            drop(metrics.skipped.get_or_create(&labels));
        }
        registry.register_family("lookups", "Lookups of servants by function and outcome", lookups);
        registry.register_family("watch_failures", "Failed lists and watches of the API server", metrics.watch_failures.clone());
        registry.register_family("objects_skipped", "Objects that could not be used", metrics.skipped.clone());
        registry.register_family("state_reports", "State reports of servers by outcome", metrics.reports.clone());
        registry.register_family("renderings", "Renderings of configurations by outcome", metrics.renderings.clone());
        metrics
    }

    /// Counts a lookup by its result.
    pub fn count_lookup(&self, function: Function, resolution: Resolution<'_>) {
        self.lookups[function as usize][outcome_position(resolution)].inc();
    }

    /// Counts a list or watch that failed.
    pub fn count_watch_failure(&self, kind: SourceKind) {
        self.watch_failures.get_or_create(&ResourceLabels { resource: kind.plural() }).inc();
    }

    /// Counts an object that could not be used.
    pub fn count_skipped_object(&self, kind: SourceKind) {
        self.skipped.get_or_create(&ResourceLabels { resource: kind.plural() }).inc();
    }

    /// Counts a state report. `outcome` comes from a closed set.
    pub fn count_report(&self, outcome: &'static str) {
        self.reports.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a configuration that was rendered, or that could not be rendered.
    pub fn count_rendering(&self, rendered: bool) {
        self.renderings.get_or_create(&OutcomeLabels { outcome: if rendered { "rendered" } else { "failed" } }).inc();
    }
}

/// The contact of the watch of each kind, in the order of [`SourceKind::ALL`].
pub type Contacts = [Contact; SourceKind::ALL.len()];

/// The sources of the metrics that are read at each scrape: the index, the contacts with the API server, and the Tars adapters.
#[derive(Default)]
pub struct Readings {
    pub index: Index,
    pub contacts: Contacts,
    /// The counts of the Tars server, from the moment when it listens.
    pub server: Arc<OnceLock<Stats>>,
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings").finish_non_exhaustive()
    }
}

/// Reads a value of a metric.
type Read<From, Value> = fn(&From) -> Value;

/// Sizes of the index.
const INDEX_SIZES: [(MetricDeclaration, Read<Snapshot, usize>); 4] = [
    (gauge("index_servers", &[], "Servers with servants"), |snapshot| snapshot.totals().servers),
    (gauge("index_servants", &[], "Servants of these servers"), |snapshot| snapshot.totals().servants),
    (gauge("index_templates", &[], "Templates"), Snapshot::templates),
    (gauge("index_up_chain_ids", &[], "Servants with an up-chain of their own"), |snapshot| snapshot.up_chain().len()),
];
const INDEX_ENDPOINTS: MetricDeclaration = gauge("index_endpoints", &["state"], "Endpoints by state of their pod");
const INDEX_CHANGES: MetricDeclaration = counter("index_changes", &[], "Published states of the index");
const WATCH_AGE: MetricDeclaration = gauge(
    "watch_age_seconds",
    &["resource"],
    "Seconds since the API server last sent a list, an event or a bookmark: below 60 at rest; above 120, answers may be out of date",
);
/// Present values of each Tars adapter.
const ADAPTER_GAUGES: [(MetricDeclaration, Read<AdapterStats, usize>); 3] = [
    (gauge("connections", &["adapter"], "Open Tars connections"), |adapter| adapter.connections),
    (gauge("requests_running", &["adapter"], "Tars requests in tasks of their own"), |adapter| adapter.running),
    (gauge("requests_queued", &["adapter"], "Tars requests that wait for others"), |adapter| adapter.queued),
];
/// Counts of each Tars adapter since the process began.
const ADAPTER_COUNTERS: [(MetricDeclaration, Read<AdapterStats, u64>); 6] = [
    (counter("connections_accepted", &["adapter"], "Accepted Tars connections"), |adapter| adapter.accepted),
    (counter("connections_refused", &["adapter"], "Tars connections above the limit"), |adapter| adapter.refused),
    (counter("requests", &["adapter"], "Decoded Tars requests"), |adapter| adapter.requests),
    (counter("requests_overloaded", &["adapter"], "Tars requests refused because of the queue's length"), |adapter| {
        adapter.overloaded
    }),
    (counter("requests_timed_out", &["adapter"], "Tars requests that waited too long"), |adapter| adapter.timed_out),
    (counter("packets_malformed", &["adapter"], "Tars packets that could not be decoded"), |adapter| adapter.malformed),
];

impl Readings {
    fn declarations() -> impl Iterator<Item = MetricDeclaration> {
        let sizes = INDEX_SIZES.into_iter().map(|(declaration, _)| declaration);
        let gauges = ADAPTER_GAUGES.into_iter().map(|(declaration, _)| declaration);
        let counters = ADAPTER_COUNTERS.into_iter().map(|(declaration, _)| declaration);
        sizes.chain([INDEX_ENDPOINTS, INDEX_CHANGES, WATCH_AGE]).chain(gauges).chain(counters)
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        let snapshot = self.index.load();
        for (declaration, read) in INDEX_SIZES {
            encode_gauge(read(&snapshot), begin(out, declaration)?)?;
        }
        let totals = snapshot.totals();
        let mut family = begin(out, INDEX_ENDPOINTS)?;
        for (state, count) in [("active", totals.active), ("inactive", totals.inactive)] {
            encode_gauge(count, family.encode_family(&[("state", state)])?)?;
        }
        ConstCounter::new(snapshot.revision()).encode(begin(out, INDEX_CHANGES)?)?;
        let mut family = begin(out, WATCH_AGE)?;
        for kind in SourceKind::ALL {
            let age = ConstGauge::new(self.contacts[kind.position()].age().as_secs_f64());
            age.encode(family.encode_family(&[("resource", kind.plural())])?)?;
        }
        self.server.get().map_or(Ok(()), |stats| encode_adapters(out, &stats.snapshot()))
    }
}

fn encode_adapters(out: &mut DescriptorEncoder<'_>, stats: &[AdapterStats]) -> fmt::Result {
    for (declaration, read) in ADAPTER_GAUGES {
        let mut family = begin(out, declaration)?;
        for adapter in stats {
            encode_gauge(read(adapter), family.encode_family(&[("adapter", adapter.adapter.as_str())])?)?;
        }
    }
    for (declaration, read) in ADAPTER_COUNTERS {
        let mut family = begin(out, declaration)?;
        for adapter in stats {
            let count = ConstCounter::new(read(adapter));
            count.encode(family.encode_family(&[("adapter", adapter.adapter.as_str())])?)?;
        }
    }
    Ok(())
}

fn encode_gauge(value: usize, encoder: MetricEncoder<'_>) -> fmt::Result {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
}

/// The metrics of this service, without samples.
pub fn declare_metrics() -> Registry {
    Metrics::register(Readings::default()).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_readings_are_declared_with_their_labels() {
        let metrics = declare_metrics();
        let declared: Vec<_> =
            metrics.declarations().iter().map(|metric| (metric.name, metric.labels.read().join(" "))).collect();
        for (name, labels) in [
            ("build", "version"),
            ("lookups", "function outcome"),
            ("index_servers", ""),
            ("watch_age_seconds", "resource"),
            ("requests", "adapter"),
        ] {
            assert!(declared.contains(&(name, labels.to_owned())), "{name} with {labels:?} is not in {declared:?}");
        }
    }
}
