//! The derived objects as they are: one cache for each derived kind.

use super::derived::{self, DerivedKind, Live, Watched};
use crate::engine::{
    Engine,
    cache::{Cache, Key},
    feed::Selection,
};
use kube::api::DynamicObject;
use std::{collections::HashMap, sync::Arc};

/// The caches of the derived kinds, by the name of the kind.
pub struct DerivedCaches(HashMap<&'static str, Cache<Live>>);

impl DerivedCaches {
    /// Watches every derived kind. `of_servers` selects objects that carry the labels of a server.
    pub fn watch(engine: &mut Engine, of_servers: &str) -> Self {
        let mut caches = HashMap::new();
        for kind in derived::ALL {
            let every = Selection::every((kind.resource)());
            let selection = match kind.watched {
                Watched::WithServerLabels => every.with_labels(of_servers),
                Watched::Every => every,
            };
            caches.insert(kind.name, engine.watch(selection, |object| Live::of(kind, object)));
        }
        Self(caches)
    }

    pub fn caches(&self) -> impl Iterator<Item = &Cache<Live>> {
        self.0.values()
    }

    pub fn get(&self, kind: &DerivedKind, key: &Key) -> Option<Arc<Live>> {
        self.0.get(kind.name)?.get(key)
    }

    /// See [`Cache::observe`].
    pub fn observe(&self, kind: &DerivedKind, object: DynamicObject) -> Option<Arc<Live>> {
        self.0.get(kind.name)?.observe(object)
    }

    /// The derived objects that exist under the name `key`.
    pub fn find(&self, key: &Key) -> LiveObjects {
        LiveObjects(self.0.iter().filter_map(|(kind, cache)| Some((*kind, cache.get(key)?))).collect())
    }
}

/// The derived objects of one server, by the name of their kind.
#[derive(Debug, Default)]
pub struct LiveObjects(HashMap<&'static str, Arc<Live>>);

impl LiveObjects {
    pub fn get(&self, kind: &DerivedKind) -> Option<&Arc<Live>> {
        self.0.get(kind.name)
    }

    #[cfg(test)]
    pub fn insert(&mut self, kind: &DerivedKind, live: Live) {
        self.0.insert(kind.name, Arc::new(live));
    }
}
