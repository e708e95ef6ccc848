//! What is wrong with a manifest.

use crate::{
    admission::{Denied, Warning},
    structural::Violation,
};

/// The consequence of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The cluster refuses the object.
    Error,
    /// The cluster accepts the object, which is probably a mistake.
    Warning,
}

impl Severity {
    /// The name, as in output: `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The consequence.
    pub severity: Severity,
    /// The path of the member, such as `spec.k8s.mounts[0].name`. It is empty for the object as a whole.
    pub field: String,
    /// The number of the rule in docs/reference/admission.md, such as `6.1.4`. It is empty for a rule of the schema.
    pub rule: &'static str,
    /// The problem.
    pub problem: String,
    /// Advice to the author. It may be empty if the problem says it all.
    pub remedy: String,
}

impl Finding {
    pub(super) fn error(field: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Error, field: field.to_owned(), rule: "", problem: problem.into(), remedy: remedy.into() }
    }

    pub(super) fn warning(field: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(field, problem, remedy) }
    }

    pub(super) fn refused(denied: &Denied) -> Self {
        let denial = &denied.denial;
        Self {
            severity: Severity::Error,
            field: denial.field.clone(),
            rule: denial.rule,
            problem: denial.reason.to_string(),
            remedy: denial.remedy.clone(),
        }
    }
}

impl From<Violation> for Finding {
    fn from(violation: Violation) -> Self {
        Self::error(&violation.field, violation.problem, violation.remedy)
    }
}

impl From<Warning> for Finding {
    /// A warning is a sentence for a terminal: `FIELD: PROBLEM; REMEDY`. The field is shown on its own, so it need not be repeated.
    fn from(warning: Warning) -> Self {
        let text = match warning.text.split_once(": ") {
            Some((field, rest)) if is_path(field, &warning.field) => rest,
            _ => &warning.text,
        };
        let (problem, remedy) = text.split_once("; ").unwrap_or((text, ""));
        Self {
            severity: Severity::Warning,
            rule: warning.rule,
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
            field: warning.field,
        }
    }
}

/// Whether the words before a colon are the path of the member, or of a member above it.
fn is_path(words: &str, field: &str) -> bool {
    let words = words.trim_start_matches('.');
    !words.is_empty() && field.starts_with(words)
}
