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
    use crate::engine::{
        fake::{Shared, client, wire::record},
        metrics::Metrics,
    };
    use tars_kit::lease::Fence;

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

    #[tokio::test]
    async fn only_the_label_of_a_node_is_sent() {
        const NODE: &str = "/api/v1/nodes/one";
        let world = Shared::default();
        let (recording, log) = record(client(&world));
        let mut engine = Engine::new(recording, Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let reconciler = NodeReconciler::open(&mut engine, &views);
        let node =
            json!({"metadata": {"name": "one", "labels": {"tars.io/node.bank": "", "zone": "a"}}, "status": {"phase": "x"}});
        world.lock().unwrap().put(NODE, node);
        let run = async || {
            world.lock().unwrap().tell(&engine);
            reconciler.reconcile(&Key::new("", "one")).await.unwrap();
        };
        run().await;
        assert_eq!(world.lock().unwrap().get(NODE).unwrap()["metadata"]["labels"]["tars.io/node"], "");
        world
            .lock()
            .unwrap()
            .edit(NODE, |node| drop(node["metadata"]["labels"].as_object_mut().unwrap().remove("tars.io/node.bank")));
        run().await;
        run().await;
        assert_eq!(world.lock().unwrap().get(NODE).unwrap()["metadata"]["labels"], json!({"zone": "a"}));
        let sent: Vec<_> = log.lock().unwrap().iter().map(|sent| (sent.kind.clone(), sent.body.clone())).collect();
        let patch =
            |value: Value| ("application/merge-patch+json".to_owned(), json!({"metadata": {"labels": {"tars.io/node": value}}}));
        assert_eq!(sent, [patch(json!("")), patch(Value::Null)]);
    }
}
