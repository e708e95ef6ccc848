//! What must exist for a server, described and not yet done (docs/reference/controller.md#4 and docs/reference/controller.md#5).
//!
//! Rules: the order of every list follows from the TServer alone. A field is either stated with a value that the API server will
//! store as it is, or left out; a value that it would drop or rewrite (an empty list, a `false` that Go omits) would look like
//! drift for ever.

mod claim_templates;
mod daemon_set;
mod live;
mod pod;
mod service;
mod stateful_set;
mod tendpoint;

use claim_templates as claims;
pub use live::{Kind, Live};

use super::validate::{Validated, Workload};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, marker::PhantomData};
use tars_common::names;

/// Objects that are described.
#[derive(Debug)]
pub struct Prepared;
/// Objects that exist as described.
#[derive(Debug)]
pub struct Applied;

/// What exists for a server. `None` says that the object must not exist, unless it is somebody else's.
#[derive(Debug)]
pub struct Objects<Stage> {
    /// Headless Service.
    pub service: Option<Value>,
    /// StatefulSet.
    pub stateful_set: Option<Value>,
    /// DaemonSet.
    pub daemon_set: Option<Value>,
    /// TEndpoint, without its status.
    pub endpoint: Value,
    /// TExitedRecord as it is created; its list of pods is not ours to overwrite later.
    pub record: Value,
    stage: PhantomData<Stage>,
}

impl Objects<Prepared> {
    /// Says that everything was brought about.
    pub fn applied(self) -> Objects<Applied> {
        let Self { service, stateful_set, daemon_set, endpoint, record, stage: _ } = self;
        Objects { service, stateful_set, daemon_set, endpoint, record, stage: PhantomData }
    }
}

/// Describes everything that must exist for `server`.
pub fn build(server: &Validated) -> Result<Objects<Prepared>, serde_json::Error> {
    let (service, stateful_set, daemon_set) = match server.workload {
        Workload::StatefulSet { .. } => (Some(service::service(server)), Some(stateful_set::stateful_set(server)), None),
        Workload::DaemonSet { .. } => (None, None, Some(daemon_set::daemon_set(server))),
    };
    Ok(Objects {
        service: service.map(|object| described(Kind::Service, &object)).transpose()?,
        stateful_set: stateful_set.map(|object| described(Kind::StatefulSet, &object)).transpose()?,
        daemon_set: daemon_set.map(|object| described(Kind::DaemonSet, &object)).transpose()?,
        endpoint: tendpoint::endpoint(server)?,
        record: tendpoint::record(server)?,
        stage: PhantomData,
    })
}

/// `object` as it is sent: without nulls and without what serialization adds.
fn described(kind: Kind, object: &impl Serialize) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(object)?;
    if let Some(fields) = value.as_object_mut() {
        let resource = kind.resource();
        fields.insert("apiVersion".to_owned(), resource.api_version.into());
        fields.insert("kind".to_owned(), resource.kind.into());
    }
    Ok(value)
}

/// The two labels that identify a server, original case (SELECTOR2 of the specification).
pub fn selector(server: &Validated) -> BTreeMap<String, String> {
    names::server_labels(&server.app, &server.server)
}

/// The reference that makes an object die with its TServer.
pub fn owner(server: &Validated) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", names::GROUP, names::VERSION),
        kind: "TServer".to_owned(),
        name: server.key.name.clone(),
        uid: server.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Metadata of a derived object.
fn metadata(server: &Validated) -> ObjectMeta {
    ObjectMeta {
        name: Some(server.key.name.clone()),
        namespace: Some(server.key.namespace.clone()),
        labels: Some(selector(server)),
        owner_references: Some(vec![owner(server)]),
        ..ObjectMeta::default()
    }
}

/// `None` for an empty list, which the API server would not store.
fn unless_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests;
