//! TServers that are gone.

use crate::engine::cache::Key;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The uids of TServers whose end a watch has told, and whose objects may be left. A uid never comes back.
#[derive(Debug, Default)]
pub struct Departed(Mutex<HashMap<Key, String>>);

impl Departed {
    pub fn note(&self, key: Key, uid: String) {
        self.lock().insert(key, uid);
    }

    pub fn find(&self, key: &Key) -> Option<String> {
        self.lock().get(key).cloned()
    }

    pub fn forget(&self, key: &Key, uid: &str) {
        let mut known = self.lock();
        if known.get(key).is_some_and(|known| known == uid) {
            known.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
