//! Changes of the Service and the workload of a server by others than the controller (docs/reference/admission.md#6.7): what keeps the
//! TServer's decisions is accepted, what deviates is refused, and the verb `repair` permits everything. The number of pods comes from
//! the TServer, within its bounds.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, expect_refusal, wait_for};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Namespace, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::fmt::Debug;
use tars_common::v1beta3::TServer;

const SERVER: &str = "forge-anvil";
const MENDER: &str = "mender";

/// Makes a released server with a budget. The namespace has no node, so nothing runs.
async fn make_server(space: &Space) {
    let server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": SERVER},
        "spec": {
            "app": "Forge", "server": "Anvil", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "k8s": {"replicas": 2, "disruption": {"maxUnavailable": 1}}, "release": {"id": "v1", "image": "example.org/anvil:1"},
        },
    });
    space.apply::<TServer>(&server.to_string()).await.expect("a server");
    let (sets, services, budgets) = (space.api::<StatefulSet>(), space.api::<Service>(), space.api::<PodDisruptionBudget>());
    wait_for("the derived objects", || async {
        sets.get_opt(SERVER).await.expect("an answer")?;
        services.get_opt(SERVER).await.expect("an answer")?;
        budgets.get_opt(SERVER).await.expect("an answer")
    })
    .await;
}

async fn patch<K>(api: &Api<K>, change: &Value) -> kube::Result<K>
where
    K: Clone + Debug + serde::de::DeserializeOwned,
{
    api.patch(SERVER, &PatchParams::default(), &Patch::Strategic(change)).await
}

/// Expects that everybody else is refused, with the specified message.
fn expect_deviation<T: Debug>(result: kube::Result<T>) {
    let refusal = expect_refusal(result);
    assert!(refusal.contains("resource should be modified through tserver"), "{refusal}");
}

fn container(fields: &Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [fields]}}}})
}

#[tokio::test]
async fn an_update_is_accepted_as_long_as_it_keeps_what_the_tserver_decides() {
    let space = Space::create("workloads").await;
    make_server(&space).await;
    let (sets, services, budgets) = (space.api::<StatefulSet>(), space.api::<Service>(), space.api::<PodDisruptionBudget>());

    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    let kept = [
        json!({"metadata": {"annotations": {"note": "kept"}, "finalizers": ["e2e.tars.io/held"]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["e2e.tars.io/held"]}}),
        restart,
        container(&json!({"name": "side", "image": "example.org/side:1"})),
        json!({"spec": {"template": {"spec": {"tolerations": [{"operator": "Exists"}]}}}}),
        json!({"spec": {"replicas": 2}}),
    ];
    for change in &kept {
        patch(&sets, change).await.expect("an update that keeps the decisions");
    }
    patch(&services, &json!({"spec": {"sessionAffinity": "None"}})).await.expect("an update that keeps the decisions");
    patch(&budgets, &json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}})).await.expect("an update of a budget");

    let set = sets.get(SERVER).await.expect("the StatefulSet");
    let containers = set.spec.and_then(|spec| spec.template.spec).expect("a template").containers;
    let own = containers.iter().find(|container| container.name != "side").expect("the container of the server").name.clone();
    let deviations = [
        json!({"spec": {"replicas": 3}}),
        json!({"spec": {"template": {"spec": {"hostNetwork": true}}}}),
        json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}),
        json!({"metadata": {"labels": {"tars.io/ServerName": "Other"}}}),
        container(&json!({"name": own, "image": "example.org/anvil:2"})),
        container(&json!({"name": own, "env": [{"name": "A", "value": "B"}]})),
        container(&json!({"name": own, "$patch": "delete"})),
    ];
    for change in &deviations {
        expect_deviation(patch(&sets, change).await);
    }
    expect_deviation(patch(&services, &json!({"spec": {"ports": [{"name": "more", "port": 81}]}})).await);
    expect_deviation(patch(&budgets, &json!({"spec": {"maxUnavailable": 2}})).await);
    space.delete().await;
}

#[tokio::test]
async fn the_scale_of_a_statefulset_of_a_server_is_refused_and_that_of_others_is_not() {
    let space = Space::create("workload-scale").await;
    make_server(&space).await;
    let sets = space.api::<StatefulSet>();
    let scale = |replicas: i32| Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let refusal = expect_refusal(sets.patch_scale(SERVER, &PatchParams::default(), &scale(3)).await);
    assert!(refusal.contains("resource should be modified through tserver; scale tserver"), "{refusal}");
    sets.patch_scale(SERVER, &PatchParams::default(), &scale(2)).await.expect("the number of the TServer");

    let other: StatefulSet = serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "other"},
        "spec": {
            "replicas": 0, "serviceName": "other", "selector": {"matchLabels": {"app": "other"}},
            "template": {"metadata": {"labels": {"app": "other"}}, "spec": {"containers": [{"name": "c", "image": "example.org/c:1"}]}},
        },
    }))
    .expect("a StatefulSet");
    sets.create(&PostParams::default(), &other).await.expect("a StatefulSet without labels of a server");
    let paused = Patch::Merge(json!({"spec": {"replicas": 0}}));
    sets.patch_scale("other", &PatchParams::default(), &paused).await.expect("a scale that nobody judges");

    let servers = space.api::<TServer>();
    servers.patch_scale(SERVER, &PatchParams::default(), &scale(3)).await.expect("the scale of the TServer");
    wait_for("three replicas", || async {
        let set = sets.get(SERVER).await.expect("the StatefulSet");
        (set.spec?.replicas == Some(3)).then_some(())
    })
    .await;
    space.delete().await;
}

