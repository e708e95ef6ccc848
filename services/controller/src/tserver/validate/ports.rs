//! Servants and ports, and which of them the node publishes.

use super::Problem;
use tars_common::{names, v1beta3::TServerSpec};

/// A port that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name, in lower case.
    pub name: String,
    /// Number.
    pub number: i32,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
    /// Port of the node that leads here; never with the host's network.
    pub host_port: Option<i32>,
}

/// Servants, and ports of the `tars` and then of the `normal` block, each in the order of their declaration.
pub(super) fn ports(spec: &TServerSpec, problems: &mut Vec<Problem>) -> (Vec<Port>, Vec<Port>) {
    let port = |name: &str, number: i32, is_tcp: bool| Port {
        name: names::port_name(name),
        number,
        protocol: if is_tcp { "TCP" } else { "UDP" },
        host_port: host_port(spec, name),
    };
    let tars = spec.tars.iter();
    let servants: Vec<_> =
        tars.clone().flat_map(|tars| &tars.servants).map(|servant| port(&servant.name, servant.port, servant.is_tcp)).collect();
    let listed = tars.flat_map(|tars| &tars.ports).chain(spec.normal.iter().flat_map(|normal| &normal.ports));
    let ports: Vec<_> = listed.map(|listed| port(&listed.name, listed.port, listed.is_tcp)).collect();
    for (index, wish) in spec.k8s.host_ports.iter().enumerate() {
        if !servants.iter().chain(&ports).any(|port| port.name.eq_ignore_ascii_case(&wish.name_ref)) {
            problems.push(Problem::new(
                format!("spec.k8s.hostPorts[{index}].nameRef"),
                format!("this server has no servant and no port called {:?}", wish.name_ref),
                "name one that it has, or remove the entry",
            ));
        }
    }
    duplicates(&servants, &ports, problems);
    (servants, ports)
}

/// `nameRef` is compared without regard to case, as admission does. A pod on the host's network listens there anyway.
fn host_port(spec: &TServerSpec, name: &str) -> Option<i32> {
    let wish = spec.k8s.host_ports.iter().find(|wish| wish.name_ref.eq_ignore_ascii_case(name));
    wish.filter(|_| !spec.k8s.host_network).map(|wish| wish.port)
}

/// The API server identifies ports of a Service by number and protocol, and by name.
fn duplicates(servants: &[Port], ports: &[Port], problems: &mut Vec<Problem>) {
    let all: Vec<_> = servants.iter().chain(ports).collect();
    for (index, port) in all.iter().enumerate() {
        let Some(other) = all
            .iter()
            .take(index)
            .find(|other| other.name == port.name || (other.number == port.number && other.protocol == port.protocol))
        else {
            continue;
        };
        problems.push(Problem::new(
            format!("port {:?}", port.name),
            format!("it has the name or the number ({}) of {:?}", port.number, other.name),
            "give each servant and port its own name and number",
        ));
    }
}
