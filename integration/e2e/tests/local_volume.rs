//! A server with a local volume: its claim is bound on a node that can run it, its data outlives its pod, and when the server goes, no
//! claim and no volume stay behind.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails, in its helpers too")]

use e2e::{Space, eventually};
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

/// A server whose program adds a line to a file of its volume, prints all lines, and waits.
fn server() -> String {
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

/// What the running pod printed, once it has printed something.
async fn lives(pods: &Api<Pod>, other_than: Option<&str>) -> (String, Vec<String>) {
    eventually("the server to run and print", || async {
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
    space.admit().await;
    space.apply::<TServer>(&server()).await.expect("a server");
    let (claims, pods) = (space.api::<PersistentVolumeClaim>(), space.api::<Pod>());
    let bound = eventually("the claim to be bound", || async {
        let claim = claims.get_opt(CLAIM).await.expect("an answer")?;
        (claim.status.as_ref()?.phase.as_deref() == Some("Bound")).then_some(claim)
    })
    .await;
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    let name = bound.spec.as_ref().and_then(|spec| spec.volume_name.clone()).expect("a bound claim has a volume");
    assert!(name.starts_with(&format!("{}-data-trade-vault-", space.name)), "{name}");

    let (first, lines) = lives(&pods, None).await;
    assert_eq!(lines, [format!("life of {POD}")]);
    pods.delete(POD, &DeleteParams::default().grace_period(1)).await.expect("the pod can be deleted");
    let (_, lines) = lives(&pods, Some(&first)).await;
    assert_eq!(lines.len(), 2, "the first life's line is still there: {lines:?}");

    space.api::<TServer>().delete(SERVER, &DeleteParams::default()).await.expect("the server can be deleted");
    eventually("claims and volumes to go", || async {
        let claims = claims.list(&ListParams::default()).await.expect("claims");
        let volumes = volumes.list_metadata(&ListParams::default().labels(VOLUMES)).await.expect("volumes");
        (claims.items.is_empty() && volumes.items.iter().all(|volume| !volume.name_any().starts_with(&space.name))).then_some(())
    })
    .await;

    // The same server comes back to its data.
    space.apply::<TServer>(&server()).await.expect("the server again");
    let (_, lines) = lives(&pods, None).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    space.delete().await;
}
