//! The metrics of the webhook.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use std::time::Duration;
use tars_kit::{auth, metrics::Registry, tls::ServingCertificate};

/// How an admission review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request was accepted.
    Accepted,
    /// A rule refused the request.
    Refused,
    /// A rule would have refused the request, but its author may repair objects by hand.
    Repaired,
    /// There is no rule for the operation or the resource.
    Unsupported,
    /// The API server did not answer a query of the rules.
    LookupFailed,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Repaired => "repaired",
            Self::Unsupported => "unsupported",
            Self::LookupFailed => "lookup_failed",
        }
    }
}

/// Every value comes from a closed set: `rule` is a number in docs/reference/admission.md, and empty where no rule objected.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReviewLabels {
    pub path: &'static str,
    pub kind: &'static str,
    pub operation: &'static str,
    pub verdict: &'static str,
    pub rule: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    path: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WarningLabels {
    kind: &'static str,
    rule: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConversionLabels {
    kind: &'static str,
    from: &'static str,
    to: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PathLabel {
    path: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CarrierLabel {
    carrier: String,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CarrierStateLabels {
    carrier: String,
    state: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MemberLabel {
    member: &'static str,
}

/// Clones share their counters.
#[derive(Clone)]
pub struct Metrics {
    reviews: Family<ReviewLabels, Counter>,
    warnings: Family<WarningLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    conversions: Family<ConversionLabels, Counter>,
    seconds: Family<PathLabel, Histogram>,
    dropped: Family<MemberLabel, Counter>,
    /// The certificate of all ports.
    pub certificate: ServingCertificate,
    carrier_states: Family<CarrierStateLabels, Gauge>,
    carrier_failures: Family<CarrierLabel, Counter>,
    /// The callers of gRPC.
    pub callers: auth::Metrics,
}

/// The metrics of this service, without samples.
pub fn declare_metrics() -> Registry {
    Metrics::register().1
}

impl Metrics {
    /// Makes the metrics of this service, and the registry that shows them.
    pub fn register() -> (Self, Registry) {
        let mut registry = Registry::new("tarswebhook", env!("CARGO_PKG_VERSION"));
        // The first bucket ends at 50 µs: a review that needs no other object takes about as long.
        let buckets =
            || Histogram::new([0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0]);
        let metrics = Self {
            reviews: Family::default(),
            warnings: Family::default(),
            refusals: Family::default(),
            conversions: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            dropped: Family::default(),
            certificate: ServingCertificate::register(&mut registry),
            carrier_states: Family::default(),
            carrier_failures: Family::default(),
            callers: auth::Metrics::register(&mut registry),
        };
        let help = "Admission reviews, by path, kind, operation, verdict and the rule that objected";
        registry.register_family("reviews", help, metrics.reviews.clone());
        let help = "Warnings about accepted requests, by kind and rule";
        registry.register_family("warnings", help, metrics.warnings.clone());
        let help = "Requests that were answered with an HTTP error, by path and reason";
        registry.register_family("refused_requests", help, metrics.refusals.clone());
        let help = "Objects in conversion reviews, by kind, versions and outcome";
        registry.register_family("conversions", help, metrics.conversions.clone());
        registry.register_family(
            "review_duration_seconds",
            "Time from the complete body of a review to its answer, by path",
            metrics.seconds.clone(),
        );
        registry.register_family(
            "conversion_dropped_members",
            "Members of a conversion annotation that were dropped because the schema refuses them, by member",
            metrics.dropped.clone(),
        );
        let help = "1 for the present state of each object with a caBundle, 0 for its other states";
        registry.register_family("carrier_state", help, metrics.carrier_states.clone());
        let help = "Reads and writes of objects with a caBundle that failed, by object";
        registry.register_family("carrier_failures", help, metrics.carrier_failures.clone());
        (metrics, registry)
    }

    /// Counts an admission review with a decision, which took this time.
    pub fn count_review(&self, labels: &ReviewLabels, took: Duration) {
        self.time_review(labels.path, took);
        self.reviews.get_or_create(labels).inc();
    }

    /// Takes the time of a review on `path`.
    pub fn time_review(&self, path: &'static str, took: Duration) {
        self.seconds.get_or_create(&PathLabel { path }).observe(took.as_secs_f64());
    }

    /// Counts a warning about a request that was accepted.
    pub fn count_warning(&self, kind: &'static str, rule: &'static str) {
        self.warnings.get_or_create(&WarningLabels { kind, rule }).inc();
    }

    /// Counts an object of a conversion review.
    pub fn count_conversion(&self, kind: &'static str, from: &'static str, to: &'static str, converted: bool) {
        let outcome = if converted { "converted" } else { "failed" };
        self.conversions.get_or_create(&ConversionLabels { kind, from, to, outcome }).inc();
    }

    /// Counts a member of a conversion annotation that was dropped (docs/reference/resources.md#7.2.5).
    pub fn count_dropped(&self, member: &'static str) {
        self.dropped.get_or_create(&MemberLabel { member }).inc();
    }

    /// Counts a request that did not become a review.
    pub fn count_refusal(&self, path: &'static str, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { path, reason }).inc();
    }

    /// Shows that `carrier` is in `state`, and in no other of `states`.
    pub fn show_carrier(&self, carrier: &str, state: &'static str, states: impl IntoIterator<Item = &'static str>) {
        for candidate in states {
            let labels = CarrierStateLabels { carrier: carrier.to_owned(), state: candidate };
            self.carrier_states.get_or_create(&labels).set(i64::from(candidate == state));
        }
    }

    /// Counts a read or a write of `carrier` that failed.
    pub fn count_carrier_failure(&self, carrier: &str) {
        self.carrier_failures.get_or_create(&CarrierLabel { carrier: carrier.to_owned() }).inc();
    }
}
