//! Turns a TServer into values that need no further decision, or lists everything that is wrong with it.
//!
//! The derived objects are built from the result alone. Only the status and the checks of the conditions read the TServer again.

mod container;
mod mounts;
mod placement;
mod pod_metadata;
mod ports;

pub use container::{Container, Probes, Security};
pub use mounts::{ClaimSource, LocalVolume, Mounts};
pub use placement::Placement;
pub use pod_metadata::PodMetadata;
pub use ports::Port;

use super::{defaults::Defaults, problem::Problem, replicas::Replicas};
use crate::{engine::cache::Key, views::FrameworkView};
use container::{build_container, build_security, validate_probes};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use mounts::validate_mounts;
use placement::validate_placement;
use pod_metadata::validate_pod_metadata;
use ports::validate_ports;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tars_common::{
    names::{PLACEHOLDER_IMAGE, server_object_name},
    v1beta3::{SubType, TServer, TServerSpec},
};

/// A TServer without faults. The derived objects are built from these values.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Namespace and name of the TServer and of everything derived from it.
    pub key: Key,
    pub uid: String,
    /// The application in its original case.
    pub app: String,
    /// The server in its original case.
    pub server: String,
    /// The defaults by which the pod template is built.
    pub defaults: Defaults,
    /// All labels of the TServer.
    pub labels: BTreeMap<String, String>,
    /// Whether tarsnode runs in the pods: `subType: tars`, whichever block is present.
    pub is_tars: bool,
    /// `tars.servants`, names in lower case.
    pub servants: Vec<Port>,
    /// `tars.ports`, then `normal.ports`.
    pub ports: Vec<Port>,
    pub release: Option<Release>,
    /// The image of the init container.
    pub node_image: String,
    /// The names of the pull secrets, in order.
    pub pull_secrets: Vec<String>,
    pub workload: Workload,
    pub container: Container,
    pub probes: Probes,
    pub security: Security,
    pub placement: Placement,
    pub pod_metadata: PodMetadata,
    /// The readiness gates, in order.
    pub gates: Vec<String>,
    pub mounts: Mounts,
    /// Whether the pods mount the time zone of their node.
    pub host_timezone: bool,
    /// How many pods a voluntary disruption may take; `None` for no limit.
    pub disruption_limit: Option<IntOrString>,
    /// The `spec` of the TEndpoint.
    pub endpoint: Value,
}

#[derive(Clone, Debug)]
pub struct Release {
    pub id: String,
    pub image: String,
}

/// The workload that runs the pods, with the settings that only this one has.
#[derive(Clone, Debug)]
pub enum Workload {
    StatefulSet(StatefulSetSettings),
    DaemonSet(DaemonSetSettings),
}

#[derive(Clone, Debug)]
pub struct StatefulSetSettings {
    pub replicas: i32,
    /// `OrderedReady` or `Parallel`.
    pub policy: &'static str,
    /// The partition of `RollingUpdate`, or `None` for `OnDelete`.
    pub partition: Option<i32>,
}

#[derive(Clone, Debug)]
pub struct DaemonSetSettings {
    /// How many pods may be away during a `RollingUpdate`, or `None` for `OnDelete`.
    pub max_unavailable: Option<i32>,
}

