//! Labels, annotations, tolerations and further fields of pods that a TServer passes on (docs/reference/controller.md#5.23). They reach the
//! workload and its pods. Another spelling of the same server changes nothing, and an older version of the API loses nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, apply, wait_for};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, StatefulSet},
    core::v1::{Pod, PodTemplateSpec, Toleration},
    scheduling::v1::PriorityClass,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tars_common::{
    v1beta2,
    v1beta3::{TEndpoint, TServer},
};

const NAME: &str = "ledger-audit";
const POD: &str = "ledger-audit-0";

/// The name of a priority class that only this namespace uses. Priority classes have no namespace.
fn name_priority(space: &Space) -> String {
    format!("{}-priority", space.name)
}

async fn make_priority(space: &Space) {
    let name = name_priority(space);
    let class = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 7, "preemptionPolicy": "Never",
    });
    apply(&Api::<PriorityClass>::all(space.client.clone()), &class.to_string()).await.expect("a priority class");
}

async fn delete(space: Space) {
    let classes = Api::<PriorityClass>::all(space.client.clone());
    classes.delete(&name_priority(&space), &DeleteParams::default()).await.expect("the priority class");
    space.delete().await;
}

/// Builds a server that runs, with all fields that a pod can have on any node.
fn build_server(space: &Space) -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
        "spec": {
            "app": "Ledger", "server": "Audit", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
            "k8s": {
                "replicas": 1, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"],
                "resources": {"limits": {"cpu": "500m"}},
                "podLabels": {"team": "blue"}, "podAnnotations": {"example.com/note": "any text"},
                "tolerations": build_tolerations(), "priorityClassName": name_priority(space), "schedulerName": "default-scheduler",
                "terminationGracePeriodSeconds": 5, "workingDir": "/etc",
            },
        },
    })
}

