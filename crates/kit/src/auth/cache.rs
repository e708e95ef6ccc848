//! Keeps answers of the API server.
//!
//! | answer | asked again after | used while the API server is away |
//! | --- | --- | --- |
//! | yes | [`FRESH_YES`] | up to [`USABLE_YES`] |
//! | no | [`FRESH_NO`] | never |
//!
//! No answer is used longer than the token lives. Answers for yes and for no have places of their own, so a flood of worthless tokens
//! makes no known caller unknown.

use super::Metrics;
use lru::LruCache;
use std::{
    hash::Hash,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex as Turn, time::Instant};

/// How long a yes is used without asking. A right that is taken away ends after this time.
pub(super) const FRESH_YES: Duration = Duration::from_mins(5);
/// How long a yes is used while the API server is away, counted from its last answer.
pub(super) const USABLE_YES: Duration = Duration::from_hours(1);
/// How long a no is used without asking, so that a caller who got a right need not wait.
pub(super) const FRESH_NO: Duration = Duration::from_secs(10);
/// The number of answers of each sort.
pub(super) const PLACES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The API server did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Away;

/// A yes with its content, or a no with its reason.
pub(super) type Answer<T> = Result<T, String>;

/// An answer of the API server, and how long it may be used at most.
pub(super) struct Found<T> {
    pub(super) answer: Answer<T>,
    pub(super) life: Duration,
}

struct Known<T> {
    answer: Answer<T>,
    fresh_until: Instant,
    usable_until: Instant,
}

struct Place<T> {
    known: Mutex<Option<Known<T>>>,
    /// Whoever holds it asks the API server. The others wait for the answer.
    turn: Turn<()>,
}

impl<T: Clone> Place<T> {
    fn read(&self, is_good: impl Fn(&Known<T>) -> bool) -> Option<Answer<T>> {
        lock(&self.known).as_ref().filter(|known| is_good(known)).map(|known| known.answer.clone())
    }

    fn fresh(&self) -> Option<Answer<T>> {
        let now = Instant::now();
        self.read(|known| now < known.fresh_until)
    }

    fn usable(&self) -> Option<Answer<T>> {
        let now = Instant::now();
        self.read(|known| known.answer.is_ok() && now < known.usable_until)
    }

    fn keep(&self, Found { answer, life }: &Found<T>) {
        let now = Instant::now();
        let (fresh, usable) = if answer.is_ok() { (FRESH_YES, USABLE_YES) } else { (FRESH_NO, FRESH_NO) };
        let known = Known { answer: answer.clone(), fresh_until: now + fresh.min(*life), usable_until: now + usable.min(*life) };
        *lock(&self.known) = Some(known);
    }
}

type Places<K, T> = LruCache<K, Arc<Place<T>>>;

/// Answers by key. When there is no place left, the answer goes that was used least recently.
pub(super) struct Cache<K: Hash + Eq, T> {
    yes: Mutex<Places<K, T>>,
    /// Keys whose answer is no, or not known yet.
    other: Mutex<Places<K, T>>,
}

impl<K: Hash + Eq, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self { yes: Mutex::new(LruCache::new(PLACES)), other: Mutex::new(LruCache::new(PLACES)) }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Cache<K, T> {
    /// Returns the answer for `key`, from memory or by `ask`. Only one caller at a time asks for the same key.
    pub(super) async fn find(
        &self,
        key: K,
        metrics: &Metrics,
        ask: impl Future<Output = Result<Found<T>, Away>>,
    ) -> Result<Answer<T>, Away> {
        let place = self.place(&key);
        if let Some(answer) = place.fresh() {
            return Ok(answer);
        }
        let _turn = place.turn.lock().await;
        if let Some(answer) = place.fresh() {
            return Ok(answer);
        }
        match ask.await {
            Ok(found) => {
                place.keep(&found);
                self.sort(key, &place, found.answer.is_ok());
                Ok(found.answer)
            }
            Err(away) => place.usable().inspect(|_| metrics.count_stale()).ok_or(away),
        }
    }

    fn place(&self, key: &K) -> Arc<Place<T>> {
        if let Some(place) = lock(&self.yes).get(key) {
            return place.clone();
        }
        let empty = || Arc::new(Place { known: Mutex::new(None), turn: Turn::new(()) });
        lock(&self.other).get_or_insert(key.clone(), empty).clone()
    }

    fn sort(&self, key: K, place: &Arc<Place<T>>, is_yes: bool) {
        let (into, out_of) = if is_yes { (&self.yes, &self.other) } else { (&self.other, &self.yes) };
        lock(out_of).pop(&key);
        lock(into).put(key, place.clone());
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        (lock(&self.yes).len(), lock(&self.other).len())
    }
}

// No code panics while it holds a lock, and each change is complete by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
