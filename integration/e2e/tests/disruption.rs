//! The `PodDisruptionBudget` of a server on a real cluster: the eviction API obeys it, and only the TServer changes it
//! (docs/reference/controller.md#4.7).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, expect_refusal, wait_for};
use k8s_openapi::{
    api::{core::v1::Pod, policy::v1::PodDisruptionBudget},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, EvictParams, Patch, PatchParams},
};
use serde_json::json;
use tars_common::v1beta3::TServer;

const SERVER: &str = "harbour-crane";
const POD: &str = "harbour-crane-0";

/// Builds a server with one replica that runs and answers, and with this `spec.k8s.disruption` if there is one.
fn build_server(disruption: Option<serde_json::Value>) -> String {
    let mut server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": SERVER},
        "spec": {
            "app": "Harbour", "server": "Crane", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "k8s": {"replicas": 1, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
        },
    });
    if let Some(disruption) = disruption {
        server["spec"]["k8s"]["disruption"] = disruption;
    }
    server.to_string()
}

/// Waits until the disruption controller of Kubernetes has seen a budget with `limit`, and allows `allowed` evictions.
async fn wait_for_budget(budgets: &Api<PodDisruptionBudget>, limit: &IntOrString, allowed: i32) -> PodDisruptionBudget {
    wait_for(&format!("a budget of {limit:?} that allows {allowed}"), || async {
        let budget = budgets.get_opt(SERVER).await.expect("an answer")?;
        let status = budget.status.as_ref()?;
        let seen = status.observed_generation == budget.metadata.generation && status.disruptions_allowed == allowed;
        (seen && budget.spec.as_ref()?.max_unavailable.as_ref() == Some(limit)).then_some(budget)
    })
    .await
}

/// Connects without the retries of the usual client, which tries a refused eviction again for minutes: the answer is 429.
async fn connect_impatiently(space: &Space) -> Api<Pod> {
    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.default_retry = false;
    Api::namespaced(Client::try_from(config).expect("a client"), &space.name)
}

#[tokio::test]
async fn evictions_obey_the_budget_of_the_server() {
    let space = Space::create("disruption").await;
    space.admit_nodes().await;
    let (budgets, pods) = (space.api::<PodDisruptionBudget>(), space.api::<Pod>());
    space.apply::<TServer>(&build_server(Some(json!({"maxUnavailable": 0})))).await.expect("a server");
    space.wait_for_condition(SERVER, "Ready", "True").await;
    wait_for_budget(&budgets, &IntOrString::Int(0), 0).await;
    let refusal = expect_refusal(connect_impatiently(&space).await.evict(POD, &EvictParams::default()).await);
    assert!(refusal.contains("disruption budget"), "{refusal}");

    space.apply::<TServer>(&build_server(Some(json!({"maxUnavailable": "100%"})))).await.expect("the server");
    let budget = wait_for_budget(&budgets, &IntOrString::String("100%".to_owned()), 1).await;
    let before = pods.get(POD).await.expect("the pod").uid();
    pods.evict(POD, &EvictParams::default()).await.expect("an eviction");
    wait_for("another pod", || async { pods.get_opt(POD).await.expect("an answer").filter(|pod| pod.uid() != before) }).await;

    let change = Patch::Merge(json!({"spec": {"maxUnavailable": 0}}));
    let refusal = expect_refusal(budgets.patch(SERVER, &PatchParams::default(), &change).await);
    assert!(refusal.contains("resource should be modified through tserver"), "{refusal}");
    budgets.delete(SERVER, &DeleteParams::default()).await.expect("the budget goes");
    wait_for("another budget", || async {
        budgets.get_opt(SERVER).await.expect("an answer").filter(|new| new.uid() != budget.uid())
    })
    .await;

    space.apply::<TServer>(&build_server(None)).await.expect("the server");
    wait_for("no budget", || async { budgets.get_opt(SERVER).await.expect("an answer").is_none().then_some(()) }).await;
    space.delete().await;
}
