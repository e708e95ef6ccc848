//! TServer (docs/reference/resources.md#7.3).
//!
//! | member | v1beta1 | v1beta2 | v1beta3 |
//! | --- | --- | --- | --- |
//! | `k8s.command`, `k8s.args` | | | yes |
//! | `k8s.livenessProbe`, `readinessProbe`, `startupProbe`, `securityContext`, `podSecurityContext` | | | yes |
//! | gates | `k8s.readinessGate` | `k8s.readinessGate` | `k8s.readinessGates` |
//! | `k8s.updateStrategy`, `imagePullPolicy`, `launcherType` | | yes | yes |
//! | `release.nodeImage`, `nodeSecret` | | yes | yes |
//! | `release.source` | yes | | |

use super::{Context, Version, stash};
use crate::names::PLACEHOLDER_IMAGE;
use serde_json::{Map, Value, json};

/// Where `release.source` waits until the object is read as v1beta1 again. One key for both upper versions: the object may be
/// written as one of them and read through the other.
const SOURCE: &str = "1b1";
const COMMANDS: [&str; 2] = ["command", "args"];
/// Fields of ours, which the existing converter does not know: it ignores them in the annotation and loses them when it writes one.
const PASSED_TO_POD: [&str; 5] = ["livenessProbe", "readinessProbe", "startupProbe", "securityContext", "podSecurityContext"];
const LAUNCH: [&str; 3] = ["updateStrategy", "imagePullPolicy", "launcherType"];
const NODE: [&str; 2] = ["nodeImage", "nodeSecret"];

type Members = Map<String, Value>;

pub(super) fn convert(object: &mut Value, from: Version, to: Version, context: &Context) {
    if to < from { down(object, from, to) } else { up(object, from, to, context) }
}

/// The annotation of a pair of versions.
fn pair(lower: Version, upper: Version) -> &'static str {
    match (lower, upper) {
        (Version::V1, Version::V2) => "1b11b2",
        (Version::V1, _) => "1b11b3",
        _ => "1b21b3",
    }
}

fn down(object: &mut Value, from: Version, to: Version) {
    let pair = pair(to, from);
    // What an old converter left behind says nothing about the object as it is now.
    stash::take(object, pair);
    let mut append = Members::new();
    if let Some(k8s) = members(object, "/spec/k8s") {
        if to == Version::V1 {
            keep(k8s, &LAUNCH, &mut append);
        }
        if from == Version::V3 {
            keep(k8s, &COMMANDS, &mut append);
            keep(k8s, &PASSED_TO_POD, &mut append);
            lower_gates(k8s, &mut append);
        }
    }
    if to == Version::V1 {
        if let Some(release) = members(object, "/spec/release") {
            keep(release, &NODE, &mut append);
        }
        restore_source(object);
    }
    stash::put(object, pair, &append, &Members::new());
}

fn up(object: &mut Value, from: Version, to: Version, context: &Context) {
    let pair = pair(from, to);
    let stashed = stash::take(object, pair);
    let known = stashed.is_some();
    let mut append = stash::part(stashed, "append");
    if from == Version::V1 {
        stash_source(object);
    }
    let is_tars = object.pointer("/spec/tars").is_some_and(Value::is_object);
    if let Some(k8s) = members(object, "/spec/k8s") {
        if from == Version::V1 {
            restore(k8s, &LAUNCH, &mut append);
            default_launch(k8s);
        }
        if to == Version::V3 {
            restore(k8s, &COMMANDS, &mut append);
            restore(k8s, &PASSED_TO_POD, &mut append);
            raise_gate(k8s, append.shift_remove("readinessGates"));
        }
    }
    if from == Version::V1
        && let Some(release) = members(object, "/spec/release")
    {
        restore(release, &NODE, &mut append);
        if to == Version::V2 && is_tars && !known {
            let placeholder = || (PLACEHOLDER_IMAGE.to_owned(), String::new());
            let (image, secret) = context.node_image.clone().unwrap_or_else(placeholder);
            release.insert("nodeImage".to_owned(), Value::from(image));
            release.insert("nodeSecret".to_owned(), Value::from(secret));
        }
    }
}

/// Moves members into the stash.
fn keep(members: &mut Members, names: &[&str], append: &mut Members) {
    for name in names {
        if let Some(value) = members.shift_remove(*name).filter(|value| !value.is_null()) {
            append.insert((*name).to_owned(), value);
        }
    }
}

/// Moves members out of the stash.
fn restore(members: &mut Members, names: &[&str], append: &mut Members) {
    for name in names {
        if let Some(value) = append.shift_remove(*name).filter(|value| !value.is_null()) {
            members.insert((*name).to_owned(), value);
        }
    }
}

/// What v1beta1 does without saying so.
fn default_launch(k8s: &mut Members) {
    for (name, value) in [
        ("updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
        ("imagePullPolicy", json!("Always")),
        ("launcherType", json!("background")),
    ] {
        k8s.entry(name).or_insert(value);
    }
}

/// The first gate stays visible, the others are kept. An empty list is kept too: it is not the same as none.
fn lower_gates(k8s: &mut Members, append: &mut Members) {
    let Some(Value::Array(mut gates)) = k8s.shift_remove("readinessGates") else { return };
    if gates.is_empty() {
        append.insert("readinessGates".to_owned(), json!([]));
        return;
    }
    k8s.insert("readinessGate".to_owned(), gates.remove(0));
    if !gates.is_empty() {
        append.insert("readinessGates".to_owned(), Value::Array(gates));
    }
}

/// The one gate first, then those that were kept: a writer of the lower version changes the first one only.
fn raise_gate(k8s: &mut Members, kept: Option<Value>) {
    let first = k8s.shift_remove("readinessGate").filter(|gate| gate.as_str() != Some("") && !gate.is_null());
    let kept = match kept {
        Some(Value::Array(kept)) => Some(kept),
        _ => None,
    };
    if first.is_some() || kept.is_some() {
        let gates = first.into_iter().chain(kept.unwrap_or_default()).collect();
        k8s.insert("readinessGates".to_owned(), Value::Array(gates));
    }
}

fn stash_source(object: &mut Value) {
    stash::take(object, SOURCE);
    let Some(release) = members(object, "/spec/release") else { return };
    let Some(source) = release.shift_remove("source").filter(|source| !source.is_null()) else { return };
    let id = release.get("id").cloned().unwrap_or_default();
    let kept = Members::from_iter([("source".to_owned(), source), ("id".to_owned(), id)]);
    stash::put(object, SOURCE, &Members::new(), &kept);
}

/// A release that was made meanwhile came from somewhere else.
fn restore_source(object: &mut Value) {
    let mut kept = stash::part(stash::take(object, SOURCE), "drop");
    let Some(release) = members(object, "/spec/release") else { return };
    if let Some(source) = kept.shift_remove("source")
        && kept.get("id") == release.get("id")
    {
        release.insert("source".to_owned(), source);
    }
}

fn members<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Members> {
    object.pointer_mut(pointer)?.as_object_mut()
}
