//! TServer: settings with which no pod can be made or started. The existing webhook accepts them, and the API server or the kubelet
//! refuses the pods later, so only the status of the TServer would say so (docs/reference/admission.md#6.1.21 and following).
//!
//! A new TServer with a fault is refused. An update is accepted with a warning, because the object was accepted before.

use super::spec::{Mount, Spec};
use crate::{
    admission::{denial::Denial, json, request::Request, warning::Warning},
    file_mode::parse_mode,
    kube_syntax::{is_dns_label, is_dns_subdomain, is_qualified_name},
    names::label,
    node_labels::{can_exist, find_pool},
    v1beta3::AbilityAffinity,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// The greatest number of warnings about the faults of one object.
const MOST_WARNINGS: usize = 8;

/// One such setting.
pub(super) struct Fault {
    rule: &'static str,
    field: String,
    /// The problem, with the field.
    problem: String,
    remedy: String,
}

impl Fault {
    fn new(rule: &'static str, field: impl Into<String>, problem: String, remedy: impl Into<String>) -> Self {
        Self { rule, field: field.into(), problem, remedy: remedy.into() }
    }

    fn deny(self) -> Denial {
        Denial::invalid_server(self.rule, self.problem, self.remedy).at(self.field)
    }

    fn warn(&self) -> Warning {
        Warning::new(self.rule, [&self.problem], |[problem]| format!("{problem}: no pod can run; {}", self.remedy))
            .at(&self.field)
    }
}

/// Refuses a new TServer with a fault.
pub(super) fn refuse_faults(request: &Request<'_>, spec: &Spec) -> Result<(), Denial> {
    list_faults(request, spec).into_iter().next().map_or(Ok(()), |fault| Err(fault.deny()))
}

/// Warns about the faults of a TServer that exists.
pub(super) fn warn_of_faults(request: &Request<'_>, spec: &Spec) -> Vec<Warning> {
    list_faults(request, spec).iter().take(MOST_WARNINGS).map(Fault::warn).collect()
}

fn list_faults(request: &Request<'_>, spec: &Spec) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut paths = BTreeSet::new();
    for (index, mount) in spec.k8s.mounts.iter().enumerate() {
        let field = format!(".spec.k8s.mounts[{index}]");
        check_mount(&field, mount, &mut faults);
        if !mount.path.is_empty() && !paths.insert(mount.path.as_str()) {
            let problem = format!("{field}.mountPath value {} occurs twice", mount.path);
            faults.push(Fault::new("6.1.24", format!("{field}.mountPath"), problem, "mount each volume in a place of its own"));
        }
    }
    check_gates(request.object, &mut faults);
    let account = &spec.k8s.service_account;
    if !account.is_empty() && !is_dns_subdomain(account) {
        let remedy = "write the name of a service account, which has lower-case letters, digits, '-' and '.'";
        faults.push(Fault::new(
            "6.1.23",
            ".spec.k8s.serviceAccount",
            format!(".spec.k8s.serviceAccount value {account} is no name"),
            remedy,
        ));
    }
    check_node_labels(request.namespace, spec, &mut faults);
    faults
}

fn check_mount(field: &str, mount: &Mount, faults: &mut Vec<Fault>) {
    let mut add = |problem: String, remedy: &str| faults.push(Fault::new("6.1.24", field, problem, remedy));
    if !is_dns_label(&mount.name) {
        let remedy = "name the volume with at most 63 lower-case letters, digits and inner '-'";
        add(format!("{field}.name value {} is no name of a volume", mount.name), remedy);
    }
    if mount.path.is_empty() {
        add(format!("{field}.mountPath is missing"), "say where to mount the volume");
    }
    if !mount.source.as_object().is_some_and(|source| source.values().any(|kind| !kind.is_null())) {
        add(format!("{field}.source is missing"), "state the volume, for example emptyDir: {}");
    }
    if !mount.sub_path.is_empty() && !mount.sub_path_expr.is_empty() {
        add(format!("{field} has subPath and subPathExpr"), "remove one of them");
    }
    for (name, path) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            add(format!("{field}.{name} value {path} leaves the volume"), "write a path below the volume, without '..'");
        }
    }
    let mode = json::text(&mount.source, "/tLocalVolume/mode");
    if let Err(error) = parse_mode(mode) {
        let problem = format!("{field}.source.tLocalVolume.mode value {mode} is no mode");
        faults.push(Fault::new("6.1.21", format!("{field}.source.tLocalVolume.mode"), problem, error.to_string()));
    }
}

