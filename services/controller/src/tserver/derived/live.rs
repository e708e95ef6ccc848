//! Derived objects as they are: who owns them, what of them is ours, and the little status that we read.

use crate::{
    cache::{Key, View},
    fields,
};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, StatefulSet},
    core::v1::Service,
};
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;
use tars_common::v1beta3::{TEndpoint, TExitedRecord};

/// The kinds that are derived from a TServer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Headless Service.
    Service,
    /// Workload of ordinary servers.
    StatefulSet,
    /// Workload of servers with `daemonSet: true`.
    DaemonSet,
    /// Endpoints for the registry.
    TEndpoint,
    /// History of ended pods.
    TExitedRecord,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Service, Self::StatefulSet, Self::DaemonSet, Self::TEndpoint, Self::TExitedRecord];

    /// The name of the kind, as in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::TEndpoint => "TEndpoint",
            Self::TExitedRecord => "TExitedRecord",
        }
    }

    /// The resource to talk to.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
            Self::TEndpoint => ApiResource::erase::<TEndpoint>(&()),
            Self::TExitedRecord => ApiResource::erase::<TExitedRecord>(&()),
        }
    }
}

/// The owner that controls an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// Kind of the owner.
    pub kind: String,
    /// Uid of the owner.
    pub uid: String,
}

/// A derived object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Namespace and name.
    pub key: Key,
    /// Uid.
    pub uid: String,
    /// The version that was seen.
    pub version: String,
    /// The controlling owner.
    pub controller: Option<Controller>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether the previous controller still owns fields of it.
    pub predecessor: bool,
    /// What we own of it, as JSON text (a third of the size of a tree). Of a TExitedRecord, everything.
    owned: Box<str>,
    /// `spec.volumeClaimTemplates` of a StatefulSet, as JSON text; else empty.
    claim_templates: Box<str>,
    /// Status of a TEndpoint, as JSON text; else empty.
    status: Box<str>,
    /// `spec.podManagementPolicy` of a StatefulSet, which never changes; else empty.
    pub policy: Box<str>,
    /// `status.updateRevision` of a StatefulSet, which its new pods have as their revision; else empty.
    pub update_revision: Box<str>,
    /// How many pods a DaemonSet wants; `None` for other kinds.
    pub desired_pods: Option<i64>,
}

impl Live {
    /// Whether the TServer with this uid controls it.
    pub fn is_of(&self, uid: &str) -> bool {
        self.controller.as_ref().is_some_and(|controller| controller.uid == uid)
    }

    /// Whether anything but the version is different: most changes are of a status that nobody here reads.
    pub fn differs(&self, other: &Self) -> bool {
        *self != Self { version: self.version.clone(), ..other.clone() }
    }

    /// What we own; null if we never applied.
    pub fn owned(&self) -> Value {
        parse(&self.owned)
    }

    /// The claim templates, or null.
    pub fn claim_templates(&self) -> Value {
        parse(&self.claim_templates)
    }

    /// The status, or null.
    pub fn status(&self) -> Value {
        parse(&self.status)
    }
}

fn parse(text: &str) -> Value {
    // The text was written from a Value by `Live::of`, so it parses; an empty one stands for "nothing".
    serde_json::from_str(text).unwrap_or(Value::Null)
}

impl View for Live {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
        let key =
            Key::new(object.metadata.namespace.clone().unwrap_or_default(), object.metadata.name.clone().unwrap_or_default());
        let whole = serde_json::to_value(&object)?;
        let controller = object.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        let owned = if kind == Kind::TExitedRecord.name() { Some(record(&whole)) } else { fields::owned(&whole) };
        let part = |pointer: &str| whole.pointer(pointer).map(Value::to_string).unwrap_or_default().into_boxed_str();
        Ok(Self {
            key,
            controller: controller.map(|owner| Controller { kind: owner.kind.clone(), uid: owner.uid.clone() }),
            policy: whole.pointer("/spec/podManagementPolicy").and_then(Value::as_str).unwrap_or_default().into(),
            update_revision: whole.pointer("/status/updateRevision").and_then(Value::as_str).unwrap_or_default().into(),
            deleting: object.metadata.deletion_timestamp.is_some(),
            predecessor: fields::has_predecessor(&whole),
            owned: owned.map(|value| value.to_string()).unwrap_or_default().into_boxed_str(),
            claim_templates: if kind == Kind::StatefulSet.name() { part("/spec/volumeClaimTemplates") } else { Box::default() },
            status: if kind == Kind::TEndpoint.name() { part("/status") } else { Box::default() },
            desired_pods: whole.pointer("/status/desiredNumberScheduled").and_then(Value::as_i64),
            uid: object.metadata.uid.unwrap_or_default(),
            version: object.metadata.resource_version.unwrap_or_default(),
        })
    }
}

/// A TExitedRecord without what only the API server cares for.
fn record(whole: &Value) -> Value {
    let mut kept = whole.clone();
    if let Some(metadata) = kept.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| matches!(name.as_str(), "labels" | "ownerReferences"));
    }
    kept
}
