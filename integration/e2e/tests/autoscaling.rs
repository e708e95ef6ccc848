//! The number of pods from every side at once: `kubectl scale`, a `HorizontalPodAutoscaler`, and the annotations that bound it
//! (docs/reference/controller.md#4.1.6). The scale subresource alone is tried in `workloads.rs`.
//!
//! The cluster has no metrics, so the autoscaler only raises the number to its `minReplicas`. No node runs the servers.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::api::{apps::v1::StatefulSet, autoscaling::v2::HorizontalPodAutoscaler};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tars_common::v1beta3::TServer;
use tokio::process::Command;

const NAME: &str = "mill-stone";

async fn make_server(space: &Space) {
    let server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
        "spec": {
            "app": "Mill", "server": "Stone", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "k8s": {"replicas": 1}, "release": {"id": "v1", "image": "example.org/stone:1"},
        },
    });
    space.apply::<TServer>(&server.to_string()).await.expect("a server");
}

async fn make_autoscaler(space: &Space) {
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": NAME},
        "spec": {
            "scaleTargetRef": {"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "name": NAME},
            "minReplicas": 3, "maxReplicas": 5,
        },
    });
    space.apply::<HorizontalPodAutoscaler>(&autoscaler.to_string()).await.expect("an autoscaler");
}

async fn annotate(space: &Space, annotations: &Value) {
    let change = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    space.api::<TServer>().patch(NAME, &PatchParams::default(), &change).await.expect("other bounds");
}

/// Waits until the TServer asks for so many pods, and so many of them count.
async fn wait_for_numbers(space: &Space, stated: i32, counted: i32) {
    let (servers, sets) = (space.api::<TServer>(), space.api::<StatefulSet>());
    wait_for(&format!("spec.k8s.replicas {stated} that counts as {counted}"), || async {
        let server = servers.get(NAME).await.expect("the server");
        let set = sets.get_opt(NAME).await.expect("an answer")?;
        let numbers = (server.spec.k8s.replicas?, server.status?.replicas, set.spec?.replicas?);
        (numbers == (stated, counted, counted)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn kubectl_and_an_autoscaler_scale_a_server_within_its_bounds() {
    let space = Space::create("autoscaling").await;
    make_server(&space).await;
    wait_for_numbers(&space, 1, 1).await;
    let scale = ["scale", "tserver", NAME, "--namespace", &space.name, "--current-replicas=1", "--replicas=2"];
    let output = Command::new("kubectl").args(scale).output().await.expect("kubectl, see integration/cluster/env.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wait_for_numbers(&space, 2, 2).await;

    make_autoscaler(&space).await;
    wait_for_numbers(&space, 3, 3).await;

    // Admission lowers the number, the autoscaler raises it again, and the controller keeps within the bound.
    annotate(&space, &json!({"tars.io/MaxReplicas": "2"})).await;
    wait_for_numbers(&space, 3, 2).await;
    let why = "spec.k8s.replicas 3 counts as 2 because of the annotation tars.io/MaxReplicas";
    wait_for(why, || async { space.find_condition(NAME, "Applied").await.filter(|one| one.message.contains(why)) }).await;

    // Without metrics the autoscaler does not lower the number again.
    annotate(&space, &json!({"tars.io/MaxReplicas": null, "tars.io/MinReplicas": "4"})).await;
    wait_for_numbers(&space, 4, 4).await;
    let autoscaler = space.api::<HorizontalPodAutoscaler>().get(NAME).await.expect("the autoscaler");
    let able = autoscaler.status.and_then(|status| status.conditions).unwrap_or_default();
    assert!(able.iter().any(|one| one.type_ == "AbleToScale" && one.status == "True"), "it reads the scale: {able:?}");
    space.delete().await;
}
