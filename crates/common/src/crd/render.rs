//! The definitions as text: plain YAML, and the chart's template.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Number, Value};
use thiserror::Error;

use super::{CrdOptions, Version, all};

/// Why definitions could not be written as text.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The definition is no JSON.
    #[error("definition {name} can't be encoded as JSON: {source}")]
    Json {
        /// Name of the definition.
        name: String,
        /// What the encoder says.
        source: serde_json::Error,
    },
    /// The definition is no YAML.
    #[error("definition {name} can't be encoded as YAML: {source}")]
    Yaml {
        /// Name of the definition.
        name: String,
        /// What the encoder says.
        source: serde_saphyr::SerializeError,
    },
}

/// Definitions as one YAML stream, the same text for the same input.
pub fn render(definitions: &[CustomResourceDefinition]) -> Result<String, RenderError> {
    let mut text = String::new();
    for definition in definitions {
        text.push_str(&document(definition, |_, _| {})?);
    }
    Ok(text)
}

/// The template of the chart's sub-chart `crds`: the definitions with its values `servers` (list of served versions) and `storage`
/// (one version) in the place of [`CrdOptions`]. Users of the chart set them as `crds.servers` and `crds.storage`.
///
/// TFrameworkConfig and TFrameworkKey have no v1beta1; where that is to be stored, they are stored in v1beta3.
pub fn render_chart() -> Result<String, RenderError> {
    let mut text = "# Generated from the types in crates/common by `tarscontroller crd --chart`; do not edit.\n".to_owned();
    for definition in all(&CrdOptions::default()) {
        let has_oldest = definition.spec.versions.iter().any(|version| version.name == Version::V1Beta1.as_str());
        text.push_str(&document(&definition, |name, version| {
            version["served"] = marker(&format!("has \"{name}\" .Values.servers"));
            let storage = if name == Version::V1Beta3.as_str() && !has_oldest {
                format!("ne .Values.storage \"{}\"", Version::V1Beta2.as_str())
            } else {
                format!("eq .Values.storage \"{name}\"")
            };
            version["storage"] = marker(&storage);
        })?);
    }
    Ok(without_markers(&text))
}

/// One YAML document; `change` sees the name and the JSON of each version.
fn document(definition: &CustomResourceDefinition, change: impl Fn(&str, &mut Value)) -> Result<String, RenderError> {
    let name = || definition.metadata.name.clone().unwrap_or_default();
    let mut json = serde_json::to_value(definition).map_err(|source| RenderError::Json { name: name(), source })?;
    whole_numbers(&mut json);
    for (version, of) in json["spec"]["versions"].as_array_mut().into_iter().flatten().zip(&definition.spec.versions) {
        change(&of.name, version);
    }
    let yaml = serde_saphyr::to_string(&json).map_err(|source| RenderError::Yaml { name: name(), source })?;
    Ok(format!("---\n{yaml}"))
}

/// Bounds are floating point numbers in the API's types; people write, and expect to read, `1` rather than `1.0`.
fn whole_numbers(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Number(number) => {
            // Every bound of the schema is far below 2^53, where whole floating point numbers are exact.
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole, and small")]
            if let Some(float) = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15) {
                *number = Number::from(float as i64);
            }
        }
        _ => {}
    }
}

const OPEN: &str = "HELM<";
const CLOSE: &str = ">HELM";

/// Stands for an action of Helm until the YAML is written, where it would not be legal.
fn marker(action: &str) -> Value {
    Value::String(format!("{OPEN}{}{CLOSE}", action.replace('"', "'")))
}

/// Puts Helm's actions in the place of their markers, whatever quotes YAML gave these.
fn without_markers(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines() {
        match (line.find(OPEN), line.find(CLOSE)) {
            (Some(start), Some(end)) => {
                let key = line[..start].trim_end_matches(['"', '\'']);
                // The marker's quotes may have been doubled by YAML's quoting.
                let action = line[start + OPEN.len()..end].replace("''", "'").replace('\'', "\"");
                lines.extend([key, "{{ ", &action, " }}"]);
            }
            _ => lines.push_str(line),
        }
        lines.push('\n');
    }
    lines
}
