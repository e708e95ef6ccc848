//! The servers whose next run must trust no memory (docs/reference/controller.md#11.5).

use crate::engine::cache::Key;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many servers may wait before another one by name is refused.
const MOST_BY_NAME: usize = 100;

#[derive(Debug, Default)]
pub struct Resyncs(Mutex<HashSet<Key>>);

impl Resyncs {
    /// Asks for one server. Returns false if too many wait.
    pub fn ask(&self, key: Key) -> bool {
        let mut waiting = self.lock();
        let accepted = waiting.len() < MOST_BY_NAME || waiting.contains(&key);
        accepted && {
            waiting.insert(key);
            true
        }
    }

    /// Asks for the servers of a namespace. Returns false if any server waits already.
    pub fn ask_all(&self, keys: &[Key]) -> bool {
        let mut waiting = self.lock();
        let accepted = waiting.is_empty();
        if accepted {
            waiting.extend(keys.iter().cloned());
        }
        accepted
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.lock().contains(key)
    }

    pub fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_namespace_at_a_time_is_accepted_and_a_bounded_number_of_servers() {
        let (resyncs, key) = (Resyncs::default(), |number: usize| Key::new("bank", format!("ledger-{number}")));
        let keys: Vec<_> = (0..100).map(key).collect();
        assert!(resyncs.ask_all(&keys) && !resyncs.ask_all(&keys));
        assert!(resyncs.ask(key(0)), "it waits already");
        assert!(!resyncs.ask(key(100)));
        resyncs.forget(&key(0));
        assert!(resyncs.ask(key(100)) && !resyncs.contains(&key(0)));
        keys.iter().chain([&key(100)]).for_each(|key| resyncs.forget(key));
        assert!(resyncs.ask_all(&[key(1)]));
    }
}
