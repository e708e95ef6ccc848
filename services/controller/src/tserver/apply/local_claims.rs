//! The claims of local volumes: they get the owner and the mode of their directories as annotations, and are deleted when no mount
//! needs them (docs/reference/controller.md#7.3 and docs/reference/controller.md#7.4).

use super::{
    error::Error,
    task::{Write, log_write},
};
use crate::{
    engine::cache::Key,
    tserver::{
        context::Context,
        surroundings::Surroundings,
        validate::{ClaimSource, LocalVolume, Validated, Workload},
        views::{ClaimView, claim_resource},
    },
};
use kube::api::PropagationPolicy;
use serde_json::json;
use std::collections::BTreeMap;
use tars_common::{
    derived::DerivedKind,
    names::{STORAGE_CLASS, annotation},
};

const KIND: &str = "PersistentVolumeClaim";

/// Corrects every claim of the server. Returns the failures.
pub async fn reconcile_claims(context: &Context, server: &Validated, around: &Surroundings) -> Vec<Error> {
    if matches!(server.workload, Workload::DaemonSet(_)) {
        return Vec::new();
    }
    let mut failures = Vec::new();
    for claim in around.claims.iter().filter(|claim| !claim.deleting) {
        let key = Key::new(&claim.namespace, &claim.name);
        let (verb, write, result) = match choose_step(server, around, claim) {
            Step::Nothing => continue,
            Step::Annotate(annotations) => ("patch", Write::Changed, annotate(context, &key, claim, &annotations).await),
            Step::Delete => ("delete", Write::Deleted, delete(context, &key, claim).await),
        };
        match result {
            Ok(()) => log_write(write, KIND, &key, &server.key),
            Err(error) => failures.push(Error::api(verb, KIND, &key, error)),
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

fn choose_step(server: &Validated, around: &Surroundings, claim: &ClaimView) -> Step {
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
        None if may_be_deleted(server, around, claim) => Step::Delete,
        _ => Step::Nothing,
    }
}

/// A claim may be deleted if it is owned by this TServer, no pod uses it, and the StatefulSet would not make it again.
fn may_be_deleted(server: &Validated, around: &Surroundings, claim: &ClaimView) -> bool {
    let made = around.live.get(DerivedKind::StatefulSet).map(|live| live.claim_template_names()).unwrap_or_default();
    !made.iter().any(|name| Some(&**name) == claim.local_volume())
        && claim.class == STORAGE_CLASS
        && claim.owners.contains(&server.uid)
        && !around.pods.iter().any(|pod| pod.claims.contains(&claim.name))
}

async fn annotate(
    context: &Context,
    key: &Key,
    claim: &ClaimView,
    annotations: &BTreeMap<&str, String>,
) -> Result<(), kube::Error> {
    let body = json!({"metadata": {"uid": claim.uid, "annotations": annotations}});
    let answer = context.writer.merge(&claim_resource(), key, &body).await?;
    context.claims.observe(answer);
    Ok(())
}

async fn delete(context: &Context, key: &Key, claim: &ClaimView) -> Result<(), kube::Error> {
    context.writer.delete(&claim_resource(), key, &claim.uid, PropagationPolicy::Background).await
}