#[tokio::test]
async fn a_number_that_comes_through_the_scale_of_a_tserver_counts_within_its_bounds_and_the_status_says_so() {
    let space = Space::create("workload-bounds").await;
    make_server(&space).await;
    let (servers, sets) = (space.api::<TServer>(), space.api::<StatefulSet>());
    let bounds = Patch::Merge(json!({"metadata": {"annotations": {"tars.io/MinReplicas": "1", "tars.io/MaxReplicas": "3"}}}));
    servers.patch(SERVER, &PatchParams::default(), &bounds).await.expect("bounds");
    for (number, count, annotation) in [(9, 3, "tars.io/MaxReplicas"), (0, 1, "tars.io/MinReplicas")] {
        let scale = Patch::Merge(json!({"spec": {"replicas": number}}));
        servers.patch_scale(SERVER, &PatchParams::default(), &scale).await.expect("the scale of the TServer");
        let why = format!("spec.k8s.replicas {number} counts as {count} because of the annotation {annotation}");
        wait_for(&why, || async {
            space.find_condition(SERVER, "Applied").await.filter(|condition| condition.message.ends_with(&why))
        })
        .await;
        let set = sets.get(SERVER).await.expect("the StatefulSet");
        assert_eq!(set.spec.and_then(|spec| spec.replicas), Some(count));
        let server = servers.get(SERVER).await.expect("the TServer");
        assert_eq!((server.spec.k8s.replicas, server.status.map(|status| status.replicas)), (Some(number), Some(count)));
    }
    space.delete().await;
}

/// Gives the role for repairs to an account of this namespace, and connects as that account.
async fn connect_as_mender(space: &Space) -> Client {
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some(MENDER.to_owned()), ..ObjectMeta::default() },
        ..ServiceAccount::default()
    };
    space.api::<ServiceAccount>().create(&PostParams::default(), &account).await.expect("an account");
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": MENDER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tars-system:repair"},
        "subjects": [{"kind": "ServiceAccount", "name": MENDER, "namespace": space.name}],
    }))
    .expect("a RoleBinding");
    space.api::<RoleBinding>().create(&PostParams::default(), &binding).await.expect("a RoleBinding");
    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.auth_info.impersonate = Some(format!("system:serviceaccount:{}:{MENDER}", space.name));
    Client::try_from(config).expect("a client")
}

#[tokio::test]
async fn an_account_with_the_verb_repair_may_change_and_create_the_objects_of_servers() {
    let space = Space::create("workload-repair").await;
    make_server(&space).await;
    let services = space.api::<Service>();
    let made = services.get(SERVER).await.expect("the Service");
    let forged: Service = serde_json::from_value(json!({
        "metadata": {"name": "forged", "labels": made.labels()}, "spec": {"ports": [{"port": 8080}]},
    }))
    .expect("a Service");
    let refusal = expect_refusal(services.create(&PostParams::default(), &forged).await);
    assert!(refusal.contains("only use authorized account can create service"), "{refusal}");

    let mender = connect_as_mender(&space).await;
    let theirs: Api<Service> = Api::namespaced(mender.clone(), &space.name);
    // The authorizer of the API server hears of the binding a moment later.
    wait_for("the right to repair", || async { theirs.create(&PostParams::default(), &forged).await.ok() }).await;
    let sets: Api<StatefulSet> = Api::namespaced(mender, &space.name);
    let changed = patch(&sets, &json!({"spec": {"replicas": 5}})).await.expect("a repair");
    assert_eq!(changed.spec.and_then(|spec| spec.replicas), Some(5));
    // The controller undoes what contradicts the TServer.
    wait_for("the number of the TServer", || async {
        let set = sets.get(SERVER).await.expect("the StatefulSet");
        (set.spec?.replicas == Some(2)).then_some(())
    })
    .await;
    space.delete().await;
}

/// The Pod Security level `baseline` forbids volumes of the node (docs/reference/controller.md#5.5).
#[tokio::test]
async fn a_server_without_the_time_zone_of_its_node_runs_in_a_namespace_of_the_level_baseline() {
    let space = Space::create("baseline").await;
    space.admit_nodes().await;
    let level = Patch::Merge(json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}));
    let namespaces: Api<Namespace> = Api::all(space.client.clone());
    namespaces.patch(&space.name, &PatchParams::default(), &level).await.expect("a labelled namespace");
    let server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": SERVER},
        "spec": {
            "app": "Forge", "server": "Anvil", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
            "k8s": {"replicas": 1, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"], "hostTimezone": false},
        },
    });
    space.apply::<TServer>(&server.to_string()).await.expect("a server");
    space.wait_for_condition(SERVER, "Ready", "True").await;
    space.delete().await;
}
