//! Applied objects that the API server stored with other values than were sent. Without this memory, one unforeseen default would
//! make the controller write the same object for ever.

use crate::engine::cache::Key;
use serde_json::Value;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// For each kind and object, the digests of the fields that were sent and of those that were stored.
#[derive(Debug, Default)]
pub struct Rewrites(Mutex<Known>);

type Known = HashMap<(&'static str, Key), (u64, u64)>;

impl Rewrites {
    /// Whether the API server is known to store `owned` when `wanted` is sent.
    pub fn contains(&self, kind: &'static str, key: &Key, wanted: &Value, owned: &Value) -> bool {
        self.lock().get(&(kind, key.clone())) == Some(&(digest(wanted), digest(owned)))
    }

    pub fn insert(&self, kind: &'static str, key: &Key, wanted: &Value, owned: &Value) {
        self.lock().insert((kind, key.clone()), (digest(wanted), digest(owned)));
    }

    /// Forgets everything about the server `key`, whose objects have its name.
    pub fn forget(&self, key: &Key) {
        let mut known = self.lock();
        if !known.is_empty() {
            known.retain(|(_, other), _| other != key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}
