//! TServer: the reasons to deny (docs/reference/admission.md#6.1).

use super::{
    faults::{refuse_faults, warn_of_faults},
    image, pod,
    pod_metadata::validate_pod_metadata,
    profile,
    spec::{K8s, Port, Selector, Spec, Tars, read_spec},
};
use crate::{
    admission::{
        denial::Denial,
        facts::Facts,
        json,
        request::{Operation, Request},
        resource::Resource,
        warning::Warning,
    },
    convert::list_misfits,
    names::{self, annotation::CONVERSION_PREFIX},
    version::Version,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The port of tarsnode in every pod of a Tars server.
const NODE_PORT: i64 = names::port::NODE as i64;
/// Volumes and claims that the controller adds to pods.
const RESERVED_MOUNTS: [&str; 3] = [names::DELAY_BIND, names::TIMEZONE_VOLUME, names::NODE_WORK_VOLUME];

pub fn validate(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    if request.operation == Operation::Delete {
        return Ok(());
    }
    if request.operation == Operation::Update {
        validate_immutable(request)?;
    }
    if request.is_metadata_only() {
        return Ok(());
    }
    let spec = read_spec(request.object)?;
    let expected = names::server_object_name(&spec.app, &spec.server);
    validate_name(request, &expected)?;
    validate_pod_names(request, &expected, &spec)?;
    let ports = validate_ports(&spec)?;
    if let Some(tars) = &spec.tars {
        validate_template(request, tars, facts)?;
    }
    profile::validate_profile(request)?;
    validate_host_ports(&spec.k8s, &ports)?;
    validate_mounts(&spec.k8s)?;
    pod::validate_probes(request.object, &ports.names)?;
    pod::validate_security(request.object)?;
    pod::validate_tolerations(request.object)?;
    validate_pod_metadata(request.object)?;
    image::validate_images(request)?;
    if spec_part(request.object, "nodeSelector") != spec_part(request.old, "nodeSelector") {
        validate_selectors(&spec.k8s)?;
    }
    if spec_part(request.object, "mounts") != spec_part(request.old, "mounts") {
        validate_mount_names(&spec.k8s)?;
    }
    if request.operation == Operation::Create { refuse_faults(request, &spec) } else { Ok(()) }
}

/// Checks the rules that the schema has, too. An object that breaks another rule of the schema about the same members is left to the
/// schema.
pub(super) fn validate_identity(request: &Request<'_>) -> Result<(), Denial> {
    let [app, server] = ["/spec/app", "/spec/server"].map(|pointer| json::text(request.object, pointer));
    let one_block = json::has(request.object, "/spec/tars") != json::has(request.object, "/spec/normal");
    let known_type = matches!(json::text(request.object, "/spec/subType"), "tars" | "normal");
    if !is_identifier(app) || !is_identifier(server) || !one_block || !known_type {
        return Ok(());
    }
    if request.operation == Operation::Update {
        validate_immutable(request)?;
    }
    // Without a name, the API server has yet to generate it.
    if request.name.is_empty() { Ok(()) } else { validate_name(request, &names::server_object_name(app, server)) }
}

/// Whether a text has the form of the names of applications and servers ([`IDENT`](crate::rules::IDENT)).
fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A part of `spec.k8s`. A rule that the existing webhook does not have checks only new and changed parts, so that objects which that
/// webhook accepted can still be updated.
fn spec_part<'a>(object: &'a Value, member: &str) -> Option<&'a Value> {
    object.pointer("/spec/k8s")?.get(member)
}

fn validate_immutable(request: &Request<'_>) -> Result<(), Denial> {
    let remedy = "delete the tserver and create it again, or create a second tserver";
    for (pointer, field) in [("/spec/app", ".spec.app"), ("/spec/server", ".spec.server"), ("/spec/subType", ".spec.subType")] {
        if json::text(request.object, pointer) != json::text(request.old, pointer) {
            return Err(Denial::immutable("6.1.1", "tserver", field, remedy));
        }
    }
    for (pointer, field) in [("/spec/tars", ".spec.tars"), ("/spec/normal", ".spec.normal")] {
        if json::has(request.object, pointer) && !json::has(request.old, pointer) {
            return Err(Denial::immutable("6.1.2", "tserver", field, remedy));
        }
    }
    Ok(())
}

fn validate_name(request: &Request<'_>, expected: &str) -> Result<(), Denial> {
    if request.name != expected {
        let remedy = format!("metadata.name is {:?}, with this .spec.app and .spec.server it must be {expected:?}", request.name);
        return Err(Denial::invalid_server("6.1.3", "unexpected resource name", remedy).at("metadata.name"));
    }
    if expected.len() > names::SERVER_NAME_LIMIT {
        let remedy = format!("{expected:?} has {}, shorten .spec.app or .spec.server", expected.len());
        return Err(Denial::invalid_server(
            "6.1.4",
            format!("length of resource name should less then {}", names::SERVER_NAME_LIMIT + 1),
            remedy,
        )
        .at("metadata.name"));
    }
    Ok(())
}

