//! Deletes the next pod that the StatefulSet controller of Kubernetes would keep for ever.

use super::{
    error::Error,
    task::{Write, log_write},
};
use crate::{
    engine::cache::Key,
    tserver::{
        context::Context,
        derived::{Live, recipe_of},
        old_pods::choose_old_pod,
        surroundings::Surroundings,
        validate::{Validated, Workload},
        views::{PodView, pod_resource},
    },
};
use tars_common::derived::DerivedKind;

/// Deletes at most one pod, and only if the StatefulSet is ours and has every template that is wanted.
pub async fn replace_old_pod(context: &Context, server: &Validated, around: &Surroundings) -> Option<Error> {
    let Workload::StatefulSet(settings) = &server.workload else { return None };
    let set = around.live.get(DerivedKind::StatefulSet).filter(|set| set.is_of(&server.uid) && !set.deleting)?;
    let made = set.claim_template_names();
    if !server.mounts.claims.iter().all(|(name, _)| made.contains(name)) {
        return None;
    }
    let partition = settings.partition.map(|partition| u64::try_from(partition).unwrap_or(0));
    let pod = choose_old_pod(set, &around.pods, partition)?;
    let key = Key::new(&pod.namespace, &pod.name);
    let deleted = async {
        let Some(version) = confirm_choice(context, &server.key, set, &around.pods, pod, partition).await? else {
            return Ok(false);
        };
        context.writer.delete_unchanged(&pod_resource(), &key, &pod.uid, &version).await.map(|()| true)
    };
    match deleted.await {
        Ok(true) => {
            tracing::info!(pod = %key, "replacing a pod that lacks a volume, or whose release failed");
            log_write(Write::Deleted, "Pod", &key, &server.key);
            None
        }
        Ok(false) => {
            tracing::debug!(pod = %key, "the pod or its StatefulSet has changed, waiting for the watch to tell");
            None
        }
        Err(error) => Some(Error::api("delete", "Pod", &key, error)),
    }
}

/// Chooses once more by the StatefulSet and the pod as the API server has them now. Returns the resourceVersion of the pod if it is chosen again.
/// The caches may be late: a pod that was just made anew must stay, however long its watch or that of the StatefulSet takes.
async fn confirm_choice(
    context: &Context,
    server: &Key,
    set: &Live,
    pods: &[PodView],
    pod: &PodView,
    partition: Option<u64>,
) -> Result<Option<String>, kube::Error> {
    let (kind, resource, name) = (DerivedKind::StatefulSet, pod_resource(), Key::new(&pod.namespace, &pod.name));
    let set_resource = kind.resource();
    let (set_now, pod_now) = futures::try_join!(context.writer.get(&set_resource, server), context.writer.get(&resource, &name))?;
    let (Some(set_now), Some(pod_now)) = (set_now, pod_now) else { return Ok(None) };
    let version = pod_now.metadata.resource_version.clone();
    let set_now = Live::of(recipe_of(kind), set_now).map_err(kube::Error::SerdeError)?;
    let pod_now = PodView::of(pod_now).map_err(kube::Error::SerdeError)?;
    let replace = |known: &PodView| if known.name == pod.name { pod_now.clone() } else { known.clone() };
    let pods: Vec<_> = pods.iter().map(replace).collect();
    let again = choose_old_pod(&set_now, &pods, partition).filter(|again| again.uid == pod.uid && set_now.uid == set.uid);
    Ok(again.and(version))
}
