//! Deletes the next pod that the StatefulSet controller of Kubernetes would keep for ever.

use super::{
    error::Error,
    task::{Write, log_write},
};
use crate::{
    engine::cache::Key,
    tserver::{
        context::Context,
        old_pods::{choose_failed, choose_next, find_old_pods},
        surroundings::Surroundings,
        validate::{Validated, Workload},
        views::pod_resource,
    },
};
use kube::api::PropagationPolicy;
use tars_common::derived::DerivedKind;

/// Deletes at most one pod, and only if the StatefulSet is ours and has every template that is wanted.
pub async fn replace_old_pod(context: &Context, server: &Validated, around: &Surroundings) -> Option<Error> {
    let Workload::StatefulSet(settings) = &server.workload else { return None };
    let set = around.live.get(DerivedKind::StatefulSet).filter(|set| set.is_of(&server.uid) && !set.deleting)?;
    let made = set.claim_template_names();
    if !server.mounts.claims.iter().all(|(name, _)| made.contains(name)) {
        return None;
    }
    let old = find_old_pods(set, &around.pods);
    let failed = || choose_failed(set, &around.pods, u64::try_from(settings.partition?).unwrap_or(0));
    let pod = if old.is_empty() { failed()? } else { choose_next(&old, &around.pods)? };
    let key = Key::new(&pod.namespace, &pod.name);
    match context.writer.delete(&pod_resource(), &key, &pod.uid, PropagationPolicy::Background).await {
        Ok(()) => {
            tracing::info!(pod = %key, lacking = old.len(), "replacing a pod that lacks a volume, or whose release failed");
            log_write(Write::Deleted, "Pod", &key, &server.key);
            None
        }
        Err(error) => Some(Error::api("delete", "Pod", &key, error)),
    }
}
