//! No field of any kind is lost on the way through another version.
//!
//! ```text
//! schema ──► object with every field ──convert──► other version ──prune──► convert back ──prune──► the same object
//! ```
//!
//! The objects come from the generated schemas, so a new field is part of this test at once. The API server prunes: it drops each
//! field that the schema of a version does not have. A new field that only one version has, and that no conversion keeps, is
//! therefore lost here as it would be in a cluster.

use super::*;
use crate::{
    by_chance::{build_text, items, list_differences, list_excluded, schema, values},
    crd::{CrdOptions, build_all},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

/// Builds a value with every field. Values differ from each other and from the defaults, so that neither a swapped nor a defaulted
/// field looks like the original. They fit the schema, because conversion drops stashed values that do not. Of fields that exclude
/// each other the value has one; `turn` chooses it.
#[expect(clippy::cast_possible_truncation, reason = "the bounds of the schemas are those of integers of at most 32 bits")]
fn fill(schema: &JSONSchemaProps, path: &str, turn: usize) -> Value {
    let excluded = list_excluded(schema, turn);
    if let Some(items) = items(schema) {
        return [0, 1].map(|index| fill(items, &format!("{path}[{index}]"), turn)).into_iter().collect();
    }
    if let Some(values) = values(schema) {
        return json!({"key": fill(values, &format!("{path}.key"), turn)});
    }
    if let Some(properties) = &schema.properties {
        let fields = properties.iter().filter(|(name, _)| !excluded.contains(name));
        return fields.map(|(name, field)| (name.clone(), fill(field, &format!("{path}.{name}"), turn))).collect();
    }
    let default = schema.default.as_ref().map(|default| &default.0);
    if let Some(words) = &schema.enum_ {
        return words.iter().map(|word| word.0.clone()).find(|word| Some(word) != default).unwrap();
    }
    match schema.type_.as_deref() {
        Some("boolean") => json!(default != Some(&Value::Bool(true))),
        Some("integer") => {
            let (least, most) = (schema.minimum.unwrap_or(1e6), schema.maximum.unwrap_or(2e6));
            json!((least + f64::from(crc32fast::hash(path.as_bytes())) % (most - least + 1.0)) as i64)
        }
        _ => json!(build_text(schema, path)),
    }
}

/// Drops the members that the schema does not have, like the API server.
fn prune(object: &mut Value, schema: &JSONSchemaProps) {
    match object {
        Value::Array(elements) => {
            if let Some(items) = items(schema) {
                for element in elements {
                    prune(element, items);
                }
            }
        }
        Value::Object(members) => {
            if let Some(values) = values(schema) {
                members.values_mut().for_each(|value| prune(value, values));
            } else if let Some(properties) = &schema.properties {
                members.retain(|name, _| properties.contains_key(name));
                for (name, member) in members {
                    prune(member, &properties[name]);
                }
            }
        }
        _ => {}
    }
}

/// Prunes all but the members that every object has.
pub(super) fn prune_object(object: &mut Value, schema: &JSONSchemaProps) {
    let kept = ["apiVersion", "kind", "metadata"].map(|name| (name.to_owned(), object[name].take()));
    prune(object, schema);
    object.as_object_mut().unwrap().extend(kept);
}

#[test]
fn every_field_of_every_kind_survives_each_other_version() {
    // The longest list of alternatives is that of a mount's source.
    let problems: Vec<_> = (0..8).flat_map(list_losses).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn list_losses(turn: usize) -> Vec<String> {
    let mut problems = Vec::new();
    for definition in build_all(&CrdOptions::default()) {
        let kind = &definition.spec.names.kind;
        for (from, via) in Version::ALL.into_iter().flat_map(|from| Version::ALL.map(|via| (from, via))) {
            let (Some(own), Some(other)) = (schema(&definition, from), schema(&definition, via)) else { continue };
            let mut object = fill(own, "", turn);
            let header = json!({"apiVersion": from.api_version(), "kind": kind, "metadata": {"name": "all-fields"}});
            object.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());

            let mut travelled = converted(&object, via);
            prune_object(&mut travelled, other);
            let mut back = converted(&travelled, from);
            prune_object(&mut back, own);
            if from < via {
                // The lower version keeps the fields that it got from the defaults of the upper version.
                back["metadata"].as_object_mut().unwrap().remove("annotations");
            }

            let mut differences = Vec::new();
            list_differences(&object, &back, "", &mut differences);
            let way = format!("{kind} {} -> {} -> {}", from.as_str(), via.as_str(), from.as_str());
            problems.extend(differences.into_iter().map(|difference| format!("{way}: {difference}")));
        }
    }
    problems
}
