//! The TEndpoint: what the registry needs to know of a server.

use super::{
    kind::{DerivedKind, Facts, Upkeep, Watched},
    metadata::{json_at, metadata},
};
use crate::tserver::validate::Validated;
use kube::api::ApiResource;
use serde_json::{Value, json};
use tars_common::v1beta3::TEndpoint;

pub static ENDPOINT: DerivedKind = DerivedKind {
    name: "TEndpoint",
    resource: || ApiResource::erase::<TEndpoint>(&()),
    watched: Watched::Every,
    upkeep: Upkeep::Apply,
    build: |server| Ok(Some(build_endpoint(server))),
    read: |object| Facts::Endpoint { status: json_at(object, "/status") },
};

/// It carries all labels of the TServer, because front ends and the registry select by them. Its status is written apart.
fn build_endpoint(server: &Validated) -> Value {
    let mut metadata = metadata(server);
    metadata.labels.get_or_insert_default().extend(server.labels.clone());
    json!({"metadata": metadata, "spec": server.endpoint})
}
