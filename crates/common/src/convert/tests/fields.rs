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
use crate::crd::{CrdOptions, build_all};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

fn schema(definition: &CustomResourceDefinition, version: Version) -> Option<&JSONSchemaProps> {
    let found = definition.spec.versions.iter().find(|one| one.name == version.as_str())?;
    found.schema.as_ref()?.open_api_v3_schema.as_ref()
}

fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(items) => Some(items),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn values(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.additional_properties.as_ref()? {
        JSONSchemaPropsOrBool::Schema(values) => Some(values),
        JSONSchemaPropsOrBool::Bool(_) => None,
    }
}

/// Builds a value with every field, exclusive fields included: conversion does not validate. Values differ from each other and from
/// the defaults, so that neither a swapped nor a defaulted field looks like the original.
fn fill(schema: &JSONSchemaProps, path: &str) -> Value {
    if let Some(items) = items(schema) {
        return [0, 1].map(|index| fill(items, &format!("{path}[{index}]"))).into_iter().collect();
    }
    if let Some(values) = values(schema) {
        return json!({"key": fill(values, &format!("{path}.key"))});
    }
    if let Some(properties) = &schema.properties {
        return properties.iter().map(|(name, field)| (name.clone(), fill(field, &format!("{path}.{name}")))).collect();
    }
    let default = schema.default.as_ref().map(|default| &default.0);
    if let Some(words) = &schema.enum_ {
        return words.iter().map(|word| word.0.clone()).find(|word| Some(word) != default).unwrap();
    }
    match schema.type_.as_deref() {
        Some("boolean") => json!(default != Some(&Value::Bool(true))),
        Some("integer") => json!(1_000_000 + crc32fast::hash(path.as_bytes()) % 1_000_000),
        _ => json!(path),
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
fn prune_object(object: &mut Value, schema: &JSONSchemaProps) {
    let kept = ["apiVersion", "kind", "metadata"].map(|name| (name.to_owned(), object[name].take()));
    prune(object, schema);
    object.as_object_mut().unwrap().extend(kept);
}

/// Lists the paths at which two values differ.
fn list_differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            for name in names {
                let member = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                list_differences(&member(left), &member(right), &format!("{path}.{name}"), found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{path}: {one} became {other}")),
    }
}

#[test]
fn every_field_of_every_kind_survives_each_other_version() {
    let mut problems = Vec::new();
    for definition in build_all(&CrdOptions::default()) {
        let kind = &definition.spec.names.kind;
        for (from, via) in Version::ALL.into_iter().flat_map(|from| Version::ALL.map(|via| (from, via))) {
            let (Some(own), Some(other)) = (schema(&definition, from), schema(&definition, via)) else { continue };
            let mut object = fill(own, "");
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
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
