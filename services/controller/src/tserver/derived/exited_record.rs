//! The TExitedRecord: the history of pods that ended.

use super::{
    metadata::build_metadata,
    recipe::{Facts, Recipe, Upkeep},
};
use crate::{engine::packed::Packer, tserver::validate::Validated};
use serde_json::{Value, json};

static CONTENTS: Packer = Packer::new();

pub static EXITED_RECORD: Recipe = Recipe {
    build: |server| Ok(Some(build_exited_record(server))),
    upkeep: Upkeep::Append,
    packer: Packer::new(),
    read: |object| Facts::ExitedRecord { content: CONTENTS.pack(&content(object)) },
};

/// The record as it is created, without any pod.
fn build_exited_record(server: &Validated) -> Value {
    json!({"metadata": build_metadata(server), "app": server.app, "server": server.server, "pods": []})
}

/// `object` without metadata that only the API server needs.
fn content(object: &Value) -> Value {
    let mut kept = object.clone();
    if let Some(metadata) = kept.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| matches!(name.as_str(), "labels" | "ownerReferences"));
    }
    kept
}
