//! Servants and ports, and the ports of the node that lead to them.

use crate::tserver::problem::Problem;
use tars_common::{names, v1beta3::TServerSpec};

/// A port that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name in lower case.
    pub name: String,
    pub number: i32,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
    /// The port of the node that leads here; always `None` on the network of the host.
    pub published: Option<i32>,
}

/// Returns the servants, and the ports of the `tars` block followed by those of the `normal` block, in the order of declaration.
pub fn validate_ports(spec: &TServerSpec, problems: &mut Vec<Problem>) -> (Vec<Port>, Vec<Port>) {
    let port = |name: &str, number: i32, is_tcp: bool| Port {
        name: names::port_name(name),
        number,
        protocol: if is_tcp { "TCP" } else { "UDP" },
        published: find_host_port(spec, name),
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
    find_duplicates(&servants, &ports, problems);
    (servants, ports)
}

/// Compares `nameRef` without regard to case, as admission does. A pod on the network of the host needs no host port.
fn find_host_port(spec: &TServerSpec, name: &str) -> Option<i32> {
    let wish = spec.k8s.host_ports.iter().find(|wish| wish.name_ref.eq_ignore_ascii_case(name));
    wish.filter(|_| !spec.k8s.host_network).map(|wish| wish.port)
}

/// The API server identifies ports of a Service by number and protocol, and by name.
fn find_duplicates(servants: &[Port], ports: &[Port], problems: &mut Vec<Problem>) {
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
            format!("the port {:?} has the same name or the same number ({})", other.name, port.number),
            "give each servant and port its own name and number",
        ));
    }
}
