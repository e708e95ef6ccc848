//! TServer v1beta3, the version that is stored and that the controller works with.

use super::{
    ComputeResources, ImagePullPolicy, LauncherType, PodSecurityContext, Probe, ReadinessProbe, SecurityContext, TServerNormal,
    UpdateStrategy, blocks,
};
use crate::{lenient::null_default, rules};

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
    /// Command of the main container; that of its image when absent.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of the main container; those of its image when absent.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Readiness gates; the webhook puts `tars.io/active` first where `tars` is present.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELKEY), length(max = 63)))]
    pub readiness_gates: Vec<String>,
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
    // Boxed: most servers have none of the following, and the controller keeps every TServer in memory.
    /// Restarts the main container when it fails; not of much use with launcherType background, where tarsnode restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Box<Probe>>,
    /// Keeps traffic from the pod while it fails, in addition to the readiness gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Box<ReadinessProbe>>,
    /// Holds the other probes back until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Box<Probe>>,
    /// With which rights the main container runs. The init container of tarsnode gets the same without privileged and
    /// capabilities.add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Box<SecurityContext>>,
    /// With which rights all containers of the pod run, where they do not say otherwise, and whose its volumes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<Box<PodSecurityContext>>,
});
