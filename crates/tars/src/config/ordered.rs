//! A map that remembers in which order its keys were placed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

/// A map from names to values in the order in which the names were placed. Every operation costs O(log n), so a hostile document
/// with 100,000 keys does no harm.
#[derive(Clone)]
pub(super) struct Ordered<V> {
    entries: BTreeMap<u64, (String, V)>,
    places: HashMap<String, u64>,
    next: u64,
}

impl<V> Ordered<V> {
    /// Sets `key` and moves it behind all others, whether the key was there or not.
    pub(super) fn put_last(&mut self, key: String, value: V) {
        if let Some(place) = self.places.insert(key.clone(), self.next) {
            self.entries.remove(&place);
        }
        self.entries.insert(self.next, (key, value));
        self.next += 1;
    }

    /// Returns the value of `key`, which keeps its place. An absent key is added behind all others, with a value that `make`
    /// makes.
    pub(super) fn entry(&mut self, key: &str, make: impl FnOnce() -> V) -> &mut V {
        let place = *self.places.entry(key.to_owned()).or_insert_with(|| {
            self.next += 1;
            self.next - 1
        });
        &mut self.entries.entry(place).or_insert_with(|| (key.to_owned(), make())).1
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.places.get(key).and_then(|place| self.entries.get(place)).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.values().map(|(key, value)| (key.as_str(), value))
    }
}

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), places: HashMap::new(), next: 0 }
    }
}

/// Two maps are equal if they have the same keys with equal values in the same order.
impl<V: PartialEq> PartialEq for Ordered<V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries.values().eq(other.entries.values())
    }
}

impl<V: Eq> Eq for Ordered<V> {}

impl<V: fmt::Debug> fmt::Debug for Ordered<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
