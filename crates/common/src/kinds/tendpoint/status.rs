//! The status of a TEndpoint: the pods of the server.

use crate::lenient::{decode_integer, decode_or_default, format_time};
use k8s_openapi::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1::Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pods of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TEndpointStatus {
    /// One element per pod.
    #[serde(default, deserialize_with = "decode_or_default")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub pods: Vec<TEndpointPod>,
}

/// One pod of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointPod {
    /// UID of the pod.
    #[serde(default)]
    pub uid: String,
    /// Process id of the server, as tarsnode reports it; empty if it is unknown.
    #[serde(default)]
    pub pid: String,
    /// Name of the pod.
    #[serde(default)]
    pub name: String,
    /// IP address of the pod.
    #[serde(rename = "podIP", default)]
    pub pod_ip: String,
    /// IP address of the node.
    #[serde(rename = "hostIP", default)]
    pub host_ip: String,
    /// Time at which the pod was created, RFC 3339.
    #[serde(default)]
    pub start_time: String,
    /// Id of the release that the pod runs.
    #[serde(default)]
    pub id: String,
    /// Wanted state of the server process, for example Active.
    #[serde(default)]
    pub setting_state: String,
    /// Observed state of the server process, for example Active.
    #[serde(default)]
    pub present_state: String,
    /// Reason of the observed state.
    #[serde(default)]
    pub present_message: String,
    /// Containers of the pod.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<PodContainerStatus>,
}

/// A container of a pod. The schema keeps these fields of the type of core Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct PodContainerStatus {
    /// Id of the container.
    #[serde(rename = "containerID", default, skip_serializing_if = "String::is_empty")]
    pub container_id: String,
    /// Name of the image.
    #[serde(default)]
    pub image: String,
    /// Id of the image.
    #[serde(rename = "imageID", default)]
    pub image_id: String,
    /// Name of the container.
    #[serde(default)]
    pub name: String,
    /// Whether the container is ready.
    #[serde(default)]
    pub ready: bool,
    /// Whether the container has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<bool>,
    /// Number of restarts.
    #[serde(default, deserialize_with = "decode_integer")]
    pub restart_count: i32,
    /// Current state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// State before the last restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_state: Option<ContainerState>,
}

/// State of a container; at most one field is present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerState {
    /// Present if the container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<ContainerStateRunning>,
    /// Present if the container waits to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<ContainerStateWaiting>,
    /// Present if the container has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<ContainerStateTerminated>,
}

/// Details of a running container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStateRunning {
    /// Time of the start, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
}

/// Details of a waiting container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStateWaiting {
    /// Reason as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Reason in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Details of a container that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct ContainerStateTerminated {
    /// Id of the container.
    #[serde(rename = "containerID", default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// Exit code of the process.
    #[serde(default, deserialize_with = "decode_integer")]
    pub exit_code: i32,
    /// Signal that ended the process.
    #[serde(default, deserialize_with = "crate::lenient::decode_optional_integer", skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Time of the end, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Time of the start, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Reason as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Reason in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<&core::ContainerStatus> for PodContainerStatus {
    fn from(status: &core::ContainerStatus) -> Self {
        Self {
            container_id: status.container_id.clone().unwrap_or_default(),
            image: status.image.clone(),
            image_id: status.image_id.clone(),
            name: status.name.clone(),
            ready: status.ready,
            started: status.started,
            restart_count: status.restart_count,
            state: status.state.as_ref().map(ContainerState::from),
            last_state: status.last_state.as_ref().map(ContainerState::from),
        }
    }
}

impl From<&core::ContainerState> for ContainerState {
    fn from(state: &core::ContainerState) -> Self {
        let text = |time: &Option<Time>| time.as_ref().map(format_time);
        Self {
            running: state.running.as_ref().map(|running| ContainerStateRunning { started_at: text(&running.started_at) }),
            waiting: state
                .waiting
                .as_ref()
                .map(|waiting| ContainerStateWaiting { message: waiting.message.clone(), reason: waiting.reason.clone() }),
            terminated: state.terminated.as_ref().map(|ended| ContainerStateTerminated {
                container_id: ended.container_id.clone(),
                exit_code: ended.exit_code,
                signal: ended.signal,
                finished_at: text(&ended.finished_at),
                started_at: text(&ended.started_at),
                message: ended.message.clone(),
                reason: ended.reason.clone(),
            }),
        }
    }
}
