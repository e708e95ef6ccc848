//! TServer: probes and security contexts, which the controller passes to the pod unchanged. The schema checks each field alone; these
//! rules check combinations. Without them the API server would refuse the workload, or the kubelet the container, and only the status
//! of the TServer would say so.

use crate::admission::{denial::Denial, json, warning::Warning};
use serde_json::Value;
use std::collections::BTreeSet;

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];

/// A probe that gives a port by name must name a port of the server. `ports` are the names of those ports, in lower case.
pub(super) fn validate_probes(object: &Value, ports: &BTreeSet<String>) -> Result<(), Denial> {
    for (probe, handler) in PROBES.iter().flat_map(|probe| ["httpGet", "tcpSocket"].map(|handler| (probe, handler))) {
        let Some(name) = object.pointer(&format!("/spec/k8s/{probe}/{handler}/port")).and_then(Value::as_str) else { continue };
        if !ports.contains(&name.to_lowercase()) {
            let remedy = format!(
                ".spec.k8s.{probe}.{handler}.port names it, but no servant or port of this server has this name; use such a name, \
                 or a number without quotes"
            );
            let field = format!("spec.k8s.{probe}.{handler}.port");
            return Err(Denial::invalid_server("6.1.11", format!("port name {name} not exist"), remedy).at(field));
        }
    }
    Ok(())
}

/// Refuses security settings that contradict each other.
pub(super) fn validate_security(object: &Value) -> Result<(), Denial> {
    // Go clients write `null` for an absent field.
    let field =
        |context: &str, name: &str| object.pointer(&format!("/spec/k8s/{context}/{name}")).filter(|value| !value.is_null());
    let container = |name: &str| field("securityContext", name);
    let is = |value: Option<&Value>, wanted: bool| value.and_then(Value::as_bool) == Some(wanted);
    if is(container("privileged"), true) && is(container("allowPrivilegeEscalation"), false) {
        let remedy = ".spec.k8s.securityContext has privileged: true and allowPrivilegeEscalation: false, remove one of them";
        return Err(Denial::invalid_server("6.1.12", "a privileged container can always gain privileges", remedy)
            .at("spec.k8s.securityContext"));
    }
    for context in ["securityContext", "podSecurityContext"] {
        for profile in ["seccompProfile", "appArmorProfile"] {
            let Some(stated) = field(context, profile) else { continue };
            let local = json::text(stated, "/type") == "Localhost";
            if local == json::text(stated, "/localhostProfile").is_empty() {
                let remedy = format!("correct .spec.k8s.{context}.{profile}");
                return Err(Denial::invalid_server(
                    "6.1.12",
                    "type Localhost needs a localhostProfile, and no other type may have one",
                    remedy,
                )
                .at(format!("spec.k8s.{context}.{profile}")));
            }
        }
    }
    let effective = |name: &str| container(name).or_else(|| field("podSecurityContext", name));
    if is(effective("runAsNonRoot"), true) && effective("runAsUser").and_then(Value::as_i64) == Some(0) {
        let remedy =
            "set runAsUser of .spec.k8s.securityContext or .spec.k8s.podSecurityContext to another user, or remove runAsNonRoot";
        return Err(
            Denial::invalid_server("6.1.12", "runAsUser is 0, which is root, and runAsNonRoot is true", remedy).at("spec.k8s")
        );
    }
    Ok(())
}

