//! TServer: volumes that a running pod cannot get, and claims that do not follow a change (docs/reference/admission.md#6.1.28 and
//! docs/reference/admission.md#6.1.29).

use crate::{
    admission::{
        json,
        request::{Operation, Request},
        warning::Warning,
    },
    names::DELAY_BIND,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The claim templates of a StatefulSet server by name, each with the field that asks for it.
fn list_claim_templates(server: &Value) -> BTreeMap<&str, &'static str> {
    let claimed =
        |mount: &&Value| json::has(mount, "/source/tLocalVolume") || json::has(mount, "/source/persistentVolumeClaimTemplate");
    let mounts = json::list(server, "/spec/k8s/mounts").iter().filter(claimed);
    let mut templates: BTreeMap<_, _> = mounts.map(|mount| (json::text(mount, "/name"), "mounts")).collect();
    let on = |field: &str| server.pointer(&format!("/spec/k8s/{field}")).and_then(Value::as_bool) == Some(true);
    let network = ["hostIPC", "hostNetwork"].into_iter().find(|field| on(field));
    let ports = (!json::list(server, "/spec/k8s/hostPorts").is_empty()).then_some("hostPorts");
    templates.extend(ports.or(network).map(|field| (DELAY_BIND, field)));
    templates
}

/// Whether pods of a StatefulSet may run.
fn has_pods(server: &Value) -> bool {
    let daemons = server.pointer("/spec/k8s/daemonSet").and_then(Value::as_bool) == Some(true);
    let none = server.pointer("/spec/k8s/replicas").and_then(Value::as_i64) == Some(0);
    json::has(server, "/spec/release") && !daemons && !none
}

/// Says that the pods will be replaced, before it happens.
pub(super) fn warn_of_new_volume(request: &Request<'_>) -> Option<Warning> {
    if request.operation != Operation::Update || request.is_metadata_only() || !has_pods(request.old) || !has_pods(request.object)
    {
        return None;
    }
    let before = list_claim_templates(request.old);
    let (name, field) = list_claim_templates(request.object).into_iter().find(|(name, _)| !before.contains_key(name))?;
    let warning = Warning::new("6.1.28", [name], |[name]| {
        format!("spec.k8s.{field}: running pods cannot get the new volume {name:?}, so they are replaced one after the other")
    });
    Some(warning.at(format!("spec.k8s.{field}")))
}

/// Says that claims keep what they were made with. A StatefulSet makes a claim once.
pub(super) fn warn_of_kept_claims(request: &Request<'_>) -> Option<Warning> {
    if request.operation != Operation::Update || request.is_metadata_only() {
        return None;
    }
    let specs = |server: &'_ Value| -> Vec<(String, Value)> {
        let mounts = json::list(server, "/spec/k8s/mounts").iter();
        let spec = |mount: &Value| mount.pointer("/source/persistentVolumeClaimTemplate/spec").cloned();
        mounts.filter_map(|mount| Some((json::text(mount, "/name").to_owned(), spec(mount)?))).collect()
    };
    let before = specs(request.old);
    let differs = |name: &str, spec: &Value| before.iter().any(|(other, old)| other == name && old != spec);
    let (name, _) = specs(request.object).into_iter().find(|(name, spec)| differs(name, spec))?;
    let warning = Warning::new("6.1.29", [&name], |[name]| {
        format!(
            "spec.k8s.mounts: claims of {name:?} that exist keep their size and class, only new ones follow; expand them by kubectl edit \
             pvc, or delete a claim and its pod"
        )
    });
    Some(warning.at("spec.k8s.mounts"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Resource, facts::Facts, list_warnings, tests::Fixture};
    use serde_json::json;

    fn server(k8s: &Value, released: bool) -> Value {
        let release = released.then(|| json!({"id": "v1", "image": "a"}));
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
            "spec": {"app": "Trade", "server": "Audit", "subType": "normal", "normal": {}, "k8s": k8s, "release": release},
        })
    }

    fn warned(old: &Value, new: &Value) -> Vec<String> {
        let mut fixture = Fixture::create(Resource::Server, new.clone());
        fixture.operation = Operation::Update;
        fixture.old = old.clone();
        let all = list_warnings(&fixture.request(), &Facts::default()).into_iter();
        all.filter(|one| one.rule == "6.1.28").map(|one| one.text).collect()
    }

    #[test]
    fn an_update_that_changes_a_claim_says_that_existing_claims_stay() {
        let of = |size: &str| {
            let spec = json!({"storageClassName": "fast", "resources": {"requests": {"storage": size}}});
            let mount =
                json!({"name": "data", "mountPath": "/data", "source": {"persistentVolumeClaimTemplate": {"spec": spec}}});
            server(&json!({"replicas": 2, "mounts": [mount]}), true)
        };
        let mut fixture = Fixture::create(Resource::Server, of("2Gi"));
        fixture.operation = Operation::Update;
        fixture.old = of("1Gi");
        let rules = |fixture: &Fixture| {
            let all = list_warnings(&fixture.request(), &Facts::default()).into_iter();
            all.filter(|one| one.rule == "6.1.29").map(|one| one.text).collect::<Vec<_>>()
        };
        assert!(rules(&fixture)[0].starts_with("spec.k8s.mounts: claims of \"data\" that exist keep their size and class"));
        fixture.old = of("2Gi");
        assert!(rules(&fixture).is_empty());
    }

    #[test]
    fn an_update_that_adds_a_volume_says_that_the_pods_are_replaced() {
        let local = json!([{"name": "data", "mountPath": "/data", "source": {"tLocalVolume": {}}}]);
        let (plain, with_mount) = (server(&json!({"replicas": 2}), true), server(&json!({"replicas": 2, "mounts": local}), true));
        let expected =
            "spec.k8s.mounts: running pods cannot get the new volume \"data\", so they are replaced one after the other";
        assert_eq!(warned(&plain, &with_mount), [expected]);
        let ports = server(&json!({"replicas": 2, "hostPorts": [{"nameRef": "a", "port": 1}]}), true);
        assert!(
            warned(&plain, &ports)[0].starts_with("spec.k8s.hostPorts: running pods cannot get the new volume \"delay-bind\"")
        );
        let network = server(&json!({"replicas": 2, "hostNetwork": true}), true);
        assert!(warned(&ports, &network).is_empty(), "the volume is there already");
        for (old, new) in [
            (&with_mount, &with_mount),
            (&with_mount, &plain),
            (&server(&json!({"replicas": 0}), true), &with_mount),
            (&server(&json!({"replicas": 2}), false), &with_mount),
            (&server(&json!({"daemonSet": true}), true), &with_mount),
        ] {
            assert!(warned(old, new).is_empty(), "{old} {new}");
        }
        let scratch = json!([{"name": "scratch", "mountPath": "/tmp", "source": {"emptyDir": {}}}]);
        assert!(warned(&plain, &server(&json!({"replicas": 2, "mounts": scratch}), true)).is_empty(), "an ordinary release");
    }
}
