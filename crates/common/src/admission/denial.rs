//! Why a request is refused, as sentences.

use super::Kind;
use crate::names::message;

/// Why a request is refused. The variant is the category, for metrics; the text is for people.
///
/// The beginning of each text, up to the semicolon, is that of the existing webhook (docs/reference/admission.md#6), spelling included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The object contradicts a rule.
    #[error("{}; {remedy}", message::invalid(kind.as_str(), reason))]
    Invalid {
        /// Kind of the object.
        kind: Kind,
        /// What is wrong, with the value.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A member that never changes was changed.
    #[error("{}; {remedy}", message::immutable(kind, field))]
    Immutable {
        /// Kind of the object as messages have it; the existing webhook is not consistent in its case.
        kind: &'static str,
        /// Path of the member.
        field: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Something that the object refers to does not exist.
    #[error("{}; {remedy}", message::missing(kind.as_str(), namespace, name))]
    Missing {
        /// Kind of what is missing.
        kind: Kind,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Where it is referred to, and what to do.
        remedy: String,
    },
    /// The operation is not allowed now, or not to this user.
    #[error("{reason}; {remedy}")]
    Forbidden {
        /// What is not allowed.
        reason: String,
        /// What to do.
        remedy: String,
    },
}

impl Denial {
    /// The category, for metric labels.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::Immutable { .. } => "immutable",
            Self::Missing { .. } => "missing",
            Self::Forbidden { .. } => "forbidden",
        }
    }

    pub(super) fn invalid(kind: Kind, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Invalid { kind, reason: reason.into(), remedy: remedy.into() }
    }

    pub(super) fn forbidden(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Forbidden { reason: reason.into(), remedy: remedy.into() }
    }
}

/// A [`Denial`] with the object that it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{denial} ({kind} {namespace}/{name})")]
pub struct Denied {
    /// Kind of the object.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name, empty when the API server has still to generate it.
    pub name: String,
    /// Why.
    pub denial: Box<Denial>,
}
