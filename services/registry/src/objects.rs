//! The parts of the watched objects that the index needs, read with [`Lenient`] fields.
//!
//! The full types are `tars_common`'s; these leave out what makes a TEndpoint large (states of containers, managed fields), which
//! would otherwise be decoded and dropped again for each of a server's pods at each change.

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
    /// Absent for servers of sub-type `normal`.
    pub tars: Lenient<Tars>,
}

/// `spec.tars` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tars {
    /// Threads of asynchronous call-backs.
    pub async_thread: Lenient<i32>,
    /// Name of the template.
    pub template: Lenient<String>,
    /// Private template text; absent when empty.
    pub profile: Lenient<String>,
    /// The servants.
    pub servants: Lenient<Vec<Lenient<Servant>>>,
}

/// One of `spec.tars.servants`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Servant {
    /// Name of the object.
    pub name: Lenient<String>,
    /// Port.
    pub port: Lenient<i32>,
    /// Handler threads.
    pub thread: Lenient<i32>,
    /// Most connections.
    pub connection: Lenient<i32>,
    /// Capacity of the queue.
    pub capacity: Lenient<i32>,
    /// Milliseconds that a request may wait.
    pub timeout: Lenient<i32>,
    /// TCP, else UDP.
    pub is_tcp: Lenient<bool>,
    /// The Tars protocol, else another one.
    pub is_tars: Lenient<bool>,
}

/// `status` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointStatus {
    /// Absent as long as the server is new.
    pub pods: Lenient<Vec<Lenient<Pod>>>,
}

/// One of `status.pods`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Name of the pod.
    pub name: Lenient<String>,
    /// What is wanted of it.
    pub setting_state: Lenient<String>,
    /// What it does.
    pub present_state: Lenient<String>,
}

/// `spec` of a TTemplate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateSpec {
    /// Name of the parent; its own name for none.
    pub parent: Lenient<String>,
    /// The text.
    pub content: Lenient<String>,
}

/// One endpoint of the up-chain.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpChainEndpoint {
    /// Host name or address.
    pub host: Lenient<String>,
    /// Port.
    pub port: Lenient<i32>,
    /// Milliseconds, 6000 when absent.
    pub timeout: Lenient<i32>,
    /// TCP, else UDP; TCP when absent.
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
