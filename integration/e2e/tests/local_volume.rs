//! A server with a local volume on a real cluster: its claim is bound on a node that can run the server, and its data outlives its pod.
//! When the server is deleted, no claim and no PersistentVolume stays behind.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use tars_common::v1beta3::TServer;

const SERVER: &str = "trade-vault";
const POD: &str = "trade-vault-0";
const CLAIM: &str = "data-trade-vault-0";
const VOLUMES: &str = "tars.io/ServerApp=Trade,tars.io/ServerName=Vault,tars.io/LocalVolume=data";

/// Builds a server whose program adds a line to a file of its volume, prints all lines, and waits.
fn build_server() -> String {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": SERVER},
        "spec": {
            "app": "Trade", "server": "Vault", "subType": "normal", "normal": {"ports": []},
            "k8s": {
                "replicas": 1, "imagePullPolicy": "IfNotPresent", "command": ["/probe"], "args": ["record", "/data/lives"],
                "mounts": [{"name": "data", "mountPath": "/data", "source": {"tLocalVolume": {"uid": "65532", "gid": "65532", "mode": "700"}}}],
            },
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
        },
    })
    .to_string()
}

/// Waits until a pod has printed something, whose uid is not `other_than`. Returns its uid and the lines.
async fn wait_for_lines(pods: &Api<Pod>, other_than: Option<&str>) -> (String, Vec<String>) {
    wait_for("the server to run and print", || async {
        let pod = pods.get_opt(POD).await.expect("an answer")?;
        let uid = pod.uid().filter(|uid| Some(uid.as_str()) != other_than)?;
        let printed = pods.logs(POD, &kube::api::LogParams::default()).await.ok()?;
        let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
        (!lines.is_empty()).then_some((uid, lines))
    })
    .await
}

#[tokio::test]
async fn data_outlives_the_pod_and_nothing_outlives_the_server() {
    let space = Space::create("volume").await;
    space.admit_nodes().await;
    space.apply::<TServer>(&build_server()).await.expect("a server");
    let (claims, pods) = (space.api::<PersistentVolumeClaim>(), space.api::<Pod>());
    let bound = wait_for("the claim to be bound", || async {
        let claim = claims.get_opt(CLAIM).await.expect("an answer")?;
        (claim.status.as_ref()?.phase.as_deref() == Some("Bound")).then_some(claim)
    })
    .await;
    // The server has no ports, so its Service has none, either.
    space.wait_for_condition(SERVER, "Applied", "True").await;
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    let name = bound.spec.as_ref().and_then(|spec| spec.volume_name.clone()).expect("a bound claim has a volume");
    assert!(name.starts_with(&format!("{}-data-trade-vault-", space.name)), "{name}");

    let (first, lines) = wait_for_lines(&pods, None).await;
    assert_eq!(lines, [format!("life of {POD}")]);
    pods.delete(POD, &DeleteParams::default().grace_period(1)).await.expect("the pod can be deleted");
    let (_, lines) = wait_for_lines(&pods, Some(&first)).await;
    assert_eq!(lines.len(), 2, "the first life's line is still there: {lines:?}");

    space.api::<TServer>().delete(SERVER, &DeleteParams::default()).await.expect("the server can be deleted");
    wait_for("claims and volumes to go", || async {
        let claims = claims.list(&ListParams::default()).await.expect("claims");
        let volumes = volumes.list_metadata(&ListParams::default().labels(VOLUMES)).await.expect("volumes");
        (claims.items.is_empty() && volumes.items.iter().all(|volume| !volume.name_any().starts_with(&space.name))).then_some(())
    })
    .await;

    // When the same server returns, it finds its data.
    space.apply::<TServer>(&build_server()).await.expect("the server again");
    let (_, lines) = wait_for_lines(&pods, None).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    space.delete().await;
}
