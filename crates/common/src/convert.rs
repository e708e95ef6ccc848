//! Conversion between the versions of a kind, on untyped JSON and without loss (docs/reference/resources.md#7).
//!
//! ```text
//! v1beta1 ◄──► v1beta2 ◄──► v1beta3       any pair in one step
//!          down: what the lower version cannot say goes into an annotation of the object
//!          up:   the annotation is read and removed
//! ```
//!
//! Rules:
//! - Only the members that differ between versions are touched. Everything else, also what is newer than this converter, passes
//!   through byte for byte.
//! - Keys and JSON of the annotations are those of the existing converter, whose objects are stored in clusters. They are written
//!   only if there is something to keep, so objects do not carry remains.
//! - Conversion never fails for what an object says. It fails for versions that do not exist.
//! - `release.source` of v1beta1 travels upwards too, tied to the release it was said of.

mod framework;
mod server;
mod stash;
#[cfg(test)]
mod tests;

use crate::names::GROUP;
use serde_json::Value;

/// Versions of the group, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `v1beta1`
    V1,
    /// `v1beta2`
    V2,
    /// `v1beta3`
    V3,
}

impl Version {
    /// The version of an `apiVersion` of our group: `k8s.tars.io/v1beta2`.
    pub fn parse(api_version: &str) -> Option<Self> {
        match api_version.strip_prefix(GROUP)?.strip_prefix('/')? {
            "v1beta1" => Some(Self::V1),
            "v1beta2" => Some(Self::V2),
            "v1beta3" => Some(Self::V3),
            _ => None,
        }
    }

    /// The `apiVersion` of an object in this version.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "k8s.tars.io/v1beta1",
            Self::V2 => "k8s.tars.io/v1beta2",
            Self::V3 => "k8s.tars.io/v1beta3",
        }
    }
}

/// Why an object was not converted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The wanted `apiVersion` is none of ours.
    #[error("cannot convert to {wanted:?}, the versions are v1beta1, v1beta2 and v1beta3 of k8s.tars.io")]
    Wanted {
        /// What was asked for.
        wanted: String,
    },
    /// The object's own `apiVersion` is none of ours.
    #[error("{kind} {name}: cannot convert from {found:?}, the versions are v1beta1, v1beta2 and v1beta3 of k8s.tars.io")]
    Found {
        /// Kind of the object.
        kind: String,
        /// `NAMESPACE/NAME`
        name: String,
        /// What the object says.
        found: String,
    },
    /// There is no such version of this kind.
    #[error("{kind} {name}: the kind has no {version}, use v1beta2 or v1beta3")]
    NoSuchVersion {
        /// Kind of the object.
        kind: String,
        /// `NAMESPACE/NAME`
        name: String,
        /// The version.
        version: &'static str,
    },
}

/// What a conversion may look up.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Image and pull secret of tarsnode in the object's namespace: what a released Tars server of v1beta1 gets in v1beta2 when it has
    /// never been anything but v1beta1. `None` without `tars-framework`.
    pub node_image: Option<(String, String)>,
}

/// Converts `object` to `wanted`, an `apiVersion`. An object that has it already is left alone, also one of a kind that needs no
/// conversion.
///
/// # Errors
/// When a version does not exist; the object is unchanged then.
pub fn convert(object: &mut Value, wanted: &str, context: &Context) -> Result<(), Error> {
    let to = Version::parse(wanted).ok_or_else(|| Error::Wanted { wanted: wanted.to_owned() })?;
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, found) = (text("/kind"), text("/apiVersion"));
    let name = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
    let Some(from) = Version::parse(&found) else { return Err(Error::Found { kind, name, found }) };
    if from == to {
        return Ok(());
    }
    match kind.as_str() {
        "TServer" => server::convert(object, from, to, context),
        "TFrameworkConfig" => {
            if let Some(version) = [from, to].into_iter().find(|version| *version == Version::V1) {
                return Err(Error::NoSuchVersion { kind, name, version: version.api_version() });
            }
            framework::convert(object, to);
        }
        // All versions of the other kinds are alike.
        _ => {}
    }
    if let Some(object) = object.as_object_mut() {
        object.insert("apiVersion".to_owned(), Value::from(to.api_version()));
    }
    Ok(())
}
