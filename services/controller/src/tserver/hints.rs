//! The Events of Kubernetes about a server in trouble. Some causes are told nowhere else: why a pod cannot be created, which probe has
//! killed a container, why a volume cannot be mounted (docs/reference/controller.md#7.5.8).
//!
//! ```text
//! a reason that Events explain ── lasts 10 s ──► one list of the Events about the object ── every 30 s while it lasts ──► the messages
//! ```
//!
//! A healthy server, and one that starts quickly, costs no request.

use super::reason::Reason;
use crate::engine::cache::Key;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, Client, api::ListParams};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How long a reason must last before Events are read. Most starts are over by then.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// The pause between two looks.
const NEXT_LOOK: Duration = Duration::from_secs(30);
/// How long the answer may take. Without it the verdict stands as it is.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// More Events about one object are not read.
const MOST_EVENTS: u32 = 100;

/// An Event about an object of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// For example `FailedCreate`.
    pub reason: String,
    pub message: String,
}

/// What is known about the servers in trouble.
pub struct Hints {
    client: Client,
    known: Mutex<HashMap<Key, Trouble>>,
}

#[derive(Debug)]
struct Trouble {
    reason: Reason,
    next_look: Instant,
    /// The newest first.
    hints: Vec<Hint>,
}

/// Whether Events explain this reason.
const fn is_explained(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::PodsMissing | Reason::ImageNotPulled | Reason::Crashing | Reason::Starting | Reason::ReadinessProbeFails
    )
}

impl Hints {
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    /// Returns the Events that explain why the server `key` is in the state `reason`, the newest first, and the pause until it is time to
    /// look again. `object` is the uid of the object that the Events are about.
    pub async fn find(&self, key: &Key, reason: Reason, object: Option<&str>) -> (Vec<Hint>, Option<Duration>) {
        if !is_explained(reason) {
            self.forget(key);
            return (Vec::new(), None);
        }
        let (mut hints, left) = self.note(key, reason, Instant::now());
        if !left.is_zero() {
            return (hints, Some(left));
        }
        if let Some(uid) = object
            && let Some(found) = list_events(&self.client, key, uid).await
        {
            hints = found;
        }
        self.keep(key, &hints, Instant::now());
        (hints, Some(NEXT_LOOK))
    }

    /// Returns the Events that explain at present why the server `key` is in the state `reason`, for a person who asks.
    pub async fn look(&self, key: &Key, reason: Reason, object: Option<&str>) -> Vec<Hint> {
        let Some(uid) = object.filter(|_| is_explained(reason)) else { return Vec::new() };
        list_events(&self.client, key, uid).await.unwrap_or_default()
    }

    pub fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Notes the reason of a run. Returns what is known about it, and the time until the next look; zero says that it is time to look.
    fn note(&self, key: &Key, reason: Reason, now: Instant) -> (Vec<Hint>, Duration) {
        let mut known = self.lock();
        if known.get(key).is_none_or(|trouble| trouble.reason != reason) {
            known.insert(key.clone(), Trouble { reason, next_look: now + FIRST_LOOK, hints: Vec::new() });
        }
        let trouble = &known[key];
        (trouble.hints.clone(), trouble.next_look.saturating_duration_since(now))
    }

    fn keep(&self, key: &Key, hints: &[Hint], now: Instant) {
        if let Some(trouble) = self.lock().get_mut(key) {
            trouble.hints = hints.to_vec();
            trouble.next_look = now + NEXT_LOOK;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Trouble>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` if the API server does not answer.
async fn list_events(client: &Client, key: &Key, uid: &str) -> Option<Vec<Hint>> {
    let api: Api<Event> = Api::namespaced(client.clone(), &key.namespace);
    let params = ListParams::default().fields(&format!("regarding.uid={uid}")).limit(MOST_EVENTS);
    let answer = match timeout(ANSWER_LIMIT, api.list(&params)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::debug!(%key, %error, "cannot read the Events about a server in trouble");
            return None;
        }
        Err(_) => return None,
    };
    let mut events = answer.items;
    events.sort_by_key(|event| std::cmp::Reverse(last_time(event)));
    let hint = |event: Event| Hint { reason: event.reason.unwrap_or_default(), message: event.note.unwrap_or_default() };
    Some(events.into_iter().map(hint).collect())
}

fn last_time(event: &Event) -> Option<jiff::Timestamp> {
    let series = event.series.as_ref().map(|series| series.last_observed_time.0);
    series.or(event.deprecated_last_timestamp.as_ref().map(|time| time.0)).or(event.event_time.as_ref().map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{
        Shared, client,
        wire::{Sent, intercept},
    };
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    #[tokio::test(start_paused = true)]
    async fn events_are_read_when_a_reason_has_lasted_and_then_now_and_again() {
        let (hints, key) = (Hints::new(client(&Shared::default())), Key::new("bank", "ledger-audit"));
        let at = |seconds: u64, start: Instant| start + Duration::from_secs(seconds);
        let start = Instant::now();
        let left = |seconds, reason| hints.note(&key, reason, at(seconds, start)).1.as_secs();
        assert_eq!((left(0, Reason::Starting), left(4, Reason::Starting)), (10, 6));
        assert_eq!(left(4, Reason::Crashing), 10, "another reason");
        assert_eq!(left(14, Reason::Crashing), 0);
        let hint = Hint { reason: "Killing".into(), message: "failed liveness probe".into() };
        hints.keep(&key, std::slice::from_ref(&hint), at(14, start));
        assert_eq!(hints.note(&key, Reason::Crashing, at(15, start)), (vec![hint], Duration::from_secs(29)));
        hints.forget(&key);
        assert_eq!(left(16, Reason::Crashing), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn only_reasons_that_events_explain_cost_a_request_and_only_when_they_last() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let count = move |_: &Sent| {
            counter.fetch_add(1, Ordering::Relaxed);
            None
        };
        let (hints, key) = (Hints::new(intercept(client(&Shared::default()), count)), Key::new("bank", "ledger-audit"));
        let mut explained = Vec::new();
        for reason in Reason::ALL {
            let find = async || hints.find(&key, *reason, Some("uid")).await.1.map(|pause| pause.as_secs());
            let before = asked.load(Ordering::Relaxed);
            let first = find().await;
            assert_eq!(asked.load(Ordering::Relaxed), before, "{reason:?} has not lasted");
            tokio::time::advance(FIRST_LOOK).await;
            let again = find().await;
            if asked.load(Ordering::Relaxed) > before {
                assert_eq!((first, again), (Some(10), Some(30)));
                explained.push(reason.as_str());
            }
        }
        assert_eq!(explained, ["PodsMissing", "ImageNotPulled", "Crashing", "Starting", "ReadinessProbeFails"]);
    }

    #[tokio::test]
    async fn a_person_who_asks_costs_one_request_at_once_if_events_can_explain() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let count = move |_: &Sent| {
            counter.fetch_add(1, Ordering::Relaxed);
            None
        };
        let (hints, key) = (Hints::new(intercept(client(&Shared::default()), count)), Key::new("bank", "ledger-audit"));
        for (reason, object, requests) in
            [(Reason::Ready, Some("uid"), 0), (Reason::Crashing, None, 0), (Reason::Crashing, Some("uid"), 1)]
        {
            hints.look(&key, reason, object).await;
            assert_eq!(asked.load(Ordering::Relaxed), requests, "{reason:?} {object:?}");
        }
    }
}
