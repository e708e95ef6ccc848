//! A node has the label `tars.io/node` exactly if it has some label `tars.io/node.NAMESPACE` (docs/reference/controller.md#7.8).
//! The DaemonSet of the agent selects nodes by this label.

use crate::{
    engine::{
        Engine,
        cache::{Cache, Change, Key},
        queue::Queue,
        reconciler::{Outcome, Reconciler},
        writer::Writer,
    },
    views::{self, NodeView, Views},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tars_common::names::label;

pub struct NodeReconciler {
    queue: Queue<Key>,
    nodes: Cache<NodeView>,
    writer: Writer,
}

impl NodeReconciler {
    pub fn open(engine: &mut Engine, views: &Views) -> Arc<Self> {
        let reconciler = Arc::new(Self { queue: Queue::default(), nodes: views.nodes.clone(), writer: engine.writer() });
        views.nodes.listen(&reconciler, Self::on_node_change);
        reconciler
    }

    fn on_node_change(&self, change: &Change<NodeView>) {
        if change.old != change.new {
            self.queue.add(change.key.clone());
        }
    }
}

impl Reconciler for NodeReconciler {
    const NAME: &'static str = "node";

    fn queue(&self) -> &Queue<Key> {
        &self.queue
    }

    /// Sets or removes the label of the node.
    async fn reconcile(&self, key: &Key) -> Outcome {
        let Some(node) = self.nodes.get(key).filter(|node| !node.deleting) else { return Ok(None) };
        let Some(value) = choose_label(&node) else { return Ok(None) };
        let body = json!({"metadata": {"labels": {label::NODE: value}}});
        let answer = self.writer.merge(&views::node_resource(), key, &body).await?;
        tracing::info!(node = key.name, %value, "changed the label {}", label::NODE);
        self.nodes.observe(answer);
        Ok(None)
    }
}

/// The new value of the label: empty text to set it, null to remove it, `None` if it is right already.
fn choose_label(node: &NodeView) -> Option<Value> {
    let wanted = node.labels.keys().any(|key| key.starts_with(label::NODE_PREFIX));
    match (wanted, node.labels.contains_key(label::NODE)) {
        (true, false) => Some(json!("")),
        (false, true) => Some(Value::Null),
        _ => None,
    }
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
        assert_eq!(choose_label(&node(&["tars.io/node.bank"])), Some(json!("")));
        assert_eq!(choose_label(&node(&["tars.io/node.bank", "tars.io/node"])), None);
        assert_eq!(choose_label(&node(&["tars.io/node"])), Some(Value::Null));
        assert_eq!(choose_label(&node(&["tars.io/ability.bank.Ledger"])), None);
    }
}
