//! Claim templates of a StatefulSet.

use super::metadata::{build_owner, build_selector};
use crate::tserver::validate::{ClaimSource, Validated};
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements},
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
    },
};
use std::collections::BTreeMap;
use tars_common::names::{LOCAL_VOLUME_SIZE, STORAGE_CLASS, label};

/// One template for each claim, in the order of the mounts; `delay-bind` comes last.
pub fn build_claim_templates(server: &Validated) -> Vec<PersistentVolumeClaim> {
    let claims = server.mounts.claims.iter();
    claims
        .map(|(name, source)| match source {
            ClaimSource::Stated { metadata, spec } => PersistentVolumeClaim {
                metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::clone(metadata) },
                spec: Some(PersistentVolumeClaimSpec::clone(spec)),
                status: None,
            },
            ClaimSource::Local(_) => build_local_claim(server, name),
        })
        .collect()
}

/// A claim for a directory of the node agent. The StatefulSet controller copies the owner to the claims, so that they are deleted
/// together with the TServer. User, group and mode reach the claims as annotations and not through the template, because a change
/// of the template needs another StatefulSet.
fn build_local_claim(server: &Validated, name: &str) -> PersistentVolumeClaim {
    let mut labels = build_selector(server);
    labels.insert(label::LOCAL_VOLUME.to_owned(), name.to_owned());
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(server.key.namespace.clone()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![build_owner(server)]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: Some(STORAGE_CLASS.to_owned()),
            volume_mode: Some("Filesystem".to_owned()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(LOCAL_VOLUME_SIZE.to_owned()))])),
                limits: None,
            }),
            selector: Some(LabelSelector { match_labels: Some(labels), match_expressions: None }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
