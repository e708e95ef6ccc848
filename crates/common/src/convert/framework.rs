//! TFrameworkConfig (docs/reference/resources.md#7.4): `imageRegistry` of v1beta2 is `imageUpload` of v1beta3, and v1beta2 has no build
//! executor.
//!
//! v1beta3 requires the image of the executor. An object that was always v1beta2 has no such image, and a converter cannot invent one. It
//! gets an executor with an empty image, which the schema accepts: there is none.

use super::{fit::fits, stash};
use crate::version::Version;
use serde_json::{Map, Value, json};

/// The pair of versions, in the key of the annotation.
const PAIR: &str = "1b21b3";

/// The path of the executor.
const EXECUTOR: [&str; 2] = ["imageBuild", "executor"];

/// Returns the names of the members that the stash held and the schema refuses.
pub(super) fn convert(object: &mut Value, to: Version) -> Vec<&'static str> {
    let stashed = stash::take(object, PAIR);
    if to == Version::V1Beta3 {
        rename(object, "imageRegistry", "imageUpload");
        let executor = stash::take_part(stashed, "append").shift_remove("executor").filter(|executor| !executor.is_null());
        let (fitting, dropped) = match executor {
            Some(executor) if !fits("TFrameworkConfig", to, &EXECUTOR, &executor) => (None, vec!["executor"]),
            executor => (executor, Vec::new()),
        };
        set_executor(object, fitting);
        return dropped;
    }
    rename(object, "imageUpload", "imageRegistry");
    let build = object.get_mut("imageBuild").and_then(Value::as_object_mut);
    let executor = build.and_then(|build| build.shift_remove("executor")).filter(|executor| !executor.is_null());
    let Some(executor) = executor else { return Vec::new() };
    if executor != build_empty_executor() {
        stash::put(object, PAIR, &Map::from_iter([("executor".to_owned(), executor)]), &Map::new());
    }
    Vec::new()
}

/// Sets the executor of the stash. Without one, an executor that the object has stays, and otherwise it gets an empty one.
fn set_executor(object: &mut Value, executor: Option<Value>) {
    let Some(root) = object.as_object_mut() else { return };
    let build = root.entry("imageBuild").or_insert_with(|| Value::Object(Map::new()));
    if build.is_null() {
        *build = Value::Object(Map::new());
    }
    let Some(build) = build.as_object_mut() else { return };
    match executor {
        Some(executor) => {
            build.insert("executor".to_owned(), executor);
        }
        None => {
            build.entry("executor").or_insert_with(build_empty_executor);
        }
    }
}

/// The executor of an object that never had one, with the defaults of the schema.
fn build_empty_executor() -> Value {
    json!({"image": "", "secret": ""})
}

/// Renames a member of the root.
fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(root) = object.as_object_mut()
        && let Some(value) = root.shift_remove(from)
    {
        root.insert(to.to_owned(), value);
    }
}
