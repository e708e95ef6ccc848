//! Follows how the wanted settings of a server reach its pods: the condition `Progressing` (docs/reference/controller.md#7.5.11).
//!
//! ```text
//! caches ────────► Distance: the steps that are left ─┐
//! stored status ─► what was true at the last report ──┴─► the condition, what to remember, when to look again
//! ```
//!
//! The checks have no clock and no memory; this part has both. The memory is the status, so that a new leader goes on where the last one
//! ended. It changes only together with the numbers of pods, so a rollout that stands still is not written.

use super::{
    checks::{Input, format_count, verdict::Verdict},
    derived::Facts,
    reason::Reason,
    status::cut_to_seconds,
    views::PodView,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use std::time::Duration;
use tars_common::{
    derived::DerivedKind,
    v1beta3::{TServer, TServerRollout, TServerStatus},
};

/// The condition that says how a rollout goes on. It is no area of the checks, so `Ready` does not depend on it.
pub const PROGRESSING: &str = "Progressing";

/// The deadline of a server that states none, in seconds. It is that of a Deployment.
const DEFAULT_DEADLINE: i32 = 600;

/// How a rollout goes on.
pub struct Rollout {
    pub verdict: Verdict,
    /// What the status remembers; `None` if no rollout is under way.
    pub memory: Option<TServerRollout>,
    /// The pause until the deadline.
    pub again: Option<Duration>,
}

/// How far the pods of a server are from what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Distance {
    /// How many pods are wanted.
    wanted: i64,
    /// How many of them have the wanted settings and are Ready.
    done: i64,
    /// The pods that still have former settings.
    outdated: i64,
    /// The pods with the wanted settings that are too many.
    surplus: i64,
    obstacle: Option<Obstacle>,
}

/// Why the settings of the pods cannot be compared with the wanted ones. All pods then count as outdated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The derived objects are not as they should be.
    NotApplied,
    /// Kubernetes has not looked at the workload since its last change.
    NotObserved,
}

/// Follows the rollout of `server` from what its status remembers to `now`.
pub fn follow(input: &Input<'_>, server: &TServer, now: Timestamp) -> Rollout {
    let distance = Distance::measure(input);
    let before = server.status.as_ref().filter(|status| is_about_same_wish(status, input, server));
    if distance.steps() == 0 && distance.obstacle.is_none() {
        return Rollout::complete(distance.describe_end());
    }
    let completed = before.and_then(stored_progress).filter(|condition| condition.reason == Reason::Complete.as_str());
    if let Some(completed) = completed.filter(|_| distance.obstacle.is_some() || distance.outdated == 0) {
        return Rollout::complete(completed.message.clone());
    }
    let memory = remember(before.and_then(|status| status.rollout.as_ref()), distance.steps(), cut_to_seconds(now));
    let limit = server.spec.k8s.progress_deadline_seconds.unwrap_or(DEFAULT_DEADLINE);
    let left = SignedDuration::from_secs(limit.into()) - cut_to_seconds(now).duration_since(memory.last_progress_time.0);
    if let Some(left) = Duration::try_from(left).ok().filter(|left| !left.is_zero()) {
        let verdict = Verdict::good(Reason::RollingOut, distance.describe());
        return Rollout { verdict, memory: Some(memory), again: Some(left) };
    }
    let message = format!(
        "no progress for {limit} s (spec.k8s.progressDeadlineSeconds): {}; the other conditions say why",
        distance.describe()
    );
    let verdict = Verdict::violated(Reason::ProgressDeadlineExceeded, message);
    Rollout { verdict, memory: Some(memory), again: None }
}

/// The condition `Progressing` in the stored status of a server.
pub fn stored_progress(status: &TServerStatus) -> Option<&Condition> {
    status.condition(PROGRESSING)
}

/// Whether `status` tells of the present spec and of the number of pods that is wanted now. That number also depends on annotations, which do
/// not count as the spec.
fn is_about_same_wish(status: &TServerStatus, input: &Input<'_>, server: &TServer) -> bool {
    status.replicas == input.replicas.count
        && stored_progress(status).is_some_and(|condition| condition.observed_generation == server.metadata.generation)
}

