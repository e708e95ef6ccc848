//! The Events of Kubernetes about a server in trouble. Some causes are told nowhere else: why a pod cannot be created, which probe has
//! killed a container, why a volume cannot be mounted (docs/reference/controller.md#7.5.8). If a pod is missing because another one has
//! its name, Kubernetes sends no Event, so that pod is read.
//!
//! ```text
//! a reason that Events explain ── lasts 10 s ──► one list of the Events about the object ── every 30 s while it lasts ──► the messages
//! ```
//!
//! A healthy server, and one that starts quickly, costs no request.

use super::reason::Reason;
use crate::engine::cache::Key;
use k8s_openapi::api::{core::v1::Pod, events::v1::Event};
use kube::{Api, Client, api::ListParams};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tars_common::names::label;
use tokio::time::{Instant, timeout};

/// How long a reason must last before Events are read. Most starts are over by then.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// The pause between two looks.
const NEXT_LOOK: Duration = Duration::from_secs(30);
/// How long the answer may take. Without it the verdict stands as it is.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// More Events about one object are not read.
const MOST_EVENTS: u32 = 100;

/// The reason of the hint that a missing pod's name is taken. Kubernetes has no Event for it.
pub const NAME_TAKEN: &str = "NameTaken";

/// An Event about an object of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// For example `FailedCreate`.
    pub reason: String,
    pub message: String,
}

/// What the hints are about.
#[derive(Debug, Default)]
pub struct Subjects<'a> {
    /// The uid of the object that the Events are about.
    pub uid: Option<&'a str>,
    /// The first pod that a StatefulSet has not made, if one is missing.
    pub missing: Option<MissingPod<'a>>,
}

