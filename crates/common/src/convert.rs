//! Conversion between the versions of a kind, on untyped JSON and without loss (docs/reference/resources.md#7).
//!
//! ```text
//! v1beta1 ◄──► v1beta2 ◄──► v1beta3       any pair in one step
//!          down: fields that the lower version does not have go into an annotation of the object
//!          up:   the fields come back from the annotation, and the annotation is removed
//! ```
//!
//! Principles:
//! - Only the members that differ between versions change. All other members, those newer than this converter included, pass
//!   through unchanged.
//! - Keys and JSON of the annotations are those of the existing converter, whose objects are stored in clusters. An annotation is
//!   written only if there is something to keep.
//! - No content of an object makes a conversion fail. Only a version that does not exist does.
//! - A member of an annotation that the schema of the wanted version refuses is dropped, because nobody validates it afterwards.
//! - `release.source` of v1beta1 is kept in an annotation on the way up, together with the id of the release that it belongs to.

mod fit;
mod framework;
mod server;
mod stash;
#[cfg(test)]
mod tests;

pub use server::Context;

use crate::{names::annotation::CONVERSION_PREFIX, version::Version};
use serde_json::Value;

/// A reason not to convert an object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The wanted `apiVersion` does not exist.
    #[error("cannot convert to {wanted:?}, the versions are v1beta1, v1beta2 and v1beta3 of k8s.tars.io")]
    Wanted {
        /// The wanted `apiVersion`.
        wanted: String,
    },
    /// The `apiVersion` of the object does not exist.
    #[error("{kind} {name}: cannot convert from {found:?}, the versions are v1beta1, v1beta2 and v1beta3 of k8s.tars.io")]
    Found {
        /// Kind of the object.
        kind: String,
        /// `NAMESPACE/NAME`
        name: String,
        /// The `apiVersion` of the object.
        found: String,
    },
    /// The kind does not have the version.
    #[error("{kind} {name}: the kind has no {version}, use v1beta2 or v1beta3")]
    NoSuchVersion {
        /// Kind of the object.
        kind: String,
        /// `NAMESPACE/NAME`
        name: String,
        /// The `apiVersion` that the kind does not have.
        version: &'static str,
    },
}

/// Lists the members of the stashes of `object` that a conversion to the newest version would drop
/// (docs/reference/resources.md#7.2.5).
pub fn list_misfits(object: &Value) -> Vec<&'static str> {
    let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
    if !annotations.is_some_and(|annotations| annotations.keys().any(|key| key.starts_with(CONVERSION_PREFIX))) {
        return Vec::new();
    }
    // An object whose version does not exist has no stash that anybody reads.
    convert(&mut object.clone(), Version::CURRENT.api_version(), &Context::default()).unwrap_or_default()
}

/// Converts `object` to the `apiVersion` `wanted`. An object that already has this version stays as it is.
///
/// Returns the names of the members of its stash that the schema of the wanted version refuses. They are dropped
/// (docs/reference/resources.md#7.2.5). The names are those of the tables of this module, never text of the object.
///
/// # Errors
/// If a version does not exist; the object is then unchanged.
pub fn convert(object: &mut Value, wanted: &str, context: &Context) -> Result<Vec<&'static str>, Error> {
    let to = Version::parse(wanted).ok_or_else(|| Error::Wanted { wanted: wanted.to_owned() })?;
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, found) = (text("/kind"), text("/apiVersion"));
    let name = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
    let Some(from) = Version::parse(&found) else { return Err(Error::Found { kind, name, found }) };
    if from == to {
        return Ok(Vec::new());
    }
    let dropped = match kind.as_str() {
        "TServer" => server::convert(object, from, to, context),
        "TFrameworkConfig" => {
            if let Some(version) = [from, to].into_iter().find(|version| *version == Version::V1Beta1) {
                return Err(Error::NoSuchVersion { kind, name, version: version.api_version() });
            }
            framework::convert(object, to)
        }
        // The versions of the other kinds have the same fields.
        _ => Vec::new(),
    };
    if let Some(object) = object.as_object_mut() {
        object.insert("apiVersion".to_owned(), Value::from(to.api_version()));
    }
    Ok(dropped)
}
