//! Checks members of a stash against the schema of the wanted version (docs/reference/resources.md#7.2.5).
//!
//! An annotation is free text that every writer may change, and the API server does not validate what a conversion makes of it. The
//! rules are those of the generated schemas, so there is no second copy of them. Members that a schema does not have fit: the API
//! server drops them.

use crate::{
    crd::{CrdOptions, build_all},
    version::Version,
};
use regex::Regex;
use serde_json::{Map, Value};
use std::{collections::HashMap, sync::LazyLock};

/// The schemas of the kinds that have a stash, and the compiled patterns of these schemas.
struct Schemas {
    roots: HashMap<(String, &'static str), Value>,
    patterns: HashMap<String, Regex>,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let mut schemas = Schemas { roots: HashMap::new(), patterns: HashMap::new() };
    for definition in build_all(&CrdOptions::default()) {
        let kind = definition.spec.names.kind;
        if !["TServer", "TFrameworkConfig"].contains(&kind.as_str()) {
            continue;
        }
        for version in Version::ALL {
            let found = definition.spec.versions.iter().find(|one| one.name == version.as_str());
            let root = found.and_then(|one| one.schema.as_ref()).and_then(|schema| schema.open_api_v3_schema.as_ref());
            // A schema consists of JSON values, so it always serializes.
            let Some(root) = root.and_then(|root| serde_json::to_value(root).ok()) else { continue };
            compile_patterns(&root, &mut schemas.patterns);
            schemas.roots.insert((kind.clone(), version.as_str()), root);
        }
    }
    schemas
});

fn compile_patterns(schema: &Value, patterns: &mut HashMap<String, Regex>) {
    match schema {
        Value::Object(members) => {
            if let Some(pattern) = members.get("pattern").and_then(Value::as_str)
                && let Ok(compiled) = Regex::new(pattern)
            {
                patterns.insert(pattern.to_owned(), compiled);
            }
            members.values().for_each(|member| compile_patterns(member, patterns));
        }
        Value::Array(elements) => elements.iter().for_each(|element| compile_patterns(element, patterns)),
        _ => {}
    }
}

/// Finds the schema of a member. `path` names the members from the root of the object.
pub(super) fn find_schema(kind: &str, version: Version, path: &[&str]) -> Option<&'static Value> {
    let root = SCHEMAS.roots.get(&(kind.to_owned(), version.as_str()))?;
    path.iter().try_fold(root, |schema, name| schema.get("properties")?.get(name))
}

/// Reports whether the API server accepts `value` as the member at `path`. A member without a schema fits.
pub(super) fn fits(kind: &str, version: Version, path: &[&str], value: &Value) -> bool {
    find_schema(kind, version, path).is_none_or(|schema| matches_schema(value, schema))
}

/// Checks each keyword of a schema that limits values. A test makes sure that the schemas of the stashed members have no other ones.
fn matches_schema(value: &Value, schema: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return true };
    keywords.iter().all(|(keyword, limit)| matches_keyword(value, keyword, limit))
}

fn matches_keyword(value: &Value, keyword: &str, limit: &Value) -> bool {
    let number = || limit.as_f64().zip(value.as_f64());
    let count = |actual: Option<usize>| limit.as_u64().zip(actual.map(|actual| actual as u64));
    let length = || count(value.as_str().map(|text| text.chars().count()));
    let size = || count(value.as_array().map(Vec::len));
    match keyword {
        "type" => limit.as_str().is_none_or(|name| has_type(value, name)),
        "x-kubernetes-int-or-string" => value.is_string() || has_type(value, "integer"),
        "enum" => limit.as_array().is_none_or(|words| words.contains(value)),
        "minimum" => number().is_none_or(|(least, actual)| actual >= least),
        "maximum" => number().is_none_or(|(most, actual)| actual <= most),
        "minLength" => length().is_none_or(|(least, actual)| actual >= least),
        "maxLength" => length().is_none_or(|(most, actual)| actual <= most),
        "minItems" => size().is_none_or(|(least, actual)| actual >= least),
        "maxItems" => size().is_none_or(|(most, actual)| actual <= most),
        "pattern" => match (value.as_str(), limit.as_str().and_then(|pattern| SCHEMAS.patterns.get(pattern))) {
            (Some(text), Some(pattern)) => pattern.is_match(text),
            _ => true,
        },
        "required" => match (value.as_object(), limit.as_array()) {
            (Some(members), Some(names)) => names.iter().filter_map(Value::as_str).all(|name| members.contains_key(name)),
            _ => true,
        },
        "properties" => match (value.as_object(), limit.as_object()) {
            (Some(members), Some(schemas)) => has_fitting_members(members, schemas),
            _ => true,
        },
        "oneOf" => {
            let count = limit.as_array().map(|all| all.iter().filter(|one| matches_schema(value, one)).count());
            count.is_none_or(|count| count == 1)
        }
        "items" => value.as_array().is_none_or(|elements| elements.iter().all(|element| matches_schema(element, limit))),
        "additionalProperties" => {
            value.as_object().is_none_or(|members| members.values().all(|member| matches_schema(member, limit)))
        }
        _ => true,
    }
}

fn has_fitting_members(members: &Map<String, Value>, schemas: &Map<String, Value>) -> bool {
    members.iter().all(|(name, member)| schemas.get(name).is_none_or(|schema| matches_schema(member, schema)))
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}
