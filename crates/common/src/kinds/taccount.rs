//! TAccount: a user of the web front end (docs/reference/resources.md#4.4).

use crate::{
    kind::kind,
    lenient::{self, null_default, yes},
    rules,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "taccounts";
    {
        /// A user of the web front end; its name is the MD5 of the user name, in lower-case hexadecimal.
        pub struct TAccount {
            /// The account. The schema lets it be absent.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TAccountSpec,
        }
    }
}

/// Who the user is and what he may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TAccountSpec {
    /// Login name.
    #[schemars(regex(pattern = rules::PRINTHAN), length(min = 2, max = 16))]
    pub username: String,
    /// Free texts of the web front end.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(length(max = 1024)))]
    pub extra: Vec<String>,
    /// How the user proves who he is.
    pub authentication: TAccountAuthentication,
    /// What he may do.
    #[serde(default, deserialize_with = "null_default")]
    #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
    pub authorization: Vec<TAccountAuthorization>,
}

/// How a user proves who he is: exactly one of `password` and `bcryptPassword`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [{"required": ["password"]}, {"required": ["bcryptPassword"]}]))]
pub struct TAccountAuthentication {
    /// Password in clear text, as users write it; the webhook replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::PRINT), length(min = 6, max = 32))]
    pub password: Option<String>,
    /// Bcrypt of the lower-case hexadecimal SHA-1 of the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 60, max = 60))]
    pub bcrypt_password: Option<String>,
    /// The account has been activated.
    #[serde(default)]
    pub activated: bool,
    /// Login tokens, kept by the web front end.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TAccountToken>,
}

/// A login token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TAccountToken {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::PRINT), length(min = 2, max = 32))]
    pub name: Option<String>,
    /// The token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8092))]
    pub content: Option<String>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::time")]
    pub update_time: Option<Time>,
    /// When the controller removes it.
    #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::time")]
    pub expiration_time: Option<Time>,
    /// Whether it can be used.
    #[serde(default = "yes")]
    pub valid: bool,
}

/// One thing a user may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TAccountAuthorization {
    /// In which role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<TAccountRole>,
    /// On what: an application, `APP.SERVER` or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub flag: Option<String>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::time")]
    pub update_time: Option<Time>,
}

/// Roles of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TAccountRole {
    /// May do all.
    Admin,
    /// May run servers.
    Operator,
    /// May look at servers.
    Developer,
}
