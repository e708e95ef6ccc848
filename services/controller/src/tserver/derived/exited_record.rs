//! The TExitedRecord: the history of pods that ended.

use super::{
    kind::{DerivedKind, Facts, Upkeep, Watched},
    metadata::metadata,
};
use crate::tserver::validate::Validated;
use kube::api::ApiResource;
use serde_json::{Value, json};
use tars_common::v1beta3::TExitedRecord;

pub static EXITED_RECORD: DerivedKind = DerivedKind {
    name: "TExitedRecord",
    resource: || ApiResource::erase::<TExitedRecord>(&()),
    watched: Watched::Every,
    upkeep: Upkeep::Append,
    build: |server| Ok(Some(build_exited_record(server))),
    read: |object| Facts::ExitedRecord { content: content(object).to_string().into() },
};

/// The record as it is created, without any pod.
fn build_exited_record(server: &Validated) -> Value {
    json!({"metadata": metadata(server), "app": server.app, "server": server.server, "pods": []})
}

/// `object` without metadata that only the API server needs.
fn content(object: &Value) -> Value {
    let mut kept = object.clone();
    if let Some(metadata) = kept.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| matches!(name.as_str(), "labels" | "ownerReferences"));
    }
    kept
}
