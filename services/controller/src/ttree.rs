//! The TTree of a namespace lists every application that has a server (docs/reference/controller.md#7.9).
//!
//! One write adds all missing applications, and only if the tree is still the one that was read. So no application is added twice.
//! A namespace without a tree has no framework; there is nothing to do until the watch reports a tree.

use crate::{
    engine::{
        Engine,
        cache::{Cache, Change, Key, View},
        feed::Selection,
        queue::Queue,
        reconciler::{Outcome, Reconciler},
        writer::Writer,
    },
    views::{ServerView, Views},
};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tars_common::{names, v1beta3::TTree};

/// The applications that a TTree lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TreeView {
    /// The names in `apps`.
    apps: Vec<String>,
    /// The resourceVersion that was seen.
    version: String,
}

impl View for TreeView {}

impl TreeView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let version = object.metadata.resource_version.unwrap_or_default();
        let Some(apps) = object.data.get("apps") else { return Ok(Self { version, ..Self::default() }) };
        let name = |app: &Value| app.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { apps: Vec::<Value>::deserialize(apps)?.iter().map(name).collect(), version })
    }

    fn lists(&self, app: &str) -> bool {
        self.apps.iter().any(|name| name == app)
    }
}

pub struct TTreeReconciler {
    queue: Queue<Key>,
    trees: Cache<TreeView>,
    servers: Cache<ServerView>,
    writer: Writer,
}

impl TTreeReconciler {
    pub fn open(engine: &mut Engine, views: &Views) -> Arc<Self> {
        let reconciler = Arc::new(Self {
            queue: Queue::default(),
            trees: engine.watch(Selection::every(resource()), TreeView::of),
            servers: views.servers.clone(),
            writer: engine.writer(),
        });
        reconciler.trees.listen(&reconciler, Self::on_tree_change);
        reconciler.servers.listen(&reconciler, Self::on_server_change);
        reconciler
    }

    fn on_tree_change(&self, change: &Change<TreeView>) {
        if change.key.name == names::TREE && change.new.is_some() {
            self.queue.add(change.key.clone());
        }
    }

    fn on_server_change(&self, change: &Change<ServerView>) {
        let Some(app) = change.new.as_ref().and_then(|server| server.app()) else { return };
        let key = Key::new(&change.key.namespace, names::TREE);
        if self.trees.get(&key).is_some_and(|tree| !tree.lists(app)) {
            self.queue.add(key);
        }
    }
}

impl Reconciler for TTreeReconciler {
    const NAME: &'static str = "ttree";

    fn queue(&self) -> &Queue<Key> {
        &self.queue
    }

    /// Adds the missing applications to the tree.
    async fn reconcile(&self, key: &Key) -> Outcome {
        let Some(tree) = self.trees.get(key) else { return Ok(None) };
        let apps = self.servers.select(|server, view| {
            view.app().filter(|app| server.namespace == key.namespace && !tree.lists(app)).map(str::to_owned)
        });
        let apps: BTreeSet<String> = apps.into_iter().collect();
        if apps.is_empty() {
            return Ok(None);
        }
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let add = |app: &String| {
            let value = json!({"name": app, "businessRef": "", "createTime": now, "mark": "AddByController"});
            json!({"op": "add", "path": "/apps/-", "value": value})
        };
        let answer = self.writer.patch(&resource(), key, &tree.version, apps.iter().map(add).collect()).await?;
        tracing::info!(namespace = key.namespace, ?apps, "added applications to the tree");
        self.trees.observe(answer);
        Ok(None)
    }
}

fn resource() -> ApiResource {
    ApiResource::erase::<TTree>(&())
}
