//! Finds the faults that keep a server from being ready, by pure checks in a fixed order. This file lists the conditions and their
//! checks.
//!
//! Each area is one condition. Its checks go from the most fundamental fault to the least, and the first check that finds its fault
//! gives status, reason and message. The areas are ordered likewise: `Ready` repeats the first area that does not hold.
//!
//! Pods with the current settings are judged first. The current settings may already correct a fault of a pod that still has the
//! previous ones. So such a fault counts only if nothing else is wrong, and does not hide a fault of the current settings.

mod input;
mod nodes;
mod optional;
mod pods;
mod spec;
pub mod verdict;

pub use input::Input;
pub use nodes::count_matches;
pub use pods::{describe_ready, format_count, format_times, is_being_prepared};

use super::{reason::Reason, views::PodView};
use crate::views::Broken;
use verdict::{APPLIED, READY, Status, Verdict};

/// A check, named after the fault that it looks for; `None` if the server does not have this fault.
type Check = fn(&Input<'_>) -> Option<Verdict>;

/// One condition.
pub struct Area {
    /// The type of the condition.
    pub condition: &'static str,
    checks: &'static [Check],
    /// Whether a pod is one of those because of which the condition does not hold.
    pub blames: fn(&PodView) -> bool,
    /// Gives reason and message when no check finds a fault.
    good: fn(&Input<'_>) -> (Reason, String),
}

/// The conditions of a server except `Progressing` and `Ready`, the most fundamental first.
pub const AREAS: &[Area] = &[
    Area {
        condition: APPLIED,
        checks: &[spec::find_invalid_spec, spec::find_foreign_object, spec::find_failed_write, spec::find_reported_failure],
        blames: |_| false,
        good: spec::describe_objects,
    },
    Area {
        condition: "TemplateResolved",
        checks: &[spec::find_incomplete_template],
        blames: |_| false,
        good: spec::describe_template,
    },
    Area {
        condition: "Released",
        checks: &[spec::find_missing_release, spec::find_unknown_node_image],
        blames: |_| false,
        good: spec::describe_release,
    },
    Area {
        condition: "Scheduled",
        checks: &[
            pods::find_scale_to_zero,
            pods::find_unmatched_nodes,
            pods::find_long_name,
            pods::find_missing_pods,
            pods::find_unbound_claim,
            pods::find_absence_of_pods,
            pods::find_unscheduled_pod,
        ],
        blames: pods::lacks_node,
        good: |_| (Reason::PodsScheduled, "every pod has a node".to_owned()),
    },
    Area {
        condition: "Running",
        checks: &[
            pods::find_absence_of_pods,
            pods::find_pod_without_node,
            pods::find_missing_image,
            pods::find_uncreated_container,
            pods::find_crash,
            pods::find_unstarted_container,
        ],
        blames: pods::lacks_containers,
        good: |input| {
            let missable = optional::describe_optional_objects(input);
            (Reason::ContainersRunning, format!("every container of every pod runs{missable}"))
        },
    },
    Area {
        condition: "Active",
        checks: &[
            pods::find_absence_of_pods,
            pods::find_containers_down,
            pods::find_unreported_process,
            pods::find_ended_process,
            pods::find_inactive_process,
            pods::find_failing_readiness_probe,
            pods::find_unready_pod,
        ],
        blames: pods::lacks_traffic,
        good: |_| (Reason::ProcessesActive, "every pod is active and ready".to_owned()),
    },
];

/// The verdict of each area, in order. The last verdict is [`READY`], which sums them up.
pub fn judge(input: &Input<'_>) -> Vec<(&'static str, Verdict)> {
    let (current, outdated) = input.split_by_settings();
    let mut verdicts: Vec<_> = AREAS.iter().map(|area| (area.condition, area.judge(&current))).collect();
    let first = find_first_fault(&verdicts);
    if !outdated.pods.is_empty() {
        for (area, (_, verdict)) in AREAS.iter().zip(&mut verdicts).filter(|(_, (_, verdict))| verdict.status == Status::True) {
            if let Some(fault) = area.find_fault(&outdated) {
                *verdict = fault.of_previous_settings(&input.key.namespace);
            }
        }
    }
    let summary = first
        .or_else(|| find_first_fault(&verdicts))
        .unwrap_or_else(|| Verdict::good(Reason::Ready, pods::describe_ready(input)));
    verdicts.push((READY, summary));
    verdicts
}

/// The verdict about a TServer that cannot be read.
pub fn judge_broken(broken: &Broken) -> Verdict {
    let message = format!(
        "{}; correct that field, which an older schema accepted; until then the objects of the server stay as they are",
        broken.problem
    );
    Verdict::violated(Reason::InvalidSpec, message)
}

/// The verdict that `Ready` repeats; `None` if every area holds.
fn find_first_fault(verdicts: &[(&'static str, Verdict)]) -> Option<Verdict> {
    let (_, verdict) = verdicts.iter().find(|(_, verdict)| verdict.status != Status::True)?;
    Some(Verdict { status: Status::False, ..verdict.clone() })
}

impl Area {
    fn find_fault(&self, input: &Input<'_>) -> Option<Verdict> {
        self.checks.iter().find_map(|check| check(input))
    }

    fn judge(&self, input: &Input<'_>) -> Verdict {
        self.find_fault(input).unwrap_or_else(|| {
            let (reason, message) = (self.good)(input);
            Verdict::good(reason, message)
        })
    }
}

#[cfg(test)]
mod tests;
