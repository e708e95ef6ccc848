//! The derived objects as they are: one cache for each derived kind.

use super::derived::{Live, recipe_of};
use crate::engine::{
    Engine,
    cache::{Cache, Key},
    feed::Selection,
};
use kube::api::DynamicObject;
use std::{collections::HashMap, sync::Arc};
use tars_common::{derived::DerivedKind, names::NODE_CONTAINER};

pub struct DerivedCaches(HashMap<DerivedKind, Cache<Live>>);

impl DerivedCaches {
    /// Watches every derived kind. `of_servers` selects objects that carry the labels of a server.
    pub fn watch(engine: &mut Engine, of_servers: &str) -> Self {
        let mut caches = HashMap::new();
        for kind in DerivedKind::ALL.iter().copied() {
            let every = Selection::every(kind.resource());
            let selection = if kind.descriptor().watched_by_label { every.with_labels(of_servers) } else { every };
            caches.insert(kind, engine.watch(selection, move |object| Live::of(recipe_of(kind), object)));
        }
        Self(caches)
    }

    pub fn caches(&self) -> impl Iterator<Item = &Cache<Live>> {
        self.0.values()
    }

    pub fn get(&self, kind: DerivedKind, key: &Key) -> Option<Arc<Live>> {
        self.0.get(&kind)?.get(key)
    }

    /// See [`Cache::observe`].
    pub fn observe(&self, kind: DerivedKind, object: DynamicObject) -> Option<Arc<Live>> {
        self.0.get(&kind)?.observe(object)
    }

    /// See [`Cache::version`].
    pub fn version(&self, kind: DerivedKind, key: &Key) -> Option<u64> {
        self.0.get(&kind)?.version(key)
    }

    /// See [`Cache::correct`].
    pub fn correct(
        &self,
        kind: DerivedKind,
        key: &Key,
        before: u64,
        live: Option<DynamicObject>,
    ) -> Result<bool, serde_json::Error> {
        self.0.get(&kind).map_or(Ok(false), |cache| cache.correct(key, before, live))
    }

    /// The derived objects that exist under the name `key`.
    pub fn find(&self, key: &Key) -> LiveObjects {
        LiveObjects(self.0.iter().filter_map(|(kind, cache)| Some((*kind, cache.get(key)?))).collect())
    }
}

/// The derived objects of one server.
#[derive(Debug, Default)]
pub struct LiveObjects(HashMap<DerivedKind, Arc<Live>>);

impl LiveObjects {
    pub fn get(&self, kind: DerivedKind) -> Option<&Arc<Live>> {
        self.0.get(&kind)
    }

    /// The StatefulSet or DaemonSet.
    pub fn workload(&self) -> Option<&Arc<Live>> {
        [DerivedKind::StatefulSet, DerivedKind::DaemonSet].into_iter().find_map(|kind| self.get(kind))
    }

    /// The image of tarsnode in the workload, as we applied it.
    pub fn find_node_image(&self) -> Option<String> {
        let workload = self.workload()?.owned();
        let containers = workload.pointer("/spec/template/spec/initContainers")?.as_array()?;
        let node = containers.iter().find(|container| container["name"] == NODE_CONTAINER)?;
        node["image"].as_str().filter(|image| !image.trim().is_empty()).map(str::to_owned)
    }

    #[cfg(test)]
    pub fn insert(&mut self, kind: DerivedKind, live: Live) {
        self.0.insert(kind, Arc::new(live));
    }
}
