//! TServer: labels, defaults, and questions about other objects (docs/reference/admission.md#5.1).

mod auto_release;
mod faults;
mod host_ports;
mod image;
mod pod;
mod pod_metadata;
mod profile;
mod rules;
mod spec;
#[cfg(test)]
mod tests;
mod volumes;

pub use host_ports::list_host_ports;
pub(super) use rules::validate;

use crate::{
    admission::{
        denial::Denial,
        facts::{Facts, Query},
        json,
        request::{Operation, Request},
        resource::Resource,
        warning::Warning,
    },
    names::{READINESS_GATE, annotation, label},
    replicas::parse_bound,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, iter};

pub(super) fn list_queries(request: &Request<'_>) -> Vec<Query> {
    let image = auto_release::find_query(request);
    let ports = host_ports::list_new_ports(request);
    let ports = (!ports.is_empty()).then_some(Query::HostPorts(ports));
    if request.operation == Operation::Delete || !json::has(request.object, "/spec/tars") {
        return image.into_iter().chain(ports).collect();
    }
    let mut queries = vec![Query::Lineage(json::text(request.object, "/spec/tars/template").to_owned())];
    if needs_node_image(request.object) || image.is_some() {
        queries.push(Query::NodeImage);
    }
    queries.extend(image);
    queries.extend(ports);
    queries
}

/// Whether the server has a release without a node image. A Tars server then gets the node image of its namespace.
fn needs_node_image(object: &Value) -> bool {
    json::has(object, "/spec/release") && json::text(object, "/spec/release/nodeImage").is_empty()
}

/// Applies the rules of docs/reference/admission.md#5.1 in their order.
pub(super) fn mutate(request: &Request<'_>, facts: &Facts, object: &mut Value) -> Result<(), Denial> {
    set_identity_labels(object)?;
    if json::has(object, "/spec/tars") {
        set_gates(object);
    }
    if json::has(object, "/spec/normal") {
        complete_normal(object);
    }
    if !json::list(object, "/spec/k8s/hostPorts").is_empty() || is_true(object, "/spec/k8s/hostIPC") {
        // Two pods of one server cannot share a port of the node or its IPC names.
        set(object, "/spec/k8s", "notStacked", Value::Bool(true));
    }
    let (min, max) = read_replica_bounds(object)?;
    auto_release::set_release(request, facts, object);
    let released = json::has(object, "/spec/release");
    if let Some(wanted) = read_replicas(object) {
        let replicas = if released { wanted.max(min).min(max) } else { 0 };
        set(object, "/spec/k8s", "replicas", Value::from(replicas));
    }
    if released {
        complete_release(request, facts, object)?;
    } else {
        // The controller copies the labels to the TEndpoint, so the label of a removed release must not stay.
        json::remove_label(object, label::SERVER_ID);
    }
    rules::validate_identity(request)
}

fn set_identity_labels(object: &mut Value) -> Result<(), Denial> {
    for (key, pointer) in [
        (label::SERVER_APP, "/spec/app"),
        (label::SERVER_NAME, "/spec/server"),
        (label::SUB_TYPE, "/spec/subType"),
        (label::TEMPLATE, "/spec/tars/template"),
    ] {
        let value = json::text(object, pointer).to_owned();
        if value.len() > json::LABEL_LIMIT {
            return Err(Denial::invalid_server(
                "5.1.14",
                format!("{} has {} characters", pointer.replace('/', "."), value.len()),
                format!("its value becomes the label {key}, use at most {} characters", json::LABEL_LIMIT),
            )
            .at(pointer));
        }
        if !value.is_empty() {
            json::set_label(object, key, &value);
        }
    }
    Ok(())
}

/// Puts the gate of the registry first. Other gates keep their order, and duplicates go. v1beta2 has room for one gate only.
fn set_gates(object: &mut Value) {
    if has_gate_list(object) {
        let gates = remove_duplicates(iter::once(READINESS_GATE).chain(gates(object)));
        set(object, "/spec/k8s", "readinessGates", gates);
    } else {
        set(object, "/spec/k8s", "readinessGate", Value::from(READINESS_GATE));
    }
}

fn complete_normal(object: &mut Value) {
    if !json::has(object, "/spec/tars") {
        json::remove_label(object, label::TEMPLATE);
    }
    if !object.pointer("/spec/normal/ports").is_some_and(Value::is_array) {
        set(object, "/spec/normal", "ports", json!([]));
    }
    if has_gate_list(object) && !json::list(object, "/spec/k8s/readinessGates").is_empty() {
        let gates = remove_duplicates(gates(object));
        set(object, "/spec/k8s", "readinessGates", gates);
    }
}

