//! Reasons to deny a request, as sentences.

use super::resource::Resource;
use crate::names::message;

/// A reason to deny a request, as a sentence: the problem, a semicolon, the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Denial {
    /// The number of the rule in docs/reference/admission.md, such as `6.1.4`.
    pub rule: &'static str,
    /// The path of the member that the rule is about, such as `spec.k8s.mounts[0].name`; empty for the object as a whole.
    pub field: String,
    /// The problem.
    pub reason: Reason,
    /// Advice to the author.
    pub remedy: String,
}

/// The problem of a request that is denied. The variant is the category, for metrics; the text is for people.
///
/// The text is that of the existing webhook, misspellings included (docs/reference/admission.md#6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The object breaks a rule.
    #[error("{}", message::invalid(resource.as_str(), problem))]
    Invalid {
        /// The resource of the object.
        resource: Resource,
        /// The problem, with the value.
        problem: String,
    },
    /// An update changes a member that cannot change.
    #[error("{}", message::immutable(kind, field))]
    Immutable {
        /// The kind of the object, as in messages. The existing webhook sometimes writes `TConfig` and sometimes `tconfig`.
        kind: &'static str,
        /// The path of the member, as in messages.
        field: &'static str,
    },
    /// The object refers to an object that does not exist.
    #[error("{}", message::missing(resource.as_str(), namespace, name))]
    Missing {
        /// The resource of the missing object.
        resource: Resource,
        /// The namespace of the missing object.
        namespace: String,
        /// The name of the missing object.
        name: String,
    },
    /// The operation is not allowed now, or not allowed to this user.
    #[error("{0}")]
    Forbidden(String),
}

impl Reason {
    /// The category, for metric labels.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::Immutable { .. } => "immutable",
            Self::Missing { .. } => "missing",
            Self::Forbidden(_) => "forbidden",
        }
    }
}

impl Denial {
    fn new(rule: &'static str, reason: Reason, remedy: impl Into<String>) -> Self {
        Self { rule, field: String::new(), reason, remedy: remedy.into() }
    }

    /// Names the member that the rule is about. The path may begin with a dot, or be a JSON pointer without indices.
    pub(super) fn at(mut self, path: impl AsRef<str>) -> Self {
        self.field = format_path(path.as_ref());
        self
    }

    pub(super) fn invalid(rule: &'static str, resource: Resource, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(rule, Reason::Invalid { resource, problem: problem.into() }, remedy)
    }

    pub(super) fn invalid_server(rule: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::invalid(rule, Resource::Server, problem, remedy)
    }

    /// `field` is the path as in messages.
    pub(super) fn immutable(rule: &'static str, kind: &'static str, field: &'static str, remedy: impl Into<String>) -> Self {
        Self::new(rule, Reason::Immutable { kind, field }, remedy).at(field)
    }

    pub(super) fn missing(
        rule: &'static str,
        resource: Resource,
        namespace: &str,
        name: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(rule, Reason::Missing { resource, namespace: namespace.to_owned(), name: name.into() }, remedy)
    }

    pub(super) fn forbidden(rule: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(rule, Reason::Forbidden(reason.into()), remedy)
    }
}

/// Writes a path as in [`Denial::field`].
pub(super) fn format_path(path: &str) -> String {
    // The key of a label or an annotation in brackets may have a slash.
    let (path, key) = path.split_at(path.find('[').unwrap_or(path.len()));
    format!("{}{key}", path.trim_start_matches(['.', '/']).replace('/', "."))
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
    pub fn rule(&self) -> &'static str {
        self.denial.rule
    }
}
