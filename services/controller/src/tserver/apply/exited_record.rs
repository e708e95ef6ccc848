//! The TExitedRecord: made when it is missing, and extended by the pods that ended (docs/reference/controller.md#7.7).

use super::{
    error::Error,
    task::{Task, Write, comparable, with_uid},
};
use crate::{
    engine::fields,
    tserver::{
        derived::Live,
        exits::{Entry, record_exits},
    },
};
use kube::api::DynamicObject;
use serde_json::Value;

pub async fn create(task: &Task<'_>, wanted: &Value) -> Result<(), Error> {
    let answer = task.context.writer.create(&task.resource, task.key, wanted).await.map_err(task.failed("create"))?;
    task.log(Write::Created);
    task.context.derived.observe(task.kind, answer);
    Ok(())
}

/// Corrects everything except the list of pods, then adds the `exits` that the list lacks. The list is history. It is never written as
/// a whole, because a write that follows from an outdated cache would erase entries.
pub async fn append(task: &Task<'_>, wanted: &Value, live: &Live, exits: &[Entry], limit: usize) -> Result<(), Error> {
    let mut body = wanted.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("pods");
    }
    let stored = live.record();
    if fields::contains(&comparable(&stored), &comparable(&body)) {
        let Some(operations) = record_exits(&stored, exits, limit) else { return Ok(()) };
        return finish(task, task.context.writer.patch(&task.resource, task.key, &live.version, operations).await);
    }
    finish(task, task.context.writer.merge(&task.resource, task.key, &with_uid(body, live)).await)?;
    // This write changed the version against which the patch of the exits is tested, so the next run records them.
    if !exits.is_empty() {
        task.context.queue.add(task.key.clone());
    }
    Ok(())
}

fn finish(task: &Task<'_>, answer: kube::Result<DynamicObject>) -> Result<(), Error> {
    let answer = answer.map_err(task.failed("patch"))?;
    task.log(Write::Changed);
    task.context.derived.observe(task.kind, answer);
    Ok(())
}
