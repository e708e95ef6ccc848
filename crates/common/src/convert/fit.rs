//! Checks members of a stash against the schema of the wanted version (docs/reference/resources.md#7.2.5).
//!
//! An annotation is free text that every writer may change, and the API server does not validate what a conversion makes of it.

use crate::{
    structural::{self, find_schema},
    version::Version,
};
use serde_json::Value;

/// Reports whether the API server accepts `value` as the member at `path`. A member without a schema fits.
pub(super) fn fits(kind: &str, version: Version, path: &[&str], value: &Value) -> bool {
    find_schema(kind, version, path).is_none_or(|schema| structural::fits(value, schema))
}
