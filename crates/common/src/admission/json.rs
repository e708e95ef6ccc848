//! Reads and writes members of untyped objects.

use serde_json::{Map, Value};

/// Maximal number of characters in the value of a label.
pub(super) const LABEL_LIMIT: usize = 63;

/// The text at `pointer`; empty if the member is missing or is not a text.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at `pointer`; empty if the member is missing or is not a list.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a JSON object is at `pointer`. Go clients write `null` for an absent object.
pub(super) fn has(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).is_some_and(Value::is_object)
}

/// The value of the label `key`.
pub(super) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// The value of the annotation `key`.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

pub(super) fn set_label(object: &mut Value, key: &str, value: &str) {
    set_metadata(object, "labels", key, value);
}

/// Sets the annotation `key`, or removes it if there is no value.
pub(super) fn set_annotation(object: &mut Value, key: &str, value: Option<&str>) {
    match value {
        Some(value) => set_metadata(object, "annotations", key, value),
        None => remove_annotation(object, key),
    }
}

fn set_metadata(object: &mut Value, map: &str, key: &str, value: &str) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let entries = metadata.entry(map).or_insert_with(|| Value::Object(Map::new()));
    if entries.is_null() {
        *entries = Value::Object(Map::new());
    }
    if let Some(entries) = entries.as_object_mut() {
        entries.insert(key.to_owned(), Value::from(value));
    }
}

pub(super) fn remove_label(object: &mut Value, key: &str) {
    if let Some(labels) = members(object, "/metadata/labels") {
        labels.shift_remove(key);
    }
}

pub(super) fn remove_annotation(object: &mut Value, key: &str) {
    if let Some(annotations) = members(object, "/metadata/annotations") {
        annotations.shift_remove(key);
    }
}

/// The members of the JSON object at `pointer`.
pub(super) fn members<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    object.pointer_mut(pointer)?.as_object_mut()
}

/// Whether two states of an object differ in nothing but metadata and status.
pub(super) fn differ_in_metadata_only(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return false };
    let own = |key: &&String| !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind");
    one.keys().filter(own).all(|key| one.get(key) == other.get(key)) && other.keys().filter(own).all(|key| one.contains_key(key))
}
