//! TImage v1beta1.

use super::{TImageBuildState, TImageServerType, TImageType, object, release, root};
use crate::{lenient::null_default, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

object!(v1beta1);
release!(#[schemars(regex(pattern = rules::IMAGE), length(max = 500))]);

/// State of builds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TImageBuild {
    /// The last finished build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "last_build")]
    pub last: Option<TImageBuildState>,
    /// The running build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<TImageBuildState>,
}

/// In this version only, and only of the last build, the secret is empty rather than absent.
fn last_build(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = TImageBuildState::json_schema(generator);
    if let Some(secret) = schema.pointer_mut("/properties/secret").and_then(serde_json::Value::as_object_mut) {
        secret.insert("default".into(), "".into());
    }
    schema
}
