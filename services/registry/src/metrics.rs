//! What is counted. All label values come from closed sets.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tars::server::{AdapterStats, Stats};

use crate::contact::Contacts;
use crate::index::{Found, Index, Kind};

/// A function that looks up a servant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `findObjectById`.
    ById,
    /// `findObjectById4Any`.
    Any,
    /// `findObjectById4All`.
    All,
    /// `findObjectByIdInSameGroup`: what nearly every client calls.
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

    /// Its name in the interface.
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

    /// The function of `QueryObj` of that name.
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

    /// Whether a second argument names a station or set.
    pub const fn has_place(self) -> bool {
        matches!(self, Self::SameStation | Self::SameSet)
    }
}

const OUTCOMES: [&str; 6] = ["registry", "cluster", "no_servant", "up_chain", "unknown", "malformed"];

const fn outcome(found: Found<'_>) -> usize {
    match found {
        Found::Registry(_) => 0,
        Found::Cluster(_) => 1,
        Found::NoServant => 2,
        Found::UpChain(_) => 3,
        Found::Unknown => 4,
        Found::Malformed => 5,
    }
}

/// How a state report or the rendering of a configuration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Ended {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    function: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

/// The counters of this process. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Every combination, looked up once: the fast path only adds.
    lookups: Arc<[[Counter; OUTCOMES.len()]; Function::EVERY.len()]>,
    watch_failures: Family<ResourceLabels, Counter>,
    skipped: Family<ResourceLabels, Counter>,
    reports: Family<Ended, Counter>,
    renderings: Family<Ended, Counter>,
}

impl Metrics {
    /// Registers the counters.
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
        };
        for kind in Kind::ALL {
            let labels = ResourceLabels { resource: kind.plural() };
            drop(metrics.watch_failures.get_or_create(&labels));
            drop(metrics.skipped.get_or_create(&labels));
        }
        registry.register("lookups", "Lookups of servants by function and by who knew the answer", lookups);
        registry.register("watch_failures", "Failed lists and watches of the API server", metrics.watch_failures.clone());
        registry.register("objects_skipped", "Objects that could not be used", metrics.skipped.clone());
        registry.register("state_reports", "Reported states of servers by what became of them", metrics.reports.clone());
        registry.register("renderings", "Rendered configurations of servers", metrics.renderings.clone());
        metrics
    }

    /// A lookup found this.
    pub fn looked_up(&self, function: Function, found: Found<'_>) {
        self.lookups[function as usize][outcome(found)].inc();
    }

    /// A list or watch failed.
    pub fn watch_failed(&self, kind: Kind) {
        self.watch_failures.get_or_create(&ResourceLabels { resource: kind.plural() }).inc();
    }

    /// An object could not be used.
    pub fn object_skipped(&self, kind: Kind) {
        self.skipped.get_or_create(&ResourceLabels { resource: kind.plural() }).inc();
    }

    /// A state report ended so. `outcome` comes from a closed set.
    pub fn reported(&self, outcome: &'static str) {
        self.reports.get_or_create(&Ended { outcome }).inc();
    }

    /// A configuration was rendered, or not.
    pub fn rendered(&self, rendered: bool) {
        self.renderings.get_or_create(&Ended { outcome: if rendered { "rendered" } else { "failed" } }).inc();
    }
}

/// What is read from elsewhere at each scrape: size and age of the index, and the counts of the Tars adapters.
pub struct Observed {
    /// The index.
    pub index: Index,
    /// Last contacts with the API server.
    pub contacts: Arc<Contacts>,
    /// The Tars server, once it listens.
    pub server: Arc<std::sync::OnceLock<Stats>>,
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}

impl Collector for Observed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.index.load();
        let totals = snapshot.totals();
        let out = &mut encoder;
        gauge(out, "index_servers", "Servers with servants", totals.servers)?;
        gauge(out, "index_servants", "Servants of these servers", totals.servants)?;
        gauge(out, "index_templates", "Templates", snapshot.templates())?;
        gauge(out, "index_up_chain_ids", "Servants with an up-chain of their own", snapshot.up_chain().len())?;
        let states = [("active", totals.active), ("inactive", totals.inactive)];
        gauges(out, "index_endpoints", "Endpoints by state of their pod", "state", states)?;
        let changes = ConstCounter::new(snapshot.revision());
        changes.encode(out.encode_descriptor("index_changes", "Published states of the index", None, MetricType::Counter)?)?;

        let help =
            "Seconds since the API server last answered a list or watch; at rest below 60, above 120 the answers may be old";
        let mut family = out.encode_descriptor("watch_age_seconds", help, None, MetricType::Gauge)?;
        for kind in Kind::ALL {
            let age = ConstGauge::new(self.contacts.age(kind).as_secs_f64());
            age.encode(family.encode_family(&[("resource", kind.plural())])?)?;
        }
        self.server.get().map_or(Ok(()), |stats| adapters(out, &stats.snapshot()))
    }
}

/// Takes one count of an adapter.
type Read = fn(&AdapterStats) -> u64;

fn adapters(out: &mut DescriptorEncoder<'_>, stats: &[AdapterStats]) -> fmt::Result {
    let gauge_of = |read: fn(&AdapterStats) -> usize| stats.iter().map(move |adapter| (adapter.adapter.as_str(), read(adapter)));
    gauges(out, "connections", "Open Tars connections", "adapter", gauge_of(|adapter| adapter.connections))?;
    gauges(out, "requests_running", "Tars requests in tasks of their own", "adapter", gauge_of(|adapter| adapter.running))?;
    gauges(out, "requests_queued", "Tars requests that wait for others", "adapter", gauge_of(|adapter| adapter.queued))?;
    let counters: [(&str, &str, Read); 6] = [
        ("connections_accepted", "Accepted Tars connections", |adapter| adapter.accepted),
        ("connections_refused", "Tars connections above the limit", |adapter| adapter.refused),
        ("requests", "Decoded Tars requests", |adapter| adapter.requests),
        ("requests_overloaded", "Tars requests refused because of the queue's length", |adapter| adapter.overloaded),
        ("requests_timed_out", "Tars requests that waited too long", |adapter| adapter.timed_out),
        ("packets_malformed", "Tars packets that could not be decoded", |adapter| adapter.malformed),
    ];
    for (name, help, read) in counters {
        let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
        for adapter in stats {
            let count = ConstCounter::new(read(adapter));
            count.encode(family.encode_family(&[("adapter", adapter.adapter.as_str())])?)?;
        }
    }
    Ok(())
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> fmt::Result {
    number(value, out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn gauges<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = (&'a str, usize)>,
) -> fmt::Result {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (value_of_label, value) in values {
        number(value, family.encode_family(&[(label, value_of_label)])?)?;
    }
    Ok(())
}

fn number(value: usize, encoder: MetricEncoder<'_>) -> fmt::Result {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
}
