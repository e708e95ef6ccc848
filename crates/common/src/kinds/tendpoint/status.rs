//! The pods of a server.

use crate::lenient::{format_time, integer, null_default};
use k8s_openapi::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1::Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pods of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TEndpointStatus {
    /// One element per pod.
    #[serde(default, deserialize_with = "null_default")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub pods: Vec<TEndpointPod>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointPod {
    /// Its uid.
    #[serde(default)]
    pub uid: String,
    /// Process id that tarsnode reported, or empty.
    #[serde(default)]
    pub pid: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its address.
    #[serde(rename = "podIP", default)]
    pub pod_ip: String,
    /// Address of its node.
    #[serde(rename = "hostIP", default)]
    pub host_ip: String,
    /// When it was made, RFC 3339.
    #[serde(default)]
    pub start_time: String,
    /// Its release id.
    #[serde(default)]
    pub id: String,
    /// State that is wanted.
    #[serde(default)]
    pub setting_state: String,
    /// State that is.
    #[serde(default)]
    pub present_state: String,
    /// Why.
    #[serde(default)]
    pub present_message: String,
    /// Its containers.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<PodContainerStatus>,
}

/// A container of a pod: the part of the core type that the schema keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct PodContainerStatus {
    /// Its id.
    #[serde(rename = "containerID", default, skip_serializing_if = "String::is_empty")]
    pub container_id: String,
    /// Its image.
    #[serde(default)]
    pub image: String,
    /// Id of its image.
    #[serde(rename = "imageID", default)]
    pub image_id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whether it is ready.
    #[serde(default)]
    pub ready: bool,
    /// Whether it has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<bool>,
    /// How often it was restarted.
    #[serde(default, deserialize_with = "integer")]
    pub restart_count: i32,
    /// Its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// Its state before the last restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_state: Option<ContainerState>,
}

/// State of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerState {
    /// It runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<ContainerStateRunning>,
    /// It waits to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<ContainerStateWaiting>,
    /// It has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<ContainerStateTerminated>,
}

/// A container that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStateRunning {
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
}

/// A container that waits to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStateWaiting {
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A container that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct ContainerStateTerminated {
    /// Its id.
    #[serde(rename = "containerID", default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// Exit code of its process.
    #[serde(default, deserialize_with = "integer")]
    pub exit_code: i32,
    /// Signal that ended its process.
    #[serde(default, deserialize_with = "crate::lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// When it started, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, in one word.
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
