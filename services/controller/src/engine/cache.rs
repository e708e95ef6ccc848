//! The objects that a watch has reported, reduced to the fields that reconcilers read.
//!
//! ```text
//! API server ──watch──► feed ──decode (drops the rest)──► Cache ──Change {old, new}──► listeners: which key must run?
//!                                                           ▲
//!                                  answers of own writes ───┘ (observe: the next run sees them, even if the watch is late)
//! ```
//!
//! Rules: only the feed of a cache applies watch events. Readers get an `Arc` and never wait for the network. An object that does
//! not decode is logged, and is absent until it decodes again: what it was before may be wrong by now. A view is small, and names the group that it belongs to: "the pods of this server" is a look-up
//! and not a scan.

use kube::api::DynamicObject;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// Namespace and name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Empty for an object of the whole cluster.
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub fn of(object: &DynamicObject) -> Self {
        Self::new(object.metadata.namespace.clone().unwrap_or_default(), object.metadata.name.clone().unwrap_or_default())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// The part of an object that a cache keeps.
pub trait View: Send + Sync + 'static {
    /// The group under which [`Cache::group`] finds the object. For pods and claims it is the key of their server.
    fn group(&self) -> Option<Key> {
        None
    }
}

/// Turns an object into its view. The error says which field does not decode.
type Decode<V> = Box<dyn Fn(DynamicObject) -> Result<V, serde_json::Error> + Send + Sync>;

type Listener<V> = Box<dyn Fn(&Change<V>) + Send + Sync>;

/// An object was made, changed or deleted.
#[derive(Debug)]
pub struct Change<V> {
    pub key: Key,
    /// The view before the change; `None` if the object is new.
    pub old: Option<Arc<V>>,
    /// The view after the change; `None` if the object is gone, or does not decode any more.
    pub new: Option<Arc<V>>,
    /// Whether only this process changed the object, so that it knows the change already.
    pub own: bool,
}

impl<V> Change<V> {
    /// The view after the change, or the last one of an object that is gone.
    pub fn latest(&self) -> Option<&Arc<V>> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

#[derive(Debug)]
struct Entry<V> {
    version: u64,
    view: Arc<V>,
    /// What listeners do not know yet, if `view` is the answer of a write of this process. The answer may hold a change by somebody else.
    untold: Option<Untold<V>>,
}

/// The state between the answer of a write and its watch event.
#[derive(Debug)]
struct Untold<V> {
    /// The view of the last watch event.
    told: Option<Arc<V>>,
    /// The versions that this process has written since.
    own: Vec<u64>,
    /// Whether the watch has delivered a version since that somebody else wrote.
    foreign: bool,
}

/// More writes of one object than this do not happen before the watch delivers the first. If they do, the changes count as foreign.
const OWN_VERSIONS: usize = 16;

/// How an object reached the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// By a list, which does not show the versions in between.
    List,
    /// By a watch, which shows every version.
    Watch,
}

#[derive(Debug)]
struct State<V> {
    /// Sorted, so that the objects of a namespace stand together.
    objects: BTreeMap<Key, Entry<V>>,
    groups: HashMap<Key, BTreeSet<String>>,
    /// The highest resourceVersion that the watch has delivered.
    seen: u64,
}

struct Shared<V> {
    decode: Decode<V>,
    state: RwLock<State<V>>,
    listeners: RwLock<Vec<Listener<V>>>,
    synced: watch::Sender<bool>,
}

