//! TServer (docs/reference/resources.md#7.3).
//!
//! | member | v1beta1 | v1beta2 | v1beta3 |
//! | --- | --- | --- | --- |
//! | `k8s.command`, `k8s.args` | | | yes |
//! | the members [`OWN`] of `k8s`, and `nfs` of the sources of `k8s.mounts` | | | yes |
//! | gates | `k8s.readinessGate` | `k8s.readinessGate` | `k8s.readinessGates` |
//! | `k8s.updateStrategy`, `imagePullPolicy`, `launcherType` | | yes | yes |
//! | `release.nodeImage`, `nodeSecret` | | yes | yes |
//! | `release.source` | yes | | |

use super::{fit::fits, stash};
use crate::version::Version;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, mem, sync::LazyLock};

/// The annotation that keeps `release.source` until the object is read as v1beta1 again. Both upper versions use the same key, because
/// an object may be written in one of them and read in the other.
const SOURCE: &str = "1b1";
const COMMANDS: [&str; 2] = ["command", "args"];
/// Fields that the existing system does not have. Its converter ignores them in the annotation, and loses them when it writes one.
const OWN: [&str; 15] = [
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "securityContext",
    "podSecurityContext",
    "disruption",
    "hostTimezone",
    "podAnnotations",
    "podLabels",
    "tolerations",
    "priorityClassName",
    "schedulerName",
    "terminationGracePeriodSeconds",
    "workingDir",
    "progressDeadlineSeconds",
];
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

/// How a server of v1beta1 is launched, which has no fields for it.
static OLD_LAUNCH: LazyLock<[(&str, Value); 3]> = LazyLock::new(|| {
    [
        ("updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
        ("imagePullPolicy", json!("Always")),
        ("launcherType", json!("background")),
    ]
});

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

/// The stashes of an object, by their pairs of versions.
const FROM_3_TO_1: &str = "1b11b3";
const FROM_2_TO_1: &str = "1b11b2";
const FROM_3_TO_2: &str = "1b21b3";

fn convert_down(object: &mut Value, from: Version, to: Version, restored: &mut Restored) {
    let pair = match (from, to) {
        (Version::V1Beta3, Version::V1Beta1) => FROM_3_TO_1,
        (Version::V1Beta3, _) => FROM_3_TO_2,
        _ => FROM_2_TO_1,
    };
    // The existing converter leaves its annotations on objects. Their content is not about the current state of the object. Only an
    // object in v1beta2 has a stash that is: the fields of v1beta3, which stay stashed.
    for old in [FROM_3_TO_1, FROM_2_TO_1, FROM_3_TO_2] {
        if from == Version::V1Beta3 || old != FROM_3_TO_2 {
            stash::take(object, old);
        }
    }
    let mut append = Members::new();
    if let Some(k8s) = members(object, "/spec/k8s") {
        if to == Version::V1Beta1 {
            drop_old_launch(k8s);
            keep(k8s, &LAUNCH, &mut append);
        }
        if from == Version::V1Beta3 {
            keep(k8s, &COMMANDS, &mut append);
            keep(k8s, &OWN, &mut append);
            keep_new_mounts(k8s, &mut append);
            lower_gates(k8s, &mut append);
        }
    }
    let mut lacks_node_image = false;
    if to == Version::V1Beta1 {
        let is_tars = object.pointer("/spec/tars").is_some_and(Value::is_object);
        if let Some(release) = members(object, "/spec/release") {
            keep(release, &NODE, &mut append);
            lacks_node_image = is_tars && !append.contains_key("nodeImage");
        }
        restore_source(object, restored);
    }
    // An empty stash tells that the server has no node image. Without a stash it would get one on the way up.
    if !append.is_empty() || lacks_node_image {
        stash::put(object, pair, &append, &Members::new());
    }
}

fn convert_up(object: &mut Value, from: Version, to: Version, context: &Context, restored: &mut Restored) {
    let (mut append, known) = take_stashes(object, from, to);
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
            restore_new_mounts(k8s, append.shift_remove("mounts"), restored);
            let kept = append.shift_remove("readinessGates").filter(|kept| !kept.is_null());
            raise_gate(k8s, kept.and_then(|kept| restored.check("k8s", "readinessGates", kept)));
        }
    }
    if from == Version::V1Beta1
        && let Some(release) = members(object, "/spec/release")
    {
        restored.restore("release", release, &NODE, &mut append);
        if to == Version::V1Beta2
            && is_tars
            && !known
            && let Some((image, secret)) = context.node_image.clone()
        {
            release.insert("nodeImage".to_owned(), Value::from(image));
            release.insert("nodeSecret".to_owned(), Value::from(secret));
        }
    }
    if to == Version::V1Beta2 {
        // The fields of v1beta3 stay stashed.
        append.retain(|name, value| !value.is_null() && !NODE.contains(&name.as_str()));
        if !append.is_empty() {
            stash::put(object, FROM_3_TO_2, &append, &Members::new());
        }
    }
}

