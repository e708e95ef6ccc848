//! TTree: the applications of a namespace and their groups (docs/reference/resources.md#4.8). The object has no `spec`; its fields are
//! at the root.

use crate::{
    kind::kind,
    lenient::{self, decode_or_default, int},
    rules,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "ttrees";
    {
        /// The applications of a namespace and their groups. A namespace has one TTree, named `tars-tree`.
        #[schemars(extend("x-kubernetes-validations" = rules::demand_tree_name()))]
        pub struct TTree {
            /// Applications, unique by name.
            #[serde(default, deserialize_with = "decode_or_default")]
            #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
            pub apps: Vec<TTreeApp>,
            /// Groups of applications, unique by name.
            #[serde(default, deserialize_with = "decode_or_default")]
            #[schemars(extend("x-tars-required" = true, "x-tars-default" = null))]
            pub businesses: Vec<TTreeBusiness>,
        }
    }
}

/// A Tars application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTreeApp {
    /// Name of the application.
    #[schemars(regex(pattern = rules::IDENT), length(max = 63))]
    pub name: String,
    /// Name of the group that the application belongs to, or empty.
    #[schemars(regex(pattern = rules::BIZ0))]
    pub business_ref: String,
    /// Time of creation.
    #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::build_time")]
    pub create_time: Option<Time>,
    /// Person who made the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub create_person: Option<String>,
    /// Remark of the author; `AddByController` if the controller made the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub mark: Option<String>,
}

/// A group of applications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTreeBusiness {
    /// Name that applications refer to: 2 to 32 printable ASCII or Han characters.
    #[schemars(regex(pattern = rules::BIZ))]
    pub name: String,
    /// Name that front ends show.
    #[schemars(length(min = 1, max = 100))]
    pub show: String,
    /// Place in the order of groups, 1 to 5; 3 when absent.
    #[serde(default = "int::<3>")]
    #[schemars(range(min = 1, max = 5), extend("x-tars-required" = true))]
    pub weight: i32,
    /// Time of creation.
    #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::build_time")]
    pub create_time: Option<Time>,
    /// Person who made the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub create_person: Option<String>,
    /// Remark of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600))]
    pub mark: Option<String>,
}
