//! The TExitedRecord: made when missing, and told of pods that ended (docs/reference/controller.md#7.7).

use super::{Did, Error, Task};
use crate::{
    fields,
    view::{FrameworkView, Live},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tars_common::{names::fallback, v1beta3::TExitedPod};

/// A pod that ended, or is about to.
pub type Entry = TExitedPod;

/// The schema holds no more.
const MOST: usize = 150;

impl Task<'_> {
    /// Makes sure of the record, then of the entries in it. Its list of pods is history: it is never applied as a whole, so that
    /// an old view of the world cannot wipe it.
    pub(super) async fn record(
        &self,
        wanted: &Value,
        live: Option<Arc<Live>>,
        framework: Option<&FrameworkView>,
        exits: &[Entry],
    ) -> Result<(), Error> {
        let Some(live) = live else {
            let made = self.context.writer.create(&self.resource, self.key(), wanted).await.map_err(self.failed("create"))?;
            self.wrote(Did::Created);
            self.context.caches.live(self.kind).observe(made);
            return Ok(());
        };
        if live.deleting || live.controller.as_ref().is_some_and(|controller| controller.uid != self.server.uid) {
            return Err(Error::Leaving { kind: self.kind, key: self.key().clone() });
        }
        let mut body = wanted.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("pods");
        }
        let stored = live.owned();
        if !fields::contains(&super::comparable(&stored), &super::comparable(&body)) {
            if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("uid".to_owned(), live.uid.clone().into());
            }
            let answer = self.context.writer.merge(&self.resource, self.key(), &body).await.map_err(self.failed("patch"))?;
            self.wrote(Did::Changed);
            self.context.caches.live(self.kind).observe(answer);
            // The version that the entries would be tested against is no longer the one in hand; the answer brings us back.
            if !exits.is_empty() {
                self.context.queues.servers.add(self.key().clone());
            }
            return Ok(());
        }
        let limit =
            framework.and_then(|framework| framework.exited_pods).unwrap_or(fallback::EXITED_PODS.unsigned_abs() as usize);
        let Some(operations) = operations(&stored, &live.version, exits, limit.min(MOST)) else { return Ok(()) };
        let answer = self.context.writer.patch(&self.resource, self.key(), operations).await.map_err(self.failed("patch"))?;
        self.wrote(Did::Changed);
        self.context.caches.live(self.kind).observe(answer);
        Ok(())
    }
}

/// A JSON patch that puts those of `exits` that are not on record at its head, newest first. One in, one out once the record is
/// full; a limit that was lowered does not cut what is there.
fn operations(record: &Value, version: &str, exits: &[Entry], limit: usize) -> Option<Value> {
    let known: Vec<&Value> = record.get("pods").and_then(Value::as_array).into_iter().flatten().collect();
    let is_known = |entry: &Entry| known.iter().any(|pod| pod.get("uid").and_then(Value::as_str) == entry.uid.as_deref());
    let mut fresh: Vec<&Entry> = exits.iter().filter(|entry| !is_known(entry)).collect();
    fresh.sort_by(|a, b| (&a.delete_time, &a.name).cmp(&(&b.delete_time, &b.name)));
    fresh.dedup_by(|a, b| a.uid == b.uid);
    if fresh.is_empty() {
        return None;
    }
    let mut operations = vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})];
    let mut count = known.len();
    for entry in fresh {
        operations.push(json!({"op": "add", "path": "/pods/0", "value": entry}));
        if count >= limit {
            operations.push(json!({"op": "remove", "path": format!("/pods/{count}")}));
        } else {
            count += 1;
        }
    }
    Some(Value::Array(operations))
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
        let operations: json_patch::Patch = serde_json::from_value(operations(record, "7", exits, limit)?).unwrap();
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

    #[test]
    fn a_full_record_forgets_its_oldest_entries_one_for_one() {
        let record = json!({"pods": [{"uid": "c"}, {"uid": "b"}, {"uid": "a"}]});
        assert_eq!(after(&record, &[entry("d", "1"), entry("e", "2")], 3).unwrap(), ["e", "d", "c"]);
        assert_eq!(after(&record, &[entry("d", "1")], 2).unwrap(), ["d", "c", "b"], "a lowered limit does not shrink the list");
        assert_eq!(after(&json!({"pods": []}), &[entry("d", "1")], 3).unwrap(), ["d"]);
    }
}