/// Takes what the stashes of the object keep for a version above its own. The second value tells whether an upper version has decided
/// about the node image.
///
/// An object in v1beta1 came from v1beta3 and has one stash, or it came by way of v1beta2 and can have two. The existing converter leaves
/// older ones on objects. When there are several, the one of the very pair of versions counts, as it does for the existing converter.
fn take_stashes(object: &mut Value, from: Version, to: Version) -> (Members, bool) {
    let [whole, lower, upper] = [FROM_3_TO_1, FROM_2_TO_1, FROM_3_TO_2]
        .map(|pair| stash::take(object, pair).map(|stash| stash::take_part(Some(stash), "append")));
    let upper = upper.unwrap_or_default();
    if from == Version::V1Beta2 {
        return (upper, true);
    }
    let known = whole.is_some() || lower.is_some();
    match (whole, lower) {
        (Some(whole), None) => (whole, known),
        (Some(whole), Some(_)) if to == Version::V1Beta3 => (whole, known),
        (_, lower) => (lower.unwrap_or_default().into_iter().chain(upper).collect(), known),
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

/// Moves the mounts whose source only v1beta3 has into the stash, by their places in the list. The older versions have no source to show in
/// their stead.
fn keep_new_mounts(k8s: &mut Members, append: &mut Members) {
    let Some(Value::Array(mounts)) = k8s.get_mut("mounts") else { return };
    let is_new = |mount: &Value| mount.pointer("/source/nfs").is_some_and(|nfs| !nfs.is_null());
    let (new, old): (Vec<_>, Vec<_>) = mem::take(mounts).into_iter().enumerate().partition(|(_, mount)| is_new(mount));
    mounts.extend(old.into_iter().map(|(_, mount)| mount));
    if !new.is_empty() {
        let by_place = new.into_iter().map(|(place, mount)| (place.to_string(), mount)).collect();
        append.insert("mounts".to_owned(), Value::Object(by_place));
    }
}

/// Puts the kept mounts back to their places. If the list has become shorter, they come last.
fn restore_new_mounts(k8s: &mut Members, kept: Option<Value>, restored: &mut Restored) {
    let Some(Value::Object(kept)) = kept else { return };
    let mut by_place = BTreeMap::new();
    for (place, mount) in kept {
        let Ok(place) = place.parse::<usize>() else { continue };
        if let Some(Value::Array(mount)) = restored.check("k8s", "mounts", json!([mount])) {
            by_place.extend(mount.into_iter().map(|mount| (place, mount)));
        }
    }
    if by_place.is_empty() {
        return;
    }
    let mounts = k8s.entry("mounts").or_insert_with(|| json!([]));
    if mounts.is_null() {
        *mounts = json!([]);
    }
    if let Value::Array(mounts) = mounts {
        for (place, mount) in by_place {
            mounts.insert(place.min(mounts.len()), mount);
        }
    }
}

/// Sets the fields that v1beta1 does not have to the behaviour of v1beta1.
fn default_launch(k8s: &mut Members) {
    for (name, value) in OLD_LAUNCH.iter() {
        k8s.entry(*name).or_insert_with(|| value.clone());
    }
}

/// Removes the fields that [`default_launch`] would set to the same value.
fn drop_old_launch(k8s: &mut Members) {
    for (name, value) in OLD_LAUNCH.iter() {
        if k8s.get(*name) == Some(value) {
            k8s.shift_remove(*name);
        }
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
