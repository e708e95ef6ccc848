//! A volume that is added to a server reaches its pods one after the other, or leaves them so, and the server goes on serving
//! (docs/reference/controller.md#7.3.1, docs/reference/controller.md#7.3.2), and an update says so before it happens (docs/reference/admission.md#6.1.28).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolume, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;
use std::collections::BTreeMap;
use tars_common::v1beta3::TServer;
use tokio::process::Command;

const NAME: &str = "mint-press";
const REPLICAS: usize = 3;

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn claims_of(pod: &Pod) -> usize {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    volumes.into_iter().flatten().filter(|volume| volume.persistent_volume_claim.is_some()).count()
}

/// Makes volumes for the claims, without a provisioner. The names are those of the namespace, which is unique.
async fn make_volumes(space: &Space) -> Vec<String> {
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    let mut names = Vec::new();
    for number in 0..REPLICAS {
        let volume: PersistentVolume = serde_json::from_value(json!({
            "metadata": {"name": format!("{}-{number}", space.name)},
            "spec": {
                "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": space.name,
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/tmp"},
            },
        }))
        .expect("a volume");
        let made = volumes.create(&PostParams::default(), &volume).await.expect("a volume");
        names.push(made.name_any());
    }
    names
}

/// Returns what `kubectl` says.
async fn patch_by_kubectl(space: &Space, change: &str) -> String {
    let arguments = ["patch", "tserver", NAME, "--namespace", &space.name, "--type", "merge", "--patch", change];
    let output = Command::new("kubectl").args(arguments).output().await.expect("kubectl, see integration/cluster/env.sh");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn the_pods_get_a_new_volume_and_lose_it_one_after_the_other() {
    let space = Space::create("new-volume").await;
    space.admit_nodes().await;
    let volumes = make_volumes(&space).await;
    let server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
        "spec": {
            "app": "Mint", "server": "Press", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
            "k8s": {
                "replicas": REPLICAS, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"], "notStacked": false,
                "podManagementPolicy": "Parallel",
            },
        },
    });
    space.apply::<TServer>(&server.to_string()).await.expect("a server");
    space.wait_for_condition(NAME, "Ready", "True").await;
    let pods = space.api::<Pod>();
    let list = async || pods.list(&ListParams::default()).await.expect("the pods").items;
    let before: BTreeMap<_, _> = list().await.iter().map(|pod| (pod.name_any(), pod.uid())).collect();
    assert_eq!(before.len(), REPLICAS);

    let mount = json!({"name": "coins", "mountPath": "/coins", "source": {"persistentVolumeClaimTemplate": {"metadata": {}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": space.name, "resources": {"requests": {"storage": "1Mi"}}}}}});
    let change = json!({"spec": {"k8s": {"mounts": [mount.clone()]}}}).to_string();
    let said = patch_by_kubectl(&space, &change).await;
    assert!(said.contains("Warning: spec.k8s.mounts: running pods cannot get the new volume \"coins\""), "rule 6.1.28: {said}");
    wait_for("every pod to have the volume", || async {
        let now = list().await;
        let ready = now.iter().filter(|pod| is_ready(pod)).count();
        assert!(ready + 1 >= REPLICAS, "more than one pod is away: {ready} of {REPLICAS} are ready");
        (ready == REPLICAS && now.iter().all(|pod| claims_of(pod) == 1)).then_some(())
    })
    .await;
    let after = list().await;
    assert!(after.iter().all(|pod| before[&pod.name_any()] != pod.uid()), "every pod is a new one");
    space.wait_for_condition(NAME, "Ready", "True").await;

    let mut larger = mount.clone();
    larger["source"]["persistentVolumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"] = json!("2Mi");
    let said = patch_by_kubectl(&space, &json!({"spec": {"k8s": {"mounts": [larger]}}}).to_string()).await;
    assert!(said.contains("claims of \"coins\" that exist keep their size and class"), "rule 6.1.29: {said}");
    space.wait_for_condition(NAME, "Ready", "True").await;
    let kept: BTreeMap<_, _> = list().await.iter().map(|pod| (pod.name_any(), pod.uid())).collect();
    assert!(after.iter().all(|pod| kept[&pod.name_any()] == pod.uid()), "no pod is replaced for the sake of new claims");

    // Without the mount the StatefulSet is another one, which adopts the pods and replaces them one by one.
    let sets = space.api::<StatefulSet>();
    let set = wait_for("the StatefulSet with the larger claims", || async {
        let set = sets.get_opt(NAME).await.expect("an answer")?;
        let template = set.spec.as_ref()?.volume_claim_templates.as_ref()?.first()?;
        let size = template.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get("storage")?;
        (size.0 == "2Mi").then(|| set.uid())
    })
    .await;
    patch_by_kubectl(&space, &json!({"spec": {"k8s": {"mounts": []}}}).to_string()).await;
    wait_for("every pod to lack the volume", || async {
        let now = list().await;
        let ready = now.iter().filter(|pod| is_ready(pod)).count();
        assert!(ready + 1 >= REPLICAS, "more than one pod is away: {ready} of {REPLICAS} are ready");
        (ready == REPLICAS && now.iter().all(|pod| claims_of(pod) == 0)).then_some(())
    })
    .await;
    assert_ne!(sets.get(NAME).await.expect("the StatefulSet").uid(), set);
    space.delete().await;
    let all: Api<PersistentVolume> = Api::all(e2e::connect().await);
    for volume in volumes {
        all.delete(&volume, &DeleteParams::default()).await.expect("a deletion");
    }
}
