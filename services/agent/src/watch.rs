//! Keeps the objects that plans are made from in memory, by watches.

use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        reflector::{self, Lookup, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, sync::Arc};
use tars_common::names::label;
use tars_kit::causes::with_sources;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub struct Watched {
    /// Claims of local volumes.
    pub claims: Store<PersistentVolumeClaim>,
    /// Local volumes of all nodes. A server may have a volume on another node.
    pub volumes: Store<PersistentVolume>,
    /// Pods of Tars servers that do not run yet.
    pub pods: Store<Pod>,
    pub nodes: Store<Node>,
    /// Notified after each change.
    pub changed: Arc<Notify>,
}

impl Watched {
    /// Starts the watches, which end with `stop`.
    pub fn start(client: &Client, stop: &CancellationToken) -> Self {
        let changed = Arc::new(Notify::new());
        let of_volumes = || watcher::Config::default().labels(label::LOCAL_VOLUME);
        let waiting = watcher::Config::default().labels(label::SERVER_APP).fields("status.phase=Pending");
        Self {
            claims: watch_objects(Api::all(client.clone()), of_volumes(), "persistentvolumeclaims", |_| (), &changed, stop),
            volumes: watch_objects(Api::all(client.clone()), of_volumes(), "persistentvolumes", |_| (), &changed, stop),
            pods: watch_objects(Api::all(client.clone()), waiting, "pods", trim_pod, &changed, stop),
            nodes: watch_objects(Api::all(client.clone()), watcher::Config::default(), "nodes", trim_node, &changed, stop),
            changed,
        }
    }

    /// Waits until each watch has delivered its first list.
    pub async fn wait_until_ready(&self) {
        // A wait fails only if the task of its watch has ended, which happens only when the process stops.
        let _ = self.claims.wait_until_ready().await;
        let _ = self.volumes.wait_until_ready().await;
        let _ = self.pods.wait_until_ready().await;
        let _ = self.nodes.wait_until_ready().await;
    }
}

/// Removes the parts of a node that no plan reads.
fn trim_node(node: &mut Node) {
    node.metadata.annotations = None;
    if let Some(status) = &mut node.status {
        (status.images, status.volumes_attached, status.volumes_in_use) = (None, None, None);
    }
}

/// Removes the parts of a pod that no plan reads.
fn trim_pod(pod: &mut Pod) {
    pod.metadata.annotations = None;
    if let Some(spec) = &mut pod.spec {
        spec.containers = Vec::new();
        spec.init_containers = None;
    }
    pod.status = None;
}

/// Starts a watch. `trim` removes what need not be kept of an object.
fn watch_objects<K>(
    api: Api<K>,
    config: watcher::Config,
    resource: &'static str,
    trim: impl Fn(&mut K) + Send + 'static,
    changed: &Arc<Notify>,
    stop: &CancellationToken,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let events = watcher(api, config).modify(move |object| {
        object.meta_mut().managed_fields = None;
        trim(object);
    });
    let mut events: BoxStream<'_, _> =
        events.default_backoff().reflect(writer).take_until(stop.clone().cancelled_owned()).boxed();
    let changed = changed.clone();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Ok(_) => changed.notify_one(),
                Err(error) => tracing::warn!(resource, error = with_sources(&error), "cannot watch, trying again"),
            }
        }
    });
    store
}
