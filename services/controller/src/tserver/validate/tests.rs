//! Each fault in a TServer gets a sentence that names the field, the fault and the remedy.

use crate::tserver::fixtures::{problems, validated};

fn only(spec: &str) -> String {
    let all = problems(spec);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].to_string()
}

#[test]
fn a_name_that_does_not_follow_from_app_and_server_is_refused() {
    let said = only("{ server: Other, normal: {} }");
    assert_eq!(
        said,
        r#"metadata.name: "ledger-audit" does not follow from app "Ledger" and server "Other"; create the TServer as "ledger-other""#
    );
}

#[test]
fn a_duplicate_port_is_refused_but_tcp_and_udp_may_share_a_number() {
    let said = only("{ normal: { ports: [ { name: a, port: 80 }, { name: b, port: 80 } ] } }");
    assert!(said.contains("port \"b\"") && said.contains("\"a\""), "{said}");
    validated("{ normal: { ports: [ { name: a, port: 53 }, { name: b, port: 53, isTcp: false } ] } }");
    let said = only("{ tars: { template: t, servants: [ { name: AObj, port: 1 }, { name: aobj, port: 2 } ] } }");
    assert!(said.contains("aobj"), "{said}");
}

#[test]
fn a_host_port_needs_a_port_to_lead_to() {
    let said = only("{ normal: { ports: [ { name: a, port: 80 } ] }, k8s: { hostPorts: [ { nameRef: b, port: 8080 } ] } }");
    assert!(said.starts_with("spec.k8s.hostPorts[0].nameRef: this server has no servant and no port called \"b\""), "{said}");
}

#[test]
fn mounts_must_be_complete_which_the_schema_does_not_check() {
    let said: Vec<_> = problems("{ normal: {}, k8s: { mounts: [ {} ] } }").iter().map(|problem| problem.field.clone()).collect();
    assert_eq!(said, ["spec.k8s.mounts[0].name", "spec.k8s.mounts[0].mountPath", "spec.k8s.mounts[0].source"]);
    let twice = "{ normal: {}, k8s: { mounts: [ { name: a, mountPath: /a, source: { emptyDir: {} } }, { name: a, mountPath: /b, source: { emptyDir: {} } } ] } }";
    assert!(only(twice).contains("another mount is called \"a\""));
    assert!(
        only("{ normal: {}, k8s: { mounts: [ { name: A, mountPath: /a, source: { emptyDir: {} } } ] } }").contains("use \"a\"")
    );
}

#[test]
fn a_node_selector_must_have_key_and_operator() {
    assert!(only("{ normal: {}, k8s: { nodeSelector: [ { key: zone } ] } }").contains("key or operator is missing"));
}

#[test]
fn node_labels_that_no_node_can_carry_are_refused_where_required_and_left_out_where_preferred() {
    let long = "A".repeat(40);
    let names = |mode: &str| format!("{{ app: {long}, server: {long}, normal: {{}}, k8s: {{ abilityAffinity: {mode} }} }}");
    let said = problems(&names("ServerRequired"));
    assert!(said.iter().any(|problem| problem.field == "spec.k8s.abilityAffinity"), "{said:?}");
    let said = problems(&names("AppOrServerPreferred"));
    assert!(said.iter().all(|problem| problem.field == "metadata.name"), "{said:?}");
}

#[test]
fn a_probe_needs_a_port_that_the_server_has() {
    let said = only("{ normal: { ports: [ { name: a, port: 80 } ] }, k8s: { readinessProbe: { httpGet: { port: b } } } }");
    assert!(
        said.starts_with("spec.k8s.readinessProbe.httpGet.port: this server has no servant and no port called \"b\";"),
        "{said}"
    );
    let number = "{ normal: { ports: [ { name: a, port: 80 } ] }, k8s: { livenessProbe: { tcpSocket: { port: '80' } } } }";
    assert!(only(number).ends_with("or write a number without quotes"));
    validated("{ normal: {}, k8s: { startupProbe: { tcpSocket: { port: 80 } } } }");
}

#[test]
fn a_key_that_tars_or_kubernetes_sets_on_pods_is_refused() {
    let said = only("{ normal: {}, k8s: { podLabels: { tars.io/ServerID: v2, team: blue } } }");
    assert_eq!(
        said,
        r#"spec.k8s.podLabels: Tars and Kubernetes set "tars.io/ServerID" on pods themselves; use a key with a domain of yours"#
    );
    assert!(only("{ normal: {}, k8s: { podAnnotations: { k8s.tars.io/x: note } } }").starts_with("spec.k8s.podAnnotations: "));
}

#[test]
fn all_problems_are_reported_together() {
    let all = problems("{ server: Other, normal: { ports: [ { name: a, port: 1 }, { name: a, port: 2 } ] } }");
    assert_eq!(all.len(), 2);
}

#[test]
fn the_init_container_is_always_pulled_unless_the_server_says_otherwise() {
    let policy = |k8s: &str| validated(&format!("{{ normal: {{}}, k8s: {{ {k8s} }} }}")).container.pull_policy;
    assert_eq!(policy(""), "Always");
    assert_eq!(policy("imagePullPolicy: IfNotPresent"), "IfNotPresent");
    assert_eq!(policy("imagePullPolicy: Never"), "Never");
}
