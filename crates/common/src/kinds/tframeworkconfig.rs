//! TFrameworkConfig: settings of a namespace's framework (docs/reference/resources.md#4.9). The fields sit at the root.

use crate::{
    lenient::{int, integer, yes},
    rules,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub mod v1beta2;
pub mod v1beta3;

/// Defines the object of a version: what the versions share and `$own`.
macro_rules! object {
    ($version:ident { $($own:tt)* }) => {
        $crate::kind::root! {
            $version "tframeworkconfigs";
            /// Settings of the framework in a namespace; only the object named `tars-framework` counts.
            pub struct TFrameworkConfig {
                /// How much history is kept.
                #[serde(default)]
                #[schemars(extend("x-tars-default" = {}))]
                pub record_limit: $crate::kinds::tframeworkconfig::RecordLimit,
                /// Image of tarsnode for servers that name none.
                pub node_image: NodeImage,
                /// Endpoints of other Tars clusters by object name (`App.Server.Obj`), or `default` for all objects.
                #[serde(default, deserialize_with = "crate::lenient::null_default")]
                #[schemars(schema_with = "super::up_chain")]
                pub up_chain: std::collections::BTreeMap<String, Vec<$crate::kinds::tframeworkconfig::UpChainEndpoint>>,
                /// Free settings.
                #[serde(default, deserialize_with = "crate::lenient::null_default")]
                pub expand: std::collections::BTreeMap<String, String>,
                $($own)*
            }
        }
    };
}
use object;

/// How much history is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordLimit {
    /// Most pods of a TExitedRecord, 10 to 100.
    #[serde(default = "int::<48>")]
    #[schemars(range(min = 10, max = 100))]
    pub texited_pod: i32,
    /// Most inactive versions of a configuration, 10 to 100.
    #[serde(default = "int::<48>")]
    #[schemars(range(min = 10, max = 100))]
    pub tconfig_history: i32,
    /// Most releases of a TImage, 10 to 100.
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
    /// Host name or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub host: Option<String>,
    /// Port, 1 to 65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Time a call may take, in milliseconds.
    #[serde(default = "int::<6000>", deserialize_with = "integer")]
    pub timeout: i32,
    /// True for TCP, false for UDP.
    #[serde(default = "yes")]
    pub is_tcp: bool,
}

/// A registry that built images are pushed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRegistry {
    /// Prefix of image names.
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub registry: String,
    /// Its secret, or empty.
    #[serde(default)]
    #[schemars(regex(pattern = rules::SECRET0))]
    pub secret: String,
}

/// Schema of a map of non-empty lists of endpoints.
fn up_chain(generator: &mut SchemaGenerator) -> Schema {
    let endpoint = generator.subschema_for::<UpChainEndpoint>();
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "array", "minItems": 1, "items": endpoint },
        "default": BTreeMap::<String, String>::new(),
    })
}
