//! Nothing is lost on any way through the versions, whichever fields an object has.
//!
//! ```text
//! schema ──chance──► object ──► convert, prune, default ──► … any versions … ──► the first version: the same object
//! ```
//!
//! The objects come from the generated schemas, so a new field is part of this test at once. After each step the API server's part is
//! done: it drops fields that the schema does not have, and fills in defaults.

use super::{super::fit::fits, fields::prune_object, *};
use crate::{
    by_chance::{Dice, build, items, list_differences, schema, values},
    crd::{CrdOptions, build_all},
    names::annotation::CONVERSION_PREFIX,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use std::sync::LazyLock;

static DEFINITIONS: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(|| build_all(&CrdOptions::default()));

/// Fills in defaults like the API server.
fn fill_in(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::Array(elements) => {
            if let Some(items) = items(schema) {
                for element in elements {
                    fill_in(element, items);
                }
            }
        }
        Value::Object(members) => {
            if let Some(values) = values(schema) {
                for member in members.values_mut() {
                    fill_in(member, values);
                }
            }
            for (name, field) in schema.properties.iter().flatten() {
                if let (None, Some(default)) = (members.get(name), &field.default) {
                    members.insert(name.clone(), default.0.clone());
                }
                if let Some(member) = members.get_mut(name) {
                    fill_in(member, field);
                }
            }
        }
        _ => {}
    }
}

/// Does the API server's part after a conversion.
fn receive(object: &mut Value, schema: &JSONSchemaProps) {
    prune_object(object, schema);
    fill_in(object, schema);
}

/// Removes the annotations of conversions. An object that was always old may carry one of them in the end.
fn forget_stashes(object: &mut Value) {
    let metadata = object["metadata"].as_object_mut().unwrap();
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !key.starts_with(CONVERSION_PREFIX));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// Finds the deepest member that its schema refuses.
fn find_misfit(kind: &str, version: Version, path: &[&str], value: &Value) -> String {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = [path, &[name.as_str()]].concat();
        if !fits(kind, version, &path, member) {
            return find_misfit(kind, version, &path, member);
        }
    }
    format!("{} {value}", path.join("."))
}

fn check_way(definition: &CustomResourceDefinition, seed: u64) -> Result<(), String> {
    let kind = definition.spec.names.kind.as_str();
    let versions: Vec<(Version, &JSONSchemaProps)> =
        Version::ALL.into_iter().filter_map(|version| Some((version, schema(definition, version)?))).collect();
    let mut dice = Dice(seed);
    let (first, own) = *dice.pick(&versions);
    let mut object = build(own, "", &mut dice);
    let header =
        json!({"apiVersion": first.api_version(), "kind": kind, "metadata": {"name": "by-chance", "annotations": {"kept": "é"}}});
    object.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    receive(&mut object, own);

    let mut way = vec![(first, own)];
    way.extend((0..=dice.roll(4)).map(|_| *dice.pick(&versions)));
    way.push((first, own));
    let mut travelled = object.clone();
    for (version, schema) in &way[1..] {
        travelled = converted(&travelled, *version);
        receive(&mut travelled, schema);
        // The API server itself gives the other kinds another version.
        if ["TServer", "TFrameworkConfig"].contains(&kind) && !fits(kind, *version, &[], &travelled) {
            let field = find_misfit(kind, *version, &[], &travelled);
            return Err(format!("{kind} is not valid as {}, see {field}: {travelled}", version.as_str()));
        }
    }
    forget_stashes(&mut travelled);
    if kind == "TFrameworkConfig" && first == Version::V1Beta2 {
        // v1beta3 requires this block, which then gets its defaults.
        for object in [&mut object, &mut travelled] {
            object.as_object_mut().unwrap().entry("imageBuild").or_insert_with(|| json!({}));
        }
    }
    // A version can have a default that another one has not. A field without a value then gets that default on the way.
    for (_, schema) in &versions {
        fill_in(&mut object, schema);
        fill_in(&mut travelled, schema);
    }
    let mut differences = Vec::new();
    list_differences(&object, &travelled, "", &mut differences);
    let names: Vec<_> = way.iter().map(|(version, _)| version.as_str()).collect();
    if differences.is_empty() { Ok(()) } else { Err(format!("{kind} {}:\n{}", names.join(" -> "), differences.join("\n"))) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_is_lost_on_any_way_through_the_versions(seed in any::<u64>()) {
        for definition in DEFINITIONS.iter() {
            check_way(definition, seed).map_err(TestCaseError::fail)?;
        }
    }
}
