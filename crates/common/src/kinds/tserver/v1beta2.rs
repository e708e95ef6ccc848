//! TServer v1beta2.

use super::{ComputeResources, ImagePullPolicy, LauncherType, TServerNormal, UpdateStrategy, blocks, mounts, source};
use crate::rules;

blocks::object!(v1beta2);
blocks::spec!({
    /// Ports of a server that does not speak Tars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TServerNormal>,
    /// Build that runs. It is absent while the server has no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TServerRelease>,
});
source::mount_source!([], {});
mounts::mount!(#[schemars(regex(pattern = crate::rules::DASHNAME), length(max = 63))]);
blocks::k8s!({
    /// Readiness gate of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub readiness_gate: Option<String>,
    /// CPU and memory of the main container; no requests and limits when absent. Other resources are dropped.
    #[serde(default)]
    pub resources: ComputeResources,
    /// Pull policy of the images of the main container and of tarsnode; Always when absent.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// First process of the main container: tarsnode, which supervises the server (background), or the server itself, about which
    /// tarsnode only reports (foreground); background when absent.
    #[serde(default)]
    pub launcher_type: LauncherType,
    /// Way of replacing pods when the server changes.
    #[serde(default)]
    #[schemars(extend("x-tars-default" = {}))]
    pub update_strategy: UpdateStrategy,
});
blocks::release!({
    /// Image of tarsnode. On a Tars server the webhook fills in nodeImage of TFrameworkConfig tars-framework; on other servers it
    /// removes the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub node_image: Option<String>,
    /// Name of the pull secret of the tarsnode image, or empty. If the webhook fills in the image, it fills in the secret, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub node_secret: Option<String>,
});