/// Steps that were done once do not count as progress again, so that a pod that becomes ready and fails by turns cannot keep a rollout alive.
/// A time in the future comes from a leader with another clock.
fn remember(before: Option<&TServerRollout>, steps: i64, now: Timestamp) -> TServerRollout {
    match before.filter(|before| before.steps_left <= steps) {
        Some(before) => {
            TServerRollout { last_progress_time: Time(before.last_progress_time.0.min(now)), steps_left: before.steps_left }
        }
        None => TServerRollout { last_progress_time: Time(now), steps_left: steps },
    }
}

impl Rollout {
    const fn complete(message: String) -> Self {
        Self { verdict: Verdict::good(Reason::Complete, message), memory: None, again: None }
    }
}

impl Distance {
    fn measure(input: &Input<'_>) -> Self {
        let wanted = input.wanted_pods();
        let living = count(input.living());
        let blocked = |obstacle| Self { wanted, done: 0, outdated: living, surplus: 0, obstacle: Some(obstacle) };
        if !input.problems.is_empty() || !input.failures.is_empty() || input.reported.is_some() {
            return blocked(Obstacle::NotApplied);
        }
        let k8s = &input.spec.k8s;
        let kind = if k8s.daemon_set { DerivedKind::DaemonSet } else { DerivedKind::StatefulSet };
        let (updated, known) = match input.around.live.get(kind).map(|live| &live.facts) {
            Some(Facts::StatefulSet(facts)) if facts.observed && !facts.update_revision.is_empty() => (wanted, 0),
            // Pods that nobody replaces keep their settings, and count like those below the partition of a StatefulSet.
            Some(Facts::DaemonSet { observed: true, .. }) if k8s.update_strategy.effective_rolling_update().is_none() => {
                (wanted, 0)
            }
            // Its newest pod may have former settings, too, so that only its own numbers are certain.
            Some(Facts::DaemonSet { observed: true, updated_pods, outdated_pods, .. }) => (*updated_pods, *outdated_pods),
            _ => return blocked(Obstacle::NotObserved),
        };
        let (current, outdated) = input.split_by_settings();
        let done = count(current.pods.iter().copied().filter(|pod| pod.is_ready())).min(updated).min(wanted);
        // A pod of a DaemonSet may stay on a node that others of its kind do not get any more.
        let surplus = if k8s.daemon_set { 0 } else { (count(current.pods) - wanted).max(0) };
        Self { wanted, done, outdated: count(outdated.pods).max(known), surplus, obstacle: None }
    }

    /// How many steps are left: pods that are to become ready with the wanted settings, and pods that are to go.
    const fn steps(self) -> i64 {
        self.wanted - self.done + self.outdated + self.surplus
    }

    /// For example "1 of 3 pods have the wanted settings and are ready; 2 have former settings".
    fn describe(self) -> String {
        let Self { wanted, done, outdated, surplus, obstacle } = self;
        match obstacle {
            Some(Obstacle::NotApplied) => return "the derived objects are not as they should be".to_owned(),
            Some(Obstacle::NotObserved) => return "Kubernetes has not looked at the wanted settings yet".to_owned(),
            None => {}
        }
        let mut text =
            format_count(done, wanted, "has the wanted settings and is ready", "have the wanted settings and are ready");
        let verb = |count| if count == 1 { "has" } else { "have" };
        for (count, what) in [(outdated, "former settings"), (surplus, "to go")] {
            if count > 0 {
                text = format!("{text}; {count} {} {what}", verb(count));
            }
        }
        text
    }

    /// Tells what was reached, and stays true when a pod fails later.
    fn describe_end(self) -> String {
        match self.wanted {
            0 => "no pods were wanted".to_owned(),
            wanted => {
                let end = "got the wanted settings and became ready";
                format_count(wanted, wanted, end, end)
            }
        }
    }
}

fn count<'a>(pods: impl IntoIterator<Item = &'a PodView>) -> i64 {
    i64::try_from(pods.into_iter().count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
