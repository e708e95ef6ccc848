//! The fields of applied objects: their sets, and how an apply changes an object.

use serde_json::{Map, Value};

/// The set of fields of an applied object, without the fields that identify it. A list is a leaf.
pub(super) fn field_set(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind"));
    object["metadata"].as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "name" | "namespace" | "uid"));
    names_below(&object)
}

fn names_below(value: &Value) -> Value {
    let members = value.as_object().into_iter().flatten();
    Value::Object(members.map(|(name, below)| (format!("f:{name}"), names_below(below))).collect::<Map<_, _>>())
}

/// Removes from `object` the fields that `before` names and `now` does not.
pub(super) fn remove(object: &mut Value, before: &Value, now: &Value) {
    let Some(members) = object.as_object_mut() else { return };
    for (key, below) in before.as_object().into_iter().flatten() {
        let name = key.trim_start_matches("f:");
        match now.get(key) {
            None => drop(members.remove(name)),
            Some(now) => {
                if let Some(member) = members.get_mut(name) {
                    remove(member, below, now);
                }
            }
        }
    }
}

/// Maps are merged, everything else is replaced.
pub(super) fn overlay(object: &mut Value, body: &Value) {
    match (object, body) {
        (Value::Object(members), Value::Object(more)) => {
            for (name, value) in more {
                overlay(members.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (object, body) => *object = body.clone(),
    }
}
