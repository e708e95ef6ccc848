//! TFrameworkConfig (docs/reference/resources.md#7.4): v1beta2 calls `imageRegistry` what v1beta3 calls `imageUpload`, and knows no build executor.
//!
//! The executor's image is required in v1beta3. An object that has only ever been v1beta2 has none, and a converter cannot invent one:
//! it stays away, and whoever edits the object as v1beta3 is told so by the schema.

use super::{Version, stash};
use serde_json::{Map, Value};

const PAIR: &str = "1b21b3";

pub(super) fn convert(object: &mut Value, to: Version) {
    let stashed = stash::take(object, PAIR);
    if to == Version::V3 {
        rename(object, "imageRegistry", "imageUpload");
        let executor = stash::part(stashed, "append").shift_remove("executor").filter(|executor| !executor.is_null());
        if let (Some(executor), Some(root)) = (executor, object.as_object_mut()) {
            let build = root.entry("imageBuild").or_insert_with(|| Value::Object(Map::new()));
            if let Some(build) = build.as_object_mut() {
                build.insert("executor".to_owned(), executor);
            }
        }
    } else {
        rename(object, "imageUpload", "imageRegistry");
        let build = object.get_mut("imageBuild").and_then(Value::as_object_mut);
        let executor = build.and_then(|build| build.shift_remove("executor")).filter(|executor| !executor.is_null());
        let append = executor.map(|executor| ("executor".to_owned(), executor)).into_iter().collect();
        stash::put(object, PAIR, &append, &Map::new());
    }
}

/// Gives a member of the root another name.
fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(root) = object.as_object_mut()
        && let Some(value) = root.shift_remove(from)
    {
        root.insert(to.to_owned(), value);
    }
}
