//! TFrameworkConfig: settings of the framework in a namespace (docs/reference/resources.md#4.9). The object has no `spec`; its fields
//! are at the root.

use crate::{
    lenient::{decode_integer, int, yes},
    rules,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub mod v1beta2;
pub mod v1beta3;

/// Defines the object of a version: the fields that the versions share, and the fields `$own` of the version. It is a macro because
/// `nodeImage` and `$own` have different types in each version.
macro_rules! object {
    ($version:ident { $($own:tt)* }) => {
        $crate::kind::root! {
            $version "tframeworkconfigs";
            /// Settings of the framework in a namespace. Our services read only the object named `tars-framework`.
            pub struct TFrameworkConfig {
                /// Limits of the history that the controller keeps.
                #[serde(default)]
                #[schemars(extend("x-tars-default" = {}))]
                pub record_limit: $crate::kinds::tframeworkconfig::RecordLimit,
                /// Image of tarsnode for servers that do not name one.
                pub node_image: NodeImage,
                /// Endpoints of other Tars clusters by object name (`App.Server.Obj`), or `default` for all objects.
                #[serde(default, deserialize_with = "crate::lenient::decode_or_default")]
                #[schemars(schema_with = "super::build_up_chain_schema")]
                pub up_chain: std::collections::BTreeMap<String, Vec<$crate::kinds::tframeworkconfig::UpChainEndpoint>>,
                /// Free settings for other programs; our services do not read them.
                #[serde(default, deserialize_with = "crate::lenient::decode_or_default")]
                pub expand: std::collections::BTreeMap<String, String>,
                /// Whether pods mount /etc/localtime of their node, if their TServer does not say it; true when absent.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub host_timezone: Option<bool>,
                $($own)*
            }
        }
    };
}
use object;

/// Limits of the history that the controller keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordLimit {
    /// Maximal number of pods in a TExitedRecord, 10 to 100; 48 when absent.
    #[serde(default = "int::<48>")]
    #[schemars(range(min = 10, max = 100))]
    pub texited_pod: i32,
    /// Maximal number of inactive versions of a configuration, 10 to 100; 48 when absent.
    #[serde(default = "int::<48>")]
    #[schemars(range(min = 10, max = 100))]
    pub tconfig_history: i32,
    /// Maximal number of releases in a TImage, 10 to 100; 48 when absent. It is for programs that build images; our services do not
    /// read it.
    #[serde(default = "int::<48>")]
    #[schemars(range(min = 10, max = 100))]
    pub timage_release: i32,
}

impl Default for RecordLimit {
    fn default() -> Self {
        Self { texited_pod: int::<48>(), tconfig_history: int::<48>(), timage_release: int::<48>() }
    }
}

/// One endpoint of another Tars cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpChainEndpoint {
    /// Host name or IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub host: Option<String>,
    /// Port number, 1 to 65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Timeout of a call, in milliseconds; 6000 when absent.
    #[serde(default = "int::<6000>", deserialize_with = "decode_integer")]
    pub timeout: i32,
    /// True for TCP, false for UDP; true when absent.
    #[serde(default = "yes")]
    pub is_tcp: bool,
}

/// A registry to which built images are pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRegistry {
    /// Prefix of the image names, for example registry.example/tars.
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub registry: String,
    /// Name of the secret for the registry, or empty.
    #[serde(default)]
    #[schemars(regex(pattern = rules::SECRET0))]
    pub secret: String,
}

/// Builds the schema of a map of non-empty lists of endpoints.
fn build_up_chain_schema(generator: &mut SchemaGenerator) -> Schema {
    let endpoint = generator.subschema_for::<UpChainEndpoint>();
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "array", "minItems": 1, "items": endpoint },
        "default": BTreeMap::<String, String>::new(),
    })
}
