//! Nodes: their labels decide where pods may go.

use crate::engine::cache::View;
use k8s_openapi::api::core::v1::Node;
use kube::api::{ApiResource, DynamicObject};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    pub labels: BTreeMap<String, String>,
    pub deleting: bool,
}

impl View for NodeView {}

impl NodeView {
    #[allow(clippy::unnecessary_wraps, reason = "every decoder has this signature")]
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        Ok(Self { deleting: object.metadata.deletion_timestamp.is_some(), labels: object.metadata.labels.unwrap_or_default() })
    }
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<Node>(&())
}
