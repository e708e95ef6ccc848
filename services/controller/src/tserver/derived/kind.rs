//! The descriptor of a derived kind: everything that this program needs to know to watch, build and apply its objects.

use crate::tserver::validate::Validated;
use kube::api::ApiResource;
use serde_json::Value;

/// A kind of object that exists because a TServer does.
pub struct DerivedKind {
    /// The name of the kind, as in manifests.
    pub name: &'static str,
    pub resource: fn() -> ApiResource,
    pub watched: Watched,
    pub upkeep: Upkeep,
    /// Describes the object of a server, without apiVersion and kind. `None` says that it must not exist.
    pub build: fn(&Validated) -> Result<Option<Value>, serde_json::Error>,
    /// Takes from a complete object the facts that only this kind has.
    pub read: fn(&Value) -> Facts,
}

/// Which objects of a kind are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Those with the labels of a server. Many objects of this kind belong to other programs.
    WithServerLabels,
    /// All. An object that is not in the cache does not exist.
    Every,
}

/// How an object that exists already is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// By server-side apply.
    Apply,
    /// By server-side apply. It is replaced if its claim templates, which never change, differ.
    ApplyOrReplace,
    /// By patches that add to its list. The list is history, so it is never applied as a whole.
    Append,
}

/// The facts of a live object that only its kind has. JSON is kept as text, a third of the size of a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Facts {
    #[default]
    None,
    StatefulSet(StatefulSetFacts),
    DaemonSet {
        /// `status.desiredNumberScheduled`: how many pods it wants; `None` while it has not counted.
        desired_pods: Option<i64>,
    },
    Endpoint {
        status: Box<str>,
    },
    ExitedRecord {
        /// The whole object, without metadata that only the API server needs.
        content: Box<str>,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatefulSetFacts {
    /// `spec.volumeClaimTemplates` as JSON.
    pub claim_templates: Box<str>,
    /// `spec.podManagementPolicy`, which never changes.
    pub policy: Box<str>,
    /// `status.updateRevision`: the revision of new pods.
    pub update_revision: Box<str>,
}
