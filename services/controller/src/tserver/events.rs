//! Events about servers. One is sent when the reason of the condition `Ready` changes, or the pod that the reason is about, and when a
//! rollout fails. The condition says the same, so a lost Event does no harm.
//!
//! ```text
//! reason ──warns──► Warning            at once; after a while for a state that a normal start passes through
//!        ──ready──► Normal Ready       except for the first verdict of a server
//!        ──lost───► Normal, its reason, so that an Event between two Events "Ready" says why
//! ```

use super::checks::verdict::{READY, Status, Verdict};
use crate::engine::cache::Key;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::runtime::events::{Event, EventType, Recorder};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tars_common::v1beta3::TServerStatus;
use tokio::time::Instant;

/// The action that an Event names.
const ACTION: &str = "Reconcile";

/// How long a state that a normal start passes through may last without a Warning. Meanwhile a volume is made, and the scheduler looks
/// again.
const WARNING_DELAY: Duration = Duration::from_secs(10);

/// The servers in a state that may pass.
#[derive(Debug, Default)]
pub struct PendingWarnings(Mutex<HashMap<Key, Patience>>);

/// Whether a state that may pass has led to its Warning.
#[derive(Clone, Copy, Debug)]
enum Patience {
    /// It deserves a Warning from this time on.
    Until(Instant),
    Warned,
}

/// The consequences of a verdict about a server.
#[derive(Default)]
pub struct News {
    pub event: Option<Event>,
    /// The pause before another run that is needed although nothing changes.
    pub again: Option<Duration>,
}

impl PendingWarnings {
    /// Decides whether a change from `before` to `verdict` deserves an Event.
    pub fn decide(&self, key: &Key, before: Option<&Condition>, verdict: &Verdict, now: Instant) -> News {
        let reason = verdict.reason;
        let another_pod =
            |before: &Condition| verdict.pod.as_ref().is_some_and(|pod| reason.warns() && !mentions(&before.message, &pod.name));
        let changed = before.is_none_or(|before| before.reason != reason.as_str() || another_pod(before));
        let was_ready = before.is_some_and(|before| before.status == Status::True.as_str());
        let tell = |type_| News { event: Some(build_event(type_, key, verdict)), again: None };

        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.may_pass() {
            // A new leader does not know whether the last one has warned, so it may warn once more.
            let patience = waiting.entry(key.clone()).or_insert(Patience::Until(now + WARNING_DELAY));
            let left = match patience {
                Patience::Until(due) => due.saturating_duration_since(now),
                Patience::Warned if changed => WARNING_DELAY,
                Patience::Warned => return News::default(),
            };
            if left.is_zero() {
                *patience = Patience::Warned;
                return tell(EventType::Warning);
            }
            *patience = Patience::Until(now + left);
            return News { again: Some(left), ..if was_ready { tell(EventType::Normal) } else { News::default() } };
        }
        waiting.remove(key);
        let is_ready = verdict.status == Status::True;
        match (changed, reason.warns()) {
            (true, true) => tell(EventType::Warning),
            (true, false) if was_ready || is_ready && before.is_some() => tell(EventType::Normal),
            _ => News::default(),
        }
    }

    pub fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The Event about a rollout whose condition changes from `before` to `verdict`. Only its failure is told: when it succeeds, the server is
/// ready, and `Ready` has an Event.
pub fn decide_about_rollout(key: &Key, before: Option<&Condition>, verdict: &Verdict) -> Option<Event> {
    let changed = before.is_none_or(|before| before.reason != verdict.reason.as_str());
    (changed && verdict.reason.warns()).then(|| build_event(EventType::Warning, key, verdict))
}

/// Kubernetes merges Events about the same objects and keeps the first message. So the pod is one of the objects.
fn build_event(type_: EventType, key: &Key, verdict: &Verdict) -> Event {
    let secondary = verdict.pod.as_ref().map(|pod| ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(key.namespace.clone()),
        name: Some(pod.name.clone()),
        uid: Some(pod.uid.clone()),
        ..ObjectReference::default()
    });
    let note = Some(verdict.message.chars().take(1024).collect());
    Event { type_, reason: verdict.reason.as_str().to_owned(), note, action: ACTION.to_owned(), secondary }
}

/// Whether `name` is a word of `text`.
fn mentions(text: &str, name: &str) -> bool {
    let in_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    text.split(|c| !in_names(c)).any(|word| word.trim_end_matches('.') == name)
}

/// The condition `Ready` in the stored status of a server.
pub fn stored_ready(status: &TServerStatus) -> Option<&Condition> {
    status.condition(READY)
}