/// The objects of one kind. Clones share their content.
pub struct Cache<V>(Arc<Shared<V>>);

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V: View> Cache<V> {
    /// An empty cache. Outside of tests only [`super::Engine::watch`] makes one, so that each has a feed.
    pub fn new(decode: impl Fn(DynamicObject) -> Result<V, serde_json::Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            decode: Box::new(decode),
            state: RwLock::new(State { objects: BTreeMap::new(), groups: HashMap::new(), seen: 0 }),
            listeners: RwLock::default(),
            synced: watch::Sender::new(false),
        }))
    }

    /// Calls `route` for each later change, as long as `listener` exists.
    pub fn listen<L: Send + Sync + 'static>(&self, listener: &Arc<L>, route: fn(&L, &Change<V>)) {
        let listener = Arc::downgrade(listener);
        let call = move |change: &Change<V>| {
            if let Some(listener) = listener.upgrade() {
                route(&listener, change);
            }
        };
        self.0.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(call));
    }

    /// Tells the listeners of `change`.
    pub fn announce(&self, change: &Change<V>) {
        for listener in self.0.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener(change);
        }
    }

    pub fn get(&self, key: &Key) -> Option<Arc<V>> {
        self.read(|state| state.objects.get(key).map(|entry| entry.view.clone()))
    }

    /// The objects of `group`, sorted by name.
    pub fn group(&self, group: &Key) -> Vec<Arc<V>> {
        self.read(|state| {
            let names = state.groups.get(group).into_iter().flatten();
            names
                .filter_map(|name| state.objects.get(&Key::new(&group.namespace, name)))
                .map(|entry| entry.view.clone())
                .collect()
        })
    }

    /// How many objects `group` has.
    pub fn group_size(&self, group: &Key) -> usize {
        self.read(|state| state.groups.get(group).map_or(0, BTreeSet::len))
    }

    pub fn all(&self) -> Vec<Arc<V>> {
        self.read(|state| state.objects.values().map(|entry| entry.view.clone()).collect())
    }

    pub fn len(&self) -> usize {
        self.read(|state| state.objects.len())
    }

    /// The keys of the objects for which `wanted` holds.
    pub fn keys(&self, wanted: impl Fn(&V) -> bool) -> Vec<Key> {
        let pick = |(key, entry): (&Key, &Entry<V>)| wanted(&entry.view).then(|| key.clone());
        self.read(|state| state.objects.iter().filter_map(pick).collect())
    }

    /// The keys of the objects of `namespace`.
    pub fn keys_in(&self, namespace: &str) -> Vec<Key> {
        self.read(|state| state.range(namespace).map(|(key, _)| key.clone()).collect())
    }

    /// The values that `pick` takes from the objects of `namespace`.
    pub fn select_in<T>(&self, namespace: &str, pick: impl Fn(&V) -> Option<T>) -> Vec<T> {
        self.read(|state| state.range(namespace).filter_map(|(_, entry)| pick(&entry.view)).collect())
    }

    /// Waits for the first complete list.
    pub async fn synced(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.0.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Notes that a list is complete.
    pub fn set_synced(&self) {
        self.0.synced.send_replace(true);
    }

    fn read<T>(&self, look: impl FnOnce(&State<V>) -> T) -> T {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut State<V>) -> T) -> T {
        change(&mut self.0.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stores the answer of a write of this process, unless the watch has delivered a later version already. Returns the view of the
    /// answer, or `None` if it does not decode.
    pub fn observe(&self, object: DynamicObject) -> Option<Arc<V>> {
        let (key, version) = (Key::of(&object), version_of(&object));
        let view = match (self.0.decode)(object) {
            Ok(view) => Arc::new(view),
            Err(error) => {
                tracing::warn!(%key, %error, "cannot decode the answer of a write, waiting for the watch");
                return None;
            }
        };
        self.write(|state| {
            let seen = state.seen;
            let before = state.objects.get_mut(&key);
            if version > seen && before.as_ref().is_none_or(|entry| entry.version < version) {
                let mut untold = before.map_or_else(Untold::default, Entry::take_untold);
                untold.note(version);
                state.put(key, Entry { version, view: view.clone(), untold: Some(untold) });
            }
        });
        Some(view)
    }

    /// Applies one object of a list or watch. Returns `None` if nothing changed.
    pub fn apply(&self, object: DynamicObject, source: Source) -> Option<Change<V>> {
        let (key, version) = (Key::of(&object), version_of(&object));
        let known = |state: &State<V>| state.objects.get(&key).is_some_and(|entry| entry.version >= version);
        // Most events repeat a write of this process, whose answer was decoded already.
        if self.read(known) {
            return self.write(|state| {
                state.seen = state.seen.max(version);
                let entry = state.objects.get_mut(&key)?;
                if entry.version > version {
                    entry.untold.iter_mut().for_each(|untold| untold.foreign |= !untold.own.contains(&version));
                    return None;
                }
                let Untold { told: old, foreign, .. } = entry.untold.take()?;
                let own = !foreign && source == Source::Watch;
                Some(Change { key: key.clone(), old, new: Some(entry.view.clone()), own })
            });
        }
        let view = match (self.0.decode)(object) {
            Ok(view) => Arc::new(view),
            Err(error) => {
                tracing::warn!(%key, %error, "cannot decode an object, which counts as absent until it decodes");
                return self.forget(&key, version);
            }
        };
        self.write(|state| {
            state.seen = state.seen.max(version);
            if known(state) {
                return None;
            }
            let old = state.objects.get(&key).and_then(Entry::told);
            state.put(key.clone(), Entry { version, view: view.clone(), untold: None });
            Some(Change { key: key.clone(), old, new: Some(view), own: false })
        })
    }

    fn forget(&self, key: &Key, version: u64) -> Option<Change<V>> {
        let old = self.write(|state| {
            state.seen = state.seen.max(version);
            state.remove(key)
        });
        Some(Change { key: key.clone(), old: Some(old?), new: None, own: false })
    }

    /// The version of an object, with which [`Cache::correct`] begins.
    pub fn version(&self, key: &Key) -> Option<u64> {
        self.read(|state| state.objects.get(key).map(|entry| entry.version))
    }

    /// Replaces an object by `live`, the answer to a read that began when the object had the version `before`. Returns whether the cache was
    /// wrong. If anything has told of the object since, the answer may be the older one, and nothing changes.
    pub fn correct(&self, key: &Key, before: u64, live: Option<DynamicObject>) -> Result<bool, serde_json::Error> {
        let live = match live {
            Some(object) => Some((version_of(&object), Arc::new((self.0.decode)(object)?))),
            None => None,
        };
        Ok(self.write(|state| {
            let untouched = state.objects.get(key).is_some_and(|entry| entry.version == before);
            match live {
                _ if !untouched => return false,
                Some((version, _)) if version == before => return false,
                Some((version, view)) => state.put(key.clone(), Entry { version, view, untold: None }),
                None => drop(state.remove(key)),
            }
            true
        }))
    }

    /// Forgets an object that the watch reports as deleted. The change has its last state as `old`.
    pub fn delete(&self, object: DynamicObject) -> Option<Change<V>> {
        let (key, version) = (Key::of(&object), version_of(&object));
        // The event has the final state, which may be newer than the cached one. For a pod, only the final state may say when it ended.
        let last = (self.0.decode)(object).ok().map(Arc::new);
        let old = self.write(|state| {
            state.seen = state.seen.max(version);
            state.remove(&key)
        });
        Some(Change { key, old: Some(last.or(old)?), new: None, own: false })
    }

    /// Forgets every object that is not in `live`, after a list. Returns the changes.
    pub fn retain(&self, live: &HashSet<Key>) -> Vec<Change<V>> {
        self.write(|state| {
            let gone: Vec<Key> = state.objects.keys().filter(|key| !live.contains(*key)).cloned().collect();
            gone.into_iter().map(|key| Change { old: state.remove(&key), key, new: None, own: false }).collect()
        })
    }
}

impl<V> Entry<V> {
    /// The view that listeners know.
    fn told(&self) -> Option<Arc<V>> {
        self.untold.as_ref().map_or_else(|| Some(self.view.clone()), |untold| untold.told.clone())
    }

    /// What listeners do not know of this entry, which a later one replaces.
    fn take_untold(&mut self) -> Untold<V> {
        self.untold.take().unwrap_or_else(|| Untold { told: Some(self.view.clone()), ..Untold::default() })
    }
}

/// A new object, of which nothing was told.
impl<V> Default for Untold<V> {
    fn default() -> Self {
        Self { told: None, own: Vec::new(), foreign: false }
    }
}

impl<V> Untold<V> {
    /// Notes a version that this process has written.
    fn note(&mut self, version: u64) {
        if self.own.len() < OWN_VERSIONS {
            self.own.push(version);
        } else {
            self.foreign = true;
        }
    }
}

impl<V: View> State<V> {
    /// The objects of `namespace`, without a look at the others.
    fn range<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a Key, &'a Entry<V>)> {
        self.objects.range(Key::new(namespace, "")..).take_while(move |(key, _)| key.namespace == namespace)
    }

    fn put(&mut self, key: Key, entry: Entry<V>) {
        self.leave_group(&key);
        if let Some(group) = entry.view.group() {
            self.groups.entry(group).or_default().insert(key.name.clone());
        }
        self.objects.insert(key, entry);
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

/// The API server promises that resource versions are comparable integers (KEP 5504). They were so in every release before, too.
fn version_of(object: &DynamicObject) -> u64 {
    object.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
