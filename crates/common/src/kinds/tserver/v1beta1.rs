//! TServer v1beta1, no longer served by default.

use super::{ComputeResources, TServerPort, blocks, mounts};
use crate::{lenient::null_default, rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

blocks::object!(v1beta1);
blocks::spec!({
    /// What another server exposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TServerNormal>,
    /// Which build runs; absent on a server that was never released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TServerRelease>,
});
mounts::mount!(#[schemars(regex(pattern = crate::rules::MOUNT1))]);
blocks::k8s!({
    /// One readiness gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub readiness_gate: Option<String>,
    /// Resources of the main container; only CPU and memory survive, none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ComputeResources>,
});
blocks::release!({
    /// Name of the TImage the release came from; later versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub source: Option<String>,
});

/// The block of a server that does not speak Tars; unlike later versions it has to name its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerNormal {
    /// Exposed ports; may be empty.
    #[serde(default, deserialize_with = "null_default")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub ports: Vec<TServerPort>,
}
