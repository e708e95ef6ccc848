//! Pods that ended, from their last event until they are on record (docs/reference/controller.md#7.7).
//!
//! ```text
//! pod is being deleted, or gone ──note──► Exits ──pending──► record_exits (JSON patch) ──► TExitedRecord
//!                                           ▲                                                   │
//!                                           └──────────────── forget_recorded ◄─────────────────┘
//! ```
//!
//! A pod that is being deleted is still in the cache; a pod that is gone is not. So the last state of a pod is kept here until the
//! TExitedRecord has it. Only the leader collects, because only the leader writes records.

use super::views::PodView;
use crate::{engine::cache::Key, views::FrameworkView};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tars_common::{names::fallback, v1beta3::TExitedPod};

/// A pod as its record keeps it.
pub type Entry = TExitedPod;

/// The schema of a TExitedRecord accepts no more pods.
const MOST_PODS: usize = 150;

/// The pods that ended and are not on record yet, by server.
#[derive(Debug, Default)]
pub struct Exits {
    leads: AtomicBool,
    pending: Mutex<HashMap<Key, Vec<Entry>>>,
}

impl Exits {
    /// Starts to collect, because this instance leads now.
    pub fn start(&self) {
        self.leads.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<Entry>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a pod that is being deleted or is gone.
    pub fn note(&self, server: Key, pod: &PodView) {
        if !self.leads.load(Ordering::Relaxed) || pod.deleted.is_none() {
            return;
        }
        let mut pending = self.lock();
        let entries = pending.entry(server).or_default();
        if entries.len() < MOST_PODS && !entries.iter().any(|entry| entry.uid.as_deref() == Some(&pod.uid)) {
            entries.push(build_entry(pod));
        }
    }

    /// The entries of `server` that are not known to be on record.
    pub fn pending(&self, server: &Key) -> Vec<Entry> {
        self.lock().get(server).cloned().unwrap_or_default()
    }

    /// Forgets the entries of `server` that its record has, and those that it had no room for. `record` is read only if there are entries.
    pub fn forget_recorded(&self, server: &Key, record: impl FnOnce() -> Value, limit: usize) {
        let mut pending = self.lock();
        let Some(kept) = pending.get_mut(server) else { return };
        let record = record();
        kept.retain(|entry| !has(&record, entry) && has_room(&record, entry, limit));
        if kept.is_empty() {
            pending.remove(server);
        }
    }

    /// Forgets a server that is gone. Its record goes with it.
    pub fn forget(&self, server: &Key) {
        self.lock().remove(server);
    }
}

fn build_entry(pod: &PodView) -> Entry {
    Entry {
        uid: Some(pod.uid.clone()),
        name: Some(pod.name.clone()),
        id: Some(pod.release.clone()),
        node_ip: Some(pod.host_ip.clone()),
        pod_ip: Some(pod.ip.clone()),
        create_time: Some(pod.created.clone()),
        delete_time: pod.deleted.clone(),
    }
}

fn pods_of(record: &Value) -> impl Iterator<Item = &Value> {
    record.get("pods").and_then(Value::as_array).into_iter().flatten()
}

fn has(record: &Value, entry: &Entry) -> bool {
    pods_of(record).any(|pod| pod.get("uid").and_then(Value::as_str) == entry.uid.as_deref())
}

/// The order of entries in time. Times are whole seconds, so many pods can end at the same time.
fn order_of(entry: &Entry) -> (Option<&str>, Option<&str>) {
    (entry.delete_time.as_deref(), entry.name.as_deref())
}

/// Whether the record takes the entry: it has room, or its oldest entry, which stands last, is older.
fn has_room(record: &Value, entry: &Entry, limit: usize) -> bool {
    let Some(oldest) = pods_of(record).last().filter(|_| pods_of(record).count() >= limit) else { return true };
    let text = |key: &str| oldest.get(key).and_then(Value::as_str);
    order_of(entry) > (text("deleteTime"), text("name"))
}

/// The number of pods that a record holds before a new one replaces the oldest.
pub fn choose_limit(framework: Option<&FrameworkView>) -> usize {
    let stated = framework.and_then(|framework| framework.exited_pods);
    stated.unwrap_or(fallback::EXITED_PODS.unsigned_abs() as usize).min(MOST_PODS)
}

/// Builds a JSON patch that puts the `exits` that `record` lacks at the head of its list, the newest first. Returns `None` if the list
/// is complete. Once the list has `limit` pods, each new one replaces the oldest, and one that ended before the oldest is left out. A
/// limit that was lowered does not shorten the list.
pub fn record_exits(record: &Value, exits: &[Entry], limit: usize) -> Option<Vec<Value>> {
    let mut fresh: Vec<&Entry> = exits.iter().filter(|entry| !has(record, entry) && has_room(record, entry, limit)).collect();
    fresh.sort_by(|a, b| order_of(a).cmp(&order_of(b)));
    fresh.dedup_by(|a, b| a.uid == b.uid);
    fresh.drain(..fresh.len().saturating_sub(limit));
    if fresh.is_empty() {
        return None;
    }
    let mut operations = Vec::new();
    let mut count = pods_of(record).count();
    for entry in fresh {
        operations.push(json!({"op": "add", "path": "/pods/0", "value": entry}));
        if count >= limit {
            operations.push(json!({"op": "remove", "path": format!("/pods/{count}")}));
        } else {
            count += 1;
        }
    }
    Some(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uid: &str, deleted: &str) -> Entry {
        Entry { uid: Some(uid.to_owned()), delete_time: Some(deleted.to_owned()), ..Entry::default() }
    }

    fn after(record: &Value, exits: &[Entry], limit: usize) -> Option<Vec<String>> {
        let mut whole = record.clone();
        whole["metadata"] = json!({"resourceVersion": "7"});
        let operations: json_patch::Patch = serde_json::from_value(Value::Array(record_exits(record, exits, limit)?)).unwrap();
        json_patch::patch(&mut whole, &operations).unwrap();
        Some(whole["pods"].as_array().unwrap().iter().map(|pod| pod["uid"].as_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn the_newest_is_first_and_a_known_pod_is_not_recorded_twice() {
        let record = json!({"pods": [{"uid": "b"}]});
        let exits = [entry("d", "2030-01-02"), entry("b", "2030-01-01"), entry("c", "2030-01-01"), entry("c", "2030-01-01")];
        assert_eq!(after(&record, &exits, 10).unwrap(), ["d", "c", "b"]);
        assert_eq!(after(&record, &[entry("b", "")], 10), None);
    }

    /// More pods end than the record holds, for example when a large server is scaled to zero.
    #[test]
    fn an_entry_that_the_record_has_no_room_for_is_not_recorded_again_and_again() {
        let server = Key::new("desk", "trade-audit");
        let exits = Exits::default();
        let all: Vec<Entry> = (0..5).map(|number| entry(&format!("u{number}"), &format!("2030-01-0{}", number + 1))).collect();
        exits.pending.lock().unwrap().insert(server.clone(), all.clone());
        let mut record = json!({"metadata": {"resourceVersion": "7"}, "pods": []});
        let operations = record_exits(&record, &exits.pending(&server), 3).unwrap();
        assert!(operations.len() <= 3, "what is removed at once is not added: {operations:?}");
        let operations: json_patch::Patch = serde_json::from_value(Value::Array(operations)).unwrap();
        json_patch::patch(&mut record, &operations).unwrap();
        assert_eq!(record_exits(&record, &exits.pending(&server), 3), None, "then the record stays as it is");
        exits.forget_recorded(&server, || record.clone(), 3);
        assert!(exits.pending(&server).is_empty());
        // Pods that end in the same second have an order, too.
        let same = json!({"pods": [{"uid": "b", "name": "b", "deleteTime": "1"}]});
        let of = |name: &str| Entry { name: Some(name.to_owned()), ..entry(name, "1") };
        assert!(record_exits(&same, &[of("c")], 1).is_some() && record_exits(&same, &[of("a")], 1).is_none());
    }

    #[test]
    fn a_full_record_forgets_its_oldest_entries_one_for_one() {
        let record = json!({"pods": [{"uid": "c"}, {"uid": "b"}, {"uid": "a"}]});
        assert_eq!(after(&record, &[entry("d", "1"), entry("e", "2")], 3).unwrap(), ["e", "d", "c"]);
        assert_eq!(after(&record, &[entry("d", "1")], 2).unwrap(), ["d", "c", "b"], "a lowered limit does not shrink the list");
        assert_eq!(after(&json!({"pods": []}), &[entry("d", "1")], 3).unwrap(), ["d"]);
    }

    #[test]
    fn a_record_holds_as_many_pods_as_the_framework_says_or_sixty() {
        let framework = |exited_pods| FrameworkView { exited_pods, ..FrameworkView::default() };
        assert_eq!(choose_limit(None), 60);
        assert_eq!(choose_limit(Some(&framework(None))), 60);
        assert_eq!(choose_limit(Some(&framework(Some(7)))), 7);
        assert_eq!(choose_limit(Some(&framework(Some(1000)))), 150, "the schema accepts no more");
    }
}
