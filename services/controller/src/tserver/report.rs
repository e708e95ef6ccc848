//! Writes the verdicts about a server into its status, and sends an Event about news.

use super::{
    checks::{
        Input, judge, judge_broken,
        verdict::{APPLIED, READY, Verdict},
    },
    context::Context,
    error::Error,
    events::{self, stored_ready},
    status::{compute_status, is_same_status, with_verdicts},
};
use crate::{
    engine::cache::Key,
    views::{Broken, ServerView, server_resource},
};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::api::ApiResource;
use serde::Serialize;
use serde_json::{Value, json};
use tars_common::v1beta3::{TServer, TServerStatus};
use tokio::time::Instant;

/// Writes the status of the TServer, if it is not there already, and sends an Event if the summary is news.
pub async fn report(context: &Context, key: &Key, view: &ServerView, server: &TServer, input: &Input<'_>) -> Result<(), Error> {
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
    let wanted = compute_status(server, &input.around.pods, &verdicts, Timestamp::now());
    write(context, key, view, server.status.as_ref(), &wanted, verdicts.last().map(|(_, summary)| summary)).await
}

/// Says in the conditions of a TServer that it cannot be read. Everything else stays as it is (docs/reference/controller.md#1.11).
pub async fn report_broken(context: &Context, key: &Key, view: &ServerView, broken: &Broken) -> Result<(), Error> {
    let verdict = judge_broken(broken);
    let verdicts = [(APPLIED, verdict.clone()), (READY, verdict.clone())];
    let stored = broken.status.as_ref();
    let wanted = with_verdicts(stored.cloned().unwrap_or_default(), &verdicts, view.generation, Timestamp::now());
    write(context, key, view, stored, &wanted, Some(&verdict)).await
}

/// Writes `wanted` if it is not `stored` already, and tells `summary` if it is news.
async fn write(
    context: &Context,
    key: &Key,
    view: &ServerView,
    stored: Option<&TServerStatus>,
    wanted: &TServerStatus,
    summary: Option<&Verdict>,
) -> Result<(), Error> {
    if !is_same_status(stored, wanted) && !send_server_status(context, key, view, wanted).await? {
        return Ok(());
    }
    // The Event comes after the status, so that a failed write does not repeat it.
    if let Some(summary) = summary {
        tell_news(context, key, view, stored.and_then(stored_ready), summary).await;
    }
    Ok(())
}

/// Sends an Event if `summary` is news after the condition `before`, and asks for another run if it may become news.
async fn tell_news(context: &Context, key: &Key, view: &ServerView, before: Option<&Condition>, summary: &Verdict) {
    let news = context.warnings.decide(key, before, summary, Instant::now());
    if let Some(event) = news.event {
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
    if let Some(pause) = news.again {
        context.queue.add_after(key.clone(), pause);
    }
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
