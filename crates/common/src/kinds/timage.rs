//! TImage: the builds of a server, and its running build (docs/reference/resources.md#4.5). The object has no `spec`; its fields are at
//! the root.

use crate::{kind::root, lenient, rules};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;

/// Defines the object of a version. It is a macro because `TImageRelease` and `TImageBuild` are different types in the versions; the
/// version has them in scope.
macro_rules! object {
    ($version:ident) => {
        root! {
            $version "timages";
            /// Builds of a server, a runtime or tarsnode. The labels `tars.io/ServerApp` and `tars.io/ServerName` name the server.
            pub struct TImage {
                /// Purpose of the images.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub image_type: Option<TImageType>,
                /// Types of servers that a runtime image supports.
                #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
                #[schemars(length(min = 1))]
                pub supported_type: Vec<TImageServerType>,
                /// Remark of the author.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schemars(length(max = 1600))]
                pub mark: Option<String>,
                /// Known builds, the newest first.
                #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
                #[schemars(length(min = 0, max = 120))]
                pub releases: Vec<TImageRelease>,
                /// Id of the default release.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schemars(regex(pattern = rules::RELID))]
                pub default: Option<String>,
                /// State of the last and the running build.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub build: Option<TImageBuild>,
            }
        }
    };
}
use object;

/// The purpose of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TImageType {
    /// A runtime on which servers are built.
    Base,
    /// A server.
    Server,
    /// tarsnode.
    Node,
}

/// The type of a server, mostly its language.
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

/// State of the last and the running build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TImageBuild {
    /// Build that finished last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<TImageBuildState>,
    /// Build that runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<TImageBuildState>,
}

/// State of one build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TImageBuildState {
    /// Id of the build. It becomes the id of the release.
    #[schemars(regex(pattern = rules::RELID), length(max = 63))]
    pub id: String,
    /// Image on which the build is based.
    #[schemars(length(max = 500))]
    pub base_image: String,
    /// Name of the pull secret of the base image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub base_image_secret: Option<String>,
    /// Image that is built.
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub image: String,
    /// Name of the secret for the built image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub secret: Option<String>,
    /// Type of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_type: Option<TImageServerType>,
    /// Person who started the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 800))]
    pub create_person: Option<String>,
    /// Time of the start.
    #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::build_time")]
    pub create_time: Option<Time>,
    /// Remark of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub mark: Option<String>,
    /// Progress of the build. The controller writes `Failed` if the build takes too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Details of the progress. The controller writes `task overtime` if the build takes too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub message: Option<String>,
    /// Pod that runs the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub handler: Option<String>,
}

/// Defines the release of a version. It is a macro because the rule of the image differs, and a rule is an attribute of the field.
macro_rules! release {
    ($(#[$rule:meta])*) => {
        /// One release: the result of a build.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct TImageRelease {
            /// Id of the release.
            #[schemars(regex(pattern = rules::RELID), length(max = 63))]
            pub id: String,
            /// Image reference.
            $(#[$rule])*
            pub image: String,
            /// Name of the pull secret.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
            pub secret: Option<String>,
            /// Person who made the release.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 100))]
            pub create_person: Option<String>,
            /// Time of the build. The webhook fills it in.
            #[serde(default, deserialize_with = "crate::lenient::decode_time", skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "rules::build_time")]
            pub create_time: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
            /// Remark of the author.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 1600))]
            pub mark: Option<String>,
        }
    };
}
use release;
