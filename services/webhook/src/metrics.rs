//! The metrics of the webhook.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use std::time::Duration;
use tars_kit::{auth, metrics::Registry};

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request was accepted, or all objects were converted.
    Accepted,
    /// A rule of this category refused the request.
    Denied(&'static str),
    /// There is no rule for the operation or the resource.
    Unsupported,
    /// The API server did not answer a query of the rules.
    LookupFailed,
    /// The body was not a review.
    BadRequest,
    /// There were too many reviews at the same time.
    Overloaded,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Denied(category) => category,
            Self::Unsupported => "unsupported",
            Self::LookupFailed => "lookup_failed",
            Self::BadRequest => "bad_request",
            Self::Overloaded => "overloaded",
        }
    }
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReviewLabels {
    path: &'static str,
    kind: &'static str,
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
    seconds: Family<PathLabel, Histogram>,
    dropped: Family<MemberLabel, Counter>,
    /// Unix time in seconds at which the served certificate ends; 0 while no certificate is served.
    pub certificate_ends: Gauge,
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
            seconds: Family::new_with_constructor(buckets),
            dropped: Family::default(),
            certificate_ends: Gauge::default(),
            carrier_states: Family::default(),
            carrier_failures: Family::default(),
            callers: auth::Metrics::register(&mut registry),
        };
        registry.register_family("reviews", "Reviews, by path, kind and outcome", metrics.reviews.clone());
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
        let help = "Unix time at which the served certificate ends, 0 while none is served";
        registry.register("certificate_not_after_seconds", help, metrics.certificate_ends.clone());
        let help = "1 for the present state of each object with a caBundle, 0 for its other states";
        registry.register_family("carrier_state", help, metrics.carrier_states.clone());
        let help = "Reads and writes of objects with a caBundle that failed, by object";
        registry.register_family("carrier_failures", help, metrics.carrier_failures.clone());
        (metrics, registry)
    }

    /// Counts a review with a decision.
    pub fn count_review(&self, path: &'static str, kind: &'static str, outcome: Outcome, took: Duration) {
        self.reviews.get_or_create(&ReviewLabels { path, kind, outcome: outcome.as_str() }).inc();
        self.seconds.get_or_create(&PathLabel { path }).observe(took.as_secs_f64());
    }

    /// Counts a member of a conversion annotation that was dropped (docs/reference/resources.md#7.2.5).
    pub fn count_dropped(&self, member: &'static str) {
        self.dropped.get_or_create(&MemberLabel { member }).inc();
    }

    /// Counts a request that did not become a review.
    pub fn count_refusal(&self, path: &'static str, outcome: Outcome) {
        self.reviews.get_or_create(&ReviewLabels { path, kind: "unknown", outcome: outcome.as_str() }).inc();
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
