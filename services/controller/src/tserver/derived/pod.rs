//! The pod template (docs/reference/controller.md#5).

use super::metadata::{build_selector, unless_empty};
use crate::tserver::validate::{Port, Validated};
use k8s_openapi::{
    api::core::v1::{
        Affinity, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, HostPathVolumeSource,
        LocalObjectReference, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectFieldSelector,
        PodAffinityTerm, PodAntiAffinity, PodDNSConfig, PodDNSConfigOption, PodReadinessGate, PodSpec, PodTemplateSpec,
        PreferredSchedulingTerm, Volume, VolumeMount,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use tars_common::names::{
    self, NODE_CONTAINER, NODE_WORK_PATH, NODE_WORK_VOLUME, PLACEHOLDER_IMAGE, TIMEZONE_PATH, TIMEZONE_VOLUME, label,
};

pub fn build_pod_template(server: &Validated) -> PodTemplateSpec {
    // Our own labels come last, so that they win.
    let mut labels = server.pod_metadata.labels.clone();
    labels.extend(build_selector(server));
    if let Some(release) = &server.release {
        labels.insert(label::SERVER_ID.to_owned(), release.id.clone());
    }
    let secrets = server.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    let gates = server.gates.iter().map(|gate| PodReadinessGate { condition_type: gate.clone() }).collect();
    let placement = &server.placement;
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            name: Some(server.key.name.clone()),
            labels: Some(labels),
            annotations: Some(server.pod_metadata.annotations.clone()).filter(|annotations| !annotations.is_empty()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            restart_policy: Some("Always".to_owned()),
            dns_policy: Some(if placement.host_network { "ClusterFirstWithHostNet" } else { "ClusterFirst" }.to_owned()),
            dns_config: Some(PodDNSConfig {
                options: Some(vec![PodDNSConfigOption { name: Some("ndots".to_owned()), value: Some("2".to_owned()) }]),
                ..PodDNSConfig::default()
            }),
            enable_service_links: Some(false),
            service_account_name: server.container.service_account.clone(),
            host_network: placement.host_network.then_some(true),
            host_ipc: placement.host_ipc.then_some(true),
            security_context: server.security.pod.clone(),
            image_pull_secrets: unless_empty(secrets),
            readiness_gates: unless_empty(gates),
            affinity: Some(build_affinity(server)),
            tolerations: unless_empty(placement.tolerations.clone()),
            priority_class_name: placement.priority_class.clone(),
            scheduler_name: placement.scheduler.clone(),
            termination_grace_period_seconds: server.container.grace_seconds,
            volumes: unless_empty(build_volumes(server)),
            init_containers: server.is_tars.then(|| vec![build_tarsnode(server)]),
            containers: vec![build_main_container(server)],
            ..PodSpec::default()
        }),
    }
}

fn build_main_container(server: &Validated) -> Container {
    let container = &server.container;
    let mut mounts = server.mounts.places.clone();
    if server.host_timezone {
        mounts.push(build_mount(TIMEZONE_VOLUME, TIMEZONE_PATH));
    }
    if server.is_tars {
        mounts.push(build_mount(NODE_WORK_VOLUME, NODE_WORK_PATH));
    }
    Container {
        name: server.key.name.clone(),
        image: Some(server.release.as_ref().map_or(PLACEHOLDER_IMAGE, |release| &release.image).to_owned()),
        image_pull_policy: Some(container.pull_policy.to_owned()),
        command: unless_empty(container.command.clone()),
        args: unless_empty(container.args.clone()),
        working_dir: container.working_dir.clone(),
        env: unless_empty(container.env.clone()),
        env_from: unless_empty(container.env_from.clone()),
        resources: container.resources.clone(),
        liveness_probe: server.probes.liveness.clone(),
        readiness_probe: server.probes.readiness.clone(),
        startup_probe: server.probes.startup.clone(),
        security_context: server.security.main.clone(),
        ports: unless_empty(build_ports(server)),
        volume_mounts: unless_empty(mounts),
        termination_message_policy: server.defaults.termination_message_policy(),
        ..Container::default()
    }
}

/// Ports come first, then the servants that the node publishes. Other servants are reached by address and need no entry.
fn build_ports(server: &Validated) -> Vec<ContainerPort> {
    let entry = |port: &Port, name: String| ContainerPort {
        name: Some(name),
        container_port: port.number,
        host_port: port.published,
        protocol: Some(port.protocol.to_owned()),
        host_ip: None,
    };
    let ports = server.ports.iter().map(|port| entry(port, port.name.clone()));
    let servants = server.servants.iter().filter_map(|servant| Some((servant, servant.published?)));
    ports.chain(servants.map(|(servant, host)| entry(servant, names::host_port_name(host, servant.number)))).collect()
}

/// The init container that lays out the files of tarsnode in the work directory (docs/reference/controller.md#5).
fn build_tarsnode(server: &Validated) -> Container {
    let mut env = vec![
        env_from_field("Namespace", "metadata.namespace"),
        env_from_field("PodName", "metadata.name"),
        env_from_field("PodIP", "status.podIP"),
        env_value("ServerApp", &server.app),
        env_value("ServerName", &server.server),
    ];
    env.extend(server.container.launcher.map(|launcher| env_value("LauncherType", launcher)));
    Container {
        name: NODE_CONTAINER.to_owned(),
        image: Some(server.node_image.clone()),
        image_pull_policy: Some(server.defaults.node_pull_policy(server.container.pull_policy)),
        env: Some(env),
        security_context: server.security.node.clone(),
        volume_mounts: Some(vec![build_mount(NODE_WORK_VOLUME, NODE_WORK_PATH)]),
        termination_message_policy: server.defaults.termination_message_policy(),
        ..Container::default()
    }
}

fn env_value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

fn env_from_field(name: &str, path: &str) -> EnvVar {
    let field_ref = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: path.to_owned() };
    let source = EnvVarSource { field_ref: Some(field_ref), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

fn build_mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn build_volumes(server: &Validated) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = server.mounts.volumes.clone();
    if server.host_timezone {
        volumes.push(Volume {
            name: TIMEZONE_VOLUME.to_owned(),
            host_path: Some(HostPathVolumeSource { path: TIMEZONE_PATH.to_owned(), type_: None }),
            ..Volume::default()
        });
    }
    if server.is_tars {
        volumes.push(Volume {
            name: NODE_WORK_VOLUME.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        });
    }
    volumes
}

fn build_affinity(server: &Validated) -> Affinity {
    let placement = &server.placement;
    let term = |requirements| NodeSelectorTerm { match_expressions: Some(requirements), match_fields: None };
    let preferred = placement.preferred.iter().map(|(weight, key)| PreferredSchedulingTerm {
        weight: *weight,
        preference: term(vec![NodeSelectorRequirement { key: key.clone(), operator: "Exists".to_owned(), values: None }]),
    });
    let apart = PodAffinityTerm {
        label_selector: Some(LabelSelector { match_labels: Some(build_selector(server)), match_expressions: None }),
        namespaces: Some(vec![server.key.namespace.clone()]),
        topology_key: "kubernetes.io/hostname".to_owned(),
        ..PodAffinityTerm::default()
    };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term(placement.required.clone())],
            }),
            preferred_during_scheduling_ignored_during_execution: unless_empty(preferred.collect()),
        }),
        pod_anti_affinity: placement.spread.then(|| PodAntiAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![apart]),
            preferred_during_scheduling_ignored_during_execution: None,
        }),
        pod_affinity: None,
    }
}
