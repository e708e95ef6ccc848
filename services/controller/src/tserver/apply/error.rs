//! The failures that keep a derived object from being as it should be.

use crate::engine::{cache::Key, writer::api_message};
use tars_common::names::message;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object of another owner has the name.
    #[error("{}", message::foreign(&kind.to_lowercase(), &key.namespace, &key.name))]
    Foreign { kind: &'static str, key: Key },
    /// An object that is being deleted still has the name.
    #[error("{kind} {key} is being deleted, and its successor must wait")]
    Leaving { kind: &'static str, key: Key },
    /// An object of ours has the name, but the watch has not told of it yet.
    #[error("{kind} {key} exists already, and is compared as soon as the watch shows it")]
    Unseen { kind: &'static str, key: Key },
    /// The StatefulSet was deleted, because claim templates never change.
    #[error("StatefulSet {key} is replaced by one with other claim templates")]
    Replacing { key: Key },
    /// The namespace is being deleted with everything in it.
    #[error("namespace {namespace} is being deleted, and nothing new can be made in it")]
    NamespaceEnds { namespace: String },
    /// The API server refused a request or did not answer.
    #[error("{}", message::failed(verb, kind, &key.namespace, &key.name, api_message(source)))]
    Api { verb: &'static str, kind: &'static str, key: Key, source: Box<kube::Error> },
}

impl Error {
    pub fn api(verb: &'static str, kind: &'static str, key: &Key, source: kube::Error) -> Self {
        if is_namespace_ending(&source) {
            return Self::NamespaceEnds { namespace: key.namespace.clone() };
        }
        Self::Api { verb, kind, key: key.clone(), source: Box::new(source) }
    }

    /// Whether the failure is normal: an old object must be gone before its successor can be made.
    pub const fn is_expected(&self) -> bool {
        matches!(self, Self::Leaving { .. } | Self::Unseen { .. } | Self::Replacing { .. } | Self::NamespaceEnds { .. })
    }

    /// Whether the API server refused the object, so that another try hardly helps.
    pub fn is_refusal(&self) -> bool {
        let Self::Api { source, .. } = self else { return false };
        matches!(&**source, kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422))
    }

    /// The outcome in metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::Leaving { .. } | Self::Unseen { .. } | Self::Replacing { .. } | Self::NamespaceEnds { .. } => "replacing",
            Self::Api { .. } => "api",
        }
    }
}

/// Whether the API server refused a request because the namespace is being deleted.
fn is_namespace_ending(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    status.details.as_ref().is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
}