/// Sends an Event. A failure is only logged, because the condition says the same.
pub async fn publish(recorder: &Recorder, about: &ObjectReference, event: Event) {
    if let Err(error) = recorder.publish(&event, about).await {
        tracing::warn!(reason = event.reason, %error, "cannot send an Event");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tserver::{checks::verdict::Subject, reason::Reason};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    /// A server over time.
    struct Life {
        warnings: PendingWarnings,
        before: Option<Condition>,
        now: Instant,
    }

    impl Life {
        fn new() -> Self {
            Self { warnings: PendingWarnings::default(), before: None, now: Instant::now() }
        }

        /// Lets `seconds` pass, then decides about this reason. Returns the Event and the pause before another run.
        fn decide(&mut self, seconds: u64, reason: Reason, pod: Option<&str>) -> (&'static str, Option<u64>) {
            self.now += Duration::from_secs(seconds);
            let status = if reason == Reason::Ready { Status::True } else { Status::False };
            let message = format!("about pod {}", pod.unwrap_or("none"));
            let pod = pod.map(|name| Subject { name: name.into(), uid: format!("uid of {name}") });
            let verdict = Verdict { status, reason, message: message.clone(), pod };
            let news = self.warnings.decide(&Key::new("bank", "ledger-audit"), self.before.as_ref(), &verdict, self.now);
            self.before = Some(Condition {
                type_: READY.into(),
                status: status.as_str().into(),
                reason: reason.as_str().into(),
                message,
                observed_generation: None,
                last_transition_time: Time(Timestamp::UNIX_EPOCH),
            });
            let sent = news.event.map(|event| &*format!("{:?} {}", event.type_, event.reason).leak());
            (sent.unwrap_or_default(), news.again.map(|pause| pause.as_secs()))
        }
    }

    #[test]
    fn a_new_reason_that_warns_sends_one_event() {
        let mut life = Life::new();
        assert_eq!(life.decide(0, Reason::TemplateMissing, None), ("Warning TemplateMissing", None));
        assert_eq!(life.decide(1, Reason::TemplateMissing, None), ("", None));
        assert_eq!(life.decide(1, Reason::Starting, None), ("", None));
        assert_eq!(life.decide(1, Reason::TemplateMissing, None), ("Warning TemplateMissing", None));
    }

    #[test]
    fn becoming_ready_sends_an_event_and_so_does_the_loss_of_readiness() {
        let mut life = Life::new();
        assert_eq!(life.decide(0, Reason::Starting, Some("a-0")), ("", None), "a passing state");
        assert_eq!(life.decide(1, Reason::Ready, None), ("Normal Ready", None));
        assert_eq!(life.decide(1, Reason::Starting, Some("a-0")), ("Normal Starting", None));
        assert_eq!(life.decide(1, Reason::PodsMissing, None), ("", None), "it was lost already");
        assert_eq!(life.decide(1, Reason::Ready, None), ("Normal Ready", None));
        assert_eq!(life.decide(1, Reason::Crashing, Some("a-0")), ("Warning Crashing", None));
        assert_eq!(
            Life::new().decide(0, Reason::Ready, None),
            ("", None),
            "the first look at a server of the previous controller"
        );
    }

    #[test]
    fn a_state_that_a_normal_start_passes_through_warns_only_when_it_lasts() {
        let mut life = Life::new();
        assert_eq!(life.decide(0, Reason::ClaimUnbound, Some("a-0")), ("", Some(10)));
        assert_eq!(life.decide(2, Reason::Unschedulable, Some("a-0")), ("", Some(8)), "one wait for both");
        assert_eq!(life.decide(2, Reason::Starting, Some("a-0")), ("", None));
        assert_eq!(life.decide(60, Reason::ClaimUnbound, Some("a-0")), ("", Some(10)), "a new wait");
        assert_eq!(life.decide(9, Reason::ClaimUnbound, Some("a-0")), ("", Some(1)));
        assert_eq!(life.decide(1, Reason::ClaimUnbound, Some("a-0")), ("Warning ClaimUnbound", None));
        assert_eq!(life.decide(9, Reason::ClaimUnbound, Some("a-0")), ("", None), "once");
    }

    #[test]
    fn a_new_leader_warns_of_a_state_that_lasts() {
        let mut life = Life::new();
        assert_eq!(life.decide(0, Reason::Unschedulable, Some("a-0")), ("", Some(10)));
        let mut next = Life { before: life.before, now: life.now, ..Life::new() };
        assert_eq!(next.decide(8, Reason::Unschedulable, Some("a-0")), ("", Some(10)));
        assert_eq!(next.decide(10, Reason::Unschedulable, Some("a-0")), ("Warning Unschedulable", None));
        assert_eq!(next.decide(10, Reason::Unschedulable, Some("a-0")), ("", None));
    }

    #[test]
    fn the_loss_of_readiness_to_a_state_that_may_pass_sends_an_event_at_once_and_a_warning_later() {
        let mut life = Life::new();
        life.decide(0, Reason::Ready, None);
        assert_eq!(life.decide(1, Reason::Unschedulable, Some("a-1")), ("Normal Unschedulable", Some(10)));
        assert_eq!(life.decide(10, Reason::Unschedulable, Some("a-1")), ("Warning Unschedulable", None));
    }

    #[test]
    fn the_same_trouble_of_another_pod_is_news() {
        let mut life = Life::new();
        assert_eq!(life.decide(0, Reason::Crashing, Some("a-1")), ("Warning Crashing", None));
        assert_eq!(life.decide(1, Reason::Crashing, Some("a-10")), ("Warning Crashing", None));
        assert_eq!(life.decide(1, Reason::Crashing, Some("a-10")), ("", None));
        assert_eq!(life.decide(1, Reason::Crashing, Some("a-1")), ("Warning Crashing", None));
        assert_eq!(life.decide(1, Reason::Crashing, None), ("", None), "about no pod in particular");
    }
}