fn validate_pod_names(request: &Request<'_>, expected: &str, spec: &Spec) -> Result<(), Denial> {
    if request.operation == Operation::Create && needs_shorter_name(expected, spec) {
        let reason =
            format!("a StatefulSet with a name of more than {} characters cannot create pods", names::STATEFUL_SERVER_NAME_LIMIT);
        let remedy =
            format!("{expected:?} has {}, shorten .spec.app or .spec.server, or set .spec.k8s.daemonSet", expected.len());
        return Err(Denial::invalid_server("6.1.10", reason, remedy).at("metadata.name"));
    }
    Ok(())
}

/// The names, in lower case, and the numbers of ports.
#[derive(Default)]
struct Ports {
    names: BTreeSet<String>,
    /// The name of the first servant or port with a number.
    numbers: BTreeMap<i64, String>,
}

impl Ports {
    fn add(&mut self, rule: &'static str, word: &str, field: &str, port: &Port) -> Result<(), Denial> {
        if !self.names.insert(port.name.to_lowercase()) {
            let remedy = "all servants and ports must have different names; upper and lower case count as equal";
            let reason = format!("duplicate {word} name value {}", port.name);
            return Err(Denial::invalid_server(rule, reason, remedy).at(format!("{field}.name")));
        }
        if let Some(other) = self.numbers.insert(port.port, port.name.clone()) {
            let remedy = format!(
                "{other:?} and {:?} have the same number, and TCP and UDP share numbers; give one another number",
                port.name
            );
            return Err(
                Denial::invalid_server(rule, format!("duplicate port value {}", port.port), remedy).at(format!("{field}.port"))
            );
        }
        Ok(())
    }
}

fn validate_ports(spec: &Spec) -> Result<Ports, Denial> {
    let mut ports = Ports::default();
    if let Some(tars) = &spec.tars {
        for (word, list) in [("servant", &tars.servants), ("port", &tars.ports)] {
            for (index, port) in list.iter().enumerate() {
                let field = format!("spec.tars.{word}s[{index}]");
                if port.port == NODE_PORT {
                    let word = if word == "servant" { "servants port" } else { "port" };
                    let reason = format!("{word} value should not equal {NODE_PORT}");
                    let remedy = format!("tarsnode listens on this port in every pod, give {:?} another number", port.name);
                    return Err(Denial::invalid_server("6.1.5", reason, remedy).at(format!("{field}.port")));
                }
                ports.add("6.1.5", word, &field, port)?;
            }
        }
    } else if let Some(normal) = &spec.normal {
        for (index, port) in normal.ports.iter().enumerate() {
            ports.add("6.1.6", "port", &format!("spec.normal.ports[{index}]"), port)?;
        }
    }
    Ok(ports)
}

fn validate_template(request: &Request<'_>, tars: &Tars, facts: &Facts) -> Result<(), Denial> {
    if facts.templates.contains_key(&tars.template) {
        return Ok(());
    }
    let remedy = ".spec.tars.template names it, create it first or name an existing template";
    let missing = Denial::missing("6.1.9", Resource::Template, request.namespace, tars.template.as_str(), remedy);
    Err(missing.at("spec.tars.template"))
}

fn validate_host_ports(k8s: &K8s, ports: &Ports) -> Result<(), Denial> {
    let mut used = Ports::default();
    for (index, host) in k8s.host_ports.iter().enumerate() {
        let deny = |problem: String, member: &str, remedy: &str| {
            Err(Denial::invalid_server("6.1.7", problem, remedy).at(format!("spec.k8s.hostPorts[{index}].{member}")))
        };
        let name = host.name_ref.to_lowercase();
        if !ports.names.contains(&name) {
            let remedy = ".spec.k8s.hostPorts names it, but no servant or port of this server has this name";
            return deny(format!("port name {} not exist", host.name_ref), "nameRef", remedy);
        }
        if !used.names.insert(name) {
            let remedy = "a servant or port can be published once, remove the second entry of .spec.k8s.hostPorts";
            return deny(format!("duplicate nameRef value {}", host.name_ref), "nameRef", remedy);
        }
        if used.numbers.insert(host.port, host.name_ref.clone()).is_some() {
            let remedy = format!("two entries of .spec.k8s.hostPorts have this number, give {:?} another number", host.name_ref);
            return deny(format!("duplicate port value {}", host.port), "port", &remedy);
        }
    }
    Ok(())
}

