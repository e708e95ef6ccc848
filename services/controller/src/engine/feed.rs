//! A watch that fills a cache: which objects it asks for, and how its events arrive.

use super::{
    cache::{Cache, Change, Key, Source, View},
    metrics::Metrics,
};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PartialObjectMeta, TypeMeta},
    runtime::{WatchStreamExt as _, watcher},
};
use std::{collections::HashSet, sync::Arc};
use tars_kit::{causes::with_sources, lease::Restores};

/// Which objects a watch asks for, and how much of each.
#[derive(Clone, Debug)]
pub struct Selection {
    resource: ApiResource,
    labels: Option<String>,
    metadata_only: bool,
}

/// How many objects one answer to a list holds. All kinds are listed at the same time, so the pages decide how much memory the start needs.
const PAGE: u32 = 100;

type Events = BoxStream<'static, Result<watcher::Event<DynamicObject>, watcher::Error>>;

impl Selection {
    /// Every object of the cluster, complete.
    pub fn every(resource: ApiResource) -> Self {
        Self { resource, labels: None, metadata_only: false }
    }

    /// Only objects that `selector` selects.
    #[must_use]
    pub fn with_labels(self, selector: &str) -> Self {
        Self { labels: Some(selector.to_owned()), ..self }
    }

    /// Only the metadata of each object. Use it for large objects of which nothing else is read.
    #[must_use]
    pub fn metadata_only(self) -> Self {
        Self { metadata_only: true, ..self }
    }

    fn open_stream(&self, client: Client) -> Events {
        let config = watcher::Config { label_selector: self.labels.clone(), page_size: Some(PAGE), ..watcher::Config::default() };
        if self.metadata_only {
            let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client, &self.resource);
            return watcher(api, config).default_backoff().map_ok(as_dynamic).boxed();
        }
        watcher(Api::<DynamicObject>::all_with(client, &self.resource), config).default_backoff().boxed()
    }
}

fn as_dynamic(event: watcher::Event<PartialObjectMeta<DynamicObject>>) -> watcher::Event<DynamicObject> {
    let dynamic = |object: PartialObjectMeta<DynamicObject>| DynamicObject {
        types: None,
        metadata: object.metadata,
        data: serde_json::Value::Null,
    };
    match event {
        watcher::Event::Apply(object) => watcher::Event::Apply(dynamic(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(dynamic(object)),
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(dynamic(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
    }
}

/// A watch of any kind. The engine keeps all of them in one list.
pub trait Watch: Send + Sync {
    /// Watches until the watch can never deliver again, which is a reason to end the process. It begins anew after each of `restores`.
    fn run(&self, client: Client, metrics: Arc<Metrics>, restores: Restores) -> BoxFuture<'static, ()>;

    /// Waits for the first complete list.
    fn synced(&self) -> BoxFuture<'_, ()>;

    /// How many objects are cached.
    fn count(&self) -> usize;

    /// The plural name of the watched resource.
    #[cfg(test)]
    fn plural(&self) -> &str;

    /// Replaces the cached objects, as a new list does, without telling the listeners.
    #[cfg(test)]
    fn replace(&self, objects: Vec<DynamicObject>);
}

/// A watch and the cache that it fills.
pub struct Feed<V> {
    pub selection: Selection,
    pub cache: Cache<V>,
}

impl<V: View> Watch for Feed<V> {
    fn run(&self, client: Client, metrics: Arc<Metrics>, restores: Restores) -> BoxFuture<'static, ()> {
        fill(client, metrics, self.selection.clone(), self.cache.clone(), restores).boxed()
    }

    fn synced(&self) -> BoxFuture<'_, ()> {
        self.cache.synced().boxed()
    }

    fn count(&self) -> usize {
        self.cache.len()
    }

    #[cfg(test)]
    fn plural(&self) -> &str {
        &self.selection.resource.plural
    }

    #[cfg(test)]
    fn replace(&self, objects: Vec<DynamicObject>) {
        let live = objects.iter().map(Key::of).collect();
        for object in objects {
            self.cache.apply(object, Source::List);
        }
        self.cache.retain(&live);
        self.cache.set_synced();
    }
}

/// Applies the events of a watch to `cache` and tells its listeners of each change, in order.
///
/// Errors of the watch are logged and retried with backoff; meanwhile the cache keeps the last known state.
async fn fill<V: View>(client: Client, metrics: Arc<Metrics>, selection: Selection, cache: Cache<V>, mut restores: Restores) {
    loop {
        let events = selection.open_stream(client.clone());
        tokio::select! {
            () = follow(events, &metrics, &selection.resource, &cache) => return,
            // The watch would wait until the versions have reached the one with which it began.
            () = restores.next() => cache.expect_lower_versions(),
        }
    }
}

/// Applies `events` until they end.
async fn follow<V: View>(mut events: Events, metrics: &Metrics, resource: &ApiResource, cache: &Cache<V>) {
    let kind = &resource.kind;
    let mut listed = HashSet::new();
    // The elements of lists of built-in kinds come without their kind.
    let types = TypeMeta { api_version: resource.api_version.clone(), kind: kind.clone() };
    let with_kind = |event: watcher::Event<DynamicObject>| event.modify(|object| object.types = Some(types.clone()));
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => with_kind(event),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(kind, error = with_sources(&error), "the watch was interrupted, trying again");
                metrics.count_interruption(kind);
                continue;
            }
        };
        let tell = |change: Option<Change<V>>| change.iter().for_each(|change| cache.announce(change));
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(object) => {
                listed.insert(Key::of(&object));
                tell(cache.apply(object, Source::List));
            }
            watcher::Event::InitDone => {
                cache.retain(&std::mem::take(&mut listed)).iter().for_each(|change| cache.announce(change));
                tracing::debug!(kind, "the list is complete");
                cache.set_synced();
            }
            watcher::Event::Apply(object) => tell(cache.apply(object, Source::Watch)),
            watcher::Event::Delete(object) => tell(cache.delete(object)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::client::Body;
    use serde_json::json;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::watch;

    struct Version(String);

    impl View for Version {}

    /// The watch itself hears nothing of a restore: it waits until the versions have reached the one with which it began.
    #[tokio::test]
    async fn after_a_restore_everything_is_listed_again() {
        static LISTS: AtomicU64 = AtomicU64::new(0);
        let service = tower::service_fn(|request: Request<Body>| async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=")) {
                return std::future::pending().await;
            }
            let version = [900, 400][usize::try_from(LISTS.fetch_add(1, Ordering::Relaxed)).unwrap()].to_string();
            let item = json!({"metadata": {"name": "memo", "namespace": "desk", "resourceVersion": version}});
            let list = json!({"kind": "List", "metadata": {"resourceVersion": version}, "items": [item]});
            Ok::<_, std::io::Error>(Response::new(Body::from(list.to_string().into_bytes())))
        });
        let cache = Cache::new(|object| Ok(Version(object.metadata.resource_version.unwrap_or_default())));
        let (heard, mut seen) = watch::channel(String::new());
        let heard = Arc::new(heard);
        cache.listen(&heard, |heard, change| drop(heard.send_replace(change.new.as_ref().unwrap().0.clone())));
        let (tell, restores) = watch::channel(0);
        let selection = Selection::every(ApiResource::erase::<ConfigMap>(&()));
        let feed = Feed { selection, cache }.run(Client::new(service, "default"), Arc::default(), restores.into());
        let watching = tokio::spawn(feed);
        seen.wait_for(|version| version == "900").await.unwrap();
        tell.send_replace(1);
        seen.wait_for(|version| version == "400").await.unwrap();
        watching.abort();
    }
}
