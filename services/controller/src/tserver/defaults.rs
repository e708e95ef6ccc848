//! The defaults of pod templates, numbered (docs/reference/controller.md#5.21). A new version of the controller may have new defaults, but it
//! must not restart the servers of a cluster for their sake. So a workload keeps its number until its pods are replaced anyway.
//!
//! | number | what it adds |
//! | --- | --- |
//! | 0 | the templates of K8SFramework |
//! | 1 | `terminationMessagePolicy: FallbackToLogsOnError`; the init container has the pull policy of the main container |
//!
//! A new default is a new number here. What an earlier number gives never changes, which a test of digests watches over.

use serde_json::Value;
use std::fmt;
use tars_common::names::{
    annotation,
    workload::{LATEST_DEFAULTS, NEWEST_DEFAULTS},
};

/// If a container fails without a termination message, the kubelet reports the end of its log instead. The condition `Running`
/// quotes it.
const TERMINATION_MESSAGE_POLICY: &str = "FallbackToLogsOnError";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Defaults(u32);

impl fmt::Display for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl Defaults {
    pub const K8SFRAMEWORK: Self = Self(0);
    const FIRST: Self = Self(1);
    pub const NEWEST: Self = Self(NEWEST_DEFAULTS);

    /// A number that a later version of the controller wrote counts as the newest.
    pub fn parse(text: &str) -> Option<Self> {
        if text == LATEST_DEFAULTS {
            return Some(Self::NEWEST);
        }
        text.parse().ok().map(|number| Self(number).min(Self::NEWEST))
    }

    pub fn termination_message_policy(self) -> Option<String> {
        (self >= Self::FIRST).then(|| TERMINATION_MESSAGE_POLICY.to_owned())
    }

    /// The pull policy of the init container; `main` is that of the main container.
    pub fn node_pull_policy(self, main: &str) -> String {
        if self >= Self::FIRST { main.to_owned() } else { "Always".to_owned() }
    }
}

/// How the pod template of a workload was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Making {
    pub defaults: Defaults,
    /// The digest of the template as it was meant; empty if it is not known.
    pub digest: Box<str>,
}

impl Making {
    /// Reads the annotations of a workload. One that has none was made by K8SFramework, or by us before there were numbers.
    pub fn of(workload: &Value) -> Self {
        let annotations = workload.pointer("/metadata/annotations");
        let annotation = |key: &str| annotations.and_then(|all| all.get(key)?.as_str());
        let defaults = annotation(annotation::DEFAULTS).and_then(Defaults::parse).unwrap_or_else(|| {
            let policy = workload.pointer("/spec/template/spec/containers/0/terminationMessagePolicy").and_then(Value::as_str);
            if policy == Some(TERMINATION_MESSAGE_POLICY) { Defaults::FIRST } else { Defaults::K8SFRAMEWORK }
        });
        Self { defaults, digest: annotation(annotation::POD_TEMPLATE).unwrap_or_default().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_workload_without_a_number_has_the_defaults_that_its_template_shows() {
        let workload = |policy: &str, annotations: Value| {
            let container = json!({"name": "main", "terminationMessagePolicy": policy});
            json!({"metadata": {"annotations": annotations}, "spec": {"template": {"spec": {"containers": [container]}}}})
        };
        let number = |policy: &str, annotations: Value| Making::of(&workload(policy, annotations)).defaults.0;
        assert_eq!(number("File", json!({})), 0);
        assert_eq!(number("FallbackToLogsOnError", json!({})), 1);
        assert_eq!(number("FallbackToLogsOnError", json!({"tars.io/defaults": "0"})), 0, "the number counts");
        assert_eq!(number("File", json!({"tars.io/defaults": "none"})), 0);
    }

    #[test]
    fn a_number_of_a_later_version_counts_as_the_newest() {
        assert_eq!(Defaults::parse("4000000000"), Some(Defaults::NEWEST));
        assert_eq!(Defaults::parse("latest"), Some(Defaults::NEWEST));
        assert_eq!(Defaults::parse("0"), Some(Defaults::K8SFRAMEWORK));
        for text in ["", "-1", "one", "5000000000"] {
            assert_eq!(Defaults::parse(text), None, "{text}");
        }
    }
}
