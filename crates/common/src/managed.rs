//! The fields of an object that our controller owns, as the API server has recorded them.
//!
//! After a server-side apply the API server remembers exactly the fields that were sent, in `metadata.managedFields`. The controller
//! compares them with what it wants; admission compares them before and after a change by somebody else.

use crate::names::CONTROLLER_FIELD_MANAGER as MANAGER;
use serde_json::{Map, Value};

/// Returns the fields of `object` that the apply entry of our controller in the managed fields of `holder` names; `None` if `holder`
/// has no such entry.
///
/// Both are complete objects as the API server sends them, usually two states of one object, or the same state. Entries of
/// subresources do not count. Fields that `object` does not have are left out.
pub fn find_owned(object: &Value, holder: &Value) -> Option<Value> {
    let ours = list_entries(holder).find(|entry| is_entry(entry, MANAGER, "Apply"))?;
    Some(project(object, ours.get("fieldsV1")?.as_object()?))
}

/// Lists the managed fields of `object`, one entry for each manager and operation. Entries of subresources are left out.
pub fn list_entries(object: &Value) -> impl Iterator<Item = &Value> {
    let all = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    all.into_iter().flatten().filter(|entry| entry.get("subresource").is_none_or(|name| name == ""))
}

/// Whether an entry of managed fields is that of `manager` for `operation` (`Apply` or `Update`).
pub fn is_entry(entry: &Value, manager: &str, operation: &str) -> bool {
    entry.get("manager").is_some_and(|name| name == manager) && entry.get("operation").is_some_and(|name| name == operation)
}

/// The part of `value` that the field set names, in the order of `value`. A leaf of the set names everything below it.
fn project(value: &Value, fields: &Map<String, Value>) -> Value {
    if fields.is_empty() {
        return value.clone();
    }
    match value {
        Value::Object(members) => {
            let named = fields.iter().filter_map(|(key, below)| Some((key.strip_prefix("f:")?, below.as_object()?)));
            let kept = named.filter_map(|(name, below)| Some((name.to_owned(), project(members.get(name)?, below))));
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            let wanted: Vec<_> =
                fields.iter().filter_map(|(key, below)| Some((Element::parse(key)?, below.as_object()?))).collect();
            let kept = items.iter().filter_map(|item| {
                let (_, below) = wanted.iter().find(|(element, _)| element.is(item))?;
                Some(project(item, below))
            });
            Value::Array(kept.collect())
        }
        scalar => scalar.clone(),
    }
}

/// How a field set names an element of a list.
enum Element {
    /// By the values of some of its fields, for example `k:{"name":"x"}`.
    Key(Map<String, Value>),
    /// By its value, for example `v:"x"`.
    Value(Value),
}

impl Element {
    fn parse(key: &str) -> Option<Self> {
        if let Some(text) = key.strip_prefix("k:") {
            return serde_json::from_str(text).ok().map(Self::Key);
        }
        serde_json::from_str(key.strip_prefix("v:")?).ok().map(Self::Value)
    }

    fn is(&self, item: &Value) -> bool {
        match self {
            Self::Key(fields) => fields.iter().all(|(name, value)| item.get(name) == Some(value)),
            Self::Value(value) => item == value,
        }
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
    fn only_fields_of_our_apply_entry_are_owned() {
        let expected = json!({
            "metadata": {"labels": {"ours": "1"}},
            "spec": {"selector": {"a": "b", "c": "d"}, "ports": [{"port": 80, "name": "http"}], "finalizers": ["keep"]},
        });
        assert_eq!(find_owned(&live(), &live()), Some(expected));
        assert_eq!(find_owned(&json!({"metadata": {}}), &json!({"metadata": {}})), None, "never applied");
    }
}
