//! The observed state of a TServer.

use crate::{
    lenient::{decode_integer, decode_or_default},
    rules,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Observed state of a TServer. Only the controller writes it.
///
/// The first four fields exist in the existing system and feed the scale subresource. `conditions`, `observedGeneration` and `rollout`
/// are ours. They are optional, so that each controller can read the status of the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerStatus {
    /// Copy of `spec.k8s.replicas`.
    #[serde(default, deserialize_with = "decode_integer")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub replicas: i32,
    /// Number of pods whose condition Ready is True.
    #[serde(default, deserialize_with = "decode_integer")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub ready_replicas: i32,
    /// Number of all pods with both labels of the server, terminating pods included.
    #[serde(default, deserialize_with = "decode_integer")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub current_replicas: i32,
    /// Label selector of the pods: `tars.io/ServerApp=APP,tars.io/ServerName=SERVER`.
    #[serde(default)]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub selector: String,
    /// Conditions of the server, one for each type.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "rules::build_conditions")]
    pub conditions: Vec<Condition>,
    /// Generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Progress of the rollout that is under way; absent when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<TServerRollout>,
}

impl TServerStatus {
    /// The condition of type `kind`.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind)
    }
}

/// What the controller remembers of a rollout, to tell whether it still makes progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerRollout {
    /// Smallest number of steps that were left so far. A step is a pod that is to become ready with the wanted settings, or a pod that is
    /// to go.
    pub steps_left: i64,
    /// Time when `stepsLeft` became smaller for the last time, or when the rollout began.
    #[schemars(schema_with = "rules::build_time")]
    pub last_progress_time: Time,
}
