//! What tests share: servers with names that all differ (application, server, namespace, template, release), so that a swapped
//! label is caught.

use crate::{
    tserver::{
        build::{Objects, Prepared, build},
        dereference::Found,
        validate::{Problem, Validated, validate},
    },
    view::FrameworkView,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tars_common::v1beta3::TServer;

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
pub fn found() -> Found {
    let framework =
        FrameworkView { node_image: "registry/node:default".into(), node_secret: "node-pull".into(), ..FrameworkView::default() };
    Found { framework: Some(Arc::new(framework)), ..Found::default() }
}

/// The validated server with this spec.
pub fn validated(spec: &str) -> Validated {
    validate(&server(spec), &found()).unwrap()
}

/// What is wrong with the server with this spec.
pub fn problems(spec: &str) -> Vec<Problem> {
    validate(&server(spec), &found()).unwrap_err()
}

/// What must exist for the server with this spec.
pub fn built(spec: &str) -> Objects<Prepared> {
    build(&validated(spec)).unwrap()
}
