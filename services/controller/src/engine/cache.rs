//! What the watches have told, pruned to what somebody reads.
//!
//! ```text
//! API server ──watch──► feed ──View::of (prunes)──► Cache ──Change {old, new}──► route (which queue must look)
//!                                                     ▲
//!                              answers of own writes ─┘ (observe: newer than the watch, so that we never act on our own past)
//! ```
//!
//! Rules: one `feed` owns the writing side of a cache; readers take an `Arc` and never wait for the network. An object that does
//! not decode is logged and skipped. A view is small and names the server that it belongs to, so that "the pods of this server"
//! is a look-up, not a scan.

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PartialObjectMeta, TypeMeta},
    runtime::{WatchStreamExt as _, watcher},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use tars_kit::causes::with_sources;
use tokio::sync::watch;

/// Namespace and name of an object; the namespace of a cluster-scoped object is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Namespace, or empty.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of `namespace/name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// What a cache keeps of an object.
pub trait View: Sized + Send + Sync + 'static {
    /// Prunes `object`. The error says what does not decode.
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error>;

    /// Under which index entry the object is found by [`Cache::group`], for pods and claims the server's key.
    fn group(&self) -> Option<Key> {
        None
    }
}

/// One object came, changed or went.
#[derive(Debug)]
pub struct Change<V> {
    /// Which one.
    pub key: Key,
    /// What was known of it before.
    pub old: Option<Arc<V>>,
    /// What is known now; `None` if it is gone.
    pub new: Option<Arc<V>>,
}

#[derive(Debug)]
struct Entry<V> {
    version: u64,
    view: Arc<V>,
}

#[derive(Debug)]
struct State<V> {
    objects: HashMap<Key, Entry<V>>,
    groups: HashMap<Key, BTreeSet<String>>,
    /// The highest resourceVersion that the watch has delivered.
    seen: u64,
}

/// The objects of one kind. Clones share their content.
#[derive(Debug)]
pub struct Cache<V> {
    state: Arc<RwLock<State<V>>>,
    synced: Arc<watch::Sender<bool>>,
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), synced: self.synced.clone() }
    }
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        let state = State { objects: HashMap::new(), groups: HashMap::new(), seen: 0 };
        Self { state: Arc::new(RwLock::new(state)), synced: Arc::new(watch::Sender::new(false)) }
    }
}

impl<V: View> Cache<V> {
    /// The object called `key`.
    pub fn get(&self, key: &Key) -> Option<Arc<V>> {
        self.read(|state| state.objects.get(key).map(|entry| entry.view.clone()))
    }

    /// The objects of `group`, by name.
    pub fn group(&self, group: &Key) -> Vec<Arc<V>> {
        self.read(|state| {
            let names = state.groups.get(group).into_iter().flatten();
            names
                .filter_map(|name| state.objects.get(&Key::new(&group.namespace, name)))
                .map(|entry| entry.view.clone())
                .collect()
        })
    }

    /// Every object.
    pub fn all(&self) -> Vec<Arc<V>> {
        self.read(|state| state.objects.values().map(|entry| entry.view.clone()).collect())
    }

    /// Every key for which `wanted` holds.
    pub fn keys(&self, wanted: impl Fn(&Key, &V) -> bool) -> Vec<Key> {
        self.read(|state| {
            let entries = state.objects.iter().filter(|(key, entry)| wanted(key, &entry.view));
            entries.map(|(key, _)| key.clone()).collect()
        })
    }

    /// Every object of which `wanted` holds, with what was picked from it.
    pub fn select<T>(&self, pick: impl Fn(&Key, &V) -> Option<T>) -> Vec<T> {
        self.read(|state| state.objects.iter().filter_map(|(key, entry)| pick(key, &entry.view)).collect())
    }

