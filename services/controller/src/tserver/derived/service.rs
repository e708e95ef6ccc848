//! The headless Service: a DNS name for each ready pod.

use super::{
    metadata::{build_metadata, build_selector, unless_empty},
    recipe::{Facts, Recipe, Upkeep},
};
use crate::{
    engine::packed::Packer,
    tserver::validate::{Validated, Workload},
};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

pub static SERVICE: Recipe = Recipe {
    build: |server| match server.workload {
        Workload::StatefulSet(_) => serde_json::to_value(build_service(server)).map(Some),
        Workload::DaemonSet(_) => Ok(None),
    },
    upkeep: Upkeep::Apply,
    packer: Packer::new(),
    read: |_| Facts::None,
};

/// Servants come first, then ports, each in the order of their declaration. Host ports do not matter here.
fn build_service(server: &Validated) -> Service {
    let ports = server.servants.iter().chain(&server.ports).map(|port| ServicePort {
        name: Some(port.name.clone()),
        port: port.number,
        protocol: Some(port.protocol.to_owned()),
        target_port: Some(IntOrString::Int(port.number)),
        ..ServicePort::default()
    });
    Service {
        metadata: build_metadata(server),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            selector: Some(build_selector(server)),
            ports: unless_empty(ports.collect()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
