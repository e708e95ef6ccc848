//! What keeps a server from being ready, as ordered pure checks. The documentation of the conditions is this file.
//!
//! Each area is one condition; its checks go from the most fundamental cause to the least, and the first that fires gives status,
//! reason and message. The areas are ordered likewise: `Ready` repeats the first that does not hold.

mod pods;
mod spec;

use super::{
    apply,
    dereference::Found,
    reason::Reason,
    validate::{Problem, replicas},
};
use crate::cache::Key;
use tars_common::v1beta3::{TServer, TServerSpec};

/// What the checks look at. There is no clock in it: nothing depends on how long something takes.
pub struct Input<'a> {
    /// Namespace and name of the TServer.
    pub key: &'a Key,
    /// Its spec.
    pub spec: &'a TServerSpec,
    /// What is wrong with it.
    pub problems: &'a [Problem],
    /// What was found around it.
    pub found: &'a Found,
    /// What could not be brought about.
    pub failures: &'a [apply::Error],
}

impl<'a> Input<'a> {
    /// How many pods are wanted: replicas, or for a DaemonSet what Kubernetes counted (nothing while it has not).
    pub fn wanted_pods(&self) -> i64 {
        if self.spec.k8s.daemon_set {
            return self.found.live.daemon_set.as_ref().and_then(|live| live.desired_pods).unwrap_or(0);
        }
        i64::from(replicas(self.spec))
    }

    /// The input for `server`.
    pub fn new(
        server: &'a TServer,
        key: &'a Key,
        problems: &'a [Problem],
        found: &'a Found,
        failures: &'a [apply::Error],
    ) -> Self {
        Self { key, spec: &server.spec, problems, found, failures }
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    True,
    /// It does not.
    False,
    /// There is nothing to judge by.
    Unknown,
}

impl Status {
    /// The word in conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a check or an area came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the condition holds.
    pub status: Status,
    /// Why, in a word.
    pub reason: Reason,
    /// Why, in a sentence: what is missing, where it was looked for, what to do.
    pub message: String,
}

#[allow(clippy::unnecessary_wraps, reason = "the shape that a check returns")]
impl Verdict {
    fn violated(reason: Reason, message: String) -> Option<Self> {
        Some(Self { status: Status::False, reason, message })
    }

    fn open(reason: Reason, message: String) -> Option<Self> {
        Some(Self { status: Status::Unknown, reason, message })
    }
}

/// One check: `None` if it finds nothing.
type Check = fn(&Input<'_>) -> Option<Verdict>;

/// One condition.
pub struct Area {
    /// Its type.
    pub condition: &'static str,
    checks: &'static [Check],
    /// What it says when no check fires.
    good: fn(&Input<'_>) -> (Reason, String),
}

/// The summary of all areas.
pub const READY: &str = "Ready";

/// The conditions of a server besides `Ready`, the most fundamental first.
pub const AREAS: &[Area] = &[
    Area {
        condition: "Applied",
        checks: &[spec::is_valid, spec::names_are_free, spec::objects_are_accepted],
        good: |_| (Reason::UpToDate, "every derived object is as it should be".to_owned()),
    },
    Area { condition: "TemplateResolved", checks: &[spec::template_is_complete], good: spec::template_good },
    Area { condition: "Released", checks: &[spec::release_is_set, spec::node_image_is_known], good: spec::release_good },
    Area {
        condition: "Scheduled",
        checks: &[pods::are_wanted, pods::find_a_node, pods::exist, pods::have_volumes, pods::are_scheduled],
        good: |input| (Reason::PodsScheduled, format!("all {} pods have a node", input.found.pods.len())),
    },
    Area {
        condition: "Running",
        checks: &[
            pods::are_there,
            pods::are_placed,
            pods::have_images,
            pods::have_containers,
            pods::do_not_crash,
            pods::have_started,
        ],
        good: |_| (Reason::ContainersRunning, "every container of every pod runs".to_owned()),
    },
    Area {
        condition: "Active",
        checks: &[
            pods::are_there,
            pods::are_up,
            pods::are_reported,
            pods::are_active,
            pods::pass_readiness_probes,
            pods::are_ready,
        ],
        good: |input| (Reason::ProcessesActive, format!("all {} pods are active and ready", input.found.pods.len())),
    },
];

/// The verdict of each area, in order, and their summary at the end.
pub fn judge(input: &Input<'_>) -> Vec<(&'static str, Verdict)> {
    let mut verdicts: Vec<_> = AREAS.iter().map(|area| (area.condition, area.judge(input))).collect();
    let first = verdicts.iter().find(|(_, verdict)| verdict.status != Status::True);
    let summary = match first {
        Some((_, verdict)) => Verdict { status: Status::False, ..verdict.clone() },
        None => Verdict {
            status: Status::True,
            reason: Reason::Ready,
            message: format!("{} of {} pods are ready", pods::ready(input), input.wanted_pods()),
        },
    };
    verdicts.push((READY, summary));
    verdicts
}

impl Area {
    fn judge(&self, input: &Input<'_>) -> Verdict {
        self.checks.iter().find_map(|check| check(input)).unwrap_or_else(|| {
            let (reason, message) = (self.good)(input);
            Verdict { status: Status::True, reason, message }
        })
    }
}

#[cfg(test)]
mod tests;
