//! TImage v1beta1.

use super::{TImageBuildState, TImageServerType, TImageType, object, release, root};
use crate::{lenient::decode_or_default, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

object!(v1beta1);
release!(#[schemars(regex(pattern = rules::IMAGE), length(max = 500))]);

/// State of the last and the running build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TImageBuild {
    /// Build that finished last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "build_last_schema")]
    pub last: Option<TImageBuildState>,
    /// Build that runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<TImageBuildState>,
}

/// Builds the schema of the last build. In this version only, and for the last build only, an absent secret becomes an empty text.
fn build_last_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = TImageBuildState::json_schema(generator);
    if let Some(secret) = schema.pointer_mut("/properties/secret").and_then(serde_json::Value::as_object_mut) {
        secret.insert("default".into(), "".into());
    }
    schema
}
