//! The keys that are ready, in the order in which workers take them.
//!
//! ```text
//! now  ──► 9 of 10 ─┐
//! soon ──► 1 of 10 ─┴─► worker       each lane in its own order; an empty lane leaves its turns to the other
//! ```

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};
use tokio::time::Instant;

/// How many keys of the lane `Now` workers take for each one of the lane `Soon` while both wait. The others must not wait for ever.
const NOW_PER_SOON: u32 = 9;

/// Which lane a key waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// What follows by itself, such as the start of pods, and what is tried again.
    Soon,
    /// What somebody asked for.
    Now,
}

/// Holds each key once. The longest waiting key of a lane comes first.
#[derive(Debug)]
pub struct Lanes<K> {
    now: BTreeMap<u64, K>,
    soon: BTreeMap<u64, K>,
    places: HashMap<K, Place>,
    /// The number of the next place.
    next: u64,
    /// How many keys of `now` were taken since the last one of `soon`.
    taken: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    urgency: Urgency,
    number: u64,
    since: Instant,
}

impl<K> Default for Lanes<K> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), soon: BTreeMap::new(), places: HashMap::new(), next: 0, taken: 0 }
    }
}

impl<K: Clone + Eq + Hash> Lanes<K> {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The time since which that key is ready that has waited the longest.
    pub fn oldest(&self) -> Option<Instant> {
        self.places.values().map(|place| place.since).min()
    }

    /// Adds a key that is ready since `since`. A key that waits already changes only to the more urgent lane. Returns whether the key is new.
    pub fn insert(&mut self, key: K, urgency: Urgency, since: Instant) -> bool {
        let before = self.places.get(&key).copied();
        if before.is_some_and(|place| place.urgency >= urgency) {
            return false;
        }
        if let Some(place) = before {
            self.lane(place.urgency).remove(&place.number);
        }
        let number = self.next;
        self.next += 1;
        self.lane(urgency).insert(number, key.clone());
        self.places.insert(key, Place { urgency, number, since: before.map_or(since, |place| place.since) });
        before.is_none()
    }

    /// Takes the next key, with the time since which it is ready.
    pub fn pop(&mut self) -> Option<(K, Instant)> {
        let is_turn_of_soon = self.now.is_empty() || self.taken >= NOW_PER_SOON;
        let urgency = if is_turn_of_soon && !self.soon.is_empty() { Urgency::Soon } else { Urgency::Now };
        let (_, key) = self.lane(urgency).pop_first()?;
        self.taken = if urgency == Urgency::Now { self.taken.saturating_add(1) } else { 0 };
        let place = self.places.remove(&key)?;
        Some((key, place.since))
    }

    fn lane(&mut self, urgency: Urgency) -> &mut BTreeMap<u64, K> {
        match urgency {
            Urgency::Now => &mut self.now,
            Urgency::Soon => &mut self.soon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(lanes: &mut Lanes<u32>) -> Vec<u32> {
        std::iter::from_fn(|| lanes.pop()).map(|(key, _)| key).collect()
    }

    #[test]
    fn what_somebody_asked_for_passes_what_follows_by_itself_which_moves_on_nevertheless() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        for key in [1, 2, 3] {
            lanes.insert(key, Urgency::Soon, now);
        }
        for key in 10..30 {
            lanes.insert(key, Urgency::Now, now);
        }
        let taken = take_all(&mut lanes);
        assert_eq!(taken[..10], [10, 11, 12, 13, 14, 15, 16, 17, 18, 1]);
        assert_eq!(taken[10..], [19, 20, 21, 22, 23, 24, 25, 26, 27, 2, 28, 29, 3]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn a_key_that_waits_moves_only_to_the_more_urgent_lane_and_keeps_its_time() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        let later = now + std::time::Duration::from_secs(1);
        assert!(lanes.insert(1, Urgency::Soon, now) && lanes.insert(2, Urgency::Soon, later));
        assert!(!lanes.insert(2, Urgency::Now, later) && !lanes.insert(2, Urgency::Soon, later));
        assert_eq!((lanes.len(), lanes.oldest()), (2, Some(now)));
        assert_eq!(lanes.pop(), Some((2, later)));
        assert!(!lanes.insert(1, Urgency::Now, later));
        assert_eq!(lanes.pop(), Some((1, now)));
        assert_eq!((lanes.pop(), lanes.oldest()), (None, None));
    }
}
