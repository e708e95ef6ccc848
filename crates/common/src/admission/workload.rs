//! Services, StatefulSets and DaemonSets of a TServer: one writer, the controller (docs/reference/admission.md#6.7).
//!
//! Anybody may change metadata (finalizers and owners belong to the garbage collector, annotations to anyone), and may restart pods
//! the way `kubectl rollout restart` does. Everything else is changed through the TServer, or the controller would change it back.

use super::{Denial, Operation, Request, json};
use crate::names::label;
use serde_json::Value;

/// What `kubectl rollout restart` writes.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

pub(super) fn validate(request: &Request<'_>) -> Result<(), Denial> {
    if request.by_controller() || request.operation == Operation::Delete {
        return Ok(());
    }
    if request.operation == Operation::Create {
        let reason = format!("only use authorized account can create {}", request.kind);
        let remedy = format!("create a tserver, or do not use the labels {} and {}", label::SERVER_APP, label::SERVER_NAME);
        return Err(Denial::forbidden(reason, remedy));
    }
    let identity = |object| [label::SERVER_APP, label::SERVER_NAME].map(|key| json::label(object, key).map(str::to_owned));
    let same_identity = identity(request.object) == identity(request.old);
    if same_identity && json::same_but_metadata(&without_restart(request.object), &without_restart(request.old)) {
        return Ok(());
    }
    let remedy = format!("edit tserver {}/{}, the {} follows", request.namespace, request.name, request.kind);
    Err(Denial::forbidden("resource should be modified through tserver", remedy))
}

/// The object as if nobody had restarted its pods by hand.
fn without_restart(object: &Value) -> Value {
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
    use super::super::{Facts, Kind, tests::Fixture, validate};
    use super::*;
    use serde_json::json;

    fn stateful() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "ledger-audit", "labels": {"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit"}},
            "spec": {"replicas": 2, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}},
        })
    }

    fn refusal(change: impl FnOnce(&mut Value)) -> Option<String> {
        let mut fixture = Fixture::create(Kind::StatefulSet, stateful());
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        change(&mut fixture.object);
        validate(&fixture.request(), &Facts::default()).err().map(|denied| denied.to_string())
    }

    #[test]
    fn only_the_controller_creates() {
        let mut fixture = Fixture::create(Kind::StatefulSet, stateful());
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
