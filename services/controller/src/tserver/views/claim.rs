//! The persistent volume claims of servers.

use crate::{
    engine::cache::{Key, View},
    views::server_key,
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{ApiResource, DynamicObject};
use std::collections::BTreeMap;
use tars_common::names::label;

/// A claim that carries the two labels of a server.
#[derive(Clone, Debug, Default)]
pub struct ClaimView {
    pub namespace: String,
    /// `MOUNT-SERVER-ORDINAL` if a StatefulSet made it.
    pub name: String,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    /// The annotations of the `tars.io/` domain.
    pub annotations: BTreeMap<String, String>,
    /// The uids of its owners.
    pub owners: Vec<String>,
    /// `spec.storageClassName`, empty if it has none.
    pub class: String,
    /// `status.phase`, for example `Pending`.
    pub phase: String,
    pub deleting: bool,
}

impl ClaimView {
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let claim: PersistentVolumeClaim = serde_json::from_value(serde_json::to_value(object)?)?;
        let mut annotations = claim.metadata.annotations.unwrap_or_default();
        annotations.retain(|key, _| key.starts_with("tars.io/"));
        let owners = claim.metadata.owner_references.unwrap_or_default();
        Ok(Self {
            namespace: claim.metadata.namespace.unwrap_or_default(),
            name: claim.metadata.name.unwrap_or_default(),
            uid: claim.metadata.uid.unwrap_or_default(),
            labels: claim.metadata.labels.unwrap_or_default(),
            annotations,
            owners: owners.into_iter().map(|owner| owner.uid).collect(),
            class: claim.spec.and_then(|spec| spec.storage_class_name).unwrap_or_default(),
            phase: claim.status.and_then(|status| status.phase).unwrap_or_default(),
            deleting: claim.metadata.deletion_timestamp.is_some(),
        })
    }

    /// The mount that the claim of a local volume belongs to, from its label.
    pub fn local_volume(&self) -> Option<&str> {
        self.labels.get(label::LOCAL_VOLUME).map(String::as_str)
    }
}

impl View for ClaimView {
    fn group(&self) -> Option<Key> {
        server_key(&self.namespace, &self.labels)
    }
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<PersistentVolumeClaim>(&())
}
