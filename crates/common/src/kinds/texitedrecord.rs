//! TExitedRecord: the pods that a server has had (docs/reference/resources.md#4.7). The object has no `spec`; its fields are at the
//! root.

use crate::{kind::kind, lenient::decode_or_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "texitedrecords";
    {
        /// The pods that a server has had. The controller writes it. Its name is the name of the TServer.
        pub struct TExitedRecord {
            /// Tars application.
            pub app: String,
            /// Tars server.
            pub server: String,
            /// Pods that have ended, the newest first.
            #[serde(default, deserialize_with = "decode_or_default")]
            #[schemars(length(max = 150), extend("x-tars-required" = true, "x-tars-default" = null))]
            pub pods: Vec<TExitedPod>,
        }
    }
}

/// A pod that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TExitedPod {
    /// UID of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Name of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of the release that the pod ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// IP address of the node.
    #[serde(rename = "nodeIP", default, skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<String>,
    /// IP address of the pod.
    #[serde(rename = "podIP", default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// Time at which the pod was created, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<String>,
    /// Time at which the pod was deleted, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_time: Option<String>,
}
