//! TFrameworkKey: the web front end's account at the cloud market (docs/reference/resources.md#4.10). Nothing of ours reads it.

use crate::{kind::kind, lenient::optional_integer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta2, v1beta3] "tframeworkkey";
    {
        /// An account at the cloud market.
        pub struct TFrameworkKey {
            /// The account. The schema lets it be absent.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TFrameworkKeySpec,
        }
    }
}

/// An account at the cloud market.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TFrameworkKeySpec {
    /// User id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuid: Option<String>,
    /// Private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pri_key: Option<String>,
    /// Whether to log in without asking.
    #[serde(default, deserialize_with = "optional_integer", skip_serializing_if = "Option::is_none")]
    pub autologin: Option<i32>,
}
