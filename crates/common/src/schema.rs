//! From Rust types to the structural schemas that the API server demands.
//!
//! ```text
//! struct ─schemars─► JSON schema ─shape─► structural schema ─► JSONSchemaProps
//! ```
//!
//! schemars writes more than the API server accepts: formats of integers, types that admit `null`, enumerations as `oneOf`.
//! It also writes a default for every field that has one in Rust, and does not make that field required. Some schemas must differ
//! from this. Markers on the fields say how, and [`shape`] removes the markers:
//!
//! * `x-tars-required: true` makes the field required although Rust has a default for it,
//! * `x-tars-default: VALUE` replaces the default, and `null` removes it,
//! * `x-tars-no-defaults: true` on a struct removes the defaults of all of its fields.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Map, Value};

const REQUIRED: &str = "x-tars-required";
const DEFAULT: &str = "x-tars-default";
const NO_DEFAULTS: &str = "x-tars-no-defaults";

/// Builds the structural schema of a kind. It does not contain `apiVersion`, `kind` and `metadata`, which the API server adds.
pub fn build_structural<T: JsonSchema>() -> JSONSchemaProps {
    // `shape` leaves only keywords that JSONSchemaProps has. The tests of `crd` convert the schema of every type.
    #[expect(clippy::expect_used, reason = "depends on the types of this crate only; each of them is converted by a test")]
    serde_json::from_value(build_json::<T>()).expect("a structural schema")
}

fn build_json<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.transforms.clear();
    let schema = Schema::to_value(settings.into_generator().into_root_schema_for::<T>());
    shape(schema)
}

/// Rewrites one node and all nodes below it.
fn shape(node: Value) -> Value {
    let Value::Object(mut node) = node else { return node };
    take_non_null_alternative(&mut node);
    if let Some(words) = read_words(&node) {
        node.remove("oneOf");
        node.insert("type".into(), "string".into());
        node.insert("enum".into(), words.into());
    }
    node.retain(|key, value| match key.as_str() {
        "$schema" | "title" | "nullable" => false,
        "format" => value == "date-time",
        "default" => !value.is_null(),
        _ => true,
    });
    if let Some(Value::Array(types)) = node.get("type") {
        let types: Vec<_> = types.iter().filter(|&name| name != "null").cloned().collect();
        if let [only] = types.as_slice() {
            node.insert("type".into(), only.clone());
        }
    }
    if let Some(Value::String(text)) = node.get("description") {
        node.insert("description".into(), join_lines(text).into());
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = node.remove(key) {
            node.insert(key.into(), shape(child));
        }
    }
    shape_properties(&mut node);
    Value::Object(node)
}

/// Rewrites the fields of an object and applies their markers.
fn shape_properties(node: &mut Map<String, Value>) {
    let no_defaults = node.remove(NO_DEFAULTS).is_some();
    let Some(Value::Object(properties)) = node.remove("properties") else { return };
    let mut required = match node.remove("required") {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    let mut shaped = Map::new();
    for (name, child) in properties {
        let mut child = shape(child);
        if let Value::Object(child) = &mut child {
            if child.remove(REQUIRED).is_some() && !required.iter().any(|other| *other == name) {
                required.push(name.clone().into());
            }
            match child.remove(DEFAULT) {
                Some(Value::Null) => drop(child.remove("default")),
                Some(value) => drop(child.insert("default".into(), value)),
                None if no_defaults => drop(child.remove("default")),
                None => {}
            }
        }
        shaped.insert(name, child);
    }
    node.insert("properties".into(), shaped.into());
    if !required.is_empty() {
        required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        node.insert("required".into(), required.into());
    }
}

/// Replaces `anyOf: [X, null]`, which schemars writes for an optional X, by X. Other keywords of the node stay.
fn take_non_null_alternative(node: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = node.remove("anyOf") else { return };
    for alternative in alternatives {
        if alternative.get("type").is_some_and(|name| name == "null") {
            continue;
        }
        if let Value::Object(alternative) = alternative {
            for (key, value) in alternative {
                node.entry(key).or_insert(value);
            }
        }
    }
}

/// Reads the words of an enumeration. schemars writes it as `oneOf` of constants, so that each can have a description.
fn read_words(node: &Map<String, Value>) -> Option<Vec<Value>> {
    let alternatives = node.get("oneOf")?.as_array()?;
    let mut words = Vec::new();
    for alternative in alternatives {
        match (alternative.get("const"), alternative.get("enum")) {
            (Some(word), _) => words.push(word.clone()),
            (None, Some(Value::Array(more))) => words.extend(more.iter().cloned()),
            _ => return None,
        }
    }
    Some(words)
}

/// Makes one plain line of a doc comment. Line breaks, links and code marks are for readers of the Rust source.
fn join_lines(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(['`', '[', ']'], "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Word {
        /// Documented.
        One,
        /// Documented.
        Two,
    }

    /// Says
    /// something.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Sample {
        word: Option<Word>,
        #[serde(default)]
        #[schemars(extend("x-tars-required" = true), range(min = 1))]
        number: u16,
        #[serde(default)]
        #[schemars(extend("x-tars-default" = null))]
        list: Vec<String>,
        #[schemars(extend("x-tars-default" = {}))]
        text: Option<String>,
    }

    #[test]
    fn schemas_become_structural() {
        let wanted = json!({
            "type": "object",
            "description": "Says something.",
            "required": ["number"],
            "properties": {
                "word": { "type": "string", "enum": ["One", "Two"] },
                "number": { "type": "integer", "minimum": 1, "maximum": 65535, "default": 0 },
                "list": { "type": "array", "items": { "type": "string" } },
                "text": { "type": "string", "default": {} },
            },
        });
        assert_eq!(build_json::<Sample>(), wanted);
    }
}