fn validate_mounts(k8s: &K8s) -> Result<(), Denial> {
    let mut names = BTreeSet::new();
    for (index, mount) in k8s.mounts.iter().enumerate() {
        if !names.insert(mount.name.as_str()) {
            return Err(Denial::invalid_server(
                "6.1.8",
                format!("duplicate .mounts.name value {}", mount.name),
                "give each mount a different name",
            )
            .at(format!("spec.k8s.mounts[{index}].name")));
        }
        let bound = ["tLocalVolume", "persistentVolumeClaimTemplate"].iter().any(|source| mount.source.get(source).is_some());
        if k8s.daemon_set && bound {
            let reason = "can not use TLocalVolume and PersistentVolumeClaimTemplate when .daemonSet value is true";
            let remedy = format!("use hostPath for mount {:?}, or a StatefulSet", mount.name);
            return Err(Denial::invalid_server("6.1.8", reason, remedy).at(format!("spec.k8s.mounts[{index}].source")));
        }
    }
    Ok(())
}

fn validate_mount_names(k8s: &K8s) -> Result<(), Denial> {
    match k8s.mounts.iter().enumerate().find(|(_, mount)| RESERVED_MOUNTS.contains(&mount.name.as_str())) {
        None => Ok(()),
        Some((index, mount)) => {
            let reason = format!(".mounts.name value {} is reserved", mount.name);
            Err(Denial::invalid_server(
                "6.1.15",
                reason,
                "the controller adds a volume of that name to the pods, choose another name",
            )
            .at(format!("spec.k8s.mounts[{index}].name")))
        }
    }
}

/// Lists settings with which no pod can run, although Kubernetes accepts them or the object exists already.
pub(super) fn list_warnings(request: &Request<'_>) -> Vec<Warning> {
    // [`validate`] has refused a spec that does not decode.
    let Ok(spec) = read_spec(request.object) else { return Vec::new() };
    let selectors = spec.k8s.node_selector.iter().enumerate();
    let never = selectors.filter(|(_, selector)| selector.compares_with_text()).map(|(index, selector)| {
        let Selector { key, operator, values } = selector;
        Warning::new("6.1.14", [key, operator, &values.concat()], |[key, operator, value]| {
            format!(
                "spec.k8s.nodeSelector: no node matches {key} {operator} {value}, because the value is no integer; no pod can be scheduled"
            )
        })
        .at(format!("spec.k8s.nodeSelector[{index}]"))
    });
    let long = needs_shorter_name(request.name, &spec).then(|| {
        let limit = names::STATEFUL_SERVER_NAME_LIMIT;
        let text = format!(
            "spec.k8s.daemonSet: the StatefulSet cannot create pods, because the name has {} characters and not at most {limit}; set \
             daemonSet, or create the server under a shorter name",
            request.name.len()
        );
        Warning::fixed("6.1.10", text).at("metadata.name")
    });
    let misfits = list_misfits(request.object).into_iter().map(|member| {
        Warning::fixed(
            "6.1.20",
            format!(
                "metadata.annotations: the member {member} of {CONVERSION_PREFIX}… does not fit the schema and is dropped; correct the \
                 annotation, or write the object in {}",
                Version::CURRENT.as_str()
            ),
        )
        .at("metadata.annotations")
    });
    let faults = if request.operation == Operation::Update { warn_of_faults(request, &spec) } else { Vec::new() };
    let texts = profile::warn_of_profile(request).into_iter().chain(profile::warn_of_sub_type(request.object));
    never.chain(long).chain(misfits).chain(faults).chain(texts).collect()
}

/// Whether the server runs as a StatefulSet whose name is too long for the labels of its pods.
fn needs_shorter_name(name: &str, spec: &Spec) -> bool {
    !spec.k8s.daemon_set && name.len() > names::STATEFUL_SERVER_NAME_LIMIT
}

impl Selector {
    /// Whether the selector compares numbers and has another value. The API server accepts it, and it matches no node.
    fn compares_with_text(&self) -> bool {
        matches!(self.operator.as_str(), "Gt" | "Lt") && self.values.iter().any(|value| value.parse::<i64>().is_err())
    }
}

/// The operator of a node selector must fit its values. The API server has the same rule for pods, but would report it too late, and to
/// the StatefulSet controller instead of the author.
fn validate_selectors(k8s: &K8s) -> Result<(), Denial> {
    for (index, Selector { key, operator, values }) in k8s.node_selector.iter().enumerate() {
        let problem = match operator.as_str() {
            "In" | "NotIn" if values.is_empty() => "needs at least one value",
            "Exists" | "DoesNotExist" if !values.is_empty() => "takes no values",
            "Gt" | "Lt" if values.len() != 1 => "needs exactly one value, an integer",
            "" => "is missing",
            _ => continue,
        };
        let remedy = "correct that entry of .spec.k8s.nodeSelector";
        return Err(Denial::invalid_server(
            "6.1.14",
            format!("operator {operator:?} of node selector {key:?} {problem}"),
            remedy,
        )
        .at(format!("spec.k8s.nodeSelector[{index}]")));
    }
    Ok(())
}
