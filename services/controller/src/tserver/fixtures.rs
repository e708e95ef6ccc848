//! Servers that tests share. Their names all differ (application, server, namespace, template, release), so that a swapped label is
//! caught.

use super::{
    derived::build_objects,
    problem::Problem,
    surroundings::Surroundings,
    validate::{Validated, validate},
};
use crate::views::FrameworkView;
use serde_json::{Value, json};
use std::sync::Arc;
use tars_common::{derived::DerivedKind, v1beta3::TServer};

/// The TServer `bank/ledger-audit` with this spec, given as YAML without `app` and `server`.
pub fn server(spec: &str) -> TServer {
    let mut spec: Value = serde_saphyr::from_str(spec).unwrap();
    let fields = spec.as_object_mut().unwrap();
    fields.entry("app").or_insert(json!("Ledger"));
    fields.entry("server").or_insert(json!("Audit"));
    fields.entry("subType").or_insert(json!("tars"));
    fields.entry("k8s").or_insert(json!({"replicas": 3}));
    serde_json::from_value(json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "spec": spec,
        "metadata": {
            "name": "ledger-audit", "namespace": "bank", "uid": "uid-of-server", "generation": 4, "resourceVersion": "10",
            "labels": {"tars.io/Template": "demo.cpp", "team": "blue"},
        },
    }))
    .unwrap()
}

/// A namespace with a default node image.
pub fn surroundings() -> Surroundings {
    let framework =
        FrameworkView { node_image: "registry/node:default".into(), node_secret: "node-pull".into(), ..FrameworkView::default() };
    Surroundings { framework: Some(Arc::new(framework)), ..Surroundings::default() }
}

/// The validated server with this spec.
pub fn validated(spec: &str) -> Validated {
    validate(&server(spec), surroundings().framework.as_deref(), || None).unwrap()
}

/// Whether the controller accepts this TServer.
pub fn is_valid(server: &Value) -> bool {
    let server = serde_json::from_value(server.clone());
    server.is_ok_and(|server| validate(&server, surroundings().framework.as_deref(), || None).is_ok())
}

/// The faults of the server with this spec.
pub fn problems(spec: &str) -> Vec<Problem> {
    validate(&server(spec), surroundings().framework.as_deref(), || None).unwrap_err()
}

/// The derived objects of the server with this spec.
pub fn built(spec: &str) -> Built {
    let objects = build_objects(&validated(spec)).unwrap();
    let get = |kind: DerivedKind| objects.iter().find(|wanted| wanted.kind == kind).unwrap().object.clone();
    Built {
        service: get(DerivedKind::Service),
        stateful_set: get(DerivedKind::StatefulSet),
        daemon_set: get(DerivedKind::DaemonSet),
        disruption_budget: get(DerivedKind::PodDisruptionBudget),
        endpoint: get(DerivedKind::TEndpoint).unwrap(),
        record: get(DerivedKind::TExitedRecord).unwrap(),
    }
}

/// The objects of a server by kind.
#[derive(Debug)]
pub struct Built {
    pub service: Option<Value>,
    pub stateful_set: Option<Value>,
    pub daemon_set: Option<Value>,
    pub disruption_budget: Option<Value>,
    pub endpoint: Value,
    pub record: Value,
}
