//! Writes the verdicts about a server into its status, and sends Events about news.

use super::{
    checks::{
        AREAS, Input, judge, judge_broken,
        verdict::{APPLIED, READY, Verdict},
    },
    context::Context,
    error::Error,
    events::{self, decide_about_rollout, stored_ready},
    rollout::{PROGRESSING, follow, stored_progress},
    status::{compute_status, is_same_status, with_verdicts},
};
use crate::{
    engine::cache::Key,
    views::{Broken, ServerView, server_resource},
};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{api::ApiResource, runtime::events::Event};
use serde::Serialize;
use serde_json::{Value, json};
use tars_common::v1beta3::{TServer, TServerStatus};
use tokio::time::Instant;

/// Writes the status of the TServer as it is at the time `now`, if it is not there already, and sends Events about what is news.
pub async fn report(
    context: &Context,
    key: &Key,
    view: &ServerView,
    server: &TServer,
    input: &Input<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut verdicts = judge(input);
    if let Some((_, summary)) = verdicts.last() {
        let (hints, again) = context.hints.find(key, summary.reason, &input.find_subjects(summary)).await;
        if let Some(pause) = again {
            context.queue.add_after(key.clone(), pause);
        }
        if !hints.is_empty() {
            verdicts = judge(&input.with_hints(&hints));
        }
    }
    let rollout = follow(input, server, now);
    if let Some(pause) = rollout.again {
        context.queue.add_after(key.clone(), pause);
    }
    verdicts.insert(AREAS.len(), (PROGRESSING, rollout.verdict.clone()));
    let stored = server.status.as_ref();
    let wanted = compute_status(server, &input.around.pods, &verdicts, rollout.memory, now);
    if write(context, key, view, stored, &wanted).await? {
        if let Some((_, summary)) = verdicts.last() {
            tell_news(context, key, view, stored.and_then(stored_ready), summary).await;
        }
        if let Some(event) = decide_about_rollout(key, stored.and_then(stored_progress), &rollout.verdict) {
            publish(context, key, view, event).await;
        }
    }
    Ok(())
}

/// Says in the conditions of a TServer that it cannot be read. Everything else stays as it is (docs/reference/controller.md#1.11).
pub async fn report_broken(
    context: &Context,
    key: &Key,
    view: &ServerView,
    broken: &Broken,
    now: Timestamp,
) -> Result<(), Error> {
    let verdict = judge_broken(broken);
    let verdicts = [(APPLIED, verdict.clone()), (READY, verdict.clone())];
    let stored = broken.status.as_ref();
    let wanted = with_verdicts(stored.cloned().unwrap_or_default(), &verdicts, view.generation, now);
    if write(context, key, view, stored, &wanted).await? {
        tell_news(context, key, view, stored.and_then(stored_ready), &verdict).await;
    }
    Ok(())
}

/// Writes `wanted` if it is not `stored` already. Returns false if the TServer is gone. Events come after the status, so that a failed write
/// does not repeat them.
async fn write(
    context: &Context,
    key: &Key,
    view: &ServerView,
    stored: Option<&TServerStatus>,
    wanted: &TServerStatus,
) -> Result<bool, Error> {
    Ok(is_same_status(stored, wanted) || send_server_status(context, key, view, wanted).await?)
}

/// Sends an Event if `summary` is news after the condition `before`, and asks for another run if it may become news.
async fn tell_news(context: &Context, key: &Key, view: &ServerView, before: Option<&Condition>, summary: &Verdict) {
    let news = context.warnings.decide(key, before, summary, Instant::now());
    if let Some(event) = news.event {
        publish(context, key, view, event).await;
    }
    if let Some(pause) = news.again {
        context.queue.add_after(key.clone(), pause);
    }
}

/// Sends an Event about the TServer.
async fn publish(context: &Context, key: &Key, view: &ServerView, event: Event) {
    let resource = server_resource();
    let about = ObjectReference {
        api_version: Some(resource.api_version),
        kind: Some(resource.kind),
        namespace: Some(key.namespace.clone()),
        name: Some(key.name.clone()),
        uid: Some(view.uid.clone()),
        ..ObjectReference::default()
    };
    events::publish(&context.recorder, &about, event).await;
}

/// Returns false if the TServer is gone.
async fn send_server_status(context: &Context, key: &Key, view: &ServerView, wanted: &TServerStatus) -> Result<bool, Error> {
    let resource = server_resource();
    let body = describe_status(&resource, key, &view.uid, wanted);
    match context.writer.apply_status(&resource, key, &body).await {
        Ok(answer) => {
            context.views.servers.observe(answer);
            Ok(true)
        }
        // The TServer was deleted meanwhile. If it was made again, the watch asks for another run.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(source) => Err(Error::Status { kind: "TServer", key: key.clone(), source: Box::new(source) }),
    }
}

/// Builds the body that applies `status` to the object with this uid.
pub fn describe_status(resource: &ApiResource, key: &Key, uid: &str, status: &impl Serialize) -> Value {
    json!({
        "apiVersion": resource.api_version, "kind": resource.kind, "status": status,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
    })
}