/// Validates `server` with the settings of its framework. `find_running` finds the node image of the workload that runs; it is asked only
/// when nothing else names one.
pub fn validate(
    server: &TServer,
    framework: Option<&FrameworkView>,
    find_running: impl FnOnce() -> Option<String>,
) -> Result<Validated, Vec<Problem>> {
    let (meta, spec) = (&server.metadata, &server.spec);
    let key = Key::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    let mut problems = Vec::new();
    validate_name(&key, spec, &mut problems);
    let (servants, ports) = validate_ports(spec, &mut problems);
    let probes = validate_probes(spec, &servants.iter().chain(&ports).collect::<Vec<_>>(), &mut problems);
    let mounts = validate_mounts(spec, &mut problems);
    let placement = validate_placement(&key, spec, &mut problems);
    let pod_metadata = validate_pod_metadata(spec, &mut problems);

    if !problems.is_empty() {
        return Err(problems);
    }
    let (node_image, pull_secrets) = choose_images(spec, framework, find_running);
    Ok(Validated {
        uid: meta.uid.clone().unwrap_or_default(),
        app: spec.app.clone(),
        server: spec.server.clone(),
        defaults: Defaults::NEWEST,
        labels: meta.labels.clone().unwrap_or_default(),
        is_tars: spec.sub_type == SubType::Tars,
        servants,
        ports,
        release: spec.release.as_ref().map(|release| Release { id: release.id.clone(), image: release.image.clone() }),
        node_image,
        pull_secrets,
        workload: choose_workload(server),
        container: build_container(spec),
        probes,
        security: build_security(spec),
        placement,
        pod_metadata,
        gates: spec.k8s.readiness_gates.clone(),
        mounts,
        host_timezone: spec.k8s.host_timezone.or_else(|| framework?.host_timezone).unwrap_or(true),
        disruption_limit: spec.k8s.disruption.as_ref().map(|disruption| disruption.max_unavailable.clone()),
        endpoint: copy_for_registry(spec),
        key,
    })
}

/// Derived objects have the name of the TServer, and clients compute that name from app and server. So both must agree.
fn validate_name(key: &Key, spec: &TServerSpec, problems: &mut Vec<Problem>) {
    let wanted = server_object_name(&spec.app, &spec.server);
    if key.name != wanted {
        let problem = format!("{:?} does not follow from app {:?} and server {:?}", key.name, spec.app, spec.server);
        problems.push(Problem::new("metadata.name", problem, format!("create the TServer as {wanted:?}")));
    }
}

fn choose_workload(server: &TServer) -> Workload {
    let spec = &server.spec;
    let rolling = spec.k8s.update_strategy.effective_rolling_update();
    if spec.k8s.daemon_set {
        return Workload::DaemonSet(DaemonSetSettings { max_unavailable: rolling.map(|update| update.partition.max(1)) });
    }
    Workload::StatefulSet(StatefulSetSettings {
        replicas: Replicas::of(server).count,
        policy: spec.k8s.pod_management_policy.as_str(),
        partition: rolling.map(|update| update.partition.max(0)),
    })
}

/// The image of tarsnode and the pull secrets (docs/reference/controller.md#5).
fn choose_images(
    spec: &TServerSpec,
    framework: Option<&FrameworkView>,
    find_running: impl FnOnce() -> Option<String>,
) -> (String, Vec<String>) {
    let stated = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let release = spec.release.as_ref();
    let own_image = release.and_then(|release| stated(&release.node_image));
    let default_image = framework.map(|framework| framework.node_image.clone()).filter(|image| !image.trim().is_empty());
    let node_image = own_image.clone().or(default_image).or_else(find_running).unwrap_or_else(|| PLACEHOLDER_IMAGE.to_owned());

    let mut secrets: Vec<String> = release.and_then(|release| stated(&release.secret)).into_iter().collect();
    if spec.tars.is_some() && own_image.is_some() {
        let own_secret = release.and_then(|release| stated(&release.node_secret));
        let default_secret = framework.map(|framework| framework.node_secret.clone()).filter(|secret| !secret.is_empty());
        if let Some(secret) = own_secret.or(default_secret).filter(|secret| !secrets.contains(secret)) {
            secrets.push(secret);
        }
    }
    (node_image, secrets)
}

/// Copies the fields that the registry needs into the `spec` of the TEndpoint (docs/reference/controller.md#4.5).
fn copy_for_registry(spec: &TServerSpec) -> Value {
    let mut copy = json!({
        "app": spec.app, "server": spec.server, "subType": spec.sub_type.as_str(), "important": spec.important,
        "tars": spec.tars, "normal": spec.normal, "release": spec.release, "hostPorts": spec.k8s.host_ports,
    });
    if let Some(fields) = copy.as_object_mut() {
        fields.retain(|name, value| !(value.is_null() || name == "hostPorts" && value.as_array().is_some_and(Vec::is_empty)));
    }
    copy
}

#[cfg(test)]
mod tests;
