//! Makes, repairs and deletes the derived objects of a TServer, and reports the result in its status.
//!
//! ```text
//! look around → validate → build → apply → status
//!   caches       decides   describes  acts   tells
//! ```
//!
//! Rules: a run does not know why it was asked for. The conditions of a TServer say what is wrong with it. They also say which write
//! failed, and the write is tried again. If everything is as it should be, a run sends nothing.

mod apply;
mod checks;
mod context;
mod defaults;
mod derived;
mod endpoints;
mod events;
mod exits;
#[cfg(test)]
pub mod fixtures;
mod live_objects;
mod problem;
mod reason;
mod replicas;
mod routes;
mod status;
mod surroundings;
mod template;
#[cfg(test)]
mod tests;
mod validate;
mod views;

pub use reason::declare_events;

use crate::{
    engine::{
        Engine,
        cache::Key,
        queue::Queue,
        reconciler::{Failure, Outcome, Reconciler},
        writer::api_message,
    },
    views::{ServerView, Views, server_resource},
};
use checks::{Input, judge};
use context::Context;
use defaults::Defaults;
use derived::{build_objects, choose_defaults};
use endpoints::compute_endpoint_status;
use exits::{Entry, choose_limit};
use jiff::Timestamp;
use kube::api::ApiResource;
use serde::Serialize;
use serde_json::{Value, json};
use status::compute_status;
use std::sync::Arc;
use surroundings::{Surroundings, look_around};
use tars_common::{
    derived::DerivedKind,
    names::annotation::DEFAULTS,
    v1beta3::{TEndpointStatus, TServer, TServerStatus},
};
use tokio::time::Instant;
use validate::validate;

/// Why a run did not end as it should.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("TServer {key} does not match the current schema ({problem}); correct the TServer, which an older schema accepted")]
    Undecodable { key: Key, problem: String },
    #[error("cannot build the objects of TServer {key}")]
    Build { key: Key, source: serde_json::Error },
    /// Some derived objects are not as they should be. The first failure stands for all of them.
    #[error("{0}")]
    Apply(Box<apply::Error>),
    #[error("cannot write the status of {kind} {key}: {}", api_message(source))]
    Status { kind: &'static str, key: Key, source: Box<kube::Error> },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (category, retry, expected) = match &error {
            // Only a change of the TServer can help.
            Error::Undecodable { .. } => ("undecodable", false, false),
            Error::Build { .. } => ("build", false, false),
            Error::Apply(first) => (first.category(), true, first.is_expected()),
            Error::Status { .. } => ("status", true, false),
        };
        Self { category, retry, expected, text: error.to_string() }
    }
}

pub struct TServerReconciler {
    context: Arc<Context>,
    workers: u16,
}

impl TServerReconciler {
    pub fn open(engine: &mut Engine, views: &Views, workers: u16) -> Arc<Self> {
        let context = Context::open(engine, views);
        routes::listen(&context);
        Arc::new(Self { context, workers })
    }
}

impl Reconciler for TServerReconciler {
    const NAME: &'static str = "tserver";

    fn queue(&self) -> &Queue<Key> {
        &self.context.queue
    }

    fn workers(&self) -> u16 {
        self.workers
    }

    fn start_leading(&self) {
        self.context.exits.start();
    }

    async fn reconcile(&self, key: &Key) -> Outcome {
        reconcile(&self.context, key).await?;
        Ok(None)
    }
}

