//! The versions of a configuration: hand-over, deletion, and the limit of their number (docs/reference/controller.md#7.10).
//!
//! ```text
//! a version is activated (stamp and finalizer in the same write) ─► the others are deactivated, and note since when this one is live
//! everything is noted                                            ─► the finalizer goes
//! the live version is deleted                                    ─► the versions that noted it are deleted
//! more inactive versions than tars-framework allows              ─► the oldest are deleted
//! ```
//!
//! The key is the identity of the configuration, so that one run looks at all of its versions together.

mod plan;
mod view;

use self::{
    plan::{Step, plan},
    view::ConfigView,
};
use crate::{
    engine::{
        Engine,
        cache::{Cache, Change, Key, View as _},
        feed::Selection,
        queue::Queue,
        reconciler::{Outcome, Reconciler},
        writer::Writer,
    },
    views::Views,
};
use kube::api::ApiResource;
use serde_json::{Value, json};
use std::sync::Arc;
use tars_common::{
    activation::{FINALIZER, format_time},
    names::{annotation, fallback, label},
    v1beta3::TConfig,
};

/// A front end saves many configurations at once, and each needs a write or two.
const WORKERS: u16 = 4;

pub struct TConfigReconciler {
    queue: Queue<Key>,
    configs: Cache<ConfigView>,
    views: Views,
    writer: Writer,
}

impl TConfigReconciler {
    pub fn open(engine: &mut Engine, views: &Views) -> Arc<Self> {
        // A configuration may hold 1.5 MB, and its labels say everything that is needed here.
        let selection = Selection::every(resource()).metadata_only();
        let reconciler = Arc::new(Self {
            queue: Queue::default(),
            configs: engine.watch(selection, ConfigView::of),
            views: views.clone(),
            writer: engine.writer(),
        });
        reconciler.configs.listen(&reconciler, Self::on_config_change);
        reconciler
    }

    fn on_config_change(&self, change: &Change<ConfigView>) {
        if let Some(identity) = change.latest().and_then(|config| config.group()) {
            self.queue.add_soon(identity);
        }
    }

    async fn take(&self, version: &ConfigView, step: Step) -> Result<(), kube::Error> {
        if step == Step::Delete {
            // Somebody may have activated this version meanwhile.
            return self.writer.delete_unchanged(&resource(), &version.key, &version.uid, &version.version).await;
        }
        let answer = self.writer.merge(&resource(), &version.key, &build_change(version, step)).await?;
        self.configs.observe(answer);
        Ok(())
    }
}

/// Builds the merge patch for a step. The API server refuses it if the version has changed since it was seen.
fn build_change(version: &ConfigView, step: Step) -> Value {
    let mut metadata = json!({"uid": version.uid, "resourceVersion": version.version});
    if version.is_held() && !matches!(step, Step::Note(_)) {
        metadata["finalizers"] = version.finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
    }
    match step {
        Step::Deactivate(since) => {
            let activated = version.activation.as_ref().map(|activation| format_time(activation.at));
            metadata["labels"] = json!({label::DEACTIVATE: null, label::ACTIVATED: "false"});
            metadata["annotations"] =
                json!({annotation::ACTIVATED_AT: activated, annotation::LIVE_SINCE: since.map(format_time)});
            json!({"metadata": metadata, "activated": false})
        }
        Step::Note(since) => {
            metadata["annotations"] = json!({annotation::LIVE_SINCE: since.map(format_time)});
            json!({"metadata": metadata})
        }
        Step::Settle | Step::Delete => json!({"metadata": metadata}),
    }
}

impl Reconciler for TConfigReconciler {
    const NAME: &'static str = "tconfig";

    fn queue(&self) -> &Queue<Key> {
        &self.queue
    }

    fn workers(&self) -> u16 {
        WORKERS
    }

    /// Takes the steps that the versions of one identity need.
    async fn reconcile(&self, identity: &Key) -> Outcome {
        let limit = self.views.framework(&identity.namespace).and_then(|framework| framework.config_history);
        let limit = limit.unwrap_or(fallback::CONFIG_HISTORY.unsigned_abs() as usize);
        let mut result = Ok(());
        for (version, step) in plan(&self.configs.group(identity), limit) {
            if step == Step::Settle && result.is_err() {
                // The finalizer stays until everything else is done.
                break;
            }
            let outcome = self.take(&version, step).await;
            tracing::info!(
                version = version.key.name,
                ?step,
                done = outcome.is_ok(),
                "tried to change a version of a configuration"
            );
            // A version that fails does not stop the others.
            result = result.and(outcome);
        }
        result?;
        Ok(None)
    }
}

fn resource() -> ApiResource {
    ApiResource::erase::<TConfig>(&())
}

#[cfg(test)]
mod tests;
