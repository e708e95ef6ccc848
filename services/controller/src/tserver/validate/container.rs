//! The main container with its probes and its rights, and the settings that the init container shares with it.

use super::ports::Port;
use crate::tserver::problem::Problem;
use k8s_openapi::{
    api::core::v1::{Capabilities, EnvFromSource, EnvVar, PodSecurityContext, Probe, ResourceRequirements, SecurityContext},
    apimachinery::pkg::util::intstr::IntOrString,
};
use tars_common::v1beta3::{self, LauncherType, TServerSpec};

/// The main container.
#[derive(Clone, Debug)]
pub struct Container {
    /// Empty for the command of the image.
    pub command: Vec<String>,
    pub args: Vec<String>,
    /// The environment; each name occurs once.
    pub env: Vec<EnvVar>,
    pub env_from: Vec<EnvFromSource>,
    pub resources: Option<ResourceRequirements>,
    pub pull_policy: &'static str,
    /// The value of `LauncherType` for the init container; `None` for the default.
    pub launcher: Option<&'static str>,
    pub service_account: Option<String>,
    /// `None` for the directory of the image.
    pub working_dir: Option<String>,
    /// How long the containers may take to stop; `None` for the default of Kubernetes.
    pub grace_seconds: Option<i64>,
}

pub fn build_container(spec: &TServerSpec) -> Container {
    let k8s = &spec.k8s;
    let resources = ResourceRequirements::from(&k8s.resources);
    Container {
        command: k8s.command.clone(),
        args: k8s.args.clone(),
        env: keep_last_of_each(k8s.env.iter().map(Into::into).collect()),
        env_from: k8s.env_from.iter().map(copy_env_from).collect(),
        resources: Some(resources).filter(|resources| resources.limits.is_some() || resources.requests.is_some()),
        pull_policy: k8s.image_pull_policy.as_str(),
        launcher: (k8s.launcher_type != LauncherType::default()).then(|| k8s.launcher_type.as_str()),
        service_account: k8s.service_account.clone().filter(|name| !name.is_empty()),
        working_dir: k8s.working_dir.clone().filter(|path| !path.is_empty()),
        grace_seconds: k8s.termination_grace_period_seconds,
    }
}

fn copy_env_from(source: &v1beta3::EnvFromSource) -> EnvFromSource {
    let mut source = EnvFromSource::from(source);
    source.prefix = source.prefix.filter(|prefix| !prefix.is_empty());
    source
}

/// Server-side apply identifies variables by name and refuses a name that occurs twice. The kubelet takes the last one, and so does
/// this function. It also fills in the default that the API server would fill in, so that the stored object equals the sent one.
fn keep_last_of_each(env: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut kept: Vec<EnvVar> = Vec::with_capacity(env.len());
    for mut variable in env {
        kept.retain(|earlier| earlier.name != variable.name);
        variable.value = variable.value.filter(|value| !value.is_empty());
        if let Some(field) = variable.value_from.as_mut().and_then(|from| from.field_ref.as_mut()) {
            field.api_version.get_or_insert_with(|| "v1".to_owned());
        }
        kept.push(variable);
    }
    kept
}

/// The probes of the main container.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    pub liveness: Option<Probe>,
    pub readiness: Option<Probe>,
    pub startup: Option<Probe>,
}

/// Copies the probes of `spec`. A probe may refer to one of `ports` by its name.
pub fn validate_probes(spec: &TServerSpec, ports: &[&Port], problems: &mut Vec<Problem>) -> Probes {
    let k8s = &spec.k8s;
    let mut resolve = |name: &str, probe: Probe| resolve_port_names(probe, &format!("spec.k8s.{name}"), ports, problems);
    Probes {
        liveness: k8s.liveness_probe.as_deref().map(|probe| resolve("livenessProbe", probe.into())),
        readiness: k8s.readiness_probe.as_deref().map(|probe| resolve("readinessProbe", probe.into())),
        startup: k8s.startup_probe.as_deref().map(|probe| resolve("startupProbe", probe.into())),
    }
}

/// Replaces names of ports by numbers. The kubelet would look a name up among the ports of the container, which lack most servants
/// and have only names in lower case.
fn resolve_port_names(mut probe: Probe, field: &str, ports: &[&Port], problems: &mut Vec<Problem>) -> Probe {
    let named = [
        ("httpGet", probe.http_get.as_mut().map(|http| &mut http.port)),
        ("tcpSocket", probe.tcp_socket.as_mut().map(|tcp| &mut tcp.port)),
    ];
    for (handler, port) in named {
        let Some(port) = port else { continue };
        let IntOrString::String(name) = &*port else { continue };
        match ports.iter().find(|known| known.name.eq_ignore_ascii_case(name)) {
            Some(known) => *port = IntOrString::Int(known.number),
            None => problems.push(Problem::new(
                format!("{field}.{handler}.port"),
                format!("this server has no servant and no port called {name:?}"),
                "name one that it has, or write a number without quotes",
            )),
        }
    }
    probe
}

/// The security contexts of a pod and its containers. An empty security context is treated as absent.
#[derive(Clone, Debug, Default)]
pub struct Security {
    pub pod: Option<PodSecurityContext>,
    pub main: Option<SecurityContext>,
    /// The init container of tarsnode.
    pub node: Option<SecurityContext>,
}

pub fn build_security(spec: &TServerSpec) -> Security {
    let pod = spec.k8s.pod_security_context.as_deref().map(PodSecurityContext::from);
    let main = spec.k8s.security_context.as_deref().map(SecurityContext::from);
    let node = main.as_ref().map(without_grants);
    Security { pod: pod.filter(is_stated), main: main.filter(is_stated), node: node.filter(is_stated) }
}

/// The context of the init container: that of the main container, without privilege and without added capabilities.
///
/// - The namespace may enforce the Pod Security Standard `restricted`. It requires `allowPrivilegeEscalation: false` and
///   `capabilities.drop: [ALL]` of every container, and the pod as a whole cannot state either. If only the main container had a
///   context, a Tars server would get no pods.
/// - Both containers write to the work directory of tarsnode, so they should run as the same user.
/// - The init container copies files into a volume, for which it needs no privilege and no capability.
fn without_grants(context: &SecurityContext) -> SecurityContext {
    let dropped = context.capabilities.as_ref().and_then(|capabilities| capabilities.drop.clone());
    SecurityContext {
        privileged: None,
        capabilities: dropped.map(|drop| Capabilities { add: None, drop: Some(drop) }),
        ..context.clone()
    }
}

fn is_stated<T: Default + PartialEq>(context: &T) -> bool {
    *context != T::default()
}
