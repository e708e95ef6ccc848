//! The driver: from a key to everything that a TServer stands for.
//!
//! ```text
//! dereference → validate → build → apply → status
//!   caches       decides    describes  acts   tells
//! ```
//!
//! Rules: nothing is assumed about why we were called. What is wrong with a server is said in its conditions; what failed is said
//! there, too, and tried again. A run for a server that is as it should be sends nothing.

pub mod apply;
pub mod checks;
pub mod derived;
mod endpoints;
pub mod events;
pub mod exits;
#[cfg(test)]
pub mod fixtures;
pub mod reason;
mod status;
pub mod surroundings;
#[cfg(test)]
mod tests;
pub mod validate;
pub mod views;

use checks::nodes;
pub use {derived as build, surroundings as dereference};

use crate::{
    cache::Key,
    context::Context,
    view::{Kind, ServerView},
};
use checks::Input;
use dereference::{Found, dereference};
use jiff::Timestamp;
use kube::api::ApiResource;
use serde_json::json;
use tars_common::v1beta3::{TEndpointStatus, TServer, TServerStatus};
use tokio::time::Instant;

/// Why a run did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is none that we understand.
    #[error("TServer {key} does not decode ({problem}); correct it, it was stored under an older schema")]
    Undecodable {
        /// Which.
        key: Key,
        /// What is wrong.
        problem: String,
    },
    /// What must exist could not be described.
    #[error("the objects of TServer {key} cannot be described")]
    Build {
        /// Which.
        key: Key,
        /// Why.
        source: serde_json::Error,
    },
    /// Derived objects are not as they should be; the first failure stands for all.
    #[error("{first}")]
    Apply {
        /// One of them.
        first: Box<apply::Error>,
        /// How many there are.
        count: usize,
    },
    /// A status could not be written.
    #[error("cannot write the status of {kind} {key}: {}", apply::reason(source))]
    Status {
        /// Of which kind.
        kind: &'static str,
        /// Of which object.
        key: Key,
        /// Why.
        source: Box<kube::Error>,
    },
}

impl Error {
    /// The outcome in metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "undecodable",
            Self::Build { .. } => "build",
            Self::Apply { first, .. } => first.category(),
            Self::Status { .. } => "status",
        }
    }

    /// Whether this is part of the normal course of things: something must go before something else can come.
    pub fn is_expected(&self) -> bool {
        matches!(self, Self::Apply { first, .. } if first.is_expected())
    }

    /// Whether trying again can help; if not, only a change of the object does.
    pub const fn is_ours_to_retry(&self) -> bool {
        !matches!(self, Self::Undecodable { .. } | Self::Build { .. })
    }
}

/// Makes the world as the TServer `key` says, and says in its status how far that went.
pub async fn reconcile(context: &Context, key: &Key) -> Result<(), Error> {
    let view = context.caches.servers.get(key).filter(|view| !view.deleting);
    let Some(view) = view else {
        // Everything derived has the TServer as its owner, and is collected with it.
        context.exits.forget(key);
        context.settled.forget(key);
        context.patience.forget(key);
        return Ok(());
    };
    let server = match &view.object {
        Ok(server) => server,
        Err(problem) => return Err(Error::Undecodable { key: key.clone(), problem: problem.clone() }),
    };
    let found = dereference(&context.caches, key, server);
    crate::ttree::ask(context, &key.namespace, &server.spec.app);

    let (problems, failures) = match validate::validate(server, &found) {
        Ok(wanted) => {
            let objects = build::build(&wanted).map_err(|source| Error::Build { key: key.clone(), source })?;
            let exits = exits(context, key, &found);
            // Boxed: six writes under way at once make a large future.
            let (_, failures) = Box::pin(apply::apply(context, &wanted, &found, objects, &exits)).await;
            recorded(context, key, &exits);
            (Vec::new(), failures)
        }
        Err(problems) => (problems, Vec::new()),
    };

    let told_endpoint = tell_endpoint(context, key, &view, server, &found).await;
    let told_server = tell_server(context, key, &view, server, &Input::new(server, key, &problems, &found, &failures)).await;
    let count = failures.len();
    if let Some(first) = failures.into_iter().next() {
        return Err(Error::Apply { first: Box::new(first), count });
    }
    told_endpoint.and(told_server)
}

