//! The work queue of one reconciler: keys, not events.
//!
//! ```text
//! add ──────────────────────────────────► ready (lane "now") ──┐
//! add_soon, add_late, retry ──► delayed ─► ready (lane "soon") ─┴─take──► in work ──done──► (added meanwhile? back to ready)
//! ```
//!
//! Rules: only one worker at a time runs a key. A key that is added while it runs is run once more, and only once however often it
//! is added meanwhile. A key that somebody asked for passes those that follow by themselves ([`lanes`]). `retry` waits longer after each
//! failure of a key; `forget` resets that. The queue holds a key only once, so its length is bounded by the number of objects.

mod lanes;

use lanes::{Lanes, Urgency};
use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Events come in bursts: a pod alone makes half a dozen while it starts, and most events repeat writes of this process. After this pause
/// one run answers all of them.
pub const BURST: Duration = Duration::from_millis(20);
/// The pause for changes that nobody waits for, such as the steps of a pod that starts. It lets a whole start pass.
const LULL: Duration = Duration::from_millis(250);
/// The first pause before a failed key is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(20);
/// The longest pause. An object that fails for ever costs two attempts a minute, and is repaired at most this late.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// A queue that holds each key once, with delays and an exponential backoff per key. Every method may be called from any task. Clones
/// share their content.
#[derive(Debug)]
pub struct Queue<K>(Arc<Shared<K>>);

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[derive(Debug)]
struct Shared<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

/// A key that a worker takes.
#[derive(Debug)]
pub struct Taken<K> {
    pub key: K,
    /// How long it waited.
    pub waited: Duration,
}

/// The keys that wait for a worker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub length: usize,
    /// How long the one among them has waited that waits the longest.
    pub oldest: Duration,
}

#[derive(Debug)]
struct State<K> {
    /// When workers began to take keys. A key waits only since then.
    opened: Option<Instant>,
    ready: Lanes<K>,
    /// Each key that runs, and how urgent another run is that was asked for meanwhile.
    in_work: HashMap<K, Option<Urgency>>,
    /// Each delayed key once, the earliest first.
    delayed: BTreeSet<(Instant, K)>,
    /// The due time of each key in `delayed`.
    due: HashMap<K, Instant>,
    failures: HashMap<K, u32>,
}

