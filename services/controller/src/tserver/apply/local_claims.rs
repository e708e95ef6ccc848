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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tserver::{
        derived::{CLAIM_TEMPLATES, Facts, Live, StatefulSetFacts},
        fixtures::{surroundings, validated},
        views::PodView,
    };

    const SPEC: &str = "
        { normal: {}, subType: normal, k8s: { hostIPC: true, mounts: [
            { name: data, mountPath: /d, source: { tLocalVolume: { uid: '7', gid: '8', mode: '750' } } },
            { name: plain, mountPath: /p, source: { persistentVolumeClaimTemplate: { spec: { accessModes: [ ReadWriteOnce ], resources: { requests: { storage: 1Gi } } } } } } ] } }";

    /// A claim of ours for the local volume `mount`.
    fn claim(mount: &str) -> ClaimView {
        ClaimView {
            name: format!("{mount}-ledger-audit-0"),
            class: "tars-storage-class".into(),
            owners: vec!["uid-of-server".into()],
            labels: [("tars.io/LocalVolume".to_owned(), mount.to_owned())].into(),
            ..ClaimView::default()
        }
    }

    fn step(around: &Surroundings, claim: &ClaimView) -> Step {
        choose_step(&validated(SPEC), around, claim)
    }

    #[test]
    fn claims_of_local_volumes_get_the_owner_of_the_directory_and_others_get_nothing() {
        let around = surroundings();
        let wanted = BTreeMap::from([
            ("tars.io/LocalVolumeUID", "7".to_owned()),
            ("tars.io/LocalVolumeGID", "8".to_owned()),
            ("tars.io/LocalVolumeMode", "750".to_owned()),
        ]);
        assert_eq!(step(&around, &claim("data")), Step::Annotate(wanted.clone()));
        let annotations = wanted.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(step(&around, &ClaimView { annotations, ..claim("data") }), Step::Nothing);
        assert_eq!(step(&around, &claim("delay-bind")), Step::Nothing);
        assert_eq!(step(&around, &ClaimView { labels: BTreeMap::new(), ..claim("plain") }), Step::Nothing);
    }

    #[test]
    fn only_a_claim_of_a_local_volume_of_ours_that_nobody_needs_is_deleted() {
        let old = claim("old");
        assert_eq!(step(&surroundings(), &old), Step::Delete);
        let stated = ClaimView { labels: BTreeMap::new(), class: "fast".into(), owners: Vec::new(), ..old.clone() };
        assert_eq!(step(&surroundings(), &stated), Step::Nothing, "it was made from a template of the author");
        for kept in [
            ClaimView { class: "fast".into(), ..old.clone() },
            ClaimView { owners: vec!["uid-of-other".into()], ..old.clone() },
            ClaimView { owners: Vec::new(), ..old.clone() },
        ] {
            assert_eq!(step(&surroundings(), &kept), Step::Nothing, "{kept:?}");
        }
        let mut used = surroundings();
        used.pods = vec![PodView { claims: vec![old.name.clone()], ..PodView::default() }];
        assert_eq!(step(&used, &old), Step::Nothing, "a pod uses it");
        let mut made = surroundings();
        let mut set = Live::default();
        let claim_templates = CLAIM_TEMPLATES.pack(&json!([{"metadata": {"name": "old"}}]));
        set.facts = Facts::StatefulSet(StatefulSetFacts { claim_templates, ..StatefulSetFacts::default() });
        made.live.insert(DerivedKind::StatefulSet, set);
        assert_eq!(step(&made, &old), Step::Nothing, "the StatefulSet would make it again");
    }
}
