//! TAccount: a user of the web front end (docs/reference/resources.md#4.4).

use crate::{
    kind::kind,
    lenient::{self, decode_or_default, yes},
    rules,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "taccounts";
    {
        /// A user of the web front end. The name of the object is the MD5 of the user name, in lower-case hexadecimal digits.
        pub struct TAccount {
            /// The account. The schema lets it be absent.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TAccountSpec,
        }
    }
}

/// The user and the permissions of the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TAccountSpec {
    /// Login name. It cannot change.
    #[schemars(regex(pattern = rules::PRINTHAN), length(min = 2, max = 16))]
    pub username: String,
    /// Texts that the web front end stores and reads.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(length(max = 1024)))]
    pub extra: Vec<String>,
    /// Password and login tokens.
    pub authentication: TAccountAuthentication,
    /// Permissions of the user.
    #[serde(default, deserialize_with = "decode_or_default")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub authorization: Vec<TAccountAuthorization>,
}

/// Password and login tokens of a user. Exactly one of `password` and `bcryptPassword` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [{"required": ["password"]}, {"required": ["bcryptPassword"]}]))]
pub struct TAccountAuthentication {
    /// Password in clear text. The webhook replaces it by `bcryptPassword`, so it is never stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::PRINT), length(min = 6, max = 32))]
    pub password: Option<String>,
    /// bcrypt hash of the SHA-1 of the password in lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 60, max = 60))]
    pub bcrypt_password: Option<String>,
    /// Whether the account is activated.
    #[serde(default)]
    pub activated: bool,
    /// Login tokens. The web front end writes them, and the controller removes expired ones.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TAccountToken>,
}

/// A login token of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TAccountToken {
    /// Name of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::PRINT), length(min = 2, max = 32))]
    pub name: Option<String>,
    /// The token itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8092))]
    pub content: Option<String>,
    /// Time of the last change.
    #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::build_time")]
    pub update_time: Option<Time>,
    /// Time at which the token expires. The controller then removes it.
    #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::build_time")]
    pub expiration_time: Option<Time>,
    /// Whether the token can be used; true when absent.
    #[serde(default = "yes")]
    pub valid: bool,
}

/// One permission of a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TAccountAuthorization {
    /// Role of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<TAccountRole>,
    /// Scope of the role: an application, a server as `APP.SERVER`, or `*` for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub flag: Option<String>,
    /// Time of the last change.
    #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::build_time")]
    pub update_time: Option<Time>,
}

/// A role of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TAccountRole {
    /// The user may do everything.
    Admin,
    /// The user may operate servers.
    Operator,
    /// The user may view servers.
    Developer,
}
