//! TTree: the applications of a namespace and their groups (docs/reference/resources.md#4.8). The fields sit at the root.

use crate::{
    kind::kind,
    lenient::{self, int, null_default},
    rules,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "ttrees";
    {
        /// Applications of a namespace and their groups; there is one, named `tars-tree`.
        pub struct TTree {
            /// Applications, unique by name.
            #[serde(default, deserialize_with = "null_default")]
            #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
            pub apps: Vec<TTreeApp>,
            /// Groups of applications, unique by name.
            #[serde(default, deserialize_with = "null_default")]
            #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
            pub businesses: Vec<TTreeBusiness>,
        }
    }
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTreeApp {
    /// Its name.
    #[schemars(regex(pattern = rules::IDENT), length(max = 63))]
    pub name: String,
    /// Name of its group, or empty.
    #[schemars(regex(pattern = rules::BIZ0))]
    pub business_ref: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::time")]
    pub create_time: Option<Time>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub create_person: Option<String>,
    /// Remark; `AddByController` where the controller made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub mark: Option<String>,
}

/// A group of applications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTreeBusiness {
    /// Its key: 2 to 32 printable ASCII or Han characters.
    #[schemars(regex(pattern = rules::BIZ))]
    pub name: String,
    /// Its name as shown.
    #[schemars(length(min = 1, max = 100))]
    pub show: String,
    /// Its place in the order, 1 to 5.
    #[serde(default = "int::<3>")]
    #[schemars(range(min = 1, max = 5), extend("x-tars-required" = true))]
    pub weight: i32,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::time")]
    pub create_time: Option<Time>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub create_person: Option<String>,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub mark: Option<String>,
}
