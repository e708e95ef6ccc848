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

use super::quantity::{normalise_quantity, parse_quantity};
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
    compare(wanted, owned, Place::Fields, false)
}

/// Whether every field of `wanted` has the same value in `live`. `live` may have more fields.
pub fn contains(live: &Value, wanted: &Value) -> bool {
    compare(wanted, live, Place::Fields, true)
}

/// Gives the quantities of `object` the spelling that all their spellings share.
pub fn normalise_quantities(object: &mut Value) {
    spell_quantities(object, Place::Fields, &Value::Null, &|text, _| normalise_quantity(text));
}

/// Gives the quantities of `wanted` the spelling that they have in `live`, where the value is the same. Kubernetes takes another spelling
/// in a pod template for a change, and would replace the pods.
pub fn keep_spelling(wanted: &mut Value, live: &Value) {
    let choose = |text: &str, live: &Value| match live.as_str() {
        Some(theirs) if parse_quantity(text).is_some_and(|value| Some(value) == parse_quantity(theirs)) => theirs.to_owned(),
        _ => text.to_owned(),
    };
    spell_quantities(wanted, Place::Fields, live, &choose);
}

/// Calls `choose` with each quantity of `object` and with the value at the same place of `other`. Elements of lists that have a name are at
/// the same place as those of the same name.
fn spell_quantities(object: &mut Value, place: Place, other: &Value, choose: &impl Fn(&str, &Value) -> String) {
    match object {
        Value::Object(fields) => {
            for (name, value) in fields {
                spell_quantities(value, place.below(name), other.get(name).unwrap_or(&Value::Null), choose);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let named = |other: &&Value| other.get("name").is_some() && other.get("name") == element.get("name");
                let twin = other.as_array().and_then(|others| others.iter().find(named).or_else(|| others.get(index)));
                spell_quantities(element, place, twin.unwrap_or(&Value::Null), choose);
            }
        }
        Value::String(text) if place == Place::Quantities => *text = choose(text, other),
        _ => {}
    }
}

/// What the values at a place of an object are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Fields,
    Quantities,
    /// A map whose keys people choose, so that a key does not say what its value is.
    Texts,
}

impl Place {
    fn below(self, name: &str) -> Self {
        match (self, name) {
            (Self::Texts, _) | (_, "labels" | "annotations" | "matchLabels") => Self::Texts,
            (_, "limits" | "requests" | "sizeLimit" | "divisor") => Self::Quantities,
            _ => self,
        }
    }
}

fn compare(wanted: &Value, have: &Value, place: Place, partly: bool) -> bool {
    match (wanted, have) {
        (Value::Object(wanted), Value::Object(have)) => {
            let all_there = wanted
                .iter()
                .filter(|(_, value)| !value.is_null())
                .all(|(name, value)| have.get(name).is_some_and(|other| compare(value, other, place.below(name), partly)));
            let nothing_else =
                || have.iter().all(|(name, value)| value.is_null() || wanted.get(name).is_some_and(|w| !w.is_null()));
            all_there && (partly || nothing_else())
        }
        (Value::Array(wanted), Value::Array(have)) => {
            wanted.len() == have.len() && wanted.iter().zip(have).all(|(w, h)| compare(w, h, place, partly))
        }
        _ if wanted == have => true,
        _ if place == Place::Quantities => match (text(wanted), text(have)) {
            (Some(wanted), Some(have)) => parse_quantity(&wanted).is_some_and(|value| Some(value) == parse_quantity(&have)),
            _ => false,
        },
        _ => false,
    }
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
        let noted = |text: &str| json!({"annotations": {"limits": text}, "labels": {"requests": {"cpu": text}}});
        assert!(!same(&noted("0.5"), &noted("500m")), "people choose the keys of annotations");
    }

    #[test]
    fn an_amount_that_stays_the_same_keeps_its_spelling() {
        let template = |name: &str, cpu: &str, memory: &str| {
            json!({
                "annotations": {"limits": cpu},
                "containers": [{"name": name, "env": ["0.5"], "resources": {"limits": {"cpu": cpu, "memory": memory}}}],
            })
        };
        let mut live = template("main", "500m", "1Gi");
        live["containers"].as_array_mut().unwrap().insert(0, json!({"name": "side", "resources": {"limits": {"cpu": "1"}}}));
        let mut wanted = template("main", "0.5", "2Gi");
        keep_spelling(&mut wanted, &live);
        assert_eq!(wanted["containers"], template("main", "500m", "2Gi")["containers"], "only the changed amount is new");
        assert_eq!(wanted["annotations"]["limits"], "0.5");
        let mut first = template("main", "0.5", "1Gi");
        keep_spelling(&mut first, &Value::Null);
        assert_eq!(first, template("main", "0.5", "1Gi"));
        normalise_quantities(&mut first);
        assert_eq!(first["containers"], template("main", "500m", "1Gi")["containers"]);
    }

    #[test]
    fn null_is_absent_and_order_of_lists_counts() {
        assert!(same(&json!({"a": null, "b": 1}), &json!({"b": 1})));
        assert!(!same(&json!({"b": 1}), &json!({"b": 1, "c": 2})));
        assert!(contains(&json!({"b": 1, "c": 2}), &json!({"b": 1})));
        assert!(!same(&json!({"l": [1, 2]}), &json!({"l": [2, 1]})));
    }
}
