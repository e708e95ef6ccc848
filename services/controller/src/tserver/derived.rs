//! The objects that exist because a TServer does: one file and one descriptor for each kind
//! (docs/reference/controller.md#4 and docs/reference/controller.md#5).
//!
//! A new kind is a new file with its [`DerivedKind`], and an entry in [`ALL`]. The watch, the cache, the build, the apply and the
//! tests follow from the descriptor.
//!
//! Rules: the order of every list follows from the TServer alone. A field is either stated with a value that the API server stores
//! as it is, or left out. A value that the API server would drop or rewrite (an empty list, a `false` that Go omits) would look like
//! drift for ever.

mod claim_templates;
mod daemon_set;
mod endpoint;
mod exited_record;
mod kind;
mod live;
mod metadata;
mod pod;
mod service;
mod stateful_set;

pub use daemon_set::DAEMON_SET;
pub use endpoint::ENDPOINT;
pub use exited_record::EXITED_RECORD;
#[cfg(test)]
pub use kind::StatefulSetFacts;
pub use kind::{DerivedKind, Facts, Upkeep, Watched};
pub use live::Live;
pub use service::SERVICE;
pub use stateful_set::STATEFUL_SET;

use super::validate::Validated;
use serde_json::{Value, json};

/// Every derived kind.
pub static ALL: &[&DerivedKind] = &[&SERVICE, &STATEFUL_SET, &DAEMON_SET, &ENDPOINT, &EXITED_RECORD];

/// The object of one kind that a server needs.
pub struct Wanted {
    pub kind: &'static DerivedKind,
    /// `None` says that the object must not exist, unless it belongs to another owner.
    pub object: Option<Value>,
}

/// Describes everything that must exist for `server`, in the order of [`ALL`].
pub fn build_objects(server: &Validated) -> Result<Vec<Wanted>, serde_json::Error> {
    let build = |kind: &'static DerivedKind| {
        let object = (kind.build)(server)?.map(|object| with_kind(kind, object));
        Ok(Wanted { kind, object })
    };
    ALL.iter().copied().map(build).collect()
}

/// `object` with its apiVersion and kind at the head, as it is sent.
fn with_kind(kind: &DerivedKind, object: Value) -> Value {
    let resource = (kind.resource)();
    let mut whole = json!({"apiVersion": resource.api_version, "kind": resource.kind});
    if let (Value::Object(whole), Value::Object(fields)) = (&mut whole, object) {
        whole.extend(fields);
    }
    whole
}

#[cfg(test)]
mod tests;
