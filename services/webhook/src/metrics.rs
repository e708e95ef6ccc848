//! What the webhook counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// What became of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted or converted.
    Accepted,
    /// Refused by a rule of this category.
    Denied(&'static str),
    /// The registration asks for something that no rule is for.
    Unsupported,
    /// The API server could not answer a question of the rules.
    LookupFailed,
    /// Not a review.
    BadRequest,
    /// More reviews at once than there is room for.
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

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReviewLabels {
    path: &'static str,
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PathLabel {
    path: &'static str,
}

/// The webhook's metrics. Clones count together.
#[derive(Clone)]
pub struct Metrics {
    reviews: Family<ReviewLabels, Counter>,
    seconds: Family<PathLabel, Histogram>,
    /// Unix time at which the served certificate ends; 0 while there is none.
    pub certificate_ends: Gauge,
}

impl Metrics {
    /// Registers everything.
    pub fn new(registry: &mut Registry) -> Self {
        // From 50 µs: a review that needs no other object is decided in that.
        let buckets =
            || Histogram::new([0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0]);
        let metrics = Self {
            reviews: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            certificate_ends: Gauge::default(),
        };
        registry.register("reviews", "Reviews by path, kind and outcome", metrics.reviews.clone());
        registry.register("review_duration_seconds", "From the body to the answer", metrics.seconds.clone());
        let help = "Unix time at which the served certificate ends, 0 without one";
        registry.register("certificate_not_after_seconds", help, metrics.certificate_ends.clone());
        metrics
    }

    /// Counts a review that was decided.
    pub fn reviewed(&self, path: &'static str, kind: &'static str, outcome: Outcome, took: Duration) {
        self.reviews.get_or_create(&ReviewLabels { path, kind, outcome: outcome.as_str() }).inc();
        self.seconds.get_or_create(&PathLabel { path }).observe(took.as_secs_f64());
    }

    /// Counts a body that never became a review.
    pub fn refused(&self, path: &'static str, outcome: Outcome) {
        self.reviews.get_or_create(&ReviewLabels { path, kind: "unknown", outcome: outcome.as_str() }).inc();
    }
}
