//! The recipe of a derived kind: how its objects are built, brought up to date and read.

use crate::{
    engine::packed::{Packed, Packer},
    tserver::{defaults::Making, validate::Validated},
};
use serde_json::Value;

/// How the controller handles a derived kind. Its name and how it is watched are in its descriptor in [`tars_common::derived`].
pub struct Recipe {
    /// Describes the object of a server, without apiVersion and kind. `None` says that it must not exist.
    pub build: fn(&Validated) -> Result<Option<Value>, serde_json::Error>,
    pub upkeep: Upkeep,
    /// Takes from a complete object the facts that only this kind has.
    pub read: fn(&Value) -> Facts,
    /// Packs the fields that are ours.
    pub packer: Packer,
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

/// The facts of a live object that only its kind has.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Facts {
    #[default]
    None,
    StatefulSet(StatefulSetFacts),
    DaemonSet {
        making: Making,
        /// Whether its status is about its present spec.
        observed: bool,
        /// `status.desiredNumberScheduled`: how many pods it wants; `None` while it has not counted.
        desired_pods: Option<i64>,
        /// `status.updatedNumberScheduled`: how many nodes have a pod of its present template.
        updated_pods: i64,
        /// How many nodes have only a pod of a former template.
        outdated_pods: i64,
    },
    Endpoint {
        status: Packed,
    },
    ExitedRecord {
        /// The whole object, without metadata that only the API server needs.
        content: Packed,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatefulSetFacts {
    pub making: Making,
    /// Whether its status is about its present spec.
    pub observed: bool,
    /// `spec.volumeClaimTemplates`.
    pub claim_templates: Packed,
    /// `spec.podManagementPolicy`, which never changes.
    pub policy: Box<str>,
    /// `status.updateRevision`: the revision of new pods.
    pub update_revision: Box<str>,
}
