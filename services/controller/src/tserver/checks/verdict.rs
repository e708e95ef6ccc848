//! The result of a check or of a condition.

use crate::tserver::{reason::Reason, views::PodView};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    True,
    False,
    /// There is nothing to judge.
    Unknown,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The condition that says whether the derived objects are as they should be.
pub const APPLIED: &str = "Applied";
/// The condition that sums up all areas.
pub const READY: &str = "Ready";

/// The result of a check or an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub status: Status,
    pub reason: Reason,
    /// One sentence that says what is wrong, where, and what to do.
    pub message: String,
    /// The pod that the verdict is about, if it is about one.
    pub pod: Option<Subject>,
}

/// A pod that a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub name: String,
    pub uid: String,
}

impl Verdict {
    /// The condition holds.
    pub const fn good(reason: Reason, message: String) -> Self {
        Self { status: Status::True, reason, message, pod: None }
    }

    /// The condition does not hold.
    pub const fn violated(reason: Reason, message: String) -> Self {
        Self { status: Status::False, reason, message, pod: None }
    }

    /// There is nothing yet by which to judge the condition.
    pub const fn open(reason: Reason, message: String) -> Self {
        Self { status: Status::Unknown, reason, message, pod: None }
    }

    /// The same verdict, about this pod.
    #[must_use]
    pub fn about(self, pod: &PodView) -> Self {
        Self { pod: Some(Subject { name: pod.name.clone(), uid: pod.uid.clone() }), ..self }
    }

    /// The verdict about a pod that still has the previous settings. It only says how to replace the pod, because the fault of these
    /// settings may be corrected already.
    #[must_use]
    pub fn of_previous_settings(self, namespace: &str) -> Self {
        let Some(Subject { name: pod, .. }) = &self.pod else { return self };
        let message = format!(
            "pod {pod} still has the previous settings and is not ready; replace it by one with the new settings: kubectl delete pod -n {namespace} {pod}"
        );
        Self { message, ..self }
    }
}
