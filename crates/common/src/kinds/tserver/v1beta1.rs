//! TServer v1beta1, which is not served by default.

use super::{ComputeResources, TServerPort, blocks, mounts, v1beta2::MountSource};
use crate::{lenient::decode_or_default, rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

blocks::object!(v1beta1);
blocks::spec!({
    /// Ports of a server that does not speak Tars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TServerNormal>,
    /// Build that runs. It is absent while the server has no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TServerRelease>,
});
mounts::mount!(#[schemars(regex(pattern = crate::rules::MOUNT1))]);
blocks::k8s!({
    /// Readiness gate of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub readiness_gate: Option<String>,
    /// CPU and memory of the main container; no requests and limits when absent. Other resources are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ComputeResources>,
});
blocks::release!({
    /// Name of the TImage that the release comes from. Later versions do not have this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub source: Option<String>,
});

/// Ports of a server that does not speak Tars. Unlike later versions, this version requires the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerNormal {
    /// Ports that the server listens on; may be empty.
    #[serde(default, deserialize_with = "decode_or_default")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub ports: Vec<TServerPort>,
}
