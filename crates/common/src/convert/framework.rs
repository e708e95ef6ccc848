//! TFrameworkConfig (docs/reference/resources.md#7.4): `imageRegistry` of v1beta2 is `imageUpload` of v1beta3, and v1beta2 has no build
//! executor.
//!
//! v1beta3 requires the image of the executor. An object that was always v1beta2 has no such image, and a converter cannot invent one.
//! The field then stays absent, and the schema tells the next author who edits the object as v1beta3.

use super::{fit::fits, stash};
use crate::version::Version;
use serde_json::{Map, Value};

/// The pair of versions, in the key of the annotation.
const PAIR: &str = "1b21b3";

/// Returns the names of the members that the stash held and the schema refuses.
pub(super) fn convert(object: &mut Value, to: Version) -> Vec<&'static str> {
    let mut dropped = Vec::new();
    let stashed = stash::take(object, PAIR);
    if to == Version::V1Beta3 {
        rename(object, "imageRegistry", "imageUpload");
        let executor = stash::take_part(stashed, "append").shift_remove("executor").filter(|executor| !executor.is_null());
        if let (Some(executor), Some(root)) = (executor, object.as_object_mut()) {
            if !fits("TFrameworkConfig", to, &["imageBuild", "executor"], &executor) {
                dropped.push("executor");
                return dropped;
            }
            let build = root.entry("imageBuild").or_insert_with(|| Value::Object(Map::new()));
            if let Some(build) = build.as_object_mut() {
                build.insert("executor".to_owned(), executor);
            }
        }
    } else {
        rename(object, "imageUpload", "imageRegistry");
        let build = object.get_mut("imageBuild").and_then(Value::as_object_mut);
        let executor = build.and_then(|build| build.shift_remove("executor")).filter(|executor| !executor.is_null());
        if let Some(executor) = executor {
            stash::put(object, PAIR, &Map::from_iter([("executor".to_owned(), executor)]), &Map::new());
        }
    }
    dropped
}

/// Renames a member of the root.
fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(root) = object.as_object_mut()
        && let Some(value) = root.shift_remove(from)
    {
        root.insert(to.to_owned(), value);
    }
}
