//! The TTree of a namespace lists every application that has a server (docs/reference/controller.md#7.9).
//!
//! Applications are added all at once, and only if the tree is still the one that was looked at; so no application gets in twice.
//! A namespace without a tree has no framework: nothing to do until one comes, which the watch tells.

use crate::{cache::Key, context::Context};
use jiff::Timestamp;
use kube::api::ApiResource;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tars_common::{names, v1beta3::TTree};

/// Puts the namespace on the queue if its tree lacks `app`.
pub fn ask(context: &Context, namespace: &str, app: &str) {
    let tree = context.caches.trees.get(&Key::new(namespace, names::TREE));
    if tree.is_some_and(|tree| !tree.apps.iter().any(|name| name == app)) {
        context.queues.trees.add(Key::new(namespace, names::TREE));
    }
}

/// Adds what is missing to the tree `key`.
pub async fn reconcile(context: &Context, key: &Key) -> Result<(), kube::Error> {
    let Some(tree) = context.caches.trees.get(key) else { return Ok(()) };
    let apps: BTreeSet<String> = context
        .caches
        .servers
        .select(|server, view| {
            let object = view.object.as_ref().ok().filter(|_| server.namespace == key.namespace && !view.deleting)?;
            Some(object.spec.app.clone())
        })
        .into_iter()
        .filter(|app| !tree.apps.contains(app))
        .collect();
    if apps.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut operations = vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": tree.version})];
    operations.extend(apps.iter().map(|app| {
        let value = json!({"name": app, "businessRef": "", "createTime": now, "mark": "AddByController"});
        json!({"op": "add", "path": "/apps/-", "value": value})
    }));
    let answer = context.writer.patch(&resource(), key, Value::Array(operations)).await?;
    tracing::info!(namespace = key.namespace, ?apps, "added applications to the tree");
    context.caches.trees.observe(answer);
    Ok(())
}

/// The resource of `TTree`.
pub fn resource() -> ApiResource {
    ApiResource::erase::<TTree>(&())
}
