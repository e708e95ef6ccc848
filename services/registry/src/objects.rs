//! The parts of the watched objects that the index needs, with [`Lenient`] fields.
//!
//! The full types are those of `tars_common`. A TEndpoint is large because of the states of containers and the managed fields. With
//! the full type all of that would be decoded and dropped again for every pod of a server at every change.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use tars_common::{lenient::Lenient, v1beta3 as full};

/// The part of a TEndpoint that the index needs.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = "full::TEndpoint")]
#[serde(default)]
pub struct EndpointObject {
    #[serde(deserialize_with = "read_metadata")]
    pub metadata: ObjectMeta,
    pub spec: Lenient<EndpointSpec>,
    pub status: Lenient<EndpointStatus>,
}

/// The part of a TTemplate that the index needs.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = "full::TTemplate")]
#[serde(default)]
pub struct TemplateObject {
    #[serde(deserialize_with = "read_metadata")]
    pub metadata: ObjectMeta,
    pub spec: Lenient<TemplateSpec>,
}

/// The part of a TFrameworkConfig that the index needs.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = "full::TFrameworkConfig")]
#[serde(rename_all = "camelCase", default)]
pub struct FrameworkObject {
    #[serde(deserialize_with = "read_metadata")]
    pub metadata: ObjectMeta,
    /// Endpoints of other clusters, by servant id.
    pub up_chain: Lenient<HashMap<String, Lenient<Vec<Lenient<UpChainEndpoint>>>>>,
}

/// `spec` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    /// Absent for a server of subtype `normal`.
    pub tars: Lenient<Tars>,
}

/// `spec.tars` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tars {
    pub async_thread: Lenient<i32>,
    pub template: Lenient<String>,
    pub profile: Lenient<String>,
    pub servants: Lenient<Vec<Lenient<ServantObject>>>,
}

/// One of `spec.tars.servants`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServantObject {
    pub name: Lenient<String>,
    pub port: Lenient<i32>,
    pub thread: Lenient<i32>,
    pub connection: Lenient<i32>,
    pub capacity: Lenient<i32>,
    pub timeout: Lenient<i32>,
    pub is_tcp: Lenient<bool>,
    pub is_tars: Lenient<bool>,
}

/// `status` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointStatus {
    /// Absent in the status of a new server.
    pub pods: Lenient<Vec<Lenient<Pod>>>,
}

/// One of `status.pods`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    pub name: Lenient<String>,
    /// The state that the pod should have.
    pub setting_state: Lenient<String>,
    /// The state that the pod has.
    pub present_state: Lenient<String>,
}

/// `spec` of a TTemplate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateSpec {
    /// Name of the parent; a template without parent has its own name here.
    pub parent: Lenient<String>,
    pub content: Lenient<String>,
}

/// One endpoint of the up-chain.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpChainEndpoint {
    /// Host name or address.
    pub host: Lenient<String>,
    pub port: Lenient<i32>,
    /// In milliseconds.
    pub timeout: Lenient<i32>,
    pub is_tcp: Lenient<bool>,
}

/// Reads the name, the namespace and the version of an object. Its labels, annotations and managed fields are skipped.
fn read_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Metadata {
        name: Option<String>,
        namespace: Option<String>,
        resource_version: Option<String>,
    }
    let Metadata { name, namespace, resource_version } = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta { name, namespace, resource_version, ..ObjectMeta::default() })
}
