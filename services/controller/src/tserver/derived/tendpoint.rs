//! TEndpoint and TExitedRecord.

use super::{described, metadata};
use crate::{tserver::validate::Validated, view::Kind};
use serde_json::{Value, json};

/// The TEndpoint carries all labels of the TServer: front ends and the registry select on them.
pub(super) fn endpoint(server: &Validated) -> Result<Value, serde_json::Error> {
    let mut metadata = metadata(server);
    metadata.labels.get_or_insert_default().extend(server.labels.clone());
    described(Kind::TEndpoint, &json!({"apiVersion": "", "kind": "", "metadata": metadata, "spec": server.endpoint}))
}

/// The TExitedRecord as it is created, without any pod.
pub(super) fn record(server: &Validated) -> Result<Value, serde_json::Error> {
    let fields = json!({
        "apiVersion": "", "kind": "", "metadata": metadata(server), "app": server.app, "server": server.server, "pods": [],
    });
    described(Kind::TExitedRecord, &fields)
}
