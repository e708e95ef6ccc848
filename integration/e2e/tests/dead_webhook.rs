//! A cluster whose webhook is deleted, scaled to zero, or hangs (docs/reference/admission.md#2.7): writes of Tars objects are refused, but
//! servers are repaired, a foreground deletion ends, a node can be drained, a namespace with Tars objects can be deleted, and an upgrade of
//! the chart brings the webhook back.
//!
//! The whole cluster is without a webhook meanwhile, so this file has one test only.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, expect_refusal, wait_for};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Node, Pod, Service},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use std::{panic, process::Command};
use tars_common::v1beta3::{TConfig, TServer, TTree};

const SYSTEM: &str = "tars-system";
const WEBHOOK: &str = "tars-webhook-manger";
const SERVER: &str = "mill-saw";
const POD: &str = "mill-saw-0";
/// The pod that takes the place of a webhook that hangs.
const HOLDER: &str = "e2e-holder";

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
    space.wait_for_condition(SERVER, "Ready", "True").await;
}

/// How the webhook is gone.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Deleted,
    Scaled,
    /// Connections are accepted, and nothing is answered.
    Hung,
}

async fn begin(outage: Outage, client: &Client) {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM);
    if matches!(outage, Outage::Hung) {
        hang(client).await;
    }
    if matches!(outage, Outage::Deleted) {
        deployments.delete(WEBHOOK, &DeleteParams::foreground()).await.expect("a deletion").map_left(drop);
    } else {
        // Without this, the API server would keep its connections to the pods that do not hang.
        let change = Patch::Merge(json!({"spec": {"replicas": 0}}));
        deployments.patch_scale(WEBHOOK, &PatchParams::default(), &change).await.expect("the Deployment can be scaled");
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
    let ours = ListParams::default().labels("tars.io/Webhook=true");
    wait_for("no webhook pod", || async { pods.list(&ours).await.expect("the pods").items.is_empty().then_some(()) }).await;
}

/// Leads the Service of the webhook to a pod that never answers.
async fn hang(client: &Client) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": HOLDER, "labels": {"tars.io/e2e": "holder"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "holder", "image": "docker.io/tarsrs/probe:v0.1.0", "args": ["hold", ":8443"], "imagePullPolicy": "IfNotPresent",
                "ports": [{"name": "webhook", "containerPort": 8443}],
            }],
        },
    });
    pods.patch(HOLDER, &PatchParams::apply("e2e"), &Patch::Apply(pod)).await.expect("a pod");
    let running = |pod: Pod| pod.status.is_some_and(|status| status.phase.as_deref() == Some("Running"));
    wait_for("the pod", || async { pods.get(HOLDER).await.ok().filter(|pod| running(pod.clone())) }).await;
    let services: Api<Service> = Api::namespaced(client.clone(), SYSTEM);
    let selector = json!({"spec": {"selector": {"tars.io/Webhook": null, "tars.io/e2e": "holder"}}});
    services.patch("tars-webhook-service", &PatchParams::default(), &Patch::Merge(selector)).await.expect("the Service");
}

/// Upgrades the chart, as an operator does who finds the webhook gone, and waits until it answers.
async fn upgrade(space: &Space) {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../helm/tarscontroller");
    run("helm", &["upgrade", "tarscontroller", chart, "--namespace", SYSTEM, "--reuse-values", "--wait", "--timeout", "120s"]);
    let pods: Api<Pod> = Api::namespaced(space.client.clone(), SYSTEM);
    let services: Api<Service> = Api::namespaced(space.client.clone(), SYSTEM);
    let holder = pods.delete(HOLDER, &DeleteParams::default().grace_period(0)).await;
    if holder.is_ok() {
        // The chart does not know this member of the selector, so its upgrade leaves it.
        let selector = Patch::Merge(json!({"spec": {"selector": {"tars.io/e2e": null}}}));
        services.patch("tars-webhook-service", &PatchParams::default(), &selector).await.expect("the Service");
    }
    wait_for("a write", || async { space.apply_template("root", "root").await.ok() }).await;
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("the program, see integration/cluster/env.sh");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Takes the pods of the server off every node. A node of the cluster may be the only one, so other pods stay.
async fn drain(space: &Space) {
    let pods = space.api::<Pod>();
    let before = pods.get(POD).await.expect("the pod").uid();
    let nodes: Api<Node> = Api::all(space.client.clone());
    let nodes: Vec<String> =
        nodes.list(&ListParams::default()).await.expect("the nodes").iter().map(ResourceExt::name_any).collect();
    for node in &nodes {
        run("kubectl", &["drain", node, "--pod-selector", "tars.io/ServerName=Saw,tars.io/ServerApp=Mill", "--timeout", "60s"]);
    }
    for node in &nodes {
        run("kubectl", &["uncordon", node]);
    }
    wait_for("another pod", || async { pods.get_opt(POD).await.expect("an answer").filter(|pod| pod.uid() != before) }).await;
}

/// What must work while no webhook answers.
async fn work_without_webhook(space: Space) {
    wait_for("a refusal", || async {
        let refusal = expect_refusal(space.apply_template("root", "other").await);
        // For a moment, a connection to the old pods can be left.
        (refusal.contains("failed calling webhook")).then_some(())
    })
    .await;
    drain(&space).await;

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
    let after = Space::create("dead-webhook-after").await;
    for outage in [Outage::Scaled, Outage::Deleted, Outage::Hung] {
        let space = Space::create("dead-webhook").await;
        space.admit_nodes().await;
        fill(&space).await;
        let client = space.client.clone();
        // A failure in the task must not leave the cluster without a webhook.
        let worked = tokio::spawn(async move {
            begin(outage, &client).await;
            work_without_webhook(space).await;
        })
        .await;
        upgrade(&after).await;
        if let Err(error) = worked {
            panic::resume_unwind(error.into_panic());
        }
    }
    after.delete().await;
}
