//! TServer: ports of the node that several servers use (docs/reference/admission.md#6.1.27). A node has each port once, so a second pod
//! would wait for another node, maybe for ever.

use crate::{
    admission::{
        facts::{Facts, HostPort},
        json,
        request::{Operation, Request},
        warning::Warning,
    },
    names,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The greatest number of warnings about the ports of one object.
const MOST_WARNINGS: usize = 4;

/// Lists the ports of the node that the pods of a TServer use: the published ones, and with the network of the node all of them.
pub fn list_host_ports(server: &Value) -> BTreeSet<HostPort> {
    let own = list_own_ports(server);
    let mut ports: BTreeSet<HostPort> = json::list(server, "/spec/k8s/hostPorts")
        .iter()
        .filter_map(|host| {
            let reference = json::text(host, "/nameRef");
            let tcp = own.iter().find(|(name, _)| name.eq_ignore_ascii_case(reference)).is_none_or(|(_, port)| port.tcp);
            Some(HostPort { number: read_number(host)?, tcp })
        })
        .collect();
    if server.pointer("/spec/k8s/hostNetwork").and_then(Value::as_bool) == Some(true) {
        ports.extend(own.into_iter().map(|(_, port)| port));
        if json::text(server, "/spec/subType") == "tars" {
            ports.insert(HostPort { number: names::port::NODE, tcp: true });
        }
    }
    ports
}

/// The servants and ports of a server, with their names.
fn list_own_ports(server: &Value) -> Vec<(&str, HostPort)> {
    let lists = ["/spec/tars/servants", "/spec/tars/ports", "/spec/normal/ports"];
    let entries = lists.iter().flat_map(|pointer| json::list(server, pointer));
    let port = |entry: &'_ Value| {
        let tcp = entry.get("isTcp").and_then(Value::as_bool).unwrap_or(true);
        Some(HostPort { number: read_number(entry)?, tcp })
    };
    entries.filter_map(|entry| Some((json::text(entry, "/name"), port(entry)?))).collect()
}

fn read_number(entry: &Value) -> Option<u16> {
    entry.get("port").and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0)
}

/// Lists the ports that the request adds.
pub(super) fn list_new_ports(request: &Request<'_>) -> Vec<HostPort> {
    if request.operation == Operation::Delete || request.is_metadata_only() {
        return Vec::new();
    }
    let before = list_host_ports(request.old);
    list_host_ports(request.object).into_iter().filter(|port| !before.contains(port)).collect()
}

/// Names another server for each new port that it uses, too.
pub(super) fn warn_of_host_ports(request: &Request<'_>, facts: &Facts) -> Vec<Warning> {
    let field = if json::list(request.object, "/spec/k8s/hostPorts").is_empty() { "hostNetwork" } else { "hostPorts" };
    let clashes = list_new_ports(request).into_iter().filter_map(|port| Some((port, facts.host_port_users.get(&port)?)));
    let warn = |(port, server): (HostPort, &String)| {
        let warning = Warning::new("6.1.27", [server], |[server]| {
            format!(
                "spec.k8s.{field}: port {port} of the node is also used by tserver {server}; a node has it once, so pods of both need \
                 different nodes"
            )
        });
        warning.at(format!("spec.k8s.{field}"))
    };
    clashes.take(MOST_WARNINGS).map(warn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Query, Resource, list_queries, list_warnings, tests::Fixture};
    use serde_json::json;

    fn server(k8s: &Value) -> Value {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
            "spec": {
                "app": "Trade", "server": "Audit", "subType": "tars", "k8s": k8s,
                "tars": {"template": "t", "servants": [{"name": "AuditObj", "port": 80}], "ports": [{"name": "dns", "port": 53, "isTcp": false}]},
            },
        })
    }

    fn tcp(number: u16) -> HostPort {
        HostPort { number, tcp: true }
    }

    #[test]
    fn published_ports_have_the_protocol_of_what_they_publish() {
        let k8s = json!({"hostPorts": [{"nameRef": "auditobj", "port": 8080}, {"nameRef": "dns", "port": 5353}, {"nameRef": "dns", "port": 0}]});
        let ports = list_host_ports(&server(&k8s));
        assert_eq!(ports, BTreeSet::from([tcp(8080), HostPort { number: 5353, tcp: false }]));
        assert!(list_host_ports(&server(&json!({}))).is_empty());
        let network = list_host_ports(&server(&json!({"hostNetwork": true})));
        assert_eq!(network, BTreeSet::from([tcp(80), tcp(19385), HostPort { number: 53, tcp: false }]));
    }

    #[test]
    fn a_port_of_another_server_draws_a_warning_when_it_is_new() {
        let k8s = json!({"hostPorts": [{"nameRef": "AuditObj", "port": 8080}]});
        let mut fixture = Fixture::create(Resource::Server, server(&k8s));
        assert!(list_queries(&fixture.request()).contains(&Query::HostPorts(vec![tcp(8080)])));
        let warned = |fixture: &Fixture, port: HostPort| {
            let facts = Facts { host_port_users: [(port, "shop/cart-web".to_owned())].into(), ..Facts::default() };
            list_warnings(&fixture.request(), &facts).into_iter().map(|one| one.text).collect::<Vec<_>>()
        };
        let expected = "spec.k8s.hostPorts: port 8080/TCP of the node is also used by tserver shop/cart-web; a node has it once, so pods \
                        of both need different nodes";
        assert_eq!(warned(&fixture, tcp(8080)), [expected]);
        assert_eq!(warned(&fixture, HostPort { number: 8080, tcp: false }), [""; 0], "the protocols have ports of their own");
        fixture.operation = Operation::Update;
        fixture.old = server(&json!({}));
        assert_eq!(warned(&fixture, tcp(8080)), [expected]);
        fixture.old = server(&json!({"hostPorts": [{"nameRef": "AuditObj", "port": 8080}], "daemonSet": true}));
        assert_eq!(warned(&fixture, tcp(8080)), [""; 0], "the port is not new");
        assert!(!list_queries(&fixture.request()).iter().any(|query| matches!(query, Query::HostPorts(_))));
    }
}
