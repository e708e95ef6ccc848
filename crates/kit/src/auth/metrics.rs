//! The metrics of gRPC calls and of the questions about their callers.

use crate::metrics::Registry;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};
use std::time::Duration;
use tonic::{Code, Status};

/// What was decided about a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// The function is open, so nobody was asked.
    Open,
    Allowed,
    Unauthenticated,
    Forbidden,
    /// The API server did not say.
    Undecided,
    /// The function is not in the table.
    Unlisted,
}

impl Outcome {
    pub(super) fn of<T>(result: &Result<Option<T>, Status>) -> Self {
        match result {
            Ok(None) => Self::Open,
            Ok(Some(_)) => Self::Allowed,
            Err(status) => match status.code() {
                Code::Unauthenticated => Self::Unauthenticated,
                Code::PermissionDenied => Self::Forbidden,
                _ => Self::Undecided,
            },
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Allowed => "allowed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Undecided => "undecided",
            Self::Unlisted => "unlisted",
        }
    }
}

/// What the API server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    Token,
    Right,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QuestionLabels {
    question: &'static str,
    outcome: &'static str,
}

/// The metrics of one gRPC port. Clones share their counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    calls: Family<CallLabels, Counter>,
    questions: Family<QuestionLabels, Histogram>,
    stale: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets = || Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0]);
        Self { calls: Family::default(), questions: Family::new_with_constructor(buckets), stale: Counter::default() }
    }
}

impl Metrics {
    /// Makes the metrics, and declares them in `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_family("grpc_calls", "gRPC calls, by function and decision about the caller", metrics.calls.clone());
        let help = "Time of the questions to the API server about gRPC callers, by question and outcome";
        registry.register_family("grpc_review_duration_seconds", help, metrics.questions.clone());
        let help = "Answers about gRPC callers that were used although they were old, because the API server was away";
        registry.register("grpc_stale_answers", help, metrics.stale.clone());
        metrics
    }

    pub(super) fn count_call(&self, method: &'static str, outcome: Outcome) {
        self.calls.get_or_create(&CallLabels { method, outcome: outcome.as_str() }).inc();
    }

    pub(super) fn observe_question(&self, question: Question, answered: bool, took: Duration) {
        let question = match question {
            Question::Token => "token",
            Question::Right => "right",
        };
        let outcome = if answered { "answered" } else { "failed" };
        self.questions.get_or_create(&QuestionLabels { question, outcome }).observe(took.as_secs_f64());
    }

    pub(super) fn count_stale(&self) {
        self.stale.inc();
    }
}
