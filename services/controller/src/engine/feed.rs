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
use tars_kit::{causes::with_sources, contact::Contact};

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

    /// The kind of the objects.
    pub fn kind(&self) -> &str {
        &self.resource.kind
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
    /// Watches until the watch can never deliver again, which is a reason to end the process.
    fn run(&self, client: Client, metrics: Arc<Metrics>) -> BoxFuture<'static, ()>;

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
    /// When the API server last spoke of these objects.
    pub contact: Contact,
}

impl<V: View> Watch for Feed<V> {
    fn run(&self, client: Client, metrics: Arc<Metrics>) -> BoxFuture<'static, ()> {
        fill(self.contact.observe(&client), metrics, self.selection.clone(), self.cache.clone()).boxed()
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
async fn fill<V: View>(client: Client, metrics: Arc<Metrics>, selection: Selection, cache: Cache<V>) {
    let mut events = selection.open_stream(client);
    let resource = &selection.resource;
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
