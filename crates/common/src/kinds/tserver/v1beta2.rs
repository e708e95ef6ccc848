//! TServer v1beta2.

use super::{ComputeResources, ImagePullPolicy, LauncherType, TServerNormal, UpdateStrategy, blocks, mounts};
use crate::rules;

blocks::object!(v1beta2);
blocks::spec!({
    /// What another server exposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TServerNormal>,
    /// Which build runs; absent on a server that was never released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TServerRelease>,
});
mounts::mount!(#[schemars(regex(pattern = crate::rules::DASHNAME), length(max = 63))]);
blocks::k8s!({
    /// One readiness gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub readiness_gate: Option<String>,
    /// Resources of the main container; only CPU and memory survive, none when absent.
    #[serde(default)]
    pub resources: ComputeResources,
    /// When the images of the main container and of tarsnode are pulled; Always when absent.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Which process is the first of the container: tarsnode, which supervises the server (background), or the server, and tarsnode
    /// only reports (foreground); background when absent.
    #[serde(default)]
    pub launcher_type: LauncherType,
    /// How pods are replaced when the server changes.
    #[serde(default)]
    #[schemars(extend("x-tars-default" = {}))]
    pub update_strategy: UpdateStrategy,
});
blocks::release!({
    /// Image of tarsnode; nodeImage of TFrameworkConfig tars-framework when absent on a Tars server, removed from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub node_image: Option<String>,
    /// Name of the tarsnode image's pull secret, or empty; comes with the image where that is filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub node_secret: Option<String>,
});
