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
        let apps =
            self.servers.select_in(&key.namespace, |server| server.app().filter(|app| !tree.lists(app)).map(str::to_owned));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{
            fake::{Shared, client, wire::record},
            metrics::Metrics,
        },
        tserver::fixtures,
    };
    use tars_kit::lease::Fence;

    const TREE: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/ttrees/tars-tree";
    const SERVERS: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers";

    fn put_server(world: &Shared, app: &str, number: usize) {
        let mut server = serde_json::to_value(fixtures::server(&format!("{{ app: {app}, normal: {{}} }}"))).unwrap();
        server["metadata"]["name"] = json!(format!("{app}-{number}").to_lowercase());
        world.lock().unwrap().put(&format!("{SERVERS}/{app}-{number}"), server);
    }

    #[tokio::test]
    async fn missing_applications_are_appended_by_one_patch_and_none_is_removed() {
        let world = Shared::default();
        let (recording, log) = record(client(&world));
        let mut engine = Engine::new(recording, Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let reconciler = TTreeReconciler::open(&mut engine, &views);
        let run = async || {
            world.lock().unwrap().tell(&engine);
            assert_eq!(reconciler.reconcile(&Key::new("bank", "tars-tree")).await.unwrap(), None, "no other run is asked for");
        };
        for (app, number) in [("Ledger", 1), ("Desk", 1), ("Desk", 2)] {
            put_server(&world, app, number);
        }
        let mut other = serde_json::to_value(fixtures::server("{ app: Shop, normal: {} }")).unwrap();
        other["metadata"]["namespace"] = json!("shop");
        world.lock().unwrap().put(&SERVERS.replace("bank", "shop").replace("tservers", "tservers/shop-audit"), other);
        run().await;
        assert!(log.lock().unwrap().is_empty(), "a namespace without a tree has no framework");

        let old = json!({"name": "Old", "businessRef": "b", "createTime": "2030-01-01T00:00:00Z", "mark": ""});
        world.lock().unwrap().put(TREE, json!({"metadata": {"name": "tars-tree", "namespace": "bank"}, "apps": [old]}));
        let version = world.lock().unwrap().get(TREE).unwrap()["metadata"]["resourceVersion"].clone();
        run().await;
        let apps = world.lock().unwrap().get(TREE).unwrap()["apps"].clone();
        let names: Vec<_> = apps.as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap()).collect();
        assert_eq!((names, &apps[0]), (vec!["Old", "Desk", "Ledger"], &old));
        let (made, time) = (&apps[1], apps[1]["createTime"].as_str().unwrap());
        assert_eq!((&made["businessRef"], &made["mark"]), (&json!(""), &json!("AddByController")));
        assert!(time.parse::<Timestamp>().is_ok(), "{time}");
        assert_eq!(log.lock().unwrap().len(), 1);
        let first = log.lock().unwrap()[0].body[0].clone();
        assert_eq!(first, json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}));

        world.lock().unwrap().remove(&format!("{SERVERS}/Ledger-1"));
        run().await;
        assert_eq!((world.lock().unwrap().get(TREE).unwrap()["apps"].clone(), log.lock().unwrap().len()), (apps, 1));
    }

    #[tokio::test]
    async fn a_tree_that_comes_and_a_server_of_a_missing_application_lead_to_a_run() {
        let world = Shared::default();
        let mut engine = Engine::new(client(&world), Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let reconciler = TTreeReconciler::open(&mut engine, &views);
        let _watches = engine.start_watches();
        engine.synced().await;
        put_server(&world, "Ledger", 1);
        let next = || tokio::time::timeout(std::time::Duration::from_millis(50), reconciler.queue.next());
        assert!(next().await.is_err(), "there is no tree yet");
        world
            .lock()
            .unwrap()
            .put(TREE, json!({"metadata": {"name": "tars-tree", "namespace": "bank"}, "apps": [{"name": "Ledger"}]}));
        let key = Key::new("bank", "tars-tree");
        assert_eq!(reconciler.queue.next().await, key);
        reconciler.queue.done(&key);
        put_server(&world, "Desk", 1);
        assert_eq!(reconciler.queue.next().await, key);
    }
}
