//! Protected objects of a TServer, such as its Service and StatefulSet: only the controller changes what the TServer decides
//! (docs/reference/admission.md#6.7).
//!
//! Other users may change metadata (the garbage collector needs finalizers and owners, anyone may add annotations), and everything that
//! the TServer does not decide, such as tolerations or a further container. The TServer decides the fields that the controller has
//! applied, and the members of [`DECIDED`] also where the controller leaves them out. The controller would undo such a change.

use crate::{
    admission::{
        denial::Denial,
        json,
        request::{Operation, Request},
    },
    managed::find_owned,
    names::label,
};
use serde_json::Value;

/// The annotation that `kubectl rollout restart` writes.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// Members that the TServer decides as a whole. The controller leaves out an empty one, so it does not own that.
const DECIDED: &[&str] = &[
    // Service
    "/spec/type",
    "/spec/clusterIP",
    "/spec/ports",
    // StatefulSet and DaemonSet
    "/spec/updateStrategy",
    "/spec/template/spec/affinity",
    "/spec/template/spec/hostIPC",
    "/spec/template/spec/hostNetwork",
    "/spec/template/spec/imagePullSecrets",
    "/spec/template/spec/nodeSelector",
    "/spec/template/spec/readinessGates",
    "/spec/template/spec/securityContext",
    "/spec/template/spec/serviceAccountName",
];

/// The lists of containers. A container of the server stays as it is, and others may be added.
const CONTAINERS: &[&str] = &["/spec/template/spec/initContainers", "/spec/template/spec/containers"];

pub(super) fn validate(request: &Request<'_>) -> Result<(), Denial> {
    if request.is_from_controller() || request.operation == Operation::Delete {
        return Ok(());
    }
    if request.operation == Operation::Create {
        let reason = format!("only use authorized account can create {}", request.resource);
        let remedy = format!("create a tserver, or do not use the labels {} and {}", label::SERVER_APP, label::SERVER_NAME);
        return Err(Denial::forbidden("6.7.1", reason, remedy));
    }
    let identity = |object| [label::SERVER_APP, label::SERVER_NAME].map(|key| json::label(object, key).map(str::to_owned));
    if identity(request.object) == identity(request.old) && keeps_decisions(request.object, request.old) {
        return Ok(());
    }
    let (namespace, name) = (request.namespace, request.name);
    let (rule, remedy) = if json::text(request.object, "/kind") == "Scale" {
        let remedy = format!(
            "scale tserver {namespace}/{name} (kubectl scale tserver), the controller then scales the {}",
            request.resource
        );
        ("6.7.5", remedy)
    } else {
        ("6.7.2", format!("edit tserver {namespace}/{name}, the controller then changes the {}", request.resource))
    };
    Err(Denial::forbidden(rule, "resource should be modified through tserver", remedy))
}

/// Whether an update keeps everything that the TServer decides. An object that the controller has never applied, and the scale of a
/// StatefulSet, do not say which fields that are, so there only metadata may change, and pods may be restarted.
fn keeps_decisions(new: &Value, old: &Value) -> bool {
    if json::differ_in_metadata_only(&remove_restart(new), &remove_restart(old)) {
        return true;
    }
    let (Some(after), Some(before)) = (find_owned(new, old), find_owned(old, old)) else { return false };
    json::differ_in_metadata_only(&after, &before)
        && DECIDED.iter().all(|pointer| new.pointer(pointer) == old.pointer(pointer))
        && CONTAINERS.iter().all(|list| {
            json::list(&before, list).iter().all(|ours| find_container(new, list, ours) == find_container(old, list, ours))
        })
}

/// The container of `object` in the list at `pointer` that has the name of `ours`.
fn find_container<'a>(object: &'a Value, pointer: &str, ours: &Value) -> Option<&'a Value> {
    json::list(object, pointer).iter().find(|container| container.get("name") == ours.get("name"))
}

