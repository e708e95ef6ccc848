//! The condition `Progressing` (docs/reference/controller.md#7.5.11): a release that does not reach the pods fails at its deadline, and its
//! correction is complete. `kubectl wait` hears of both.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::{api::core::v1::Event, apimachinery::pkg::apis::meta::v1::Condition};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tars_common::v1beta3::{TServer, TServerStatus};
use tokio::process::Command;

const NAME: &str = "ferry-boat";
const IMAGE: &str = "docker.io/tarsrs/probe:v0.1.0";
const NO_IMAGE: &str = "registry.invalid/boat:1";

/// A server that runs on every node, with this workload besides.
fn build_server(k8s: &Value) -> Value {
    let mut server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
        "spec": {
            "app": "Ferry", "server": "Boat", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": IMAGE},
            "k8s": {
                "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"], "terminationGracePeriodSeconds": 1,
                "progressDeadlineSeconds": 5,
            },
        },
    });
    json_patch::merge(&mut server["spec"]["k8s"], k8s);
    server
}

async fn change(space: &Space, spec: &Value) {
    let change = Patch::Merge(json!({"spec": spec}));
    space.api::<TServer>().patch(NAME, &PatchParams::default(), &change).await.expect("a change of the server");
}

/// Waits for this reason of a condition, about the present spec.
async fn wait_for_reason(space: &Space, kind: &str, reason: &str) -> Condition {
    wait_for(&format!("{kind} to be {reason}"), || async {
        space.find_condition(NAME, kind).await.filter(|condition| condition.reason == reason)
    })
    .await
}

async fn read_status(space: &Space) -> TServerStatus {
    space.api::<TServer>().get(NAME).await.expect("the server").status.expect("a status")
}

/// Runs `kubectl wait` for a condition.
async fn kubectl_wait(space: &Space, condition: &str) {
    let condition = format!("--for=condition={condition}");
    let arguments = ["wait", &format!("tserver/{NAME}"), "--namespace", &space.name, &condition, "--timeout=60s"];
    let output = Command::new("kubectl").args(arguments).output().await.expect("kubectl, see integration/cluster/env.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn list_warnings(space: &Space) -> Vec<Event> {
    let about = format!("involvedObject.name={NAME},reason=ProgressDeadlineExceeded");
    space.api::<Event>().list(&ListParams::default().fields(&about)).await.expect("the Events").items
}

/// Makes a server that runs, releases an image that does not exist, and goes back to the one that does.
async fn fail_and_correct(purpose: &str, k8s: &Value) {
    let space = Space::create(purpose).await;
    space.admit_nodes().await;
    space.apply::<TServer>(&build_server(k8s).to_string()).await.expect("a server");
    let complete = wait_for_reason(&space, "Progressing", "Complete").await;
    assert_eq!(complete.status, "True");
    assert!(complete.message.ends_with(" got the wanted settings and became ready"), "{}", complete.message);
    assert_eq!(read_status(&space).await.rollout, None);
    kubectl_wait(&space, "Ready").await;

    change(&space, &json!({"release": {"id": "v2", "image": NO_IMAGE}})).await;
    kubectl_wait(&space, "Progressing=False").await;
    let failed = wait_for_reason(&space, "Progressing", "ProgressDeadlineExceeded").await;
    assert_eq!(failed.status, "False");
    assert!(failed.message.starts_with("no progress for 5 s (spec.k8s.progressDeadlineSeconds): 0 of "), "{}", failed.message);
    wait_for_reason(&space, "Ready", "ImageNotPulled").await;
    let rollout = read_status(&space).await.rollout.expect("what is left of the rollout");
    assert!(rollout.steps_left > 0, "{rollout:?}");
    let warning = wait_for("a Warning", || async { list_warnings(&space).await.pop() }).await;
    assert_eq!((warning.type_.as_deref(), warning.message), (Some("Warning"), Some(failed.message)));

    change(&space, &json!({"release": {"id": "v1", "image": IMAGE}})).await;
    wait_for_reason(&space, "Progressing", "Complete").await;
    kubectl_wait(&space, "Ready").await;
    assert_eq!(read_status(&space).await.rollout, None);
    let warnings = list_warnings(&space).await;
    assert!(warnings.iter().all(|warning| warning.count.unwrap_or(1) == 1) && warnings.len() == 1, "{warnings:?}");
    space.delete().await;
}

#[tokio::test]
async fn a_release_that_fails_is_told_at_its_deadline_and_its_correction_is_complete() {
    fail_and_correct("rollout", &json!({"replicas": 1})).await;
}

#[tokio::test]
async fn the_same_holds_for_a_daemon_set() {
    fail_and_correct("rollout-daemon", &json!({"daemonSet": true})).await;
}
