//! The failures of a run.

use super::apply;
use crate::engine::{cache::Key, reconciler::Failure, writer::api_message};

/// Why a run did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TServer cannot be read, and its status says so.
    #[error("TServer {key} does not match the schema of this version: {problem}")]
    Undecodable { key: Key, problem: String },
    #[error("cannot build the objects of TServer {key}")]
    Build { key: Key, source: serde_json::Error },
    /// The TServer is gone, or is being deleted, but its watch has not told yet.
    #[error("TServer {key} is gone or being deleted, waiting for its watch to tell")]
    Outdated { key: Key },
    #[error("cannot ask whether TServer {key} still exists: {}", api_message(source))]
    Unconfirmed { key: Key, source: Box<kube::Error> },
    /// Some derived objects are not as they should be. The first failure stands for all of them.
    #[error("{0}")]
    Apply(Box<apply::Error>),
    #[error("cannot write the status of {kind} {key}: {}", api_message(source))]
    Status { kind: &'static str, key: Key, source: Box<kube::Error> },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (category, retry, expected) = match &error {
            // Only a change of the TServer can help.
            Error::Undecodable { .. } => ("undecodable", false, false),
            Error::Build { .. } => ("build", false, false),
            Error::Outdated { .. } => ("outdated", true, true),
            Error::Unconfirmed { .. } => ("api", true, false),
            Error::Apply(first) => (first.category(), true, first.is_expected()),
            Error::Status { .. } => ("status", true, false),
        };
        Self { category, retry, expected, text: error.to_string() }
    }
}