/// v1beta3 has a list of gates, older versions have one.
fn check_gates(object: &Value, faults: &mut Vec<Fault>) {
    let first = json::text(object, "/spec/k8s/readinessGate");
    let listed = json::list(object, "/spec/k8s/readinessGates").iter().filter_map(Value::as_str);
    for gate in Some(first).filter(|gate| !gate.is_empty()).into_iter().chain(listed) {
        if !is_qualified_name(gate) {
            let problem = format!(".spec.k8s readiness gate {gate} is no name of a condition");
            faults.push(Fault::new(
                "6.1.22",
                ".spec.k8s",
                problem,
                "write the type of a pod condition, such as example.com/ready",
            ));
        }
    }
}

/// Pods of the server need nodes with these labels, so the keys must be possible.
fn check_node_labels(namespace: &str, spec: &Spec, faults: &mut Vec<Fault>) {
    let affinity = if spec.k8s.daemon_set { AbilityAffinity::None } else { read_affinity(&spec.k8s.ability_affinity) };
    let pool = find_pool(namespace, &spec.app, &spec.server, affinity);
    for (field, key, remedy) in [
        (".metadata.namespace", Some(label::node(namespace)), "use a namespace with a shorter name"),
        (".spec.k8s.abilityAffinity", pool, "use another value, or shorter names of namespace, app and server"),
    ] {
        if let Some(key) = key.filter(|key| !can_exist(key)) {
            let problem =
                format!("{field} asks for nodes with the label {key}, which has more than 63 characters after the slash");
            faults.push(Fault::new("6.1.25", field, problem, remedy));
        }
    }
}

