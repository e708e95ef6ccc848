//! Which writes the API server brings to the webhook (docs/reference/admission.md#2): those of the controller and the housekeeping of
//! Kubernetes cost no review, and everybody else's writes are judged.
//!
//! The API server counts its calls. The count is for the whole cluster, so this file has one test only.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, expect_refusal, wait_for};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Service, ServicePort, ServiceSpec},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use std::process::Command;
use tars_common::v1beta3::TServer;

const SERVER: &str = "quarry-drill";

/// Builds a released server with this image.
fn build_server(image: &str) -> String {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": SERVER},
        "spec": {
            "app": "Quarry", "server": "Drill", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "k8s": {"replicas": 1}, "release": {"id": "v1", "image": image},
        },
    })
    .to_string()
}

/// Returns how many reviews of derived objects the API server has asked for since it started.
fn count_reviews() -> u64 {
    let output =
        Command::new("kubectl").args(["get", "--raw", "/metrics"]).output().expect("kubectl, see integration/cluster/env.sh");
    let text = String::from_utf8(output.stdout).expect("text");
    let ours = |line: &&str| {
        line.starts_with("apiserver_admission_webhook_request_total{") && line.contains("name=\"validating.k8s.tars.io-0\"")
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a whole number");
    text.lines().filter(ours).map(value).sum()
}

/// Waits until the StatefulSet has a container with this image.
async fn wait_for_image(sets: &Api<StatefulSet>, image: &str) -> StatefulSet {
    wait_for(&format!("a StatefulSet with {image}"), || async {
        let set = sets.get_opt(SERVER).await.expect("an answer")?;
        let containers = &set.spec.as_ref()?.template.spec.as_ref()?.containers;
        containers.iter().any(|container| container.image.as_deref() == Some(image)).then_some(set)
    })
    .await
}

/// StatefulSets as the garbage collector of Kubernetes sees them.
async fn connect_as_garbage_collector(space: &Space) -> Api<StatefulSet> {
    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.auth_info.impersonate = Some("system:serviceaccount:kube-system:generic-garbage-collector".to_owned());
    Api::namespaced(Client::try_from(config).expect("a client"), &space.name)
}

#[tokio::test]
async fn the_controller_and_the_garbage_collector_cost_no_review_of_derived_objects() {
    let space = Space::create("registration").await;
    let (sets, services) = (space.api::<StatefulSet>(), space.api::<Service>());
    let before = count_reviews();
    // The namespace has no node, so nothing runs.
    space.apply::<TServer>(&build_server("example.org/drill:1")).await.expect("a server");
    wait_for_image(&sets, "example.org/drill:1").await;
    wait_for("a Service", || async { services.get_opt(SERVER).await.expect("an answer") }).await;
    space.apply::<TServer>(&build_server("example.org/drill:2")).await.expect("the server");
    wait_for_image(&sets, "example.org/drill:2").await;
    assert_eq!(count_reviews(), before, "the controller's writes were reviewed");

    let collector = connect_as_garbage_collector(&space).await;
    for finalizers in [json!(["e2e.tars.io/held"]), json!(null)] {
        let change = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        collector.patch(SERVER, &PatchParams::default(), &change).await.expect("a change of finalizers");
    }
    assert_eq!(count_reviews(), before, "a change of finalizers by the garbage collector was reviewed");
    // Only metadata passes without a review, whoever writes.
    let change = Patch::Merge(json!({"spec": {"replicas": 5}}));
    let refusal = expect_refusal(collector.patch(SERVER, &PatchParams::default(), &change).await);
    assert!(refusal.contains("resource should be modified through tserver"), "{refusal}");
    let change = Patch::Merge(json!({"metadata": {"labels": {"tars.io/ServerName": "Other"}}}));
    let refusal = expect_refusal(collector.patch(SERVER, &PatchParams::default(), &change).await);
    assert!(refusal.contains("resource should be modified through tserver"), "{refusal}");

    let change = Patch::Merge(json!({"spec": {"selector": {"other": "pods"}}}));
    let refusal = expect_refusal(services.patch(SERVER, &PatchParams::default(), &change).await);
    assert!(refusal.contains("resource should be modified through tserver"), "{refusal}");
    let made = services.get(SERVER).await.expect("the Service");
    let port = ServicePort { port: 8080, ..ServicePort::default() };
    let service = Service {
        metadata: ObjectMeta { name: Some("forged".to_owned()), labels: Some(made.labels().clone()), ..ObjectMeta::default() },
        spec: Some(ServiceSpec { ports: Some(vec![port]), ..ServiceSpec::default() }),
        ..Service::default()
    };
    let refusal = expect_refusal(services.create(&PostParams::default(), &service).await);
    assert!(refusal.contains("only use authorized account can create service"), "{refusal}");
    assert_eq!(count_reviews(), before + 4, "the four refusals above are reviews");
    space.delete().await;
}
