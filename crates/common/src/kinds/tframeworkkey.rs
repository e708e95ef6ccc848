//! TFrameworkKey: the account of the web front end at the cloud market (docs/reference/resources.md#4.10). No service of this repository reads
//! it.

use crate::{kind::kind, lenient::decode_optional_integer};
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
    /// User id at the cloud market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuid: Option<String>,
    /// Private key of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pri_key: Option<String>,
    /// Whether the front end logs in without asking.
    #[serde(default, deserialize_with = "decode_optional_integer", skip_serializing_if = "Option::is_none")]
    pub autologin: Option<i32>,
}
