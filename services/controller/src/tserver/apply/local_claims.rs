//! Claims of local volumes: owner and mode of their directories as annotations, and the end of those that no mount wants
//! (docs/reference/controller.md#7.3 and docs/reference/controller.md#7.4).

use super::{Did, Error, wrote};
use crate::{
    context::Context,
    tserver::{
        dereference::Found,
        validate::{ClaimSource, LocalVolume, Validated, Workload},
    },
    view::ClaimView,
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{ApiResource, PropagationPolicy};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use tars_common::names::{STORAGE_CLASS, annotation};

const KIND: &str = "PersistentVolumeClaim";

/// Looks at every claim of the server; says what failed.
pub(super) async fn volumes(context: &Context, server: &Validated, found: &Found) -> Vec<Error> {
    if matches!(server.workload, Workload::DaemonSet { .. }) {
        return Vec::new();
    }
    let mut failures = Vec::new();
    for claim in found.claims.iter().filter(|claim| !claim.deleting) {
        let (did, result) = match decide(server, found, claim) {
            Step::Nothing => continue,
            Step::Annotate(annotations) => (Did::Changed, annotate(context, claim, &annotations).await),
            Step::Delete => (Did::Deleted, delete(context, claim).await),
        };
        let key = crate::cache::Key::new(&claim.namespace, &claim.name);
        match result {
            Ok(()) => wrote(did, KIND, &key, &server.key),
            Err(error) => failures.push(Error::api("patch", KIND, &key, error)),
        }
    }
    failures
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Annotate(BTreeMap<&'static str, String>),
    Delete,
}

fn decide(server: &Validated, found: &Found, claim: &ClaimView) -> Step {
    let Some(mount) = claim.local_volume() else { return Step::Nothing };
    let wanted = server.mounts.claims.iter().find(|(name, _)| name == mount).map(|(_, source)| source);
    match wanted {
        Some(ClaimSource::Local(LocalVolume::Directory { uid, gid, mode })) => {
            let annotations = BTreeMap::from([
                (annotation::LOCAL_VOLUME_UID, uid.clone()),
                (annotation::LOCAL_VOLUME_GID, gid.clone()),
                (annotation::LOCAL_VOLUME_MODE, mode.clone()),
            ]);
            let has_all = annotations.iter().all(|(key, value)| claim.annotations.get(*key) == Some(value));
            if has_all { Step::Nothing } else { Step::Annotate(annotations) }
        }
        None if may_go(server, found, claim) => Step::Delete,
        _ => Step::Nothing,
    }
}

/// Only a claim that dies with this TServer anyway, that no pod uses any more, and that no StatefulSet would make again.
fn may_go(server: &Validated, found: &Found, claim: &ClaimView) -> bool {
    let templates = found.live.stateful_set.as_ref().map(|live| live.claim_templates()).unwrap_or_default();
    let mut made = templates.as_array().into_iter().flatten().filter_map(|template| template.pointer("/metadata/name"));
    !made.any(|name| name.as_str() == claim.local_volume())
        && claim.class == STORAGE_CLASS
        && claim.owners.contains(&server.uid)
        && !found.pods.iter().any(|pod| pod.claims.contains(&claim.name))
}

fn resource() -> ApiResource {
    ApiResource::erase::<PersistentVolumeClaim>(&())
}

async fn annotate(context: &Context, claim: &Arc<ClaimView>, annotations: &BTreeMap<&str, String>) -> Result<(), kube::Error> {
    let key = crate::cache::Key::new(&claim.namespace, &claim.name);
    let body = json!({"metadata": {"uid": claim.uid, "annotations": annotations}});
    let answer = context.writer.merge(&resource(), &key, &body).await?;
    context.caches.claims.observe(answer);
    Ok(())
}

async fn delete(context: &Context, claim: &Arc<ClaimView>) -> Result<(), kube::Error> {
    let key = crate::cache::Key::new(&claim.namespace, &claim.name);
    context.writer.delete(&resource(), &key, &claim.uid, PropagationPolicy::Background).await
}