/// Brings the objects of the TServer `key` into the state that it describes, and reports the result in its status.
async fn reconcile(context: &Context, key: &Key) -> Result<(), Error> {
    let Some(view) = context.views.servers.get(key).filter(|view| !view.deleting) else {
        // Every derived object has the TServer as its owner, and is deleted with it.
        context.exits.forget(key);
        context.rewrites.forget(key);
        context.warnings.forget(key);
        return Ok(());
    };
    let server = match &view.object {
        Ok(server) => server,
        Err(problem) => return Err(Error::Undecodable { key: key.clone(), problem: problem.clone() }),
    };
    let around = look_around(context, key, server);

    let mut defaults = Defaults::NEWEST;
    let (problems, failures) = match validate(server, around.framework.as_deref(), || around.live.find_node_image()) {
        Ok(mut validated) => {
            let asked = read_annotation(server, DEFAULTS).and_then(Defaults::parse);
            validated.defaults = choose_defaults(&validated, around.live.workload().map(|live| &**live), asked);
            defaults = validated.defaults;
            let objects = build_objects(&validated).map_err(|source| Error::Build { key: key.clone(), source })?;
            let exits = collect_exits(context, key, &around);
            let failures = apply::apply(context, &validated, &around, &objects, &exits).await;
            forget_recorded_exits(context, key, choose_limit(around.framework.as_deref()));
            (Vec::new(), failures)
        }
        Err(problems) => (problems, Vec::new()),
    };

    let endpoint = write_endpoint_status(context, key, &view, server, &around).await;
    let input = Input { defaults, ..Input::new(server, key, &problems, &around, &failures) };
    let status = write_server_status(context, key, &view, server, &input).await;
    if let Some(first) = failures.into_iter().next() {
        return Err(Error::Apply(Box::new(first)));
    }
    endpoint.and(status)
}

fn read_annotation<'a>(server: &'a TServer, key: &str) -> Option<&'a str> {
    server.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The pods that ended and may not be on record yet.
fn collect_exits(context: &Context, key: &Key, around: &Surroundings) -> Vec<Entry> {
    for pod in &around.pods {
        context.exits.note(key.clone(), pod);
    }
    context.exits.pending(key)
}

fn forget_recorded_exits(context: &Context, key: &Key, limit: usize) {
    if let Some(record) = context.derived.get(DerivedKind::TExitedRecord, key) {
        context.exits.forget_recorded(key, || record.record(), limit);
    }
}

/// Writes the pods into the status of the TEndpoint, if they are not there already.
async fn write_endpoint_status(
    context: &Context,
    key: &Key,
    view: &ServerView,
    server: &TServer,
    around: &Surroundings,
) -> Result<(), Error> {
    // The cache is read again, because this run may have made the TEndpoint.
    let kind = DerivedKind::TEndpoint;
    let live = context.derived.get(kind, key).filter(|live| live.is_of(&view.uid) && !live.deleting);
    let Some(live) = live else { return Ok(()) };
    let wanted = compute_endpoint_status(&around.pods, &server.spec.app, &server.spec.server);
    let current: Option<TEndpointStatus> = serde_json::from_value(live.endpoint_status()).unwrap_or_default();
    if current.unwrap_or_default() == wanted {
        return Ok(());
    }
    let resource = kind.resource();
    let answer = context.writer.apply_status(&resource, key, &describe_status(&resource, key, &live.uid, &wanted)).await;
    let failed = |source| Error::Status { kind: kind.name(), key: key.clone(), source: Box::new(source) };
    context.derived.observe(kind, answer.map_err(failed)?);
    Ok(())
}

/// Writes the status of the TServer, if it is not there already, and sends an Event if the summary is news.
async fn write_server_status(
    context: &Context,
    key: &Key,
    view: &ServerView,
    server: &TServer,
    input: &Input<'_>,
) -> Result<(), Error> {
    let verdicts = judge(input);
    let wanted = compute_status(server, &input.around.pods, &verdicts, Timestamp::now());
    if server.status.as_ref() != Some(&wanted) && !send_server_status(context, key, view, &wanted).await? {
        return Ok(());
    }
    // The Event comes after the status, so that a failed write does not repeat it.
    let Some((_, summary)) = verdicts.last() else { return Ok(()) };
    let news = context.warnings.decide(key, events::stored_ready(server), summary, Instant::now());
    if let Some(event) = news.event {
        events::publish(&context.recorder, server, event).await;
    }
    if let Some(pause) = news.again {
        context.queue.add_after(key.clone(), pause);
    }
    Ok(())
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
fn describe_status(resource: &ApiResource, key: &Key, uid: &str, status: &impl Serialize) -> Value {
    json!({
        "apiVersion": resource.api_version, "kind": resource.kind, "status": status,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
    })
}
