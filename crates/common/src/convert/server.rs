//! TServer (docs/reference/resources.md#7.3).
//!
//! | member | v1beta1 | v1beta2 | v1beta3 |
//! | --- | --- | --- | --- |
//! | `k8s.command`, `k8s.args` | | | yes |
//! | `k8s.livenessProbe`, `readinessProbe`, `startupProbe`, `securityContext`, `podSecurityContext`, `disruption` | | | yes |
//! | gates | `k8s.readinessGate` | `k8s.readinessGate` | `k8s.readinessGates` |
//! | `k8s.updateStrategy`, `imagePullPolicy`, `launcherType` | | yes | yes |
//! | `release.nodeImage`, `nodeSecret` | | yes | yes |
//! | `release.source` | yes | | |

use super::{fit::fits, stash};
use crate::{names::PLACEHOLDER_IMAGE, version::Version};
use serde_json::{Map, Value, json};

/// The annotation that keeps `release.source` until the object is read as v1beta1 again. Both upper versions use the same key, because
/// an object may be written in one of them and read in the other.
const SOURCE: &str = "1b1";
const COMMANDS: [&str; 2] = ["command", "args"];
/// Fields that the existing system does not have. Its converter ignores them in the annotation, and loses them when it writes one.
const OWN: [&str; 6] = ["livenessProbe", "readinessProbe", "startupProbe", "securityContext", "podSecurityContext", "disruption"];
const LAUNCH: [&str; 3] = ["updateStrategy", "imagePullPolicy", "launcherType"];
const NODE: [&str; 2] = ["nodeImage", "nodeSecret"];

type Members = Map<String, Value>;

/// Facts from outside of the object that a conversion uses.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Image and pull secret of tarsnode in the object's namespace; `None` without `tars-framework`. A released Tars server that was
    /// always v1beta1 gets them in v1beta2.
    pub node_image: Option<(String, String)>,
}

/// Returns the names of the members that a stash held and the schema of `to` refuses.
pub(super) fn convert(object: &mut Value, from: Version, to: Version, context: &Context) -> Vec<&'static str> {
    let mut restored = Restored { to, dropped: Vec::new() };
    if to < from {
        convert_down(object, from, to, &mut restored);
    } else {
        convert_up(object, from, to, context, &mut restored);
    }
    restored.dropped
}

/// The check of members that come out of a stash.
struct Restored {
    to: Version,
    dropped: Vec<&'static str>,
}

impl Restored {
    /// Returns the value unless the schema of `spec.BLOCK.NAME` refuses it.
    fn check(&mut self, block: &str, name: &'static str, value: Value) -> Option<Value> {
        if fits("TServer", self.to, &["spec", block, name], &value) {
            return Some(value);
        }
        self.dropped.push(name);
        None
    }

    /// Moves members of `spec.BLOCK` out of the stash.
    fn restore(&mut self, block: &str, members: &mut Members, names: &[&'static str], append: &mut Members) {
        for name in names {
            let value = append.shift_remove(*name).filter(|value| !value.is_null());
            if let Some(value) = value.and_then(|value| self.check(block, name, value)) {
                members.insert((*name).to_owned(), value);
            }
        }
    }
}

/// Names the annotation of a pair of versions.
fn name_pair(lower: Version, upper: Version) -> &'static str {
    match (lower, upper) {
        (Version::V1Beta1, Version::V1Beta2) => "1b11b2",
        (Version::V1Beta1, _) => "1b11b3",
        _ => "1b21b3",
    }
}

fn convert_down(object: &mut Value, from: Version, to: Version, restored: &mut Restored) {
    let pair = name_pair(to, from);
    // The existing converter leaves its annotation on objects. Its content is not about the current state of the object.
    stash::take(object, pair);
    let mut append = Members::new();
    if let Some(k8s) = members(object, "/spec/k8s") {
        if to == Version::V1Beta1 {
            keep(k8s, &LAUNCH, &mut append);
        }
        if from == Version::V1Beta3 {
            keep(k8s, &COMMANDS, &mut append);
            keep(k8s, &OWN, &mut append);
            lower_gates(k8s, &mut append);
        }
    }
    if to == Version::V1Beta1 {
        if let Some(release) = members(object, "/spec/release") {
            keep(release, &NODE, &mut append);
        }
        restore_source(object, restored);
    }
    stash::put(object, pair, &append, &Members::new());
}

fn convert_up(object: &mut Value, from: Version, to: Version, context: &Context, restored: &mut Restored) {
    let pair = name_pair(from, to);
    let stashed = stash::take(object, pair);
    let known = stashed.is_some();
    let mut append = stash::take_part(stashed, "append");
    if from == Version::V1Beta1 {
        stash_source(object);
    }
    let is_tars = object.pointer("/spec/tars").is_some_and(Value::is_object);
    if let Some(k8s) = members(object, "/spec/k8s") {
        if from == Version::V1Beta1 {
            restored.restore("k8s", k8s, &LAUNCH, &mut append);
            default_launch(k8s);
        }
        if to == Version::V1Beta3 {
            restored.restore("k8s", k8s, &COMMANDS, &mut append);
            restored.restore("k8s", k8s, &OWN, &mut append);
            let kept = append.shift_remove("readinessGates").filter(|kept| !kept.is_null());
            raise_gate(k8s, kept.and_then(|kept| restored.check("k8s", "readinessGates", kept)));
        }
    }
    if from == Version::V1Beta1
        && let Some(release) = members(object, "/spec/release")
    {
        restored.restore("release", release, &NODE, &mut append);
        if to == Version::V1Beta2 && is_tars && !known {
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

/// Sets the fields that v1beta1 does not have to the behaviour of v1beta1.
fn default_launch(k8s: &mut Members) {
    for (name, value) in [
        ("updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
        ("imagePullPolicy", json!("Always")),
        ("launcherType", json!("background")),
    ] {
        k8s.entry(name).or_insert(value);
    }
}

/// Shows the first gate as the only gate, and keeps the others. An empty list is kept, too, because it differs from an absent list.
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

/// Puts the only gate first and the kept gates behind it. So an author in the lower version changes the first gate only.
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

/// Moves `release.source` into its annotation.
fn stash_source(object: &mut Value) {
    stash::take(object, SOURCE);
    let Some(release) = members(object, "/spec/release") else { return };
    let Some(source) = release.shift_remove("source").filter(|source| !source.is_null()) else { return };
    let id = release.get("id").cloned().unwrap_or_default();
    let kept = Members::from_iter([("source".to_owned(), source), ("id".to_owned(), id)]);
    stash::put(object, SOURCE, &Members::new(), &kept);
}

/// Moves `release.source` back if the release is still the same. A newer release has another source.
fn restore_source(object: &mut Value, restored: &mut Restored) {
    let mut kept = stash::take_part(stash::take(object, SOURCE), "drop");
    let Some(release) = members(object, "/spec/release") else { return };
    if let Some(source) = kept.shift_remove("source")
        && kept.get("id") == release.get("id")
        && let Some(source) = restored.check("release", "source", source)
    {
        release.insert("source".to_owned(), source);
    }
}

fn members<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Members> {
    object.pointer_mut(pointer)?.as_object_mut()
}
