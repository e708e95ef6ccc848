//! Writes the definitions as text: plain YAML, or the template of the chart.

use crate::version::Version;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Number, Value};
use std::borrow::Cow;
use thiserror::Error;

/// A reason why definitions could not be written as text.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The definition could not be encoded as JSON.
    #[error("definition {name} cannot be encoded as JSON: {source}")]
    Json {
        /// Name of the definition.
        name: String,
        /// The error of the encoder.
        source: serde_json::Error,
    },
    /// The definition could not be encoded as YAML.
    #[error("definition {name} cannot be encoded as YAML: {source}")]
    Yaml {
        /// Name of the definition.
        name: String,
        /// The error of the encoder.
        source: serde_saphyr::SerializeError,
    },
}

/// Writes definitions as one YAML stream. The same input gives the same text.
pub fn render(definitions: &[CustomResourceDefinition]) -> Result<String, RenderError> {
    let mut text = String::new();
    for definition in definitions {
        text.push_str(&render_document(definition, |_, _| {})?);
    }
    Ok(text)
}

/// Writes definitions as the template of the sub-chart `crds`. The values `servers` (a list of served versions) and `storage` (one
/// version) of the chart replace the options of the same meaning. Users of the chart set them as `crds.servers` and `crds.storage`.
///
/// TFrameworkConfig and TFrameworkKey have no v1beta1. If a user wants to store v1beta1, they are stored in v1beta3.
///
/// Parts that an older API server does not know are left out there: the fields of field selectors, and the rules for new objects.
pub fn render_chart(definitions: &[CustomResourceDefinition]) -> Result<String, RenderError> {
    let mut text = "# Generated from the types in crates/common by `tarscontroller crd --chart`; do not edit.\n".to_owned();
    for definition in definitions {
        let has_oldest = definition.spec.versions.iter().any(|version| version.name == Version::V1Beta1.as_str());
        text.push_str(&render_document(definition, |name, version| {
            version["served"] = build_marker(&format!("has \"{name}\" .Values.servers"));
            let storage = if name == Version::V1Beta3.as_str() && !has_oldest {
                format!("ne .Values.storage \"{}\"", Version::V1Beta2.as_str())
            } else {
                format!("eq .Values.storage \"{name}\"")
            };
            version["storage"] = build_marker(&storage);
            add_condition(version.pointer_mut("/selectableFields"), SELECTABLE_FIELDS);
            let rules = version.pointer_mut("/schema/openAPIV3Schema/x-kubernetes-validations");
            add_condition(rules.filter(|rules| rules.pointer("/0/optionalOldSelf").is_some()), OPTIONAL_OLD_SELF);
        })?);
    }
    Ok(replace_markers(&text))
}

/// Writes one YAML document. `change` gets the name and the JSON of each version.
fn render_document(definition: &CustomResourceDefinition, change: impl Fn(&str, &mut Value)) -> Result<String, RenderError> {
    let name = || definition.metadata.name.clone().unwrap_or_default();
    let mut json = serde_json::to_value(definition).map_err(|source| RenderError::Json { name: name(), source })?;
    write_whole_numbers(&mut json);
    for (version, of) in json["spec"]["versions"].as_array_mut().into_iter().flatten().zip(&definition.spec.versions) {
        change(&of.name, version);
    }
    let yaml = serde_saphyr::to_string(&json).map_err(|source| RenderError::Yaml { name: name(), source })?;
    Ok(format!("---\n{yaml}"))
}

/// Replaces whole floating point numbers by integers. The types of the API have floating point bounds; people expect to read `1` and not
/// `1.0`.
fn write_whole_numbers(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers),
        Value::Number(number) => {
            // Every bound of the schema is far below 2^53, and below that limit whole floating point numbers are exact.
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole, and small")]
            if let Some(float) = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15) {
                *number = Number::from(float as i64);
            }
        }
        _ => {}
    }
}

/// The first version of Kubernetes with selectable fields. Earlier ones know the field, but have it turned off, or drop it.
const SELECTABLE_FIELDS: &str = "1.31";
/// The first version of Kubernetes that has `optionalOldSelf` turned on. Without it, the rules do not compile.
const OPTIONAL_OLD_SELF: &str = "1.30";

/// Puts a list, together with its key, under the condition that Kubernetes is at least as new as `version`.
fn add_condition(list: Option<&mut Value>, version: &str) {
    if let Some(items) = list.and_then(Value::as_array_mut) {
        items.insert(0, build_marker(&format!("if semverCompare \">={version}-0\" .Capabilities.KubeVersion.Version")));
        items.push(build_marker(END));
    }
}

const END: &str = "end";
const OPEN: &str = "HELM<";
const CLOSE: &str = ">HELM";

/// Builds a text that stands for an action of Helm. An action itself is not legal YAML.
fn build_marker(action: &str) -> Value {
    Value::String(format!("{OPEN}{}{CLOSE}", action.replace('"', "'")))
}

/// Replaces the markers, and the quotes of YAML around them, by actions of Helm. A marker that is an element of a list becomes a line of
/// its own; a condition comes before the key of the list.
fn replace_markers(text: &str) -> String {
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for line in text.lines() {
        let (Some(start), Some(end)) = (line.find(OPEN), line.find(CLOSE)) else {
            lines.push(line.into());
            continue;
        };
        let key = line[..start].trim_end_matches(['"', '\'']);
        // YAML may have doubled the quotes inside of the marker.
        let action = line[start + OPEN.len()..end].replace("''", "'").replace('\'', "\"");
        match key.trim() {
            "-" if action == END => lines.push("{{- end }}".into()),
            "-" => lines.insert(lines.len().saturating_sub(1), format!("{{{{- {action} }}}}").into()),
            _ => lines.push(format!("{key}{{{{ {action} }}}}").into()),
        }
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}
