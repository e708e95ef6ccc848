//! Protected objects of a TServer, such as its Service and StatefulSet: only the controller writes them
//! (docs/reference/admission.md#6.7).
//!
//! Other users may change metadata (the garbage collector needs finalizers and owners, anyone may add annotations), and may restart
//! pods like `kubectl rollout restart`. All other changes belong into the TServer; the controller would undo them here.

use crate::{
    admission::{
        denial::Denial,
        json,
        request::{Operation, Request},
    },
    names::label,
};
use serde_json::Value;

/// The annotation that `kubectl rollout restart` writes.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

pub(super) fn validate(request: &Request<'_>) -> Result<(), Denial> {
    if request.is_from_controller() || request.operation == Operation::Delete {
        return Ok(());
    }
    if request.operation == Operation::Create {
        let reason = format!("only use authorized account can create {}", request.resource);
        let remedy = format!("create a tserver, or do not use the labels {} and {}", label::SERVER_APP, label::SERVER_NAME);
        return Err(Denial::forbidden(reason, remedy));
    }
    let identity = |object| [label::SERVER_APP, label::SERVER_NAME].map(|key| json::label(object, key).map(str::to_owned));
    let same_identity = identity(request.object) == identity(request.old);
    if same_identity && json::differ_in_metadata_only(&remove_restart(request.object), &remove_restart(request.old)) {
        return Ok(());
    }
    let remedy =
        format!("edit tserver {}/{}, the controller then changes the {}", request.namespace, request.name, request.resource);
    Err(Denial::forbidden("resource should be modified through tserver", remedy))
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
}
