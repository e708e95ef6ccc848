//! TServer v1beta3, the version that is stored and that the controller works with.

use super::blocks;
use super::{ComputeResources, ImagePullPolicy, LauncherType, TServerNormal, UpdateStrategy};
use crate::lenient::null_default;
use crate::rules;

// v1beta2 and v1beta3 run the same release.
pub use super::v1beta2::{Mount, TServerRelease};

blocks::object!(v1beta3);
blocks::spec!({
    /// What another server exposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TServerNormal>,
    /// Which build runs; absent on a server that was never released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TServerRelease>,
});
blocks::k8s!({
    /// Command of the main container.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of the main container.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Readiness gates; the webhook puts `tars.io/active` first where `tars` is present.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELKEY), length(max = 63)))]
    pub readiness_gates: Vec<String>,
    /// Resources of the main container; only CPU and memory survive.
    #[serde(default)]
    pub resources: ComputeResources,
    /// When the main container's image is pulled.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Which process is the first of the container.
    #[serde(default)]
    pub launcher_type: LauncherType,
    /// How pods are replaced when the server changes.
    #[serde(default)]
    #[schemars(extend("x-tars-default" = {}))]
    pub update_strategy: UpdateStrategy,
});
