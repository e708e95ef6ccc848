//! The fields of an object that the controller owns, and whether they are as wanted.
//!
//! ```text
//! metadata.managedFields (ours) ─┐
//! live object ───────────────────┴─► project ─► owned ──same?── wanted ─► nothing to write
//! ```
//!
//! After a server-side apply the API server remembers exactly the fields that were sent. So one comparison finds a field that
//! somebody changed, a field that somebody took over, and a field that is no longer wanted. Defaults that the API server filled in
//! and fields of other managers are not compared.

use super::quantity::parse_quantity;
use serde_json::{Map, Value};
use tars_common::{
    managed::{is_entry, list_entries},
    names::CONTROLLER_FIELD_MANAGER as MANAGER,
};

/// The managers of fields that the previous controller wrote by full updates. Its binary is `tarscontroller`. The API server uses
/// `before-first-apply` for fields that are older than managed fields.
const PREDECESSORS: &[&str] = &["tarscontroller", MANAGER, "before-first-apply"];

/// Whether an entry of the previous controller is left. As long as one is left, no apply can remove the fields that it names.
pub fn has_predecessor(live: &Value) -> bool {
    list_entries(live).any(is_predecessor)
}

/// Returns the managed fields of `live` with the entries of predecessors turned into our apply entry; `None` if no such entry is left.
pub fn take_over(live: &Value) -> Option<Value> {
    if !has_predecessor(live) {
        return None;
    }
    let mut fields = Map::new();
    let mut version = None;
    for entry in list_entries(live).filter(|entry| is_predecessor(entry) || is_entry(entry, MANAGER, "Apply")) {
        version = version.or_else(|| entry.get("apiVersion").cloned());
        if let Some(more) = entry.get("fieldsV1").and_then(Value::as_object) {
            merge(&mut fields, more);
        }
    }
    let mut kept: Vec<Value> =
        list_entries(live).filter(|entry| !is_predecessor(entry) && !is_entry(entry, MANAGER, "Apply")).cloned().collect();
    kept.push(serde_json::json!({
        "manager": MANAGER, "operation": "Apply", "apiVersion": version?, "fieldsType": "FieldsV1", "fieldsV1": fields,
    }));
    Some(Value::Array(kept))
}

fn is_predecessor(entry: &Value) -> bool {
    PREDECESSORS.iter().any(|manager| is_entry(entry, manager, "Update"))
}

fn merge(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match (into.get_mut(key).and_then(Value::as_object_mut), value.as_object()) {
            (Some(have), Some(add)) => merge(have, add),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Whether `wanted` and `owned` mean the same. A null equals an absent field, and a quantity equals its other spellings.
pub fn same(wanted: &Value, owned: &Value) -> bool {
    compare(wanted, owned, false, false)
}

/// Whether every field of `wanted` has the same value in `live`. `live` may have more fields.
pub fn contains(live: &Value, wanted: &Value) -> bool {
    compare(wanted, live, false, true)
}

fn compare(wanted: &Value, have: &Value, quantity: bool, partly: bool) -> bool {
    match (wanted, have) {
        (Value::Object(wanted), Value::Object(have)) => {
            let all_there = wanted.iter().filter(|(_, value)| !value.is_null()).all(|(name, value)| {
                have.get(name).is_some_and(|other| compare(value, other, quantity || holds_quantities(name), partly))
            });
            let nothing_else =
                || have.iter().all(|(name, value)| value.is_null() || wanted.get(name).is_some_and(|w| !w.is_null()));
            all_there && (partly || nothing_else())
        }
        (Value::Array(wanted), Value::Array(have)) => {
            wanted.len() == have.len() && wanted.iter().zip(have).all(|(w, h)| compare(w, h, quantity, partly))
        }
        _ if wanted == have => true,
        _ if quantity => match (text(wanted), text(have)) {
            (Some(wanted), Some(have)) => parse_quantity(&wanted).is_some_and(|value| Some(value) == parse_quantity(&have)),
            _ => false,
        },
        _ => false,
    }
}

fn holds_quantities(name: &str) -> bool {
    matches!(name, "limits" | "requests" | "sizeLimit" | "divisor")
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Value {
        json!({
            "metadata": {
                "labels": {"ours": "1", "theirs": "2"},
                "managedFields": [
                    {"manager": "tars-controller", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:ours": {}}},
                        "f:spec": {
                            "f:selector": {},
                            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:name": {}}},
                            "f:finalizers": {"v:\"keep\"": {}},
                        },
                    }},
                    {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}},
                ],
            },
            "spec": {
                "selector": {"a": "b", "c": "d"},
                "ports": [
                    {"port": 81, "protocol": "TCP", "name": "other"},
                    {"port": 80, "protocol": "TCP", "name": "http", "targetPort": 80},
                ],
                "finalizers": ["drop", "keep"],
            },
        })
    }

    #[test]
    fn entries_of_the_previous_controller_become_ours_and_the_others_stay() {
        let mut object = live();
        assert!(!has_predecessor(&object));
        assert_eq!(take_over(&object), None);
        let entry = json!({"manager": "tarscontroller", "operation": "Update", "apiVersion": "v1",
            "fieldsV1": {"f:spec": {"f:type": {}}}});
        object["metadata"]["managedFields"].as_array_mut().unwrap().push(entry);
        let status = json!({"manager": "tarscontroller", "operation": "Update", "subresource": "status", "fieldsV1": {}});
        assert!(has_predecessor(&object));
        let after = take_over(&object).unwrap();
        assert_eq!(after.as_array().unwrap().len(), 2);
        let ours = &after[1];
        assert_eq!((&ours["manager"], &ours["operation"]), (&json!("tars-controller"), &json!("Apply")));
        assert!(ours["fieldsV1"]["f:spec"].get("f:type").is_some() && ours["fieldsV1"]["f:spec"].get("f:selector").is_some());
        object["metadata"]["managedFields"] = json!([status]);
        assert!(!has_predecessor(&object), "subresources are not taken over");
    }

    #[test]
    fn quantities_are_compared_by_value_and_everything_else_by_text() {
        let resources = |cpu: &str| json!({"resources": {"limits": {"cpu": cpu, "memory": "1024Mi"}}});
        let live = json!({"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}});
        assert!(same(&resources("0.5"), &live));
        assert!(!same(&resources("0.6"), &live));
        assert!(!same(&json!({"value": "0.5"}), &json!({"value": "500m"})));
    }

    #[test]
    fn null_is_absent_and_order_of_lists_counts() {
        assert!(same(&json!({"a": null, "b": 1}), &json!({"b": 1})));
        assert!(!same(&json!({"b": 1}), &json!({"b": 1, "c": 2})));
        assert!(contains(&json!({"b": 1, "c": 2}), &json!({"b": 1})));
        assert!(!same(&json!({"l": [1, 2]}), &json!({"l": [2, 1]})));
    }
}
