//! TEndpoint: what the registry needs to know of a server and its pods (docs/reference/resources.md#4.6).
//!
//! Written by the controller only, so the schema has neither bounds nor defaults; what is absent reads as empty.

use crate::{
    kind::kind,
    lenient::{integer, null_default, yes},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod status;
pub use status::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, PodContainerStatus, TEndpointPod,
    TEndpointStatus,
};

kind! {
    [v1beta1, v1beta2, v1beta3] "tendpoints";
    {
        /// A server's servants and pods, kept by the controller; named like the TServer.
        pub struct TEndpoint {
            /// Copies from the TServer.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TEndpointSpec,
            /// The pods.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub status: Option<TEndpointStatus>,
        }
    }
}

/// Copies from the TServer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointSpec {
    /// Application.
    #[serde(default)]
    pub app: String,
    /// Server.
    #[serde(default)]
    pub server: String,
    /// `tars` or `normal`.
    #[serde(default)]
    pub sub_type: String,
    /// Grade of importance.
    #[serde(default, deserialize_with = "integer")]
    pub important: i32,
    /// What a Tars server serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tars: Option<TEndpointTars>,
    /// What another server exposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TEndpointNormal>,
    /// Ports published on nodes.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<TEndpointHostPort>,
    /// The build that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TEndpointRelease>,
}

/// Copy of a TServer's `tars`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointTars {
    /// Private template text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Name of the template.
    #[serde(default)]
    pub template: String,
    /// Threads of the client's asynchronous call-backs.
    #[serde(default, deserialize_with = "integer")]
    pub async_thread: i32,
    /// Tars objects.
    #[serde(default, deserialize_with = "null_default")]
    pub servants: Vec<TEndpointServant>,
    /// Ports besides those of the servants.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<TEndpointPort>,
}

/// Copy of a TServer's `normal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointNormal {
    /// Exposed ports.
    #[serde(default, deserialize_with = "null_default")]
    pub ports: Vec<TEndpointPort>,
}

/// Copy of a servant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointServant {
    /// Name of the object.
    #[serde(default)]
    pub name: String,
    /// Port.
    #[serde(default, deserialize_with = "integer")]
    pub port: i32,
    /// Handler threads.
    #[serde(default, deserialize_with = "integer")]
    pub thread: i32,
    /// Capacity of the queue.
    #[serde(default, deserialize_with = "integer")]
    pub capacity: i32,
    /// Most connections.
    #[serde(default, deserialize_with = "integer")]
    pub connection: i32,
    /// Time a request may wait, in milliseconds.
    #[serde(default, deserialize_with = "integer")]
    pub timeout: i32,
    /// True for the Tars protocol.
    #[serde(default = "yes")]
    pub is_tars: bool,
    /// True for TCP, false for UDP.
    #[serde(default = "yes")]
    pub is_tcp: bool,
}

impl Default for TEndpointServant {
    fn default() -> Self {
        Self { name: String::new(), port: 0, thread: 0, capacity: 0, connection: 0, timeout: 0, is_tars: true, is_tcp: true }
    }
}

/// Copy of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointPort {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Port.
    #[serde(default, deserialize_with = "integer")]
    pub port: i32,
    /// True for TCP, false for UDP.
    #[serde(default = "yes")]
    pub is_tcp: bool,
}

impl Default for TEndpointPort {
    fn default() -> Self {
        Self { name: String::new(), port: 0, is_tcp: true }
    }
}

/// Copy of a port published on nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointHostPort {
    /// Name of the servant or port.
    #[serde(default)]
    pub name_ref: String,
    /// Port of the node.
    #[serde(default, deserialize_with = "integer")]
    pub port: i32,
}

/// Copy of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointRelease {
    /// Release id.
    #[serde(default)]
    pub id: String,
    /// Image.
    #[serde(default)]
    pub image: String,
    /// Its pull secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret: String,
    /// When it was released, RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub time: String,
    /// Image of tarsnode.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_image: String,
    /// Its pull secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_secret: String,
}
