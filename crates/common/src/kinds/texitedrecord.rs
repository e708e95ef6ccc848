//! TExitedRecord: the pods a server has had (docs/reference/resources.md#4.7). The fields sit at the root.

use crate::{kind::kind, lenient::null_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "texitedrecords";
    {
        /// Pods that a server has had, kept by the controller; named like the TServer.
        pub struct TExitedRecord {
            /// Application.
            pub app: String,
            /// Server.
            pub server: String,
            /// The pods, newest first.
            #[serde(default, deserialize_with = "null_default")]
            #[schemars(length(max = 150), extend("x-tars-required" = true, "x-tars-default" = null))]
            pub pods: Vec<TExitedPod>,
        }
    }
}

/// A pod that is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TExitedPod {
    /// Its uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its release id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Address of its node.
    #[serde(rename = "nodeIP", default, skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<String>,
    /// Its address.
    #[serde(rename = "podIP", default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<String>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_time: Option<String>,
}
