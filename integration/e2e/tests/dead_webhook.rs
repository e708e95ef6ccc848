//! A cluster without any webhook pod (docs/reference/admission.md#2.7): writes of Tars objects are refused, but servers are repaired, a
//! foreground deletion ends, and a namespace with Tars objects can be deleted.
//!
//! The whole cluster is without a webhook meanwhile, so this file has one test only.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, expect_refusal, wait_for};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use std::panic;
use tars_common::v1beta3::{TConfig, TServer, TTree};

const SYSTEM: &str = "tars-system";
const WEBHOOK: &str = "tars-webhook-manger";
const SERVER: &str = "mill-saw";

/// Makes a template, a tree, an active configuration, a server that was never released, and a released one.
async fn fill(space: &Space) {
    space.apply_template("root", "root").await.expect("a template");
    let tree = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TTree", "metadata": {"name": "tars-tree"}, "apps": [], "businesses": [],
    });
    space.apply::<TTree>(&tree.to_string()).await.expect("a tree");
    let config = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": "saw-conf"},
        "app": "Mill", "server": "Saw", "configName": "saw.conf", "configContent": "speed=1", "activated": true,
    });
    space.apply::<TConfig>(&config.to_string()).await.expect("a configuration");
    let idle = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "mill-plane"},
        "spec": {
            "app": "Mill", "server": "Plane", "subType": "tars", "k8s": {},
            "tars": {"template": "root", "servants": [{"name": "PlaneObj", "port": 10001}]},
        },
    });
    space.apply::<TServer>(&idle.to_string()).await.expect("a server");
    let running = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": SERVER},
        "spec": {
            "app": "Mill", "server": "Saw", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "k8s": {"replicas": 1, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
        },
    });
    space.apply::<TServer>(&running.to_string()).await.expect("a server");
    space.wait_for_condition(SERVER, "Applied", "True").await;
}

async fn scale_webhook(client: &Client, replicas: i32) {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM);
    let change = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    deployments.patch_scale(WEBHOOK, &PatchParams::default(), &change).await.expect("the Deployment can be scaled");
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
    let ours = ListParams::default().labels("tars.io/Webhook=true");
    wait_for(&format!("{replicas} ready webhook pods"), || async {
        let status = deployments.get(WEBHOOK).await.expect("the Deployment").status?;
        let left = pods.list(&ours).await.expect("the pods").items.len();
        (status.ready_replicas.unwrap_or(0) == replicas && (replicas > 0 || left == 0)).then_some(())
    })
    .await;
}

/// What must work while no webhook answers.
async fn work_without_webhook(space: Space) {
    let refusal = expect_refusal(space.apply_template("root", "other").await);
    assert!(refusal.contains("failed calling webhook"), "the webhook is still there: {refusal}");

    let sets = space.api::<StatefulSet>();
    let before = sets.get(SERVER).await.expect("the StatefulSet").uid();
    sets.delete(SERVER, &DeleteParams::background()).await.expect("a deletion");
    wait_for("another StatefulSet", || async {
        sets.get_opt(SERVER).await.expect("an answer").filter(|set| set.uid() != before)
    })
    .await;

    // The garbage collector removes the finalizer of the server at the end.
    let servers = space.api::<TServer>();
    servers.delete(SERVER, &DeleteParams::foreground()).await.expect("a deletion");
    wait_for("the end of the server", || async { servers.get_opt(SERVER).await.expect("an answer").is_none().then_some(()) })
        .await;

    let (client, name) = (space.client.clone(), space.name.clone());
    space.delete().await;
    let namespaces: Api<Namespace> = Api::all(client);
    wait_for("the end of the namespace", || async {
        namespaces.get_opt(&name).await.expect("an answer").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_a_webhook_servers_are_repaired_and_namespaces_can_be_deleted() {
    let space = Space::create("dead-webhook").await;
    let client = space.client.clone();
    space.admit_nodes().await;
    fill(&space).await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM);
    let replicas = deployments.get_scale(WEBHOOK).await.expect("the scale").spec.and_then(|spec| spec.replicas).unwrap_or(1);
    // A failure in the task must not leave the cluster without a webhook.
    let worked = tokio::spawn({
        let client = client.clone();
        async move {
            scale_webhook(&client, 0).await;
            work_without_webhook(space).await;
        }
    })
    .await;
    scale_webhook(&client, replicas).await;
    if let Err(error) = worked {
        panic::resume_unwind(error.into_panic());
    }
}