/// Pods that ended and may not be on record yet.
fn exits(context: &Context, key: &Key, found: &Found) -> Vec<apply::Entry> {
    for pod in &found.pods {
        context.exits.note(key.clone(), pod);
    }
    context.exits.of(key)
}

fn recorded(context: &Context, key: &Key, exits: &[apply::Entry]) {
    if exits.is_empty() {
        return;
    }
    let Some(record) = context.caches.live(Kind::TExitedRecord).get(key) else { return };
    let record = record.owned();
    let pods = record.get("pods").and_then(serde_json::Value::as_array);
    let known = |entry: &apply::Entry| {
        pods.is_some_and(|pods| pods.iter().any(|pod| pod.get("uid").and_then(serde_json::Value::as_str) == entry.uid.as_deref()))
    };
    let done: Vec<_> = exits.iter().filter(|entry| known(entry)).cloned().collect();
    context.exits.recorded(key, &done);
}

/// Writes the pods into the TEndpoint, if they are not there already.
async fn tell_endpoint(context: &Context, key: &Key, view: &ServerView, server: &TServer, found: &Found) -> Result<(), Error> {
    // Not `found`: the TEndpoint may have been made a moment ago.
    let cache = context.caches.live(Kind::TEndpoint);
    let Some(live) = cache.get(key).filter(|live| live.is_of(&view.uid) && !live.deleting) else { return Ok(()) };
    let wanted = endpoints::status(&found.pods, &server.spec.app, &server.spec.server);
    let current: Option<TEndpointStatus> = serde_json::from_value(live.status()).unwrap_or_default();
    if current.unwrap_or_default() == wanted {
        return Ok(());
    }
    let resource = Kind::TEndpoint.resource();
    let body = json!({
        "apiVersion": resource.api_version, "kind": resource.kind, "status": wanted,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": live.uid},
    });
    let answer = context.writer.apply_status(&resource, key, &body).await;
    let failed = |source| Error::Status { kind: "TEndpoint", key: key.clone(), source: Box::new(source) };
    cache.observe(answer.map_err(failed)?);
    Ok(())
}

/// Writes the status of the TServer, if it is not there already, and tells the news as an Event.
async fn tell_server(context: &Context, key: &Key, view: &ServerView, server: &TServer, input: &Input<'_>) -> Result<(), Error> {
    let verdicts = checks::judge(input);
    let wanted = status::status(server, &input.found.pods, &verdicts, Timestamp::now());
    if server.status.as_ref() != Some(&wanted) && !write_status(context, key, view, &wanted).await? {
        return Ok(());
    }
    // After the status, so that a failed write does not repeat the Event.
    let Some((_, summary)) = verdicts.last() else { return Ok(()) };
    let news = context.patience.news(key, events::ready(server), summary, Instant::now());
    if let Some(event) = news.event {
        events::publish(context, server, event).await;
    }
    if let Some(pause) = news.again {
        context.queues.servers.add_after(key.clone(), pause);
    }
    Ok(())
}

/// Writes the status of the TServer. False if there is none any more.
async fn write_status(context: &Context, key: &Key, view: &ServerView, wanted: &TServerStatus) -> Result<bool, Error> {
    let resource = resource();
    let body = json!({
        "apiVersion": resource.api_version, "kind": resource.kind, "status": wanted,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": view.uid},
    });
    match context.writer.apply_status(&resource, key, &body).await {
        Ok(answer) => {
            context.caches.servers.observe(answer);
            Ok(true)
        }
        // Deleted, or deleted and made again, in the meantime: the watch brings us back if there is still something to tell.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(source) => Err(Error::Status { kind: "TServer", key: key.clone(), source: Box::new(source) }),
    }
}

/// The resource of TServers.
pub fn resource() -> ApiResource {
    ApiResource::erase::<TServer>(&())
}
