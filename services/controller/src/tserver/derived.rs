//! Describes the derived objects of a server: one file and one recipe for each kind
//! (docs/reference/controller.md#4 and docs/reference/controller.md#5).
//!
//! A new kind is an entry in [`tars_common::derived`], a new file with its [`Recipe`], and a line in [`recipe_of`]. The watch, the
//! cache, the build and the apply follow from them.
//!
//! Rules: the order of every list follows from the TServer alone. A field is either stated with a value that the API server stores
//! as it is, or left out. A value that the API server would drop or rewrite (an empty list, a `false` that Go omits) would look like
//! drift for ever.

mod claim_templates;
mod daemon_set;
mod defaults;
mod disruption_budget;
mod endpoint;
mod exited_record;
mod live;
mod metadata;
mod pod;
mod recipe;
mod service;
mod stateful_set;

pub use defaults::choose_defaults;
pub use live::Live;
pub use metadata::digest;
pub use recipe::{Facts, Recipe, Upkeep};
#[cfg(test)]
pub use {recipe::StatefulSetFacts, stateful_set::CLAIM_TEMPLATES};

use super::validate::Validated;
use serde_json::{Value, json};
use tars_common::derived::DerivedKind;

/// The object of one kind that a server needs.
pub struct Wanted {
    pub kind: DerivedKind,
    /// `None` asks for the deletion of an object of ours; an object of another owner stays.
    pub object: Option<Value>,
}

pub const fn recipe_of(kind: DerivedKind) -> &'static Recipe {
    match kind {
        DerivedKind::Service => &service::SERVICE,
        DerivedKind::StatefulSet => &stateful_set::STATEFUL_SET,
        DerivedKind::DaemonSet => &daemon_set::DAEMON_SET,
        DerivedKind::PodDisruptionBudget => &disruption_budget::DISRUPTION_BUDGET,
        DerivedKind::TEndpoint => &endpoint::ENDPOINT,
        DerivedKind::TExitedRecord => &exited_record::EXITED_RECORD,
    }
}

/// Describes everything that must exist for `server`, one entry for each kind.
pub fn build_objects(server: &Validated) -> Result<Vec<Wanted>, serde_json::Error> {
    let build = |kind: DerivedKind| {
        let object = (recipe_of(kind).build)(server)?.map(|object| with_kind(kind, object));
        Ok(Wanted { kind, object })
    };
    DerivedKind::ALL.iter().copied().map(build).collect()
}

/// `object` with its apiVersion and kind at the head, as it is sent.
fn with_kind(kind: DerivedKind, object: Value) -> Value {
    let resource = kind.resource();
    let mut whole = json!({"apiVersion": resource.api_version, "kind": resource.kind});
    if let (Value::Object(whole), Value::Object(fields)) = (&mut whole, object) {
        whole.extend(fields);
    }
    whole
}

#[cfg(test)]
mod tests;
