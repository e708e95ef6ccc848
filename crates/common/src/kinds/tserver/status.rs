//! What came of a TServer.

use crate::{
    lenient::{integer, null_default},
    rules,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Observed state of a TServer, written by the controller only.
///
/// The first four fields are those of the existing system and feed the scale subresource; `conditions` and `observedGeneration`
/// are ours and optional, so that either controller can read what the other has written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerStatus {
    /// Copy of `spec.k8s.replicas`.
    #[serde(default, deserialize_with = "integer")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub replicas: i32,
    /// Pods whose Ready condition is True.
    #[serde(default, deserialize_with = "integer")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub ready_replicas: i32,
    /// All pods with both server labels, terminating ones included.
    #[serde(default, deserialize_with = "integer")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub current_replicas: i32,
    /// Selector of the pods, `tars.io/ServerApp=APP,tars.io/ServerName=SERVER`.
    #[serde(default)]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub selector: String,
    /// What is going on, by type of condition.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "rules::conditions")]
    pub conditions: Vec<Condition>,
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
