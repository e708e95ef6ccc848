//! TImage: the builds of a server, and its running build (docs/reference/resources.md#4.5). The fields sit at the root.

use crate::{kind::root, lenient, rules};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;

/// Defines the object of a version, which has `TImageRelease` and `TImageBuild` in scope.
macro_rules! object {
    ($version:ident) => {
        root! {
            $version "timages";
            /// Builds of a server, a runtime or tarsnode. Only labels say whose: `tars.io/ServerApp`, `tars.io/ServerName`.
            pub struct TImage {
                /// What the images are for.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub image_type: Option<TImageType>,
                /// Types of servers that a runtime image supports.
                #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
                #[schemars(length(min = 1))]
                pub supported_type: Vec<TImageServerType>,
                /// Remark.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schemars(length(max = 1600))]
                pub mark: Option<String>,
                /// Known builds, newest first.
                #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
                #[schemars(length(min = 0, max = 120))]
                pub releases: Vec<TImageRelease>,
                /// Id of the default release.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schemars(regex(pattern = rules::RELID))]
                pub default: Option<String>,
                /// State of builds.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub build: Option<TImageBuild>,
            }
        }
    };
}
use object;

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TImageType {
    /// Runtime that servers are built on.
    Base,
    /// Server.
    Server,
    /// tarsnode.
    Node,
}

/// Types of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TImageServerType {
    /// C++.
    Cpp,
    /// Node.js.
    Nodejs,
    /// Node.js as one executable.
    NodejsPkg,
    /// Java in a servlet container.
    JavaWar,
    /// Java.
    JavaJar,
    /// Go.
    Go,
    /// PHP.
    Php,
}

/// State of builds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TImageBuild {
    /// The last finished build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<TImageBuildState>,
    /// The running build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<TImageBuildState>,
}

/// One build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TImageBuildState {
    /// Id of the task, which becomes that of the release.
    #[schemars(regex(pattern = rules::RELID), length(max = 63))]
    pub id: String,
    /// Image that is built on.
    #[schemars(length(max = 500))]
    pub base_image: String,
    /// Its pull secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub base_image_secret: Option<String>,
    /// Image that is built.
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub image: String,
    /// Its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub secret: Option<String>,
    /// Type of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_type: Option<TImageServerType>,
    /// Author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 800))]
    pub create_person: Option<String>,
    /// Start.
    #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::time")]
    pub create_time: Option<Time>,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub mark: Option<String>,
    /// How far it is; `Failed` is written by the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Details; `task overtime` is written by the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub message: Option<String>,
    /// Pod that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub handler: Option<String>,
}

/// Defines the release of a version; the rule of its image differs.
macro_rules! release {
    ($(#[$rule:meta])*) => {
        /// One build.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct TImageRelease {
            /// Release id.
            #[schemars(regex(pattern = rules::RELID), length(max = 63))]
            pub id: String,
            /// Image.
            $(#[$rule])*
            pub image: String,
            /// Its pull secret.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
            pub secret: Option<String>,
            /// Author.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 100))]
            pub create_person: Option<String>,
            /// When it was built; the webhook fills it in.
            #[serde(default, deserialize_with = "crate::lenient::time", skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "rules::time")]
            pub create_time: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
            /// Remark.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 1600))]
            pub mark: Option<String>,
        }
    };
}
use release;
