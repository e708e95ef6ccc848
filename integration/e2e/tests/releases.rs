//! A release that fails is taken back without a hand, also with the policy `OrderedReady` (docs/reference/controller.md#7.3.8).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tars_common::v1beta3::TServer;

const NAME: &str = "press-proof";
const GOOD: &str = "docker.io/tarsrs/probe:v0.1.0";

async fn release(space: &Space, id: &str, image: &str) {
    let change = Patch::Merge(json!({"spec": {"release": {"id": id, "image": image}}}));
    space.api::<TServer>().patch(NAME, &PatchParams::default(), &change).await.expect("a release");
}

#[tokio::test]
async fn a_failed_release_with_ordered_pods_goes_back_without_a_hand() {
    let space = Space::create("releases").await;
    space.admit_nodes().await;
    let server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
        "spec": {
            "app": "Press", "server": "Proof", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": GOOD},
            "k8s": {
                "replicas": 2, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"], "notStacked": false,
                "podManagementPolicy": "OrderedReady",
            },
        },
    });
    space.apply::<TServer>(&server.to_string()).await.expect("a server");
    space.wait_for_condition(NAME, "Ready", "True").await;
    let pods: Api<Pod> = space.api();
    let first = pods.get(&format!("{NAME}-0")).await.expect("the first pod").uid();

    release(&space, "v2", "registry.invalid/proof:2").await;
    wait_for("the release to fail", || async {
        let ready = space.find_condition(NAME, "Ready").await?;
        (ready.reason == "ImageNotPulled").then_some(())
    })
    .await;
    release(&space, "v1", GOOD).await;
    space.wait_for_condition(NAME, "Ready", "True").await;
    assert_eq!(pods.get(&format!("{NAME}-0")).await.expect("the first pod").uid(), first, "it never had the failed release");
    space.delete().await;
}
