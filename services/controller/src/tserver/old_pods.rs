//! Pods that the StatefulSet controller of Kubernetes would keep for ever. They are deleted, so that it makes them anew.
//!
//! - Pods that an earlier StatefulSet has made, and that lack a volume of the present one (docs/reference/controller.md#7.3.1). The API
//!   server accepts no other volumes for a pod, and the StatefulSet controller stops at the first such pod. They go one after the other, the
//!   lowest ordinal first.
//! - Pods of a release that failed, with the policy `OrderedReady` (docs/reference/controller.md#7.3.8). The StatefulSet controller waits
//!   until such a pod is Ready, also when the TServer went back to the release before.

use super::{
    derived::{Facts, Live},
    views::PodView,
};

/// Chooses the pod that is deleted next, if one is to be deleted. `partition` is that of `RollingUpdate`; `None` stands for `OnDelete`, with which
/// a pod of a failed release stays.
pub fn choose_old_pod<'a>(set: &Live, pods: &'a [PodView], partition: Option<u64>) -> Option<&'a PodView> {
    let old = find_old_pods(set, pods);
    if old.is_empty() { choose_failed(set, pods, partition?) } else { choose_next(&old, pods) }
}

/// Returns the pods that lack a volume of the StatefulSet `set`, by ordinal.
pub fn find_old_pods<'a>(set: &Live, pods: &'a [PodView]) -> Vec<&'a PodView> {
    let names = set.claim_template_names();
    let lacks = |pod: &&PodView| names.iter().any(|name| !pod.claims.contains(&format!("{name}-{}", pod.name)));
    let mut old: Vec<&PodView> = pods.iter().filter(|pod| pod.ordinal().is_some()).filter(lacks).collect();
    old.sort_by_key(|pod| pod.ordinal());
    old
}

/// Chooses the pod that is deleted next: the first of `old`, once each pod before it is Ready and none is ending.
fn choose_next<'a>(old: &[&'a PodView], pods: &[PodView]) -> Option<&'a PodView> {
    let next = *old.first()?;
    let before = next.ordinal()?;
    let is_up = |ordinal| pods.iter().any(|pod| pod.ordinal() == Some(ordinal) && pod.is_ready());
    (pods.iter().all(|pod| pod.deleted.is_none()) && (0..before).all(is_up)).then_some(next)
}

/// Chooses a pod of a release that failed and is not wanted any more: the last one that is not Ready and has another revision than new pods
/// get. If a pod of the wanted revision is not Ready either, nothing is chosen, because its release may fail, too. Pods below `partition`
/// keep their release.
fn choose_failed<'a>(set: &Live, pods: &'a [PodView], partition: u64) -> Option<&'a PodView> {
    let Facts::StatefulSet(facts) = &set.facts else { return None };
    let wanted = &*facts.update_revision;
    if &*facts.policy != "OrderedReady" || wanted.is_empty() || pods.iter().any(|pod| pod.deleted.is_some()) {
        return None;
    }
    let mut down: Vec<&PodView> = pods.iter().filter(|pod| !pod.is_ready() && pod.ordinal().is_some()).collect();
    down.sort_by_key(|pod| pod.ordinal());
    let last = down.last().copied().filter(|pod| pod.ordinal() >= Some(partition))?;
    down.iter().all(|pod| *pod.revision != *wanted).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tserver::{
        derived::{CLAIM_TEMPLATES, StatefulSetFacts},
        views::PodCondition,
    };

    fn set(templates: &[&str]) -> Live {
        let templates: Vec<_> = templates.iter().map(|name| serde_json::json!({"metadata": {"name": name}})).collect();
        let claim_templates = CLAIM_TEMPLATES.pack(&templates.into());
        let mut live = Live::default();
        live.facts = Facts::StatefulSet(StatefulSetFacts { claim_templates, ..StatefulSetFacts::default() });
        live
    }

    fn pod(ordinal: u64, claims: &[&str], ready: bool) -> PodView {
        let status = if ready { "True" } else { "False" };
        let name = format!("ledger-audit-{ordinal}");
        PodView {
            claims: claims.iter().map(|claim| format!("{claim}-{name}")).collect(),
            conditions: vec![PodCondition { kind: "Ready".into(), status: status.into(), ..PodCondition::default() }],
            name,
            ..PodView::default()
        }
    }

    fn next(pods: &[PodView]) -> Option<u64> {
        let old = find_old_pods(&set(&["data", "logs"]), pods);
        choose_next(&old, pods).and_then(PodView::ordinal)
    }

    #[test]
    fn pods_that_lack_a_volume_go_one_after_the_other() {
        let (old, new) = (&["data"][..], &["data", "logs"][..]);
        assert_eq!(next(&[pod(10, old, true), pod(1, old, true), pod(0, old, true)]), Some(0));
        assert_eq!(next(&[pod(0, new, false), pod(1, old, true)]), None, "the one before is not Ready yet");
        assert_eq!(next(&[pod(1, old, true)]), None, "the one before is not made yet");
        assert_eq!(next(&[pod(0, new, true), pod(1, old, false)]), Some(1), "a pod that is down may go at once");
        let ending = PodView { deleted: Some("now".into()), ..pod(1, old, true) };
        assert_eq!(next(&[pod(0, new, true), ending, pod(2, old, true)]), None);
        assert_eq!(next(&[pod(0, new, true), pod(1, new, true)]), None);
        assert!(find_old_pods(&set(&[]), &[pod(0, old, true)]).is_empty(), "more volumes than wanted do no harm");
    }

    #[test]
    fn a_pod_of_a_release_that_failed_goes_when_another_release_is_wanted() {
        let chosen = |policy: &str, partition: u64, pods: &[(u64, &str, bool)]| {
            let mut set = Live::default();
            let (policy, update_revision) = (policy.into(), "good".into());
            set.facts = Facts::StatefulSet(StatefulSetFacts { policy, update_revision, ..StatefulSetFacts::default() });
            let revised = |(ordinal, revision, ready): &(u64, &str, bool)| PodView {
                revision: (*revision).to_owned(),
                ..pod(*ordinal, &[], *ready)
            };
            let pods: Vec<_> = pods.iter().map(revised).collect();
            choose_failed(&set, &pods, partition).and_then(PodView::ordinal)
        };
        let back = [(0, "good", true), (1, "good", true), (2, "bad", false)];
        assert_eq!(chosen("OrderedReady", 0, &back), Some(2));
        assert_eq!(chosen("Parallel", 0, &back), None, "Kubernetes replaces it");
        assert_eq!(chosen("OrderedReady", 3, &back), None, "it keeps its release");
        assert_eq!(
            chosen("OrderedReady", 0, &[(0, "old", true), (1, "old", true), (2, "bad", false)]),
            Some(2),
            "a third release"
        );
        assert_eq!(
            chosen("OrderedReady", 0, &[(0, "old", true), (1, "old", false), (2, "good", false)]),
            None,
            "that one may fail, too"
        );
        assert_eq!(chosen("OrderedReady", 0, &[(0, "good", true), (1, "bad", true)]), None, "Kubernetes replaces it");
    }
}
