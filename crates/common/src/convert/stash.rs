//! The annotations that keep the fields that a lower version does not have: `{"append":{…},"drop":{}}`.

use crate::names::annotation::CONVERSION_PREFIX;
use serde_json::{Map, Value, json};

/// Builds the key of the annotation. `pair` is `1b21b3` for fields of v1beta3 that v1beta2 does not have.
fn build_key(pair: &str) -> String {
    format!("{CONVERSION_PREFIX}{pair}")
}

/// Removes the stash of `pair` from the object and returns it. An invalid stash is removed, too, and the result is `None`.
pub(super) fn take(object: &mut Value, pair: &str) -> Option<Map<String, Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.shift_remove(&build_key(pair))?;
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
    let stash: Value = serde_json::from_str(text.as_str()?).ok()?;
    match stash {
        Value::Object(stash) => Some(stash),
        _ => None,
    }
}

/// Returns one part of a stash: `append` or `drop`.
pub(super) fn take_part(stash: Option<Map<String, Value>>, name: &str) -> Map<String, Value> {
    match stash.and_then(|mut stash| stash.shift_remove(name)) {
        Some(Value::Object(part)) => part,
        _ => Map::new(),
    }
}

/// Writes `append` and `drop` to the annotation of `pair`.
pub(super) fn put(object: &mut Value, pair: &str, append: &Map<String, Value>, drop: &Map<String, Value>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(build_key(pair), Value::from(json!({"append": append, "drop": drop}).to_string()));
    }
}
