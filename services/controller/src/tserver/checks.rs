//! What keeps a server from being ready, as ordered pure checks. The documentation of the conditions is this file.
//!
//! Each area is one condition; its checks go from the most fundamental cause to the least, and the first that fires gives status,
//! reason and message. The areas are ordered likewise: `Ready` repeats the first that does not hold.
//!
//! Pods with the current settings are judged first. What a pod that still has the previous ones suffers from was perhaps corrected
//! already, and must not hide what became of the correction; so it counts only where nothing else is wrong.

pub(super) mod nodes;
mod pods;
mod spec;

use super::{
    apply,
    dereference::Found,
    reason::Reason,
    validate::{Problem, replicas},
};
use crate::{cache::Key, view::PodView};
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
    /// The pods that are judged.
    pods: Vec<&'a PodView>,
}

impl<'a> Input<'a> {
    /// The pods that are meant to live.
    fn living(&self) -> impl Iterator<Item = &'a PodView> + use<'a> {
        self.found.pods.iter().map(|pod| &**pod).filter(|pod| pod.deleted.is_none())
    }

    /// The same with other pods to judge.
    fn about(&self, pods: Vec<&'a PodView>) -> Self {
        let Self { key, spec, problems, found, failures, .. } = *self;
        Self { key, spec, problems, found, failures, pods }
    }

    /// The input with the pods that are as they should be, and with those that are still to be replaced.
    fn by_settings(&self) -> (Self, Self) {
        let rolling = self.spec.k8s.update_strategy.effective_rolling_update();
        let (Some(rolling), Some(revision)) = (rolling, self.revision()) else {
            // Nobody replaces pods, or nobody knows by which.
            return (self.about(self.pods.clone()), self.about(Vec::new()));
        };
        let held_back = |pod: &PodView| {
            let ordinal = pod.name.rsplit('-').next().and_then(|text| text.parse::<i32>().ok());
            !self.spec.k8s.daemon_set && ordinal.is_some_and(|ordinal| ordinal < rolling.partition)
        };
        let (current, outdated) = self.pods.iter().partition(|pod| pod.revision == revision || held_back(pod));
        (self.about(current), self.about(outdated))
    }

    /// The revision that new pods have. A DaemonSet's status does not tell it, but its newest pod has it.
    fn revision(&self) -> Option<&'a str> {
        let live = &self.found.live;
        let revision = if self.spec.k8s.daemon_set {
            self.living().max_by_key(|pod| (&pod.created, &pod.name)).map(|pod| &*pod.revision)
        } else {
            live.stateful_set.as_ref().map(|live| &*live.update_revision)
        };
        revision.filter(|revision| !revision.is_empty())
    }

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
        let all = Self { key, spec: &server.spec, problems, found, failures, pods: Vec::new() };
        all.about(all.living().collect())
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
    /// The pod that it is about, if it is one.
    pub pod: Option<Subject>,
}

/// A pod that a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

#[allow(clippy::unnecessary_wraps, reason = "the shape that a check returns")]
impl Verdict {
    fn violated(reason: Reason, message: String) -> Option<Self> {
        Some(Self { status: Status::False, reason, message, pod: None })
    }

    fn open(reason: Reason, message: String) -> Option<Self> {
        Some(Self { status: Status::Unknown, reason, message, pod: None })
    }

    /// The verdict about this pod.
    fn of(self, pod: &PodView) -> Self {
        Self { pod: Some(Subject { name: pod.name.clone(), uid: pod.uid.clone() }), ..self }
    }

    /// The verdict about a pod that has the previous settings: what they lead to is of no interest any more.
    fn of_previous_settings(self, namespace: &str) -> Self {
        let Some(Subject { name: pod, .. }) = &self.pod else { return self };
        let message = format!(
            "pod {pod} still has the previous settings and is not ready; kubectl delete pod -n {namespace} {pod} makes way for the new ones"
        );
        Self { message, ..self }
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
        good: |_| (Reason::PodsScheduled, "every pod has a node".to_owned()),
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
        good: |_| (Reason::ProcessesActive, "every pod is active and ready".to_owned()),
    },
];

/// The verdict of each area, in order, and their summary, [`READY`], at the end.
pub fn judge(input: &Input<'_>) -> Vec<(&'static str, Verdict)> {
    let (current, outdated) = input.by_settings();
    let mut verdicts: Vec<_> = AREAS.iter().map(|area| (area.condition, area.judge(&current))).collect();
    let first = first_fault(&verdicts);
    if !outdated.pods.is_empty() {
        for (area, (_, verdict)) in AREAS.iter().zip(&mut verdicts).filter(|(_, (_, verdict))| verdict.status == Status::True) {
            if let Some(fault) = area.fault(&outdated) {
                *verdict = fault.of_previous_settings(&input.key.namespace);
            }
        }
    }
    let summary = first.or_else(|| first_fault(&verdicts)).unwrap_or_else(|| Verdict {
        status: Status::True,
        reason: Reason::Ready,
        message: format!("{} ready", pods::count(pods::ready(input), input.wanted_pods(), "is", "are")),
        pod: None,
    });
    verdicts.push((READY, summary));
    verdicts
}

/// What `Ready` says, unless all is well.
fn first_fault(verdicts: &[(&'static str, Verdict)]) -> Option<Verdict> {
    let (_, verdict) = verdicts.iter().find(|(_, verdict)| verdict.status != Status::True)?;
    Some(Verdict { status: Status::False, ..verdict.clone() })
}

impl Area {
    fn fault(&self, input: &Input<'_>) -> Option<Verdict> {
        self.checks.iter().find_map(|check| check(input))
    }

    fn judge(&self, input: &Input<'_>) -> Verdict {
        self.fault(input).unwrap_or_else(|| {
            let (reason, message) = (self.good)(input);
            Verdict { status: Status::True, reason, message, pod: None }
        })
    }
}

#[cfg(test)]
mod tests;
