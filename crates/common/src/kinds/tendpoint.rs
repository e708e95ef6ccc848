//! TEndpoint: the facts about a server and its pods that the registry needs (docs/reference/resources.md#4.6).
//!
//! Only the controller writes a TEndpoint, so its schema has neither bounds nor defaults. An absent field reads as empty.

use crate::{
    kind::kind,
    lenient::{decode_integer, decode_or_default, yes},
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
        /// The servants and pods of a server. The controller writes it. Its name is the name of the TServer.
        pub struct TEndpoint {
            /// Copies of fields of the TServer.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TEndpointSpec,
            /// The pods of the server.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub status: Option<TEndpointStatus>,
        }
    }
}

/// Copies of fields of the TServer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointSpec {
    /// Tars application.
    #[serde(default)]
    pub app: String,
    /// Tars server.
    #[serde(default)]
    pub server: String,
    /// `tars` or `normal`.
    #[serde(default)]
    pub sub_type: String,
    /// Grade of importance for front ends and alarms.
    #[serde(default, deserialize_with = "decode_integer")]
    pub important: i32,
    /// Servants of a Tars server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tars: Option<TEndpointTars>,
    /// Ports of a server that does not speak Tars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<TEndpointNormal>,
    /// Ports published on nodes.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<TEndpointHostPort>,
    /// Release that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<TEndpointRelease>,
}

/// Copy of `spec.tars` of the TServer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointTars {
    /// Private text, merged over the template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Name of the TTemplate.
    #[serde(default)]
    pub template: String,
    /// Number of threads for asynchronous callbacks of the client.
    #[serde(default, deserialize_with = "decode_integer")]
    pub async_thread: i32,
    /// Servants of the server.
    #[serde(default, deserialize_with = "decode_or_default")]
    pub servants: Vec<TEndpointServant>,
    /// Ports besides those of the servants.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<TEndpointPort>,
}

/// Copy of `spec.normal` of the TServer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointNormal {
    /// Exposed ports.
    #[serde(default, deserialize_with = "decode_or_default")]
    pub ports: Vec<TEndpointPort>,
}

/// Copy of a servant of the TServer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointServant {
    /// Name of the servant, for example `HelloObj`.
    #[serde(default)]
    pub name: String,
    /// Port number in the pod.
    #[serde(default, deserialize_with = "decode_integer")]
    pub port: i32,
    /// Number of handler threads.
    #[serde(default, deserialize_with = "decode_integer")]
    pub thread: i32,
    /// Capacity of the queue, in requests.
    #[serde(default, deserialize_with = "decode_integer")]
    pub capacity: i32,
    /// Maximal number of connections.
    #[serde(default, deserialize_with = "decode_integer")]
    pub connection: i32,
    /// Time that a request may wait in the queue, in milliseconds.
    #[serde(default, deserialize_with = "decode_integer")]
    pub timeout: i32,
    /// True for the Tars protocol, false for another protocol.
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

/// Copy of a port of the TServer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointPort {
    /// Name of the port.
    #[serde(default)]
    pub name: String,
    /// Port number in the pod.
    #[serde(default, deserialize_with = "decode_integer")]
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

/// Copy of a port that is published on nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointHostPort {
    /// Name of the servant or port.
    #[serde(default)]
    pub name_ref: String,
    /// Port number on the node.
    #[serde(default, deserialize_with = "decode_integer")]
    pub port: i32,
}

/// Copy of the release of the TServer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-tars-no-defaults" = true))]
pub struct TEndpointRelease {
    /// Id of the release.
    #[serde(default)]
    pub id: String,
    /// Image of the server.
    #[serde(default)]
    pub image: String,
    /// Name of the pull secret of the image.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret: String,
    /// Time of the release, RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub time: String,
    /// Image of tarsnode.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_image: String,
    /// Name of the pull secret of the tarsnode image.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_secret: String,
}