fn build_tolerations() -> Value {
    json!([
        {"key": "example.com/dedicated", "operator": "Equal", "value": "audit", "effect": "NoSchedule"},
        {"key": "example.com/leaving", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
    ])
}

/// Expects the fields of [`build_server`] in the template of a workload.
fn check_template(space: &Space, template: &PodTemplateSpec) {
    let (meta, spec) = (template.metadata.as_ref().expect("metadata"), template.spec.as_ref().expect("a spec"));
    let text = |map: &Option<std::collections::BTreeMap<String, String>>, key: &str| map.as_ref()?.get(key).cloned();
    assert_eq!(text(&meta.labels, "team").as_deref(), Some("blue"));
    assert_eq!(text(&meta.labels, "tars.io/ServerApp").as_deref(), Some("Ledger"));
    assert_eq!(text(&meta.annotations, "example.com/note").as_deref(), Some("any text"));
    assert_eq!(serde_json::to_value(&spec.tolerations).expect("JSON"), build_tolerations());
    assert_eq!(spec.priority_class_name.as_deref(), Some(name_priority(space).as_str()));
    assert_eq!((spec.scheduler_name.as_deref(), spec.termination_grace_period_seconds), (Some("default-scheduler"), Some(5)));
    assert_eq!(spec.containers[0].working_dir.as_deref(), Some("/etc"));
}

/// Expects the fields of [`build_server`] in a pod. Kubernetes appends tolerations of its own.
fn check_pod(pod: &Pod) {
    assert_eq!(pod.labels().get("team").map(String::as_str), Some("blue"));
    assert_eq!(pod.annotations().get("example.com/note").map(String::as_str), Some("any text"));
    let spec = pod.spec.as_ref().expect("a spec");
    assert_eq!((spec.priority, spec.termination_grace_period_seconds), (Some(7), Some(5)));
    assert_eq!(spec.containers[0].working_dir.as_deref(), Some("/etc"));
    let wanted: Vec<Toleration> = serde_json::from_value(build_tolerations()).expect("tolerations");
    assert!(spec.tolerations.as_ref().is_some_and(|found| found.starts_with(&wanted)), "{:?}", spec.tolerations);
}

/// Changes the server and one of its labels, and waits until the controller has copied the label to the TEndpoint. The controller never
/// reconciles a server twice at the same time, so a second call returns after the end of the reconcile that saw the first change.
async fn change(space: &Space, k8s: &Value, touched: &str) {
    let patch = json!({"metadata": {"labels": {"touched": touched}}, "spec": {"k8s": k8s}});
    space.api::<TServer>().patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a changed server");
    wait_for("the label to reach the TEndpoint", || async {
        let endpoint = space.api::<TEndpoint>().get_opt(NAME).await.expect("an answer")?;
        (endpoint.labels().get("touched").map(String::as_str) == Some(touched)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn fields_of_a_pod_reach_it_and_another_spelling_of_them_replaces_no_pod() {
    let space = Space::create("pod-fields").await;
    space.admit_nodes().await;
    make_priority(&space).await;
    space.apply::<TServer>(&build_server(&space).to_string()).await.expect("the TServer");
    space.wait_for_condition(NAME, "Ready", "True").await;
    let (sets, pods) = (space.api::<StatefulSet>(), space.api::<Pod>());
    let set = sets.get(NAME).await.expect("the StatefulSet");
    check_template(&space, &set.spec.as_ref().expect("a spec").template);
    let pod = pods.get(POD).await.expect("the pod");
    check_pod(&pod);

    let mut tolerations = build_tolerations();
    tolerations[0].as_object_mut().expect("a toleration").remove("operator");
    let respelled = json!({"resources": {"limits": {"cpu": "0.5"}}, "tolerations": tolerations});
    change(&space, &respelled, "once").await;
    change(&space, &json!({}), "twice").await;
    let after = sets.get(NAME).await.expect("the StatefulSet");
    assert_eq!(after.metadata.generation, set.metadata.generation, "the same server in other words");

    change(&space, &json!({"podAnnotations": {"example.com/note": "another text"}}), "changed").await;
    wait_for("the pod to be replaced", || async {
        let found = pods.get_opt(POD).await.expect("an answer")?;
        let noted = found.annotations().get("example.com/note").map(String::as_str) == Some("another text");
        (noted && found.uid() != pod.uid()).then_some(())
    })
    .await;
    let changed = sets.get(NAME).await.expect("the StatefulSet");
    assert_eq!(changed.metadata.generation, set.metadata.generation.map(|generation| generation + 1), "one release");
    delete(space).await;
}

#[tokio::test]
async fn fields_of_a_pod_reach_each_pod_of_a_daemon_set() {
    let space = Space::create("pod-fields-daemons").await;
    space.admit_nodes().await;
    make_priority(&space).await;
    let mut server = build_server(&space);
    server["spec"]["k8s"]["daemonSet"] = json!(true);
    space.apply::<TServer>(&server.to_string()).await.expect("the TServer");
    space.wait_for_condition(NAME, "Ready", "True").await;
    let set = space.api::<DaemonSet>().get(NAME).await.expect("the DaemonSet");
    check_template(&space, &set.spec.expect("a spec").template);
    let pods = space.api::<Pod>().list(&ListParams::default().labels("team=blue")).await.expect("pods").items;
    assert!(!pods.is_empty(), "pods are found by the label of the author");
    pods.iter().for_each(check_pod);
    delete(space).await;
}

/// Nothing mounts the volume, and no scheduler of that name exists: the server has no pods.
#[tokio::test]
async fn an_nfs_volume_reaches_the_template_and_survives_a_writer_of_an_older_version() {
    let space = Space::create("pod-fields-nfs").await;
    let mut server = build_server(&space);
    let nfs = json!({"server": "nas.example.com", "path": "/exports/audit", "readOnly": true});
    server["spec"]["k8s"]["replicas"] = json!(0);
    server["spec"]["k8s"]["schedulerName"] = json!("batch");
    server["spec"]["k8s"]["mounts"] = json!([
        {"name": "shared", "mountPath": "/shared", "source": {"nfs": nfs}},
        {"name": "scratch", "mountPath": "/scratch", "source": {"emptyDir": {}}},
    ]);
    let stored = space.apply::<TServer>(&server.to_string()).await.expect("the TServer");
    let set = wait_for("the StatefulSet", || async { space.api::<StatefulSet>().get_opt(NAME).await.expect("an answer") }).await;
    let spec = set.spec.and_then(|spec| spec.template.spec).expect("a template");
    assert_eq!(spec.scheduler_name.as_deref(), Some("batch"));
    let volume = spec.volumes.iter().flatten().find(|volume| volume.name == "shared").expect("the volume");
    assert_eq!(serde_json::to_value(&volume.nfs).expect("JSON"), nfs);

    let older = space.api::<v1beta2::TServer>();
    let names = |mounts: &[v1beta2::Mount]| mounts.iter().filter_map(|mount| mount.name.clone()).collect::<Vec<_>>();
    // The controller may write the status in between. A person then begins anew.
    wait_for("a write in v1beta2", || async {
        let mut lower = older.get(NAME).await.expect("the TServer in v1beta2");
        assert_eq!(names(&lower.spec.k8s.mounts), ["scratch"], "v1beta2 has no source for the other");
        lower.spec.important = 4;
        match older.replace(NAME, &PostParams::default(), &lower).await {
            Err(kube::Error::Api(status)) if status.code == 409 => None,
            answer => Some(answer.expect("a write in v1beta2")),
        }
    })
    .await;
    let after = space.api::<TServer>().get(NAME).await.expect("the TServer");
    assert_eq!((after.spec.important, &after.spec.k8s), (4, &stored.spec.k8s));
    space.delete().await;
}
