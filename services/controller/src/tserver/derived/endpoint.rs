//! The TEndpoint: what the registry needs to know of a server.

use super::{
    metadata::{json_at, metadata},
    recipe::{Facts, Recipe, Upkeep},
};
use crate::tserver::validate::Validated;
use serde_json::{Value, json};

pub static ENDPOINT: Recipe = Recipe {
    build: |server| Ok(Some(build_endpoint(server))),
    upkeep: Upkeep::Apply,
    read: |object| Facts::Endpoint { status: json_at(object, "/status") },
};

/// It carries all labels of the TServer, because front ends and the registry select by them. Its status is written apart.
fn build_endpoint(server: &Validated) -> Value {
    let mut metadata = metadata(server);
    metadata.labels.get_or_insert_default().extend(server.labels.clone());
    json!({"metadata": metadata, "spec": server.endpoint})
}
