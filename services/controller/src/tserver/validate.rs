//! From what people wrote to what can be built. Nothing after this step looks at the TServer again.

mod container;
mod mounts;
mod placement;
mod ports;
mod probes;
mod security;

pub use container::Container;
pub use mounts::{ClaimSource, LocalVolume, Mounts};
pub use placement::Placement;
pub use ports::Port;
pub use probes::Probes;
pub use security::Security;

use super::dereference::Found;
use crate::cache::Key;
use serde_json::Value;
use std::collections::BTreeMap;
use tars_common::names::PLACEHOLDER_IMAGE;
use tars_common::v1beta3::{SubType, TServer, TServerSpec};

/// A server that can be built.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Namespace and name of the TServer and of everything derived from it.
    pub key: Key,
    /// Uid of the TServer.
    pub uid: String,
    /// Application, original case.
    pub app: String,
    /// Server, original case.
    pub server: String,
    /// All labels of the TServer.
    pub labels: BTreeMap<String, String>,
    /// `subType: tars`: tarsnode goes in, whatever block is present.
    pub is_tars: bool,
    /// `tars.servants`, names in lower case.
    pub servants: Vec<Port>,
    /// `tars.ports`, then `normal.ports`.
    pub ports: Vec<Port>,
    /// Which build runs.
    pub release: Option<Release>,
    /// Image of the init container.
    pub node_image: String,
    /// Names of pull secrets, in order.
    pub pull_secrets: Vec<String>,
    /// The workload around the pods.
    pub workload: Workload,
    /// The main container.
    pub container: Container,
    /// How the kubelet asks the main container.
    pub probes: Probes,
    /// With which rights the containers run.
    pub security: Security,
    /// Where the pods may run, and what of the node they share.
    pub placement: Placement,
    /// Readiness gates in order.
    pub gates: Vec<String>,
    /// Volumes and claims.
    pub mounts: Mounts,
    /// `spec` of the TEndpoint.
    pub endpoint: Value,
}

/// What was released.
#[derive(Clone, Debug)]
pub struct Release {
    /// Release id.
    pub id: String,
    /// Image of the server.
    pub image: String,
}

/// Which workload runs the pods, with what only that one has.
#[derive(Clone, Debug)]
pub enum Workload {
    /// A StatefulSet.
    StatefulSet {
        /// Number of pods.
        replicas: i32,
        /// `OrderedReady` or `Parallel`.
        policy: &'static str,
        /// `RollingUpdate` with its partition, or `None` for `OnDelete`.
        partition: Option<i32>,
    },
    /// A DaemonSet.
    DaemonSet {
        /// How many pods may be away in a rolling update, or `None` for `OnDelete`.
        max_unavailable: Option<i32>,
    },
}

/// One thing that is wrong with a TServer, as a sentence without full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; {remedy}")]
pub struct Problem {
    /// Path of the field.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    fn new(field: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Turns `server` and what was found around it into something that can be built, or lists everything that is wrong.
pub fn validate(server: &TServer, found: &Found) -> Result<Validated, Vec<Problem>> {
    let (meta, spec) = (&server.metadata, &server.spec);
    let key = Key::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    let mut problems = Vec::new();
    check_name(&key, spec, &mut problems);
    let (servants, ports) = ports::ports(spec, &mut problems);
    let probes = probes::probes(spec, &servants.iter().chain(&ports).collect::<Vec<_>>(), &mut problems);
    let mounts = mounts::mounts(spec, &mut problems);
    let placement = placement::placement(&key, spec, &mut problems);

    if !problems.is_empty() {
        return Err(problems);
    }
    let (node_image, pull_secrets) = images(spec, found);
    Ok(Validated {
        uid: meta.uid.clone().unwrap_or_default(),
        app: spec.app.clone(),
        server: spec.server.clone(),
        labels: meta.labels.clone().unwrap_or_default(),
        is_tars: spec.sub_type == SubType::Tars,
        servants,
        ports,
        release: spec.release.as_ref().map(|release| Release { id: release.id.clone(), image: release.image.clone() }),
        node_image,
        pull_secrets,
        workload: workload(spec),
        container: container::container(spec),
        probes,
        security: security::security(spec),
        placement,
        gates: spec.k8s.readiness_gates.clone(),
        mounts,
        endpoint: endpoint(spec),
        key,
    })
}

/// The name of everything derived is the name of the TServer, and clients compute it from app and server; so they must agree.
fn check_name(key: &Key, spec: &TServerSpec, problems: &mut Vec<Problem>) {
    let wanted = tars_common::names::server_object_name(&spec.app, &spec.server);
    if key.name != wanted {
        let problem = format!("{:?} does not follow from app {:?} and server {:?}", key.name, spec.app, spec.server);
        problems.push(Problem::new("metadata.name", problem, format!("create the TServer as {wanted:?}")));
    }
}

/// How many pods a StatefulSet shall have. Where nobody says, one, as with any StatefulSet; but none before a release.
pub fn replicas(spec: &TServerSpec) -> i32 {
    spec.k8s.replicas.unwrap_or(i32::from(spec.release.is_some()))
}

fn workload(spec: &TServerSpec) -> Workload {
    let rolling = spec.k8s.update_strategy.effective_rolling_update();
    if spec.k8s.daemon_set {
        return Workload::DaemonSet { max_unavailable: rolling.map(|update| update.partition.max(1)) };
    }
    Workload::StatefulSet {
        replicas: replicas(spec),
        policy: spec.k8s.pod_management_policy.as_str(),
        partition: rolling.map(|update| update.partition.max(0)),
    }
}

/// The node image and the pull secrets (docs/reference/controller.md#5).
fn images(spec: &TServerSpec, found: &Found) -> (String, Vec<String>) {
    let stated = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let release = spec.release.as_ref();
    let own_image = release.and_then(|release| stated(&release.node_image));
    let default = found.framework.as_deref();
    let default_image = default.map(|framework| framework.node_image.clone()).filter(|image| !image.trim().is_empty());
    let node_image = own_image.clone().or(default_image).unwrap_or_else(|| PLACEHOLDER_IMAGE.to_owned());

    let mut secrets: Vec<String> = release.and_then(|release| stated(&release.secret)).into_iter().collect();
    if spec.tars.is_some() && own_image.is_some() {
        let own_secret = release.and_then(|release| stated(&release.node_secret));
        let default_secret = default.map(|framework| framework.node_secret.clone()).filter(|secret| !secret.is_empty());
        if let Some(secret) = own_secret.or(default_secret).filter(|secret| !secrets.contains(secret)) {
            secrets.push(secret);
        }
    }
    (node_image, secrets)
}

/// What the registry needs to know of the server: copies (docs/reference/controller.md#4.5).
fn endpoint(spec: &TServerSpec) -> Value {
    let mut copy = serde_json::json!({
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
