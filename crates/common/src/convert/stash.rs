//! The annotations that keep what a lower version cannot say: `{"append":{…},"drop":{}}`.

use crate::names::annotation::CONVERSION_PREFIX;
use serde_json::{Map, Value, json};

/// The annotation's key: `1b21b3` for what v1beta2 cannot say of v1beta3.
fn key(pair: &str) -> String {
    format!("{CONVERSION_PREFIX}{pair}")
}

/// Takes the stash of `pair` off the object. What is no valid stash is taken off as well, and forgotten.
pub(super) fn take(object: &mut Value, pair: &str) -> Option<Map<String, Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.shift_remove(&key(pair))?;
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
    let stash: Value = serde_json::from_str(text.as_str()?).ok()?;
    match stash {
        Value::Object(stash) => Some(stash),
        _ => None,
    }
}

/// The part of a stash that the upper version appends, or that it drops.
pub(super) fn part(stash: Option<Map<String, Value>>, name: &str) -> Map<String, Value> {
    match stash.and_then(|mut stash| stash.shift_remove(name)) {
        Some(Value::Object(part)) => part,
        _ => Map::new(),
    }
}

/// Keeps `append` and `drop` on the object, unless both are empty.
pub(super) fn put(object: &mut Value, pair: &str, append: &Map<String, Value>, drop: &Map<String, Value>) {
    if append.is_empty() && drop.is_empty() {
        return;
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(key(pair), Value::from(json!({"append": append, "drop": drop}).to_string()));
    }
}
