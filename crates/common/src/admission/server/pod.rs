//! TServer: probes, security contexts, tolerations and times, which the controller passes to the pod unchanged. The schema checks each field alone; these
//! rules check combinations. Without them the API server would refuse the workload, or the kubelet the container, and only the status
//! of the TServer would say so.

use crate::{
    admission::{denial::Denial, json, warning::Warning},
    kube_syntax::{is_label_value, is_qualified_name},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The time in which tarsnode stops a server, at the worst (docs/reference/tarsnode.md#3.7.2).
const NODE_STOP_SECONDS: i64 = 13;
/// Somebody who writes such a time means the server to have more of it than by default, which is 30 seconds.
const LONG_GRACE_SECONDS: i64 = 31;
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

/// Refuses tolerations that Kubernetes refuses in a pod.
pub(super) fn validate_tolerations(object: &Value) -> Result<(), Denial> {
    for (index, toleration) in json::list(object, "/spec/k8s/tolerations").iter().enumerate() {
        let [key, operator, value, effect] =
            ["/key", "/operator", "/value", "/effect"].map(|member| json::text(toleration, member));
        let (problem, remedy) = if !key.is_empty() && !is_qualified_name(key) {
            (format!("key {key} is no key of a taint"), "write the key of the taint, such as example.com/dedicated")
        } else if key.is_empty() && operator != "Exists" {
            ("has no key".to_owned(), "name the key, or set operator to Exists to tolerate all taints")
        } else if operator == "Exists" && !value.is_empty() {
            (format!("has value {value}, which operator Exists does not look at"), "remove the value, or set operator to Equal")
        } else if !is_label_value(value) {
            (format!("value {value} is no value of a taint"), "write at most 63 letters, digits and inner '-', '_' and '.'")
        } else if toleration.get("tolerationSeconds").is_some_and(Value::is_number) && effect != "NoExecute" {
            ("has tolerationSeconds".to_owned(), "set effect to NoExecute, or remove tolerationSeconds")
        } else {
            continue;
        };
        let field = format!("spec.k8s.tolerations[{index}]");
        return Err(Denial::invalid_server("6.1.32", format!(".{field} {problem}"), remedy).at(field));
    }
    Ok(())
}

/// Lists settings of pods that Kubernetes accepts, but that are probably a mistake.
pub(super) fn list_warnings(object: &Value) -> impl Iterator<Item = Warning> {
    [warn_of_liveness_probe(object), warn_of_working_directory(object), warn_of_grace_period(object)].into_iter().flatten()
}

/// Whether tarsnode is the first process of the main container.
fn is_supervised(object: &Value) -> bool {
    json::text(object, "/spec/subType") == "tars" && json::text(object, "/spec/k8s/launcherType") != "foreground"
}

/// The container runtime starts no process in a relative directory.
fn warn_of_working_directory(object: &Value) -> Option<Warning> {
    let path = Some(json::text(object, "/spec/k8s/workingDir")).filter(|path| !path.is_empty() && !path.starts_with('/'))?;
    let warning = Warning::new("6.1.33", [path], |[path]| {
        format!("spec.k8s.workingDir: {path} does not begin with '/', so the container cannot start; write the whole path")
    });
    Some(warning.at("spec.k8s.workingDir"))
}

/// Warns about a time to stop that is not the one that the server gets.
fn warn_of_grace_period(object: &Value) -> Option<Warning> {
    let seconds = object.pointer("/spec/k8s/terminationGracePeriodSeconds").and_then(Value::as_i64)?;
    let effect = match seconds {
        _ if !is_supervised(object) => return None,
        0..NODE_STOP_SECONDS => {
            format!("tarsnode needs up to {NODE_STOP_SECONDS} s to stop the server; the kubelet kills both before")
        }
        LONG_GRACE_SECONDS.. => {
            "tarsnode kills the server 10 s after the request to stop, so it gets no more time; use launcherType foreground"
                .to_owned()
        }
        _ => return None,
    };
    let text = format!("spec.k8s.terminationGracePeriodSeconds: with launcherType background {effect}");
    Some(Warning::fixed("6.1.34", text).at("spec.k8s.terminationGracePeriodSeconds"))
}

/// Warns about a liveness probe under tarsnode.
fn warn_of_liveness_probe(object: &Value) -> Option<Warning> {
    if !is_supervised(object) || !json::has(object, "/spec/k8s/livenessProbe") {
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
    fn tolerations_obey_the_rules_of_kubernetes() {
        let one = |toleration: Value| refused(&json!({"tolerations": [{"operator": "Exists"}, toleration]}));
        for good in [
            json!({"key": "a.b/c", "value": "d", "effect": "NoSchedule"}),
            json!({"key": "a", "operator": ""}),
            json!({"operator": "Exists", "value": "", "effect": "NoExecute", "tolerationSeconds": -1}),
        ] {
            assert_eq!(one(good.clone()), None, "{good}");
        }
        for (bad, part) in [
            (json!({"key": "a/b/c", "operator": "Exists"}), "key a/b/c is no key of a taint;"),
            (json!({"value": "a"}), "has no key;"),
            (json!({"key": "a", "operator": "Exists", "value": "b"}), "has value b, which operator Exists does not look at;"),
            (json!({"key": "a", "value": "b c"}), "value b c is no value of a taint;"),
            (json!({"key": "a", "tolerationSeconds": 0}), "has tolerationSeconds; set effect to NoExecute"),
            (json!({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 9}), "has tolerationSeconds;"),
        ] {
            let said = one(bad.clone()).unwrap_or_else(|| panic!("{bad} is accepted"));
            assert!(said.contains(&format!(".spec.k8s.tolerations[1] {part}")), "{said}");
        }
    }

    fn warned(sub_type: &str, k8s: &Value) -> Vec<Warning> {
        list_warnings(&server(sub_type, k8s).request(), &Facts::default())
    }

    #[test]
    fn a_relative_working_directory_draws_a_warning() {
        for good in ["", "/", "/srv/data"] {
            assert!(warned("normal", &json!({"workingDir": good})).is_empty(), "{good}");
        }
        let all = warned("normal", &json!({"workingDir": "data"}));
        assert!(all.len() == 1 && all[0].rule == "6.1.33" && all[0].text.contains("data does not begin with '/'"), "{all:?}");
    }

    #[test]
    fn a_time_to_stop_that_tarsnode_does_not_give_draws_a_warning() {
        let rules = |sub_type: &str, launcher: &str, seconds: i64| -> Vec<_> {
            let k8s = json!({"launcherType": launcher, "terminationGracePeriodSeconds": seconds});
            warned(sub_type, &k8s).into_iter().map(|warning| (warning.rule, warning.text.len() <= WARNING_LIMIT)).collect()
        };
        for seconds in [0, 12, 31, 3600] {
            assert_eq!(rules("tars", "background", seconds), [("6.1.34", true)], "{seconds}");
            assert!(rules("tars", "foreground", seconds).is_empty() && rules("normal", "background", seconds).is_empty());
        }
        for seconds in [13, 30] {
            assert!(rules("tars", "background", seconds).is_empty(), "{seconds}");
        }
    }

    #[test]
    fn a_liveness_probe_under_a_supervisor_draws_a_warning() {
        let probe = || json!({"grpc": {"port": 1}});
        for background in [json!({"livenessProbe": probe()}), json!({"livenessProbe": probe(), "launcherType": "background"})] {
            let all = warned("tars", &background);
            assert!(all.len() == 1 && all[0].rule == "6.1.18" && all[0].text.starts_with("spec.k8s.livenessProbe: "), "{all:?}");
            assert!(all[0].text.len() <= WARNING_LIMIT, "{all:?}");
        }
        assert!(warned("tars", &json!({"livenessProbe": probe(), "launcherType": "foreground"})).is_empty());
        assert!(warned("normal", &json!({"livenessProbe": probe()})).is_empty(), "a normal server has no supervisor");
        assert!(warned("tars", &json!({"readinessProbe": probe(), "startupProbe": probe()})).is_empty());
        let mut touched = server("tars", &json!({"livenessProbe": probe()}));
        touched.operation = Operation::Update;
        touched.old = touched.object.clone();
        assert!(list_warnings(&touched.request(), &Facts::default()).is_empty(), "the spec did not change");
    }
}