/// Returns the object without the annotation of a restart.
fn remove_restart(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(metadata) = json::members(&mut object, "/spec/template/metadata") else { return object };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.shift_remove(RESTARTED);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admission::{Facts, Resource, tests::Fixture, validate},
        derived::DerivedKind,
    };
    use serde_json::json;

    fn stateful() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "ledger-audit", "labels": {"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit"}},
            "spec": {"replicas": 2, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}},
        })
    }

    fn refusal(change: impl FnOnce(&mut Value)) -> Option<String> {
        let mut fixture = Fixture::create(Resource::Derived(DerivedKind::StatefulSet), stateful());
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        change(&mut fixture.object);
        validate(&fixture.request(), &Facts::default()).err().map(|denied| denied.to_string())
    }

    #[test]
    fn only_the_controller_creates() {
        let mut fixture = Fixture::create(Resource::Derived(DerivedKind::StatefulSet), stateful());
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.starts_with("only use authorized account can create statefulset; create a tserver"), "{text}");
        fixture.user = crate::names::CONTROLLER_USER;
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
    }

    #[test]
    fn others_change_metadata_and_restart_pods_but_not_the_spec() {
        assert_eq!(refusal(|_| ()), None);
        assert_eq!(refusal(|object| object["metadata"]["finalizers"] = json!(["foregroundDeletion"])), None);
        assert_eq!(refusal(|object| object["spec"]["template"]["metadata"]["annotations"] = json!({RESTARTED: "now"})), None);
        let changes: [fn(&mut Value); 5] = [
            |object| object["spec"]["replicas"] = json!(3),
            |object| {
                object["spec"]["template"]["spec"]["containers"] = json!([{"name": "c", "livenessProbe": {"grpc": {"port": 1}}}]);
            },
            |object| object["spec"]["template"]["metadata"]["annotations"] = json!({"x": "y"}),
            |object| json::remove_label(object, label::SERVER_APP),
            |object| json::set_label(object, label::SERVER_NAME, "Other"),
        ];
        for change in changes {
            let text = refusal(change).unwrap();
            assert!(text.starts_with("resource should be modified through tserver; edit tserver ledger/ledger-audit"), "{text}");
        }
    }

    /// The StatefulSet after the controller has applied it.
    fn applied() -> Value {
        let mut object = stateful();
        object["metadata"]["managedFields"] = json!([{
            "manager": "tars-controller", "operation": "Apply", "apiVersion": "apps/v1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:tars.io/ServerApp": {}, "f:tars.io/ServerName": {}}},
                "f:spec": {"f:replicas": {}, "f:template": {
                    "f:metadata": {"f:labels": {"f:a": {}}},
                    "f:spec": {"f:dnsPolicy": {}, "f:containers": {"k:{\"name\":\"audit\"}": {".": {}, "f:name": {}, "f:image": {}}}},
                }},
            },
        }]);
        object["spec"]["template"]["spec"] = json!({"dnsPolicy": "ClusterFirst", "containers": [{"name": "audit", "image": "repo/audit:1", "terminationMessagePath": "/dev/x"}]});
        object
    }

    fn refusal_of_applied(change: impl FnOnce(&mut Value)) -> Option<String> {
        let mut fixture = Fixture::create(Resource::Derived(DerivedKind::StatefulSet), applied());
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        change(&mut fixture.object);
        validate(&fixture.request(), &Facts::default()).err().map(|denied| denied.to_string())
    }

    #[test]
    fn what_the_tserver_does_not_decide_may_change() {
        let changes: [fn(&mut Value); 6] = [
            |_| (),
            |object| object["spec"]["template"]["metadata"]["annotations"] = json!({"x": "y"}),
            |object| object["spec"]["template"]["metadata"]["labels"]["c"] = json!("d"),
            |object| object["spec"]["template"]["spec"]["tolerations"] = json!([{"operator": "Exists"}]),
            |object| object["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().insert(0, json!({"name": "side"})),
            |object| object["spec"]["minReadySeconds"] = json!(3),
        ];
        for change in changes {
            assert_eq!(refusal_of_applied(change), None);
        }
    }

    #[test]
    fn what_the_tserver_decides_stays_although_the_controller_does_not_state_it() {
        let changes: [fn(&mut Value); 8] = [
            |object| object["spec"]["replicas"] = json!(3),
            |object| object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("repo/audit:2"),
            |object| object["spec"]["template"]["spec"]["containers"] = json!([]),
            |object| object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "B"}]),
            |object| object["spec"]["template"]["spec"]["hostNetwork"] = json!(true),
            |object| object["spec"]["template"]["spec"]["dnsPolicy"] = json!("Default"),
            |object| object["spec"]["template"]["metadata"]["labels"] = json!({}),
            |object| {
                // Fields are those that the controller owned before the update.
                object["metadata"]["managedFields"] = json!([{}]);
                object["spec"]["replicas"] = json!(0);
            },
        ];
        for change in changes {
            let text = refusal_of_applied(change).unwrap();
            assert!(text.starts_with("resource should be modified through tserver; edit tserver"), "{text}");
        }
    }

    #[test]
    fn the_scale_of_a_workload_belongs_to_the_tserver() {
        let scale = |replicas: i32| {
            json!({
                "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "ledger-audit"}, "spec": {"replicas": replicas},
            })
        };
        let mut fixture = Fixture::create(Resource::Derived(DerivedKind::StatefulSet), scale(2));
        (fixture.operation, fixture.old) = (Operation::Update, scale(2));
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
        fixture.object = scale(3);
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.starts_with("resource should be modified through tserver; scale tserver"), "{text}");
    }
}
