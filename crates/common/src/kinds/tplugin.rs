//! TPlugin: a page of the web front end (docs/reference/resources.md#4.11). Nothing of ours reads it.

pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;

/// Defines `TPluginSpec` of a version: what the versions share and `$own`.
macro_rules! spec {
    ({ $($own:tt)* }) => {
        /// A page of the web front end.
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
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
            #[serde(
                rename = "type",
                default,
                deserialize_with = "crate::lenient::optional_integer",
                skip_serializing_if = "Option::is_none"
            )]
            pub type_: Option<i32>,
            /// Path of the page.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub path: Option<String>,
            $($own)*
        }
    };
}
use spec;

/// Defines the object of a version, which has `TPluginSpec` in scope.
macro_rules! object {
    ($version:ident) => {
        $crate::kind::root! {
            $version "tplugins";
            /// A page of the web front end.
            pub struct TPlugin {
                /// The page. The schema lets it be absent.
                #[serde(default)]
                #[schemars(extend("x-tars-default" = null))]
                pub spec: TPluginSpec,
            }
        }
    };
}
use object;
