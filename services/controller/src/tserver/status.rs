//! Computes the status of a TServer from its pods and the verdicts of the checks.

use super::{checks::verdict::Verdict, replicas::Replicas, views::PodView};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use tars_common::{
    names,
    v1beta3::{TServer, TServerRollout, TServerStatus},
};

/// The longest message that the API server accepts in a condition, in characters.
const MESSAGE_LIMIT: usize = 32_768;

/// Computes the status of `server` from its pods and verdicts. A condition that does not change keeps its time, so that the same facts
/// give the same status.
pub fn compute_status(
    server: &TServer,
    pods: &[PodView],
    verdicts: &[(&'static str, Verdict)],
    rollout: Option<TServerRollout>,
    now: Timestamp,
) -> TServerStatus {
    let (app, name) = (&server.spec.app, &server.spec.server);
    let own = || pods.iter().filter(|pod| pod.app == *app && pod.server == *name);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let before = server.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let now = Time(cut_to_seconds(now));
    TServerStatus {
        replicas: Replicas::of(server).count,
        current_replicas: count(own().count()),
        ready_replicas: count(own().filter(|pod| pod.is_ready()).count()),
        selector: names::server_selector(app, name),
        conditions: verdicts
            .iter()
            .map(|(kind, verdict)| build_condition(kind, verdict, server.metadata.generation, before, &now))
            .collect(),
        observed_generation: server.metadata.generation,
        rollout,
    }
}

/// `status` with these verdicts, for a server of which nothing else is known. Other conditions stay.
pub fn with_verdicts(
    mut status: TServerStatus,
    verdicts: &[(&'static str, Verdict)],
    generation: i64,
    now: Timestamp,
) -> TServerStatus {
    let now = Time(cut_to_seconds(now));
    let before = std::mem::take(&mut status.conditions);
    let build = |(kind, verdict): &(&'static str, Verdict)| build_condition(kind, verdict, Some(generation), &before, &now);
    status.conditions = verdicts.iter().map(build).collect();
    let others = before.into_iter().filter(|condition| verdicts.iter().all(|(kind, _)| condition.type_ != *kind));
    status.conditions.splice(..0, others);
    TServerStatus { observed_generation: Some(generation), ..status }
}

/// Whether the API server stores what we want. Conditions of others stand beside ours, in any order.
pub fn is_same_status(stored: Option<&TServerStatus>, wanted: &TServerStatus) -> bool {
    let Some(stored) = stored else { return false };
    let find = |wanted: &Condition| stored.condition(&wanted.type_).cloned();
    let ours = wanted.conditions.iter().filter_map(find).collect();
    TServerStatus { conditions: ours, ..stored.clone() } == *wanted
}

fn build_condition(kind: &str, verdict: &Verdict, generation: Option<i64>, before: &[Condition], now: &Time) -> Condition {
    let status = verdict.status.as_str();
    let same = before.iter().find(|condition| condition.type_ == kind && condition.status == status);
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.as_str().to_owned(),
        message: verdict.message.chars().take(MESSAGE_LIMIT).collect(),
        observed_generation: generation,
        last_transition_time: same.map_or_else(|| now.clone(), |condition| condition.last_transition_time.clone()),
    }
}

/// Cuts `now` to whole seconds, as the API server stores it.
pub fn cut_to_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tserver::reason::Reason;

    #[test]
    fn conditions_of_others_cause_no_write() {
        let verdicts = [("Applied", Verdict::good(Reason::UpToDate, "fine".to_owned()))];
        let wanted = with_verdicts(TServerStatus::default(), &verdicts, 3, Timestamp::UNIX_EPOCH);
        let mut stored = wanted.clone();
        assert!(is_same_status(Some(&stored), &wanted) && !is_same_status(None, &wanted));
        let other = Condition { type_: "example.com/Audited".to_owned(), ..stored.conditions[0].clone() };
        stored.conditions.insert(0, other);
        assert!(is_same_status(Some(&stored), &wanted));
        let broken = [("Applied", Verdict::violated(Reason::InvalidSpec, "not fine".to_owned()))];
        let next = with_verdicts(stored.clone(), &broken, 4, Timestamp::UNIX_EPOCH);
        assert_eq!(next.conditions.iter().map(|one| &*one.type_).collect::<Vec<_>>(), ["example.com/Audited", "Applied"]);
        assert!(!is_same_status(Some(&stored), &next));
        stored.conditions.pop();
        assert!(!is_same_status(Some(&stored), &wanted), "ours is gone");
    }
}
