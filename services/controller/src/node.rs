//! The node label `tars.io/node` is there exactly if some `tars.io/node.NAMESPACE` is (docs/reference/controller.md#7.8). The agent selects on it.

use crate::{cache::Key, context::Context, view::NodeView};
use k8s_openapi::api::core::v1::Node;
use kube::api::ApiResource;
use serde_json::{Value, json};
use tars_common::names::label;

/// Sets or removes the label of node `key`.
pub async fn reconcile(context: &Context, key: &Key) -> Result<(), kube::Error> {
    let Some(node) = context.caches.nodes.get(key).filter(|node| !node.deleting) else { return Ok(()) };
    let Some(value) = decide(&node) else { return Ok(()) };
    let body = json!({"metadata": {"labels": {label::NODE: value}}});
    let answer = context.writer.merge(&resource(), key, &body).await?;
    tracing::info!(node = key.name, %value, "changed the label {}", label::NODE);
    context.caches.nodes.observe(answer);
    Ok(())
}

/// What the label must become: empty text, or null for "not there". `None` if it is right.
fn decide(node: &NodeView) -> Option<Value> {
    let wanted = node.labels.keys().any(|key| key.starts_with(label::NODE_PREFIX));
    match (wanted, node.labels.contains_key(label::NODE)) {
        (true, false) => Some(json!("")),
        (false, true) => Some(Value::Null),
        _ => None,
    }
}

/// The resource of nodes.
pub fn resource() -> ApiResource {
    ApiResource::erase::<Node>(&())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_follows_those_of_the_namespaces() {
        let node = |labels: &[&str]| NodeView {
            labels: labels.iter().map(|key| ((*key).to_owned(), String::new())).collect(),
            deleting: false,
        };
        assert_eq!(decide(&node(&["tars.io/node.bank"])), Some(json!("")));
        assert_eq!(decide(&node(&["tars.io/node.bank", "tars.io/node"])), None);
        assert_eq!(decide(&node(&["tars.io/node"])), Some(Value::Null));
        assert_eq!(decide(&node(&["tars.io/ability.bank.Ledger"])), None);
    }
}