/// Warns about a liveness probe under tarsnode.
pub(super) fn warn_of_liveness_probe(object: &Value) -> Option<Warning> {
    let supervised =
        json::text(object, "/spec/subType") == "tars" && json::text(object, "/spec/k8s/launcherType") != "foreground";
    if !supervised || !json::has(object, "/spec/k8s/livenessProbe") {
        return None;
    }
    Some(Warning::fixed(
        "6.1.18",
        "spec.k8s.livenessProbe: with launcherType background the container's first process is tarsnode, which restarts the server by \
         itself; a failed probe restarts both. Use launcherType foreground, or no liveness probe",
    )
    .at("spec.k8s.livenessProbe"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Facts, Operation, Resource, list_warnings, tests::Fixture, validate, warning::WARNING_LIMIT};
    use serde_json::json;

    fn server(sub_type: &str, k8s: &Value) -> Fixture {
        let block = if sub_type == "tars" { "tars" } else { "normal" };
        let mut spec = json!({"app": "Trade", "server": "Web", "subType": sub_type, "k8s": k8s});
        spec[block] =
            json!({"ports": [{"name": "http", "port": 80}], "template": "t", "servants": [{"name": "WebObj", "port": 81}]});
        Fixture::create(Resource::Server, json!({"kind": "TServer", "metadata": {"name": "trade-web"}, "spec": spec}))
    }

    fn refused(k8s: &Value) -> Option<String> {
        let facts = Facts { templates: [("t".to_owned(), None)].into(), ..Facts::default() };
        validate(&server("tars", k8s).request(), &facts).err().map(|denied| denied.to_string())
    }

    #[test]
    fn a_probe_names_a_servant_or_port_of_the_server() {
        for port in [json!("http"), json!("WEBOBJ"), json!(9999)] {
            assert_eq!(refused(&json!({"readinessProbe": {"tcpSocket": {"port": port}}})), None);
        }
        assert_eq!(refused(&json!({"livenessProbe": null, "startupProbe": {"grpc": {"port": 7}}})), None);
        for probe in PROBES {
            let said = refused(&json!({probe: {"httpGet": {"port": "80"}}})).unwrap();
            assert!(said.contains(&format!("port name 80 not exist; .spec.k8s.{probe}.httpGet.port names it")), "{said}");
        }
    }

    #[test]
    fn contradictory_contexts_are_refused_with_a_remedy() {
        let refused_with = |k8s: Value, part: &str| {
            let said = refused(&k8s).unwrap_or_else(|| panic!("{k8s} is accepted"));
            assert!(said.contains(part), "{said}");
        };
        refused_with(json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}}), "remove one of them");
        refused_with(
            json!({"podSecurityContext": {"seccompProfile": {"type": "Localhost"}}}),
            "podSecurityContext.seccompProfile",
        );
        let named = json!({"type": "RuntimeDefault", "localhostProfile": "p"});
        refused_with(json!({"securityContext": {"appArmorProfile": named}}), "securityContext.appArmorProfile");
        let inherited =
            json!({"securityContext": {"runAsUser": 0}, "podSecurityContext": {"runAsNonRoot": true, "runAsUser": 7}});
        refused_with(inherited, "runAsUser is 0, which is root");
        for good in [
            json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 7}, "podSecurityContext": {"runAsUser": 0}}),
            json!({"securityContext": {"privileged": true}, "podSecurityContext": {"seccompProfile": null}}),
            json!({"podSecurityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}}}),
        ] {
            assert_eq!(refused(&good), None, "{good}");
        }
    }

    #[test]
    fn a_liveness_probe_under_a_supervisor_draws_a_warning() {
        let warned = |sub_type: &str, k8s: Value| list_warnings(&server(sub_type, &k8s).request(), &Facts::default());
        let probe = || json!({"grpc": {"port": 1}});
        for background in [json!({"livenessProbe": probe()}), json!({"livenessProbe": probe(), "launcherType": "background"})] {
            let all = warned("tars", background);
            assert!(all.len() == 1 && all[0].rule == "6.1.18" && all[0].text.starts_with("spec.k8s.livenessProbe: "), "{all:?}");
            assert!(all[0].text.len() <= WARNING_LIMIT, "{all:?}");
        }
        assert!(warned("tars", json!({"livenessProbe": probe(), "launcherType": "foreground"})).is_empty());
        assert!(warned("normal", json!({"livenessProbe": probe()})).is_empty(), "a normal server has no supervisor");
        assert!(warned("tars", json!({"readinessProbe": probe(), "startupProbe": probe()})).is_empty());
        let mut touched = server("tars", &json!({"livenessProbe": probe()}));
        touched.operation = Operation::Update;
        touched.old = touched.object.clone();
        assert!(list_warnings(&touched.request(), &Facts::default()).is_empty(), "the spec did not change");
    }
}