impl<K: Clone + Eq + Hash + Ord> Default for Queue<K> {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                opened: None,
                ready: Lanes::default(),
                in_work: HashMap::new(),
                delayed: BTreeSet::new(),
                due: HashMap::new(),
                failures: HashMap::new(),
            }),
            changed: Notify::new(),
        }))
    }
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        // No code that holds the lock can panic half-way through a change, so a poisoned state is still consistent.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that workers take keys from now on.
    pub fn open(&self) {
        self.lock().opened = Some(Instant::now());
    }

    /// The keys that wait for a worker now, without delayed keys and keys that run.
    pub fn backlog(&self) -> Backlog {
        let (mut state, now) = (self.lock(), Instant::now());
        // No worker does this while all are busy.
        state.promote(now);
        Backlog {
            length: state.ready.len(),
            oldest: state.ready.oldest().map_or(Duration::ZERO, |since| state.waited(since, now)),
        }
    }

    /// Asks for a run of `key` as soon as a worker is free, before the keys of the other methods.
    pub fn add(&self, key: K) {
        if self.lock().add(key, Urgency::Now, Instant::now()) {
            self.0.changed.notify_one();
        }
    }

    /// Asks for a run of `key` after a pause that lets a burst of events pass.
    pub fn add_soon(&self, key: K) {
        self.add_after(key, BURST);
    }

    /// Asks for a run of `key` after a pause that lets a series of bursts pass.
    pub fn add_late(&self, key: K) {
        self.add_after(key, LULL);
    }

    /// Asks for a run of `key` after `delay`. Of several requests the earliest counts.
    pub fn add_after(&self, key: K, delay: Duration) {
        let at = Instant::now() + delay;
        let mut state = self.lock();
        if state.due.get(&key).is_some_and(|due| *due <= at) {
            return;
        }
        state.undelay(&key);
        state.due.insert(key.clone(), at);
        state.delayed.insert((at, key));
        drop(state);
        self.0.changed.notify_one();
    }

    /// Asks for another run of a key that failed. Returns the pause, which is longer after each failure.
    pub fn retry(&self, key: K) -> Duration {
        let failures = {
            let mut state = self.lock();
            let count = state.failures.entry(key.clone()).or_insert(0);
            *count = count.saturating_add(1);
            *count
        };
        let pause = FIRST_RETRY.saturating_mul(1 << (failures - 1).min(16)).min(LAST_RETRY);
        self.add_after(key, pause);
        pause
    }

    /// Resets the backoff of a key that succeeded.
    pub fn forget(&self, key: &K) {
        self.lock().failures.remove(key);
    }

    /// Waits for a key, without the facts about the wait.
    #[cfg(test)]
    pub async fn next(&self) -> K {
        self.take().await.key
    }

    /// Waits for a key. The caller must call [`Queue::done`] with it afterwards, whatever the outcome.
    pub async fn take(&self) -> Taken<K> {
        loop {
            let changed = self.0.changed.notified();
            let wake = {
                let (mut state, now) = (self.lock(), Instant::now());
                state.promote(now);
                if let Some((key, since)) = state.ready.pop() {
                    state.in_work.insert(key.clone(), None);
                    if !state.ready.is_empty() {
                        // One notification may stand for several keys; pass it on to the next worker.
                        self.0.changed.notify_one();
                    }
                    return Taken { key, waited: state.waited(since, now) };
                }
                state.delayed.first().map(|(at, _)| *at)
            };
            match wake {
                Some(at) => tokio::select! { () = changed => {}, () = tokio::time::sleep_until(at) => {} },
                None => changed.await,
            }
        }
    }

    /// Notes that the run of `key` ended.
    pub fn done(&self, key: &K) {
        let mut state = self.lock();
        if let Some(urgency) = state.in_work.remove(key).flatten() {
            state.ready.insert(key.clone(), urgency, Instant::now());
            drop(state);
            self.0.changed.notify_one();
        }
    }

    /// How many keys wait for a worker, without delayed keys and keys that run.
    pub fn len(&self) -> usize {
        let state = self.lock();
        state.ready.len() + state.in_work.values().flatten().count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Clone + Eq + Hash + Ord> State<K> {
    /// Adds a key that is ready since `since`. Returns whether a worker should be woken.
    fn add(&mut self, key: K, urgency: Urgency, since: Instant) -> bool {
        self.undelay(&key);
        if let Some(asked) = self.in_work.get_mut(&key) {
            *asked = (*asked).max(Some(urgency));
            return false;
        }
        self.ready.insert(key, urgency, since)
    }

    fn undelay(&mut self, key: &K) {
        if let Some((key, at)) = self.due.remove_entry(key) {
            self.delayed.remove(&(at, key));
        }
    }

    fn promote(&mut self, now: Instant) {
        while let Some((at, key)) = self.delayed.first().filter(|(at, _)| *at <= now).cloned() {
            self.add(key, Urgency::Soon, at);
        }
    }

    /// How long a key that is ready since `since` has waited for a worker.
    fn waited(&self, since: Instant, now: Instant) -> Duration {
        self.opened.map_or(Duration::ZERO, |opened| now.saturating_duration_since(since.max(opened)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_added_many_times_runs_once() {
        let queue = Queue::default();
        for key in ["a", "b", "a", "a"] {
            queue.add(key);
        }
        assert_eq!((queue.next().await, queue.next().await), ("a", "b"));
        assert!(queue.is_empty());
    }

    #[tokio::test]
    async fn a_key_added_while_it_is_worked_on_runs_once_more_and_not_at_the_same_time() {
        let queue = Queue::default();
        queue.add("a");
        let key = queue.next().await;
        queue.add("a");
        queue.add("b");
        assert_eq!(queue.next().await, "b", "a is in work");
        queue.done(&key);
        assert_eq!(queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_of_several_delays_counts_and_the_key_runs_once() {
        let queue = Queue::default();
        queue.add_after("a", Duration::from_secs(50));
        queue.add_after("a", Duration::from_secs(5));
        let began = Instant::now();
        let key = queue.next().await;
        assert_eq!(began.elapsed().as_secs(), 5);
        queue.done(&key);
        let again = tokio::time::timeout(Duration::from_mins(2), queue.next()).await;
        assert!(again.is_err(), "the earlier run also answers the later request");
    }

    /// Each event of an object whose next run is a day away brings the run forward.
    #[tokio::test(start_paused = true)]
    async fn a_delayed_key_takes_the_place_of_one_however_often_its_run_is_brought_forward() {
        let queue = Queue::default();
        for _ in 0..100 {
            queue.add_after("a", Duration::from_hours(24));
            queue.add_soon("a");
            assert_eq!(queue.next().await, "a");
            queue.done(&"a");
        }
        let state = queue.lock();
        assert_eq!((state.delayed.len(), state.due.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn each_retry_waits_longer_up_to_the_limit_until_a_run_succeeds() {
        let queue = Queue::default();
        let pauses: Vec<_> = (0..13).map(|_| queue.retry("a")).collect();
        assert_eq!(pauses[..3], [20, 40, 80].map(Duration::from_millis));
        assert_eq!(pauses[12], Duration::from_secs(30));
        queue.forget(&"a");
        assert_eq!(queue.retry("a"), FIRST_RETRY);
    }

    #[tokio::test(start_paused = true)]
    async fn the_backlog_is_what_waits_for_a_worker_since_there_are_workers() {
        let (queue, second) = (Queue::default(), Duration::from_secs(1));
        queue.add("a");
        queue.add_after("b", 3 * second);
        tokio::time::advance(2 * second).await;
        assert_eq!(queue.backlog(), Backlog { length: 1, oldest: Duration::ZERO }, "nobody takes keys yet");
        queue.open();
        tokio::time::advance(2 * second).await;
        assert_eq!(queue.backlog(), Backlog { length: 2, oldest: 2 * second }, "a delayed key waits once it is due");
        assert_eq!(queue.take().await.waited, 2 * second);
        queue.add("a");
        assert_eq!(queue.backlog(), Backlog { length: 1, oldest: second }, "a key that runs does not wait for a worker");
        assert_eq!(queue.take().await.waited, second);
        assert_eq!(queue.backlog(), Backlog { length: 0, oldest: Duration::ZERO });
    }

    #[tokio::test]
    async fn many_workers_share_the_keys() {
        let queue = std::sync::Arc::new(Queue::default());
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    let key = queue.next().await;
                    queue.done(&key);
                    key
                })
            })
            .collect();
        for key in 0..8 {
            queue.add(key);
        }
        let mut keys = Vec::new();
        for worker in workers {
            keys.push(worker.await.unwrap());
        }
        keys.sort_unstable();
        assert_eq!(keys, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