    /// Waits for the first complete list.
    pub async fn synced(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Whether the first list is complete.
    pub fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    fn read<T>(&self, look: impl FnOnce(&State<V>) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the answer of an own write, unless the watch has already gone past it (then the watch knows better). Gives back what
    /// was answered, `None` if it does not decode.
    pub fn observe(&self, object: DynamicObject) -> Option<Arc<V>> {
        let version = version_of(&object);
        let key = key_of(&object);
        let view = match V::of(object) {
            Ok(view) => Arc::new(view),
            Err(error) => {
                tracing::warn!(%key, %error, "the answer of a write does not decode, waiting for the watch");
                return None;
            }
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if version > state.seen {
            state.put(key, version, view.clone());
        }
        Some(view)
    }

    /// Applies one watch event; `None` if nothing changed or the object does not decode.
    pub fn apply(&self, object: DynamicObject) -> Option<Change<V>> {
        let version = version_of(&object);
        let key = key_of(&object);
        let known = |state: &State<V>| state.objects.get(&key).is_some_and(|entry| entry.version >= version);
        // Most events are echoes of our own writes, and need not be decoded again.
        if self.read(known) {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            state.seen = state.seen.max(version);
            return None;
        }
        let view = match V::of(object) {
            Ok(view) => Arc::new(view),
            Err(error) => {
                tracing::warn!(%key, %error, "an object does not decode and is skipped");
                return None;
            }
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.seen = state.seen.max(version);
        if known(&state) {
            return None;
        }
        let old = state.objects.get(&key).map(|entry| entry.view.clone());
        state.put(key.clone(), version, view.clone());
        Some(Change { key, old, new: Some(view) })
    }

    /// Forgets an object that the watch reports as deleted. The change carries its last state as `old`.
    pub fn delete(&self, object: DynamicObject) -> Option<Change<V>> {
        let (key, version) = (key_of(&object), version_of(&object));
        // The event carries the final state, which may be newer than what is cached (the deletion of a pod sets its end).
        let last = V::of(object).ok().map(Arc::new);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.seen = state.seen.max(version);
        let old = state.remove(&key);
        Some(Change { key, old: Some(last.or(old)?), new: None })
    }

    /// What a fresh list does. For tests without a watch.
    #[cfg(test)]
    pub fn replace(&self, objects: Vec<DynamicObject>) {
        let live = objects.iter().map(key_of).collect();
        for object in objects {
            self.apply(object);
        }
        self.retain(&live);
        self.synced.send_replace(true);
    }

    /// Forgets whatever is not in `live`, after a list.
    fn retain(&self, live: &HashSet<Key>) -> Vec<Change<V>> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<Key> = state.objects.keys().filter(|key| !live.contains(*key)).cloned().collect();
        gone.into_iter().map(|key| Change { old: state.remove(&key), key, new: None }).collect()
    }
}

impl<V: View> State<V> {
    fn put(&mut self, key: Key, version: u64, view: Arc<V>) {
        self.leave_group(&key);
        if let Some(group) = view.group() {
            self.groups.entry(group).or_default().insert(key.name.clone());
        }
        self.objects.insert(key, Entry { version, view });
    }

    fn remove(&mut self, key: &Key) -> Option<Arc<V>> {
        self.leave_group(key);
        self.objects.remove(key).map(|entry| entry.view)
    }

    fn leave_group(&mut self, key: &Key) {
        let Some(group) = self.objects.get(key).and_then(|entry| entry.view.group()) else { return };
        if let Some(names) = self.groups.get_mut(&group) {
            names.remove(&key.name);
            if names.is_empty() {
                self.groups.remove(&group);
            }
        }
    }
}

fn key_of(object: &DynamicObject) -> Key {
    Key::new(object.metadata.namespace.clone().unwrap_or_default(), object.metadata.name.clone().unwrap_or_default())
}

/// Resource versions are comparable integers since the API server promises so (KEP 5504), and were before in every release.
fn version_of(object: &DynamicObject) -> u64 {
    object.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Which objects a watch asks for, and how much of them.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The kind.
    pub resource: ApiResource,
    /// A label selector; all objects without one.
    pub labels: Option<String>,
    /// Whether only metadata is wanted: nodes tell a lot that nobody here reads, configurations are large.
    pub metadata_only: bool,
}

type Events = BoxStream<'static, Result<watcher::Event<DynamicObject>, watcher::Error>>;

impl Selection {
    fn events(&self, client: Client) -> Events {
        let config = watcher::Config { label_selector: self.labels.clone(), ..watcher::Config::default() };
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

/// Watches what `selection` says for ever, keeps `cache` and tells `route` about each change, in order.
///
/// Errors of the watch are logged and retried with backoff; meanwhile the cache keeps the last known state.
pub async fn feed<V: View>(client: Client, selection: Selection, cache: Cache<V>, route: impl Fn(Change<V>) + Send) {
    let mut events = selection.events(client);
    let resource = selection.resource;
    let kind = resource.kind.clone();
    let mut listed = HashSet::new();
    // Elements of lists of built-in kinds come without their kind.
    let types = TypeMeta { api_version: resource.api_version, kind: resource.kind };
    let with_kind = |event: watcher::Event<DynamicObject>| event.modify(|object| object.types = Some(types.clone()));
    loop {
        match events.try_next().await.map(|event| event.map(with_kind)) {
            Ok(Some(watcher::Event::Init)) => listed.clear(),
            Ok(Some(watcher::Event::InitApply(object))) => {
                listed.insert(key_of(&object));
                cache.apply(object).into_iter().for_each(&route);
            }
            Ok(Some(watcher::Event::InitDone)) => {
                cache.retain(&std::mem::take(&mut listed)).into_iter().for_each(&route);
                tracing::debug!(kind, "list complete");
                cache.synced.send_replace(true);
            }
            Ok(Some(watcher::Event::Apply(object))) => cache.apply(object).into_iter().for_each(&route),
            Ok(Some(watcher::Event::Delete(object))) => cache.delete(object).into_iter().for_each(&route),
            Ok(None) => return,
            Err(error) => tracing::warn!(kind, error = with_sources(&error), "watch interrupted, trying again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq)]
    struct Note {
        text: String,
        group: Option<Key>,
    }

    impl View for Note {
        fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
            let text = serde_json::from_value(object.data["text"].clone())?;
            Ok(Self { text, group: object.data["group"].as_str().map(|name| Key::new("desk", name)) })
        }

        fn group(&self) -> Option<Key> {
            self.group.clone()
        }
    }

    fn note(version: u64, text: &str, group: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Note", "text": text, "group": group,
            "metadata": {"namespace": "desk", "name": "memo", "resourceVersion": version.to_string()},
        }))
        .unwrap()
    }

    #[test]
    fn an_object_is_found_by_its_key_and_by_its_group_and_leaves_the_old_group() {
        let cache = Cache::<Note>::default();
        assert!(cache.apply(note(1, "one", "red")).is_some());
        assert_eq!(cache.group(&Key::new("desk", "red")).len(), 1);
        cache.apply(note(2, "two", "blue"));
        assert!(cache.group(&Key::new("desk", "red")).is_empty());
        assert_eq!(cache.group(&Key::new("desk", "blue"))[0].text, "two");
        cache.delete(note(3, "two", "blue"));
        assert!(cache.get(&Key::new("desk", "memo")).is_none() && cache.group(&Key::new("desk", "blue")).is_empty());
    }

    #[test]
    fn the_answer_of_an_own_write_silences_its_watch_event() {
        let cache = Cache::<Note>::default();
        cache.apply(note(1, "one", "red"));
        cache.observe(note(2, "two", "red"));
        assert_eq!(cache.get(&Key::new("desk", "memo")).unwrap().text, "two");
        assert!(cache.apply(note(2, "two", "red")).is_none());
    }

    #[test]
    fn the_answer_of_a_write_does_not_raise_what_the_watch_saw_die() {
        let cache = Cache::<Note>::default();
        cache.apply(note(1, "one", "red"));
        cache.delete(note(3, "two", "red"));
        cache.observe(note(2, "two", "red"));
        assert!(cache.get(&Key::new("desk", "memo")).is_none());
    }

    #[test]
    fn an_object_that_does_not_decode_is_skipped_and_a_new_list_forgets_what_is_gone() {
        let cache = Cache::<Note>::default();
        let mut bad = note(1, "one", "red");
        bad.data["text"] = json!(7);
        assert!(cache.apply(bad).is_none());
        cache.apply(note(2, "one", "red"));
        let gone = cache.retain(&HashSet::new());
        assert_eq!((gone.len(), gone[0].new.is_none()), (1, true));
    }
}