/// A value that does not exist is left to the schema.
fn read_affinity(text: &str) -> AbilityAffinity {
    AbilityAffinity::deserialize(Value::from(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Facts, Operation, Resource, list_warnings, tests::Fixture, validate};
    use serde_json::json;

    fn server(k8s: &Value) -> Value {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-web"},
            "spec": {"app": "Trade", "server": "Web", "subType": "normal", "normal": {"ports": []}, "k8s": k8s},
        })
    }

    fn mount(change: &Value) -> Value {
        let mut mount = json!({"name": "data", "mountPath": "/data", "source": {"emptyDir": {}}});
        mount.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"mounts": [mount]})
    }

    /// Settings, the rule that they break, and the beginning of the message; no rule for settings just inside of it.
    fn cases() -> Vec<(Value, &'static str, &'static str)> {
        let mode = |mode: &str| mount(&json!({"source": {"tLocalVolume": {"mode": mode}}}));
        let two = |path: &str| {
            let place = |name: &str, path: &str| json!({"name": name, "mountPath": path, "source": {"emptyDir": {}}});
            json!({"mounts": [place("a", "/a"), place("b", path)]})
        };
        vec![
            (mode("777"), "", ""),
            (mode("0755"), "", ""),
            (mode("1777"), "6.1.21", ".spec.k8s.mounts[0].source.tLocalVolume.mode value 1777 is no mode"),
            (mode("999"), "6.1.21", ".spec.k8s.mounts[0].source.tLocalVolume.mode value 999 is no mode"),
            (mode("rwx"), "6.1.21", ".spec.k8s.mounts[0].source.tLocalVolume.mode value rwx is no mode"),
            (json!({"readinessGates": ["a.b/Ready_1"]}), "", ""),
            (json!({"readinessGates": ["tars.io/active", "a/b/c"]}), "6.1.22", ".spec.k8s readiness gate a/b/c"),
            (json!({"readinessGate": "-a"}), "6.1.22", ".spec.k8s readiness gate -a"),
            (json!({"serviceAccount": "web-1"}), "", ""),
            (json!({"serviceAccount": "Web"}), "6.1.23", ".spec.k8s.serviceAccount value Web is no name"),
            (mount(&json!({})), "", ""),
            (mount(&json!({"name": "Data"})), "6.1.24", ".spec.k8s.mounts[0].name value Data"),
            (mount(&json!({"name": ""})), "6.1.24", ".spec.k8s.mounts[0].name value "),
            (mount(&json!({"mountPath": ""})), "6.1.24", ".spec.k8s.mounts[0].mountPath is missing"),
            (mount(&json!({"source": null})), "6.1.24", ".spec.k8s.mounts[0].source is missing"),
            (mount(&json!({"source": {"emptyDir": null}})), "6.1.24", ".spec.k8s.mounts[0].source is missing"),
            (mount(&json!({"subPath": "a..b/c"})), "", ""),
            (mount(&json!({"subPath": "a/../b"})), "6.1.24", ".spec.k8s.mounts[0].subPath value a/../b leaves"),
            (mount(&json!({"subPathExpr": "/a"})), "6.1.24", ".spec.k8s.mounts[0].subPathExpr value /a leaves"),
            (mount(&json!({"subPath": "a", "subPathExpr": "b"})), "6.1.24", ".spec.k8s.mounts[0] has subPath and"),
            (two("/a/b"), "", ""),
            (two("/a"), "6.1.24", ".spec.k8s.mounts[1].mountPath value /a occurs twice"),
            (json!({"abilityAffinity": "AppRequired"}), "", ""),
        ]
    }

    fn fixture(operation: Operation, k8s: &Value) -> Fixture {
        let mut fixture = Fixture::create(Resource::Server, server(k8s));
        if operation == Operation::Update {
            fixture.operation = operation;
            fixture.old = server(&json!({"replicas": 7}));
        }
        fixture
    }

    #[test]
    fn a_new_server_that_can_never_run_is_refused() {
        for (k8s, rule, text) in cases() {
            let fixture = fixture(Operation::Create, &k8s);
            match validate(&fixture.request(), &Facts::default()) {
                Ok(()) => assert_eq!(rule, "", "{k8s}"),
                Err(denied) => {
                    assert_eq!(denied.rule(), rule, "{k8s}: {denied}");
                    assert!(denied.to_string().starts_with(&format!("tserver resource is invalid : {text}")), "{denied}");
                }
            }
        }
    }

    #[test]
    fn an_update_that_can_never_run_draws_a_warning() {
        for (k8s, rule, text) in cases() {
            let fixture = fixture(Operation::Update, &k8s);
            assert_eq!(validate(&fixture.request(), &Facts::default()).map_err(|denied| denied.to_string()), Ok(()), "{k8s}");
            let warnings = list_warnings(&fixture.request(), &Facts::default());
            let found = warnings.first().map_or("", |warning| warning.rule);
            assert_eq!((found, warnings.len()), (rule, usize::from(!rule.is_empty())), "{k8s}: {warnings:?}");
            assert!(warnings.iter().all(|warning| warning.text.starts_with(text) && warning.text.len() <= 256), "{warnings:?}");
        }
    }

    #[test]
    fn labels_of_nodes_must_be_possible() {
        let check = |namespace: &str, affinity: &str| {
            let fixture = fixture(Operation::Create, &json!({"abilityAffinity": affinity}));
            validate(&Request { namespace, ..fixture.request() }, &Facts::default()).map_err(|denied| denied.rule())
        };
        assert_eq!(check(&"n".repeat(58), "None"), Ok(()));
        assert_eq!(check(&"n".repeat(59), "None"), Err("6.1.25"));
        assert_eq!(check(&"n".repeat(45), "ServerRequired"), Ok(()), "ability.NAMESPACE.Trade-Web has 63 characters");
        assert_eq!(check(&"n".repeat(46), "ServerRequired"), Err("6.1.25"));
    }
}
