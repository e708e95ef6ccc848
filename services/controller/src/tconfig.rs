//! The versions of a configuration: hand-over, deletion on request, and the limit of their number
//! (docs/reference/controller.md#7.10).
//!
//! ```text
//! admission of a new active version ─► label tars.io/Deactivate on the old one ─► here: activated = false
//! admission of a deletion           ─► label tars.io/Deleting                  ─► here: delete
//! more inactive versions than tars-framework allows                            ─► here: delete the oldest
//! ```
//!
//! The key is the identity of the configuration, so that one run looks at all of its versions together.

use crate::{
    engine::{
        Engine,
        cache::{Cache, Change, Key, View},
        feed::Selection,
        queue::Queue,
        reconciler::{Outcome, Reconciler},
        writer::Writer,
    },
    views::Views,
};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PropagationPolicy};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use tars_common::{
    names::{fallback, label},
    v1beta3::TConfig,
};

/// A front end saves many configurations at once, and each needs a write or two.
const WORKERS: u16 = 4;

/// The metadata of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ConfigView {
    key: Key,
    uid: String,
    /// The resourceVersion that was seen.
    version: String,
    labels: BTreeMap<String, String>,
    created: Option<Timestamp>,
    deleting: bool,
}

impl View for ConfigView {
    /// The identity: versions that agree in these four labels belong together.
    fn group(&self) -> Option<Key> {
        let parts = [label::SERVER_APP, label::SERVER_NAME, label::CONFIG_NAME, label::POD_SEQ];
        let parts: Vec<&str> = parts.iter().map(|key| self.labels.get(*key).map_or("", String::as_str)).collect();
        Some(Key::new(&self.key.namespace, parts.join("/")))
    }
}

impl ConfigView {
    #[allow(clippy::unnecessary_wraps, reason = "every decoder has this signature")]
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let key = Key::of(&object);
        let metadata = object.metadata;
        Ok(Self {
            key,
            uid: metadata.uid.unwrap_or_default(),
            version: metadata.resource_version.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0),
            deleting: metadata.deletion_timestamp.is_some(),
        })
    }

    fn is_to_be_deleted(&self) -> bool {
        self.labels.contains_key(label::DELETING)
    }

    fn is_handing_over(&self) -> bool {
        self.labels.contains_key(label::DEACTIVATE)
    }

    fn is_inactive(&self) -> bool {
        self.labels.get(label::ACTIVATED).is_some_and(|value| value == "false")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Deactivate,
    Delete,
}

/// The steps for `versions`, of which at most `limit` inactive ones are kept.
fn plan(versions: &[Arc<ConfigView>], limit: usize) -> Vec<(Arc<ConfigView>, Step)> {
    let living = || versions.iter().filter(|version| !version.deleting);
    let mut steps = Vec::new();
    steps.extend(living().filter(|version| version.is_to_be_deleted()).map(|version| (version.clone(), Step::Delete)));
    let kept = || living().filter(|version| !version.is_to_be_deleted());
    steps.extend(kept().filter(|version| version.is_handing_over()).map(|version| (version.clone(), Step::Deactivate)));
    // A version that hands over is still active. It counts in the next run.
    let mut inactive: Vec<_> = kept().filter(|version| version.is_inactive() && !version.is_handing_over()).collect();
    inactive.sort_by_key(|version| (version.created, version.labels.get(label::VERSION).cloned(), version.key.name.clone()));
    let surplus = inactive.len().saturating_sub(limit);
    steps.extend(inactive.into_iter().take(surplus).map(|version| (version.clone(), Step::Delete)));
    steps
}

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
        if let Some(identity) = change.new.as_ref().and_then(|config| config.group()) {
            self.queue.add_soon(identity);
        }
    }

    async fn deactivate(&self, version: &ConfigView) -> Result<(), kube::Error> {
        let escaped = |key: &str| format!("/metadata/labels/{}", key.replace('~', "~0").replace('/', "~1"));
        let operations = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version.version},
            {"op": "remove", "path": escaped(label::DEACTIVATE)},
            {"op": "add", "path": escaped(label::ACTIVATED), "value": "false"},
            {"op": "add", "path": "/activated", "value": false},
        ]);
        let answer = self.writer.patch(&resource(), &version.key, operations).await?;
        self.configs.observe(answer);
        Ok(())
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
            let outcome = match step {
                Step::Delete => self.writer.delete(&resource(), &version.key, &version.uid, PropagationPolicy::Background).await,
                Step::Deactivate => self.deactivate(&version).await,
            };
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
mod tests {
    use super::*;

    fn version(name: &str, created: i64, labels: &[(&str, &str)]) -> Arc<ConfigView> {
        Arc::new(ConfigView {
            key: Key::new("bank", name),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            created: Timestamp::from_second(created).ok(),
            ..ConfigView::default()
        })
    }

    fn planned(versions: &[Arc<ConfigView>], limit: usize) -> Vec<(String, Step)> {
        plan(versions, limit).into_iter().map(|(version, step)| (version.key.name.clone(), step)).collect()
    }

    const OFF: (&str, &str) = (label::ACTIVATED, "false");
    const ON: (&str, &str) = (label::ACTIVATED, "true");

    #[test]
    fn the_version_that_hands_over_is_deactivated_and_the_new_one_is_left_alone() {
        let versions = [version("old", 1, &[ON, (label::DEACTIVATE, "Deactivating")]), version("new", 2, &[ON])];
        assert_eq!(planned(&versions, 10), [("old".to_owned(), Step::Deactivate)]);
        assert!(planned(&versions[1..], 0).is_empty(), "an active version is never surplus");
    }

    #[test]
    fn a_version_whose_deletion_was_asked_for_is_deleted_in_any_state() {
        let versions = [version("gone", 1, &[ON, (label::DEACTIVATE, "Deactivating"), (label::DELETING, "Deleting")])];
        assert_eq!(planned(&versions, 10), [("gone".to_owned(), Step::Delete)]);
    }

    #[test]
    fn the_oldest_inactive_versions_above_the_limit_are_deleted() {
        let same_second = |name: &str, number: &str| version(name, 5, &[OFF, (label::VERSION, number)]);
        let versions = [same_second("c", "3"), version("d", 9, &[OFF]), same_second("b", "2"), version("a", 1, &[OFF])];
        let gone: Vec<_> = planned(&versions, 1).into_iter().map(|(name, _)| name).collect();
        assert_eq!(gone, ["a", "b", "c"]);
        assert!(planned(&versions, 4).is_empty());
    }
}
