//! Serves Prometheus metrics over plain HTTP at `/metrics`, in the OpenMetrics text format.
//!
//! A service declares each metric once, where it registers the metric. [`Registry::declarations`] lists all of them for the reference
//! pages, including the metrics that have no samples yet.

use axum::{Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, text::encode},
    metrics::{
        MetricType, TypedMetric,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        info::Info,
    },
    registry::{Metric, Registry as Samples},
};
use std::{fmt, hash::Hash, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// One metric, as its service declares it.
#[derive(Clone, Copy, Debug)]
pub struct MetricDeclaration {
    /// The name without the prefix of the service, and without the suffix that OpenMetrics adds for the type.
    pub name: &'static str,
    /// Whether the metric is a counter, a gauge, a histogram or an info.
    pub kind: MetricType,
    /// The names of its labels.
    pub labels: LabelNames,
    /// One sentence without full stop.
    pub help: &'static str,
}

/// Declares a gauge that a collector reads.
pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricDeclaration {
    MetricDeclaration { name, kind: MetricType::Gauge, labels: LabelNames::Listed(labels), help }
}

/// Declares a counter that a collector reads.
pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricDeclaration {
    MetricDeclaration { name, kind: MetricType::Counter, labels: LabelNames::Listed(labels), help }
}

/// Writes the name, the type and the help of a metric. Its samples follow.
pub fn begin<'a>(out: &'a mut DescriptorEncoder<'_>, declaration: MetricDeclaration) -> Result<MetricEncoder<'a>, fmt::Error> {
    out.encode_descriptor(declaration.name, declaration.help, None, declaration.kind)
}

/// The names of the labels of a metric, in the order in which samples have them.
#[derive(Clone, Copy, Debug)]
pub enum LabelNames {
    /// The names are written out.
    Listed(&'static [&'static str]),
    /// The function reads the names from the type of the labels. Only the reference pages need them, so a service never calls it.
    Encoded(fn() -> Vec<String>),
}

impl LabelNames {
    /// The names.
    pub fn read(self) -> Vec<String> {
        match self {
            Self::Listed(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Self::Encoded(read) => read(),
        }
    }
}

/// The metrics of a service.
///
/// The set of metrics of a process does not change while it runs. Label values come from closed sets (a kind, a verb, an outcome),
/// never from names of objects.
#[derive(Debug)]
pub struct Registry {
    prefix: &'static str,
    samples: Samples,
    declarations: Vec<MetricDeclaration>,
}

impl Registry {
    /// A registry whose metrics are all called `PREFIX_…`. It has the metric `PREFIX_build_info` with the label `version`.
    pub fn new(prefix: &'static str, version: &'static str) -> Self {
        let help = "The version that runs";
        let build = MetricDeclaration { name: "build", kind: MetricType::Info, labels: LabelNames::Listed(&["version"]), help };
        let mut registry = Self { prefix, samples: Samples::with_prefix(prefix), declarations: vec![build] };
        registry.samples.register(build.name, help, Info::new([("version", version)]));
        registry
    }

    /// Declares a metric without labels, of which `metric` has the samples.
    pub fn register<M: Metric + TypedMetric>(&mut self, name: &'static str, help: &'static str, metric: M) {
        self.declarations.push(MetricDeclaration { name, kind: M::TYPE, labels: LabelNames::Listed(&[]), help });
        self.samples.register(name, help, metric);
    }

    /// Declares a metric with the labels of `L`, of which `family` has the samples.
    pub fn register_family<L, M, C>(&mut self, name: &'static str, help: &'static str, family: Family<L, M, C>)
    where
        L: EncodeLabelSet + Clone + Default + Eq + Hash + fmt::Debug + Send + Sync + 'static,
        M: TypedMetric,
        C: MetricConstructor<M>,
        Family<L, M, C>: Metric,
    {
        let labels = LabelNames::Encoded(read_label_names::<L>);
        self.declarations.push(MetricDeclaration { name, kind: M::TYPE, labels, help });
        self.samples.register(name, help, family);
    }

    /// Declares the metrics whose samples `collector` reads at each scrape.
    pub fn register_collector(&mut self, declarations: impl IntoIterator<Item = MetricDeclaration>, collector: impl Collector) {
        self.declarations.extend(declarations);
        self.samples.register_collector(Box::new(collector));
    }

    /// The prefix of all names.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// All metrics, in the order of their registration.
    pub fn declarations(&self) -> &[MetricDeclaration] {
        &self.declarations
    }

    fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.samples)?;
        Ok(text)
    }
}

/// Reads the names of the labels of `L` from a sample with default values, because only the derived encoding has the names.
fn read_label_names<L: EncodeLabelSet + Clone + Default + Eq + Hash + fmt::Debug + Send + Sync + 'static>() -> Vec<String> {
    let family = Family::<L, Gauge>::default();
    drop(family.get_or_create(&L::default()));
    let (mut probe, mut text) = (Samples::default(), String::new());
    probe.register("probe", "", family);
    // Writing into a String does not fail.
    let _ = encode(&mut text, &probe);
    let labels = text.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
    labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

/// Serves `registry` on `listener` until `stop` is cancelled. The errors are those of accepting connections.
pub async fn serve(listener: TcpListener, registry: Arc<Registry>, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(answer_scrape)).with_state(registry);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn answer_scrape(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    match registry.encode() {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::{
        encoding::EncodeMetric,
        metrics::{counter::Counter, gauge::ConstGauge},
    };

    #[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
    struct CallLabels {
        verb: &'static str,
        outcome: String,
    }

    const DEPTH: MetricDeclaration = gauge("queue_depth", &["queue"], "Items that wait");

    #[derive(Debug)]
    struct Queues;

    impl Collector for Queues {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let mut family = begin(&mut encoder, DEPTH)?;
            ConstGauge::new(3).encode(family.encode_family(&[("queue", "high")])?)
        }
    }

    #[test]
    fn every_metric_is_declared_although_no_sample_was_taken() {
        let mut registry = Registry::new("demo", "1.2");
        registry.register_family("calls", "Calls by verb and outcome", Family::<CallLabels, Counter>::default());
        registry.register("leading", "1 while this instance leads", Gauge::<i64>::default());
        registry.register_collector([DEPTH], Queues);
        let declared: Vec<_> = registry
            .declarations()
            .iter()
            .map(|metric| (metric.name, metric.kind.as_str(), metric.labels.read().join(" ")))
            .collect();
        let expected = [
            ("build", "info", "version"),
            ("calls", "counter", "verb outcome"),
            ("leading", "gauge", ""),
            ("queue_depth", "gauge", "queue"),
        ];
        assert_eq!(declared, expected.map(|(name, kind, labels)| (name, kind, labels.to_owned())));
    }

    #[test]
    fn samples_have_the_declared_names() {
        let mut registry = Registry::new("demo", "1.2");
        let calls = Family::<CallLabels, Counter>::default();
        registry.register_family("calls", "Calls by verb and outcome", calls.clone());
        registry.register_collector([DEPTH], Queues);
        calls.get_or_create(&CallLabels { verb: "get", outcome: "ok".to_owned() }).inc();
        let text = registry.encode().unwrap();
        for sample in [
            "demo_build_info{version=\"1.2\"} 1",
            "demo_calls_total{verb=\"get\",outcome=\"ok\"} 1",
            "demo_queue_depth{queue=\"high\"} 3",
        ] {
            assert!(text.contains(sample), "{text}");
        }
    }
}
