//! The TEndpoint: the facts about a server that the registry reads.

use super::{
    metadata::build_metadata,
    recipe::{Facts, Recipe, Upkeep},
};
use crate::{engine::packed::Packer, tserver::validate::Validated};
use serde_json::{Value, json};

static STATUSES: Packer = Packer::new();

pub static ENDPOINT: Recipe = Recipe {
    build: |server| Ok(Some(build_endpoint(server))),
    upkeep: Upkeep::Apply,
    packer: Packer::new(),
    read: |object| Facts::Endpoint { status: STATUSES.pack(&object["status"]) },
};

/// A TEndpoint carries all labels of the TServer, because front ends and the registry select by them. Its status is written apart.
fn build_endpoint(server: &Validated) -> Value {
    let mut metadata = build_metadata(server);
    metadata.labels.get_or_insert_default().extend(server.labels.clone());
    json!({"metadata": metadata, "spec": server.endpoint})
}
