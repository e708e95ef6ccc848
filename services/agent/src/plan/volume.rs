//! Builds the PersistentVolume that a claim binds to (docs/reference/local-volumes.md#4.6).

use crate::{identity::Identity, owner::Owner};
use k8s_openapi::{
    api::core::v1::{
        LocalVolumeSource, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, PersistentVolumeClaim,
        PersistentVolumeSpec, VolumeNodeAffinity,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::api::ObjectMeta;
use std::{collections::BTreeMap, sync::Arc};
use tars_common::names::{LOCAL_VOLUME_SIZE, STORAGE_CLASS, label};

/// Marks the volumes of the agents. Kubernetes leaves it to the named provisioner to remove such a volume.
const PROVISIONER: &str = "tars-local-volume-provisioner";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// A volume that the agent will make, with its directory.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVolume {
    /// The claim that gets the Events. Kubernetes may bind another claim of the same server and mount.
    pub claim: Arc<PersistentVolumeClaim>,
    pub identity: Identity,
    pub owner: Owner,
    pub volume: PersistentVolume,
}

impl NewVolume {
    pub(super) fn new(
        claim: Arc<PersistentVolumeClaim>,
        identity: Identity,
        owner: Owner,
        name: String,
        host: &str,
        host_root: &str,
        policy: &str,
    ) -> Self {
        let spec = claim.spec.clone().unwrap_or_default();
        let requests = spec.resources.and_then(|resources| resources.requests).unwrap_or_default();
        let size = requests.get("storage").cloned().unwrap_or_else(|| Quantity(LOCAL_VOLUME_SIZE.to_owned()));
        let here = NodeSelectorRequirement {
            key: label::HOSTNAME.to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![host.to_owned()]),
        };
        let term = NodeSelectorTerm { match_expressions: Some(vec![here]), match_fields: None };
        let volume = PersistentVolume {
            metadata: ObjectMeta {
                name: Some(name),
                labels: Some(identity.list_labels()),
                annotations: Some(BTreeMap::from([(PROVISIONED_BY.to_owned(), PROVISIONER.to_owned())])),
                ..ObjectMeta::default()
            },
            spec: Some(PersistentVolumeSpec {
                capacity: Some(BTreeMap::from([("storage".to_owned(), size)])),
                access_modes: spec.access_modes,
                storage_class_name: Some(STORAGE_CLASS.to_owned()),
                persistent_volume_reclaim_policy: Some(policy.to_owned()),
                local: Some(LocalVolumeSource {
                    path: format!("{host_root}/{}", identity.list_components().join("/")),
                    fs_type: None,
                }),
                node_affinity: Some(VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms: vec![term] }) }),
                ..PersistentVolumeSpec::default()
            }),
            ..PersistentVolume::default()
        };
        Self { claim, identity, owner, volume }
    }
}
