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
mod confirm;
mod context;
mod control;
mod decide;
mod defaults;
mod departed;
mod derived;
mod endpoints;
mod error;
mod events;
mod exits;
mod explain;
#[cfg(test)]
pub mod fixtures;
mod hints;
mod live_objects;
mod old_pods;
mod problem;
mod reason;
mod replicas;
mod report;
mod resyncs;
mod rollout;
mod routes;
mod status;
mod surroundings;
mod template;
#[cfg(test)]
mod tests;
mod validate;
mod views;

pub use control::ServerControl;
pub use reason::declare_events;

use crate::{
    engine::{
        Engine,
        cache::Key,
        queue::Queue,
        reconciler::{Outcome, Reconciler},
    },
    views::{ServerView, Views},
};
use checks::Input;
use confirm::{confirm, must_confirm};
use context::Context;
use decide::decide;
use defaults::Defaults;
use derived::build_objects;
use endpoints::compute_endpoint_status;
use error::Error;
use exits::{Entry, choose_limit};
use jiff::Timestamp;
use report::{describe_status, report, report_broken};
use std::sync::Arc;
use surroundings::{Surroundings, look_around};
use tars_common::{
    derived::DerivedKind,
    v1beta3::{TEndpointStatus, TServer},
};

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

    /// What people may ask of this reconciler.
    pub fn control(&self) -> ServerControl {
        ServerControl::new(self.context.clone())
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
        reconcile(&self.context, key, Timestamp::now()).await?;
        Ok(None)
    }
}

/// Brings the objects of the TServer `key` into the state that it describes, and reports the result in its status. `now` is
/// the time of the run.
async fn reconcile(context: &Context, key: &Key, now: Timestamp) -> Result<(), Error> {
    apply::collect(context, key).await.map_err(|error| Error::Apply(Box::new(error)))?;
    let Some(view) = context.views.servers.get(key).filter(|view| !view.deleting) else {
        // While it is being deleted, Kubernetes may collect its objects first, or keep them as orphans.
        context.exits.forget(key);
        context.rewrites.forget(key);
        context.warnings.forget(key);
        context.hints.forget(key);
        context.resyncs.forget(key);
        return Ok(());
    };
    if context.resyncs.contains(key) {
        apply::reread(context, key).await.map_err(|error| Error::Apply(Box::new(error)))?;
        context.resyncs.forget(key);
    }
    let server = &match view.read() {
        Ok(server) => server,
        Err(broken) => {
            report_broken(context, key, &view, &broken, now).await?;
            return Err(Error::Undecodable { key: key.clone(), problem: broken.problem });
        }
    };
    let mut around = look_around(context, key, server);

    let mut defaults = Defaults::NEWEST;
    let (problems, failures) = match decide(server, &around) {
        Ok(validated) => {
            defaults = validated.defaults;
            let objects = build_objects(&validated).map_err(|source| Error::Build { key: key.clone(), source })?;
            if must_confirm(server, &objects, &around.live) {
                confirm(context, key, &view.uid).await?;
            }
            let exits = collect_exits(context, key, &around);
            let failures = apply::apply(context, &validated, &around, &objects, &exits).await;
            forget_recorded_exits(context, key, choose_limit(around.framework.as_deref()));
            // The status tells of the objects as they are after these writes.
            around.live = context.derived.find(key);
            (Vec::new(), failures)
        }
        Err(problems) => (problems, Vec::new()),
    };

    let endpoint = write_endpoint_status(context, key, &view, server, &around).await;
    let input = Input { defaults, ..Input::new(server, key, &problems, &around, &failures) };
    let status = report(context, key, &view, server, &input, now).await;
    if let Some(first) = failures.into_iter().next() {
        return Err(Error::Apply(Box::new(first)));
    }
    endpoint.and(status)
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
    let kind = DerivedKind::TEndpoint;
    let live = around.live.get(kind).filter(|live| live.is_of(&view.uid) && !live.deleting);
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