fn complete_release(request: &Request<'_>, facts: &Facts, object: &mut Value) -> Result<(), Denial> {
    if json::text(object, "/spec/release/time").is_empty() {
        set(object, "/spec/release", "time", Value::from(request.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    }
    let id = json::text(object, "/spec/release/id").to_owned();
    if !id.is_empty() {
        json::set_label(object, label::SERVER_ID, &id);
    }
    if json::has(object, "/spec/tars") && needs_node_image(object) {
        let Some(node) = facts.node_image.as_ref().filter(|node| !node.image.trim().is_empty()) else {
            return Err(Denial::invalid_server(
                "5.1.12",
                "no default node image has been set",
                format!(
                    "set .spec.release.nodeImage, or .nodeImage.image of tframeworkconfig {0}/tars-framework; if namespace {0} has no \
                     Tars framework yet, install chart tarsframework there",
                    request.namespace
                ),
            )
            .at("spec.release.nodeImage"));
        };
        set(object, "/spec/release", "nodeImage", Value::from(node.image.as_str()));
        set(object, "/spec/release", "nodeSecret", Value::from(node.secret.as_str()));
    }
    if json::has(object, "/spec/normal")
        && let Some(release) = json::members(object, "/spec/release")
    {
        release.shift_remove("nodeImage");
        release.shift_remove("nodeSecret");
    }
    Ok(())
}

/// Reads the wanted number of pods, 0 if it is absent. `None` stands for a value that is not a number; the schema refuses it later.
fn read_replicas(object: &Value) -> Option<i64> {
    match object.pointer("/spec/k8s/replicas") {
        None | Some(Value::Null) => Some(0),
        Some(replicas) => replicas.as_i64(),
    }
}

/// Lists settings that are accepted, but are probably a mistake.
pub(super) fn list_warnings(request: &Request<'_>, facts: &Facts) -> Vec<Warning> {
    if request.operation == Operation::Delete {
        return Vec::new();
    }
    let ports = host_ports::warn_of_host_ports(request, facts);
    let volumes = [volumes::warn_of_new_volume(request), volumes::warn_of_kept_claims(request)].into_iter().flatten();
    let pod = pod::list_warnings(request.object);
    pod.chain(rules::list_warnings(request)).chain(ports).chain(volumes).collect()
}

/// Tells the author if [`mutate`] has changed the number of pods.
pub(super) fn list_changes(request: &Request<'_>, stored: &Value) -> Vec<Warning> {
    let (Some(wanted), Some(replicas)) = (read_replicas(request.object), read_replicas(stored)) else { return Vec::new() };
    if wanted == replicas || request.object.pointer("/spec/k8s/replicas").is_none_or(Value::is_null) {
        return Vec::new();
    }
    let warning = if json::has(stored, "/spec/release") {
        let key = if replicas > wanted { annotation::MIN_REPLICAS } else { annotation::MAX_REPLICAS };
        format!("spec.k8s.replicas {wanted} is stored as {replicas}: annotation {key}")
    } else {
        format!("nothing runs until spec.release is set; spec.k8s.replicas {wanted} is stored as {replicas}")
    };
    vec![Warning::fixed("5.1.15", warning).at("spec.k8s.replicas")]
}

/// Reads the bounds that annotations set for the number of pods. Without annotations every number passes; the schema then refuses
/// impossible ones.
fn read_replica_bounds(object: &Value) -> Result<(i64, i64), Denial> {
    let bound = |key: &str, absent: i64| match json::annotation(object, key) {
        None => Ok(absent),
        Some(text) => parse_bound(text).ok_or_else(|| {
            let remedy = format!("{key} is {text:?}, write a number from 0 to 99 without leading zeros");
            Denial::invalid_server("5.1.5", "unexpected annotation format", remedy).at(format!("metadata.annotations[{key}]"))
        }),
    };
    let (min, max) = (bound(annotation::MIN_REPLICAS, i64::MIN)?, bound(annotation::MAX_REPLICAS, i64::MAX)?);
    if min > max {
        let remedy = format!(
            "{} is {min} and {} is {max}, the minimum must not be above the maximum",
            annotation::MIN_REPLICAS,
            annotation::MAX_REPLICAS
        );
        let field = format!("metadata.annotations.{}", annotation::MIN_REPLICAS);
        return Err(Denial::invalid_server("5.1.5", "unexpected annotation value", remedy).at(field));
    }
    Ok((min, max))
}

/// Refuses bounds of the number of pods that the update of a TServer has set, changed or removed, and that break rule
/// docs/reference/admission.md#5.1.5. Bounds that were there before stay.
pub(super) fn validate_changed_bounds(request: &Request<'_>) -> Result<(), Denial> {
    let changed = [annotation::MIN_REPLICAS, annotation::MAX_REPLICAS]
        .iter()
        .any(|key| json::annotation(request.object, key) != json::annotation(request.old, key));
    if request.resource == Resource::Server && changed {
        read_replica_bounds(request.object)?;
    }
    Ok(())
}

/// Whether the version has a list of gates. Older versions have a single gate.
fn has_gate_list(object: &Value) -> bool {
    !matches!(json::text(object, "/apiVersion"), "k8s.tars.io/v1beta1" | "k8s.tars.io/v1beta2")
}

fn gates(object: &Value) -> impl Iterator<Item = &str> {
    json::list(object, "/spec/k8s/readinessGates").iter().filter_map(Value::as_str)
}

/// Keeps the first of equal texts.
fn remove_duplicates<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(*text)).map(Value::from).collect()
}

fn is_true(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// Sets a member of the JSON object at `pointer`. Does nothing if there is no object.
fn set(object: &mut Value, pointer: &str, key: &str, value: Value) {
    if let Some(members) = json::members(object, pointer) {
        members.insert(key.to_owned(), value);
    }
}
