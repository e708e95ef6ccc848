//! The TEndpoint: the facts about a server that the registry reads.

use super::{
    metadata::{build_metadata, json_at},
    recipe::{Facts, Recipe, Upkeep},
};
use crate::tserver::validate::Validated;
use serde_json::{Value, json};

pub static ENDPOINT: Recipe = Recipe {
    build: |server| Ok(Some(build_endpoint(server))),
    upkeep: Upkeep::Apply,
    read: |object| Facts::Endpoint { status: json_at(object, "/status") },
};

/// A TEndpoint carries all labels of the TServer, because front ends and the registry select by them. Its status is written apart.
fn build_endpoint(server: &Validated) -> Value {
    let mut metadata = build_metadata(server);
    metadata.labels.get_or_insert_default().extend(server.labels.clone());
    json!({"metadata": metadata, "spec": server.endpoint})
}
