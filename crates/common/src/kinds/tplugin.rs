//! TPlugin: a page of the web front end (docs/reference/resources.md#4.11). No service of this repository reads it.

use crate::{kind::kind, lenient::decode_optional_integer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "tplugins";
    {
        /// A page of the web front end.
        pub struct TPlugin {
            /// The page. The schema lets it be absent.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TPluginSpec,
        }
    }
}

/// A page of the web front end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TPluginSpec {
    /// Name in the Chinese front end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name in the English front end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_en: Option<String>,
    /// Tars object or address that serves the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obj: Option<String>,
    /// Number of the plugin's type.
    #[serde(rename = "type", default, deserialize_with = "decode_optional_integer", skip_serializing_if = "Option::is_none")]
    pub type_: Option<i32>,
    /// Path of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the plugin is outside of the framework.
    #[serde(default, deserialize_with = "decode_optional_integer", skip_serializing_if = "Option::is_none")]
    pub r#extern: Option<i32>,
}