/// A pod that a StatefulSet should have, with the values of the two labels by which it would belong to it.
#[derive(Debug)]
pub struct MissingPod<'a> {
    pub name: String,
    pub app: &'a str,
    pub server: &'a str,
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
    /// look again.
    pub async fn find(&self, key: &Key, reason: Reason, about: &Subjects<'_>) -> (Vec<Hint>, Option<Duration>) {
        if !is_explained(reason) {
            self.forget(key);
            return (Vec::new(), None);
        }
        let (mut hints, left) = self.note(key, reason, Instant::now());
        if !left.is_zero() {
            return (hints, Some(left));
        }
        hints = self.read(key, reason, about, hints).await;
        self.keep(key, &hints, Instant::now());
        (hints, Some(NEXT_LOOK))
    }

    /// Returns what explains at present why the server `key` is in the state `reason`, for a person who asks.
    pub async fn look(&self, key: &Key, reason: Reason, about: &Subjects<'_>) -> Vec<Hint> {
        if is_explained(reason) { self.read(key, reason, about, Vec::new()).await } else { Vec::new() }
    }

    /// Asks the API server. Events that cannot be read are those that are `known`.
    async fn read(&self, key: &Key, reason: Reason, about: &Subjects<'_>, known: Vec<Hint>) -> Vec<Hint> {
        let mut hints = known;
        if let Some(uid) = about.uid
            && let Some(found) = list_events(&self.client, key, uid).await
        {
            hints = found;
        }
        if let Some(missing) = about.missing.as_ref().filter(|_| reason == Reason::PodsMissing) {
            hints.retain(|hint| hint.reason != NAME_TAKEN);
            hints.extend(find_namesake(&self.client, key, missing).await);
        }
        hints
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

/// Looks for a pod that has the name of the missing one. `None` if there is none, or if the API server does not answer.
async fn find_namesake(client: &Client, key: &Key, missing: &MissingPod<'_>) -> Option<Hint> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &key.namespace);
    let pod = timeout(ANSWER_LIMIT, api.get_opt(&missing.name)).await.ok()?.ok()??;
    describe_namesake(key, missing, &pod)
}

/// Says why the pod does not count. `None` if it has the labels of the server, so that its StatefulSet will take it back.
fn describe_namesake(key: &Key, missing: &MissingPod<'_>, pod: &Pod) -> Option<Hint> {
    let MissingPod { name, app, server } = missing;
    let labels = pod.metadata.labels.as_ref();
    let wanted = [(label::SERVER_APP, app), (label::SERVER_NAME, server)];
    let differences: Vec<String> = wanted
        .into_iter()
        .filter_map(|(label, value)| match labels.and_then(|labels| labels.get(label)) {
            Some(present) if present == value => None,
            Some(present) => Some(format!("its label {label} is {present:?}")),
            None => Some(format!("it has no label {label}")),
        })
        .collect();
    if differences.is_empty() {
        return None;
    }
    let message = format!(
        "pod {name} exists, but {}, so it does not belong to the server and takes the name; give it back its labels: kubectl label --overwrite pod -n {} {name} {}={app} {}={server}, or delete it",
        differences.join(" and "),
        key.namespace,
        label::SERVER_APP,
        label::SERVER_NAME
    );
    Some(Hint { reason: NAME_TAKEN.to_owned(), message })
}

fn last_time(event: &Event) -> Option<jiff::Timestamp> {
    let series = event.series.as_ref().map(|series| series.last_observed_time.0);
    series.or(event.deprecated_last_timestamp.as_ref().map(|time| time.0)).or(event.event_time.as_ref().map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{Shared, client, wire::record};

    #[test]
    fn a_pod_that_lost_its_labels_is_told_with_the_way_back() {
        let key = Key::new("bank", "ledger-audit");
        let missing = MissingPod { name: "ledger-audit-0".into(), app: "Ledger", server: "Audit" };
        let told = |labels: serde_json::Value| {
            let pod = serde_json::from_value(serde_json::json!({"metadata": {"labels": labels}})).unwrap();
            describe_namesake(&key, &missing, &pod).map(|hint| hint.message)
        };
        let (app, server) = ("tars.io/ServerApp", "tars.io/ServerName");
        assert_eq!(told(serde_json::json!({app: "Ledger", server: "Audit"})), None);
        let removed = told(serde_json::json!({app: "Ledger"})).unwrap();
        assert!(removed.starts_with("pod ledger-audit-0 exists, but it has no label tars.io/ServerName, so it"), "{removed}");
        let way = "kubectl label --overwrite pod -n bank ledger-audit-0 tars.io/ServerApp=Ledger tars.io/ServerName=Audit, or delete it";
        assert!(removed.ends_with(way), "{removed}");
        let changed = told(serde_json::json!({app: "Ledger", server: "Old"})).unwrap();
        assert!(changed.contains("its label tars.io/ServerName is \"Old\""), "{changed}");
    }

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
        let (client, log) = record(client(&Shared::default()));
        let asked = || log.lock().unwrap().len();
        let (hints, key) = (Hints::new(client), Key::new("bank", "ledger-audit"));
        let mut explained = Vec::new();
        for reason in Reason::ALL {
            let find = async || {
                hints.find(&key, *reason, &Subjects { uid: Some("uid"), missing: None }).await.1.map(|pause| pause.as_secs())
            };
            let before = asked();
            let first = find().await;
            assert_eq!(asked(), before, "{reason:?} has not lasted");
            tokio::time::advance(FIRST_LOOK).await;
            let again = find().await;
            if asked() > before {
                assert_eq!((first, again), (Some(10), Some(30)));
                explained.push(reason.as_str());
            }
        }
        assert_eq!(explained, ["PodsMissing", "ImageNotPulled", "Crashing", "Starting", "ReadinessProbeFails"]);
    }

    #[tokio::test]
    async fn a_person_who_asks_costs_one_request_at_once_if_events_can_explain() {
        let (client, log) = record(client(&Shared::default()));
        let asked = || log.lock().unwrap().len();
        let (hints, key) = (Hints::new(client), Key::new("bank", "ledger-audit"));
        for (reason, object, requests) in
            [(Reason::Ready, Some("uid"), 0), (Reason::Crashing, None, 0), (Reason::Crashing, Some("uid"), 1)]
        {
            hints.look(&key, reason, &Subjects { uid: object, missing: None }).await;
            assert_eq!(asked(), requests, "{reason:?} {object:?}");
        }
    }
}
