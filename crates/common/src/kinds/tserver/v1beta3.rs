//! TServer v1beta3, the version that the API server stores and that our services use.

use super::{
    ComputeResources, ImagePullPolicy, LauncherType, NfsVolume, PodSecurityContext, Probe, ReadinessProbe, SecurityContext,
    TServerNormal, Toleration, UpdateStrategy, blocks, mounts, source,
};
use crate::{lenient::decode_or_default, rules};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

// v1beta2 and v1beta3 have the same releases.
pub use super::v1beta2::TServerRelease;

blocks::object!(v1beta3);
blocks::spec!({
    /// Ports of a server that does not speak Tars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TServerNormal>,
    /// Build that runs. It is absent while the server has no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TServerRelease>,
});
source::mount_source!(["nfs"], {
    /// Directory of an NFS server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nfs: Option<NfsVolume>,
});
mounts::mount!(#[schemars(regex(pattern = crate::rules::DASHNAME), length(max = 63))]);
blocks::k8s!({
    /// Command of the main container; the command of the image when absent.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of the main container; the arguments of the image when absent.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Readiness gates of the pods. On a Tars server the webhook puts `tars.io/active` first.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELKEY), length(max = 63)))]
    pub readiness_gates: Vec<String>,
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
    // The following fields are boxed because most servers do not have them and the controller keeps every TServer in memory.
    /// Probe that restarts the main container when it fails. With launcherType background tarsnode restarts the server already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Box<Probe>>,
    /// Probe that keeps traffic away from the pod while it fails, in addition to the readiness gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Box<ReadinessProbe>>,
    /// Probe that delays the other probes until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Box<Probe>>,
    /// Rights of the main container. The init container of tarsnode gets the same rights without privileged and capabilities.add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Box<SecurityContext>>,
    /// Rights of all containers of the pod, unless a container has its own, and the owner of the volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<Box<PodSecurityContext>>,
    /// Limit on the pods that go at the same time when nodes are drained; no limit when absent. It does not apply to daemonSet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption: Option<Box<Disruption>>,
    /// Whether the pods mount /etc/localtime of their node; as in tars-framework when absent, else true. With false the time zone is that
    /// of the image, and the namespace may enforce the Pod Security level baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_timezone: Option<bool>,
    /// Further annotations of the pods; together with their keys at most 256 KiB. Keys of Tars and of Kubernetes are refused.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Further labels of the pods. Keys of Tars and of Kubernetes are refused.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::build_label_map")]
    pub pod_labels: BTreeMap<String, String>,
    /// Taints of nodes that the pods tolerate.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Name of the `PriorityClass` of the pods; the default of the cluster when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::DNSSUB0), length(max = 253))]
    pub priority_class_name: Option<String>,
    /// Name of the scheduler that chooses the nodes of the pods; default-scheduler when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub scheduler_name: Option<String>,
    /// Seconds between the request to stop and SIGKILL, 0 to 3600; 30 when absent. With launcherType background, tarsnode kills the server
    /// itself after 10 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub termination_grace_period_seconds: Option<i64>,
    /// Working directory of the main container; that of the image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Seconds without progress after which a rollout counts as failed, and the condition Progressing becomes False; 600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub progress_deadline_seconds: Option<i32>,
});

/// The limit on voluntary disruptions, from which the controller makes a `PodDisruptionBudget`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disruption {
    /// Number of pods that may be unavailable, or a part of the replicas like "25%", which is rounded up.
    #[schemars(schema_with = "build_count_or_percent")]
    pub max_unavailable: IntOrString,
}

/// Builds the schema of a number of pods, or of a percentage.
fn build_count_or_percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 0, "maximum": 2_147_483_647,
        "pattern": "^([0-9]|[1-9][0-9]|100)%$",
    })
}
