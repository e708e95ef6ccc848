//! Probes of the main container.

use super::{Port, Problem};
use k8s_openapi::{api::core::v1::Probe, apimachinery::pkg::util::intstr::IntOrString};
use tars_common::v1beta3::TServerSpec;

/// How the kubelet asks the main container.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// Whether it must be restarted.
    pub liveness: Option<Probe>,
    /// Whether it may be sent traffic.
    pub readiness: Option<Probe>,
    /// Whether it has started.
    pub startup: Option<Probe>,
}

/// `ports` are those that a probe may call by name.
pub(super) fn probes(spec: &TServerSpec, ports: &[&Port], problems: &mut Vec<Problem>) -> Probes {
    let k8s = &spec.k8s;
    let mut number = |name: &str, probe: Probe| numbered(probe, &format!("spec.k8s.{name}"), ports, problems);
    Probes {
        liveness: k8s.liveness_probe.as_deref().map(|probe| number("livenessProbe", probe.into())),
        readiness: k8s.readiness_probe.as_deref().map(|probe| number("readinessProbe", probe.into())),
        startup: k8s.startup_probe.as_deref().map(|probe| number("startupProbe", probe.into())),
    }
}

/// The kubelet looks names up among the container's ports, where most servants are missing and all names are in lower case. So
/// it gets numbers.
fn numbered(mut probe: Probe, field: &str, ports: &[&Port], problems: &mut Vec<Problem>) -> Probe {
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
