//! Builds objects by chance from the generated schemas and compares them, for tests.

use crate::version::Version;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A row of numbers that look random and depend on the seed only, so a failing case can be repeated.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.roll(choices.len() as u64);
        &choices[usize::try_from(index).unwrap()]
    }
}

/// Builds a value that the schema allows. Each field that is not required is there or not, by chance.
pub fn build(schema: &JSONSchemaProps, path: &str, dice: &mut Dice) -> Value {
    if let Some(items) = items(schema) {
        let least = u64::try_from(schema.min_items.unwrap_or(0)).unwrap();
        let most = schema.max_items.map_or(least + 3, |most| u64::try_from(most).unwrap().min(least + 3));
        let count = least + dice.roll(most - least + 1);
        return (0..count).map(|index| build(items, &format!("{path}[{index}]"), dice)).collect();
    }
    if let Some(values) = values(schema) {
        let keys = ["key", "a.b/C-d", "ключ", ""];
        let count = usize::try_from(dice.roll(keys.len() as u64 + 1)).unwrap();
        return keys[..count].iter().map(|key| ((*key).to_owned(), build(values, &format!("{path}.{key}"), dice))).collect();
    }
    if let Some(properties) = &schema.properties {
        let turn = usize::try_from(dice.roll(16)).unwrap();
        let excluded = list_excluded(schema, turn);
        let mut required = schema.required.clone().unwrap_or_default();
        if let Some(alternatives) = &schema.one_of {
            required.extend(alternatives[turn % alternatives.len()].required.clone().unwrap_or_default());
        }
        let mut members = Map::new();
        for (name, field) in properties.iter().filter(|(name, _)| !excluded.contains(name)) {
            if required.contains(name) || dice.roll(5) < 3 {
                members.insert(name.clone(), build(field, &format!("{path}.{name}"), dice));
            }
        }
        return Value::Object(members);
    }
    build_leaf(schema, path, dice)
}

#[expect(clippy::cast_possible_truncation, reason = "the bounds of the schemas are those of integers of at most 32 bits")]
fn build_leaf(schema: &JSONSchemaProps, path: &str, dice: &mut Dice) -> Value {
    if let Some(words) = &schema.enum_ {
        return dice.pick(words).0.clone();
    }
    let is_number = schema.x_kubernetes_int_or_string == Some(true) && dice.roll(2) == 0;
    match schema.type_.as_deref() {
        Some("boolean") => json!(dice.roll(2) == 0),
        kind if is_number || kind == Some("integer") => {
            let (least, most) = (schema.minimum.unwrap_or(0.0) as i64, schema.maximum.unwrap_or(2e6) as i64);
            json!(least + i64::try_from(dice.roll(u64::try_from(most - least + 1).unwrap())).unwrap())
        }
        Some("object") => json!({"free": {"form": [dice.roll(9), null, "text"]}}),
        _ => json!(build_text(schema, &format!("{path}{}", dice.roll(9)))),
    }
}

pub fn schema(definition: &CustomResourceDefinition, version: Version) -> Option<&JSONSchemaProps> {
    let found = definition.spec.versions.iter().find(|one| one.name == version.as_str())?;
    found.schema.as_ref()?.open_api_v3_schema.as_ref()
}

pub fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(items) => Some(items),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

pub fn values(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.additional_properties.as_ref()? {
        JSONSchemaPropsOrBool::Schema(values) => Some(values),
        JSONSchemaPropsOrBool::Bool(_) => None,
    }
}

/// Builds a text that the pattern and the bounds of the schema allow: the path if it is possible.
pub fn build_text(schema: &JSONSchemaProps, path: &str) -> String {
    let pattern = schema.pattern.as_ref().map(|pattern| Regex::new(pattern).unwrap());
    let hash = crc32fast::hash(path.as_bytes());
    if schema.format.as_deref() == Some("date-time") {
        return format!("2026-01-{:02}T12:00:{:02}Z", hash % 28 + 1, hash % 60);
    }
    let texts =
        [path.to_owned(), format!("x{hash:x}"), format!("/{hash:x}"), format!("{}%", hash % 100), (hash % 100).to_string()];
    let most = schema.max_length.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
    let fits = |text: &&String| text.len() <= most && pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    texts.iter().find(fits).unwrap_or(&texts[0]).clone()
}

/// Lists the fields that other alternatives require, but not the one that `turn` chooses.
pub fn list_excluded(schema: &JSONSchemaProps, turn: usize) -> Vec<String> {
    let required = |alternative: &JSONSchemaProps| alternative.required.clone().unwrap_or_default();
    let alternatives = schema.one_of.as_deref().unwrap_or_default();
    let Some(chosen) = alternatives.get(turn % alternatives.len().max(1)).map(required) else { return Vec::new() };
    alternatives.iter().flat_map(required).filter(|name| !chosen.contains(name)).collect()
}

/// Lists the paths at which two values differ.
pub fn list_differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<_> = left.keys().chain(right.keys()).collect();
            for name in names {
                let member = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                list_differences(&member(left), &member(right), &format!("{path}.{name}"), found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{path}: {one} became {other}")),
    }
}
