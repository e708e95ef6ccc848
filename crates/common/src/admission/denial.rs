//! Reasons to deny a request, as sentences.

use super::resource::Resource;
use crate::names::message;

/// A reason to deny a request. The variant is the category, for metrics; the text is for people.
///
/// The text up to the semicolon is that of the existing webhook, misspellings included (docs/reference/admission.md#6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The object breaks a rule.
    #[error("{}; {remedy}", message::invalid(resource.as_str(), reason))]
    Invalid {
        /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
        rule: &'static str,
        /// The resource of the object.
        resource: Resource,
        /// The problem, with the value.
        reason: String,
        /// Advice to the author.
        remedy: String,
    },
    /// An update changes a member that cannot change.
    #[error("{}; {remedy}", message::immutable(kind, field))]
    Immutable {
        /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
        rule: &'static str,
        /// The kind of the object, as in messages. The existing webhook sometimes writes `TConfig` and sometimes `tconfig`.
        kind: &'static str,
        /// The path of the member.
        field: &'static str,
        /// Advice to the author.
        remedy: &'static str,
    },
    /// The object refers to an object that does not exist.
    #[error("{}; {remedy}", message::missing(resource.as_str(), namespace, name))]
    Missing {
        /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
        rule: &'static str,
        /// The resource of the missing object.
        resource: Resource,
        /// The namespace of the missing object.
        namespace: String,
        /// The name of the missing object.
        name: String,
        /// The field that refers to it, and advice to the author.
        remedy: String,
    },
    /// The operation is not allowed now, or not allowed to this user.
    #[error("{reason}; {remedy}")]
    Forbidden {
        /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
        rule: &'static str,
        /// The operation that is not allowed.
        reason: String,
        /// Advice to the author.
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

    /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Invalid { rule, .. }
            | Self::Immutable { rule, .. }
            | Self::Missing { rule, .. }
            | Self::Forbidden { rule, .. } => rule,
        }
    }

    pub(super) fn invalid(rule: &'static str, resource: Resource, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Invalid { rule, resource, reason: reason.into(), remedy: remedy.into() }
    }

    pub(super) fn invalid_server(rule: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::invalid(rule, Resource::Server, reason, remedy)
    }

    pub(super) fn forbidden(rule: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Forbidden { rule, reason: reason.into(), remedy: remedy.into() }
    }
}

/// A [`Denial`] together with the object that it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{denial} ({resource} {namespace}/{name})")]
pub struct Denied {
    /// The resource of the object.
    pub resource: Resource,
    /// The namespace of the object.
    pub namespace: String,
    /// The name of the object. It is empty if the API server has yet to generate it.
    pub name: String,
    /// The reason.
    pub denial: Box<Denial>,
}

impl Denied {
    /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
    pub const fn rule(&self) -> &'static str {
        self.denial.rule()
    }
}
