//! What a change of the TServer does to its objects.

use super::*;
use crate::engine::fake::wire::{Sent, record};
use http::Method;

fn main_container(world: &Shared) -> Value {
    get(world, SET).unwrap()["spec"]["template"]["spec"]["containers"][0].clone()
}

fn uid(world: &Shared, path: &str) -> Value {
    get(world, path).unwrap()["metadata"]["uid"].clone()
}

#[tokio::test]
async fn a_server_that_breaks_a_rule_changes_nothing_and_every_fault_is_told() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = [SERVICE, SET, BUDGET, ENDPOINT, RECORD].map(|path| get(&world, path));
    edit(&world, SERVER, |server| {
        server["spec"]["release"]["image"] = json!("registry/audit:8");
        server["spec"]["k8s"]["nodeSelector"] = json!([{"key": "zone"}]);
        server["spec"]["k8s"]["hostPorts"] = json!([{"nameRef": "gone", "port": 8080}]);
    });
    run_until_silent(&process, &world).await;
    assert_eq!([SERVICE, SET, BUDGET, ENDPOINT, RECORD].map(|path| get(&world, path)), before);
    let applied = condition(&world, "Applied");
    assert_eq!((&applied["status"], &applied["reason"]), (&json!("False"), &json!("InvalidSpec")));
    for field in ["spec.k8s.nodeSelector[0]", "spec.k8s.hostPorts[0].nameRef"] {
        assert!(applied["message"].as_str().unwrap().contains(field), "{applied}");
    }
}

/// A release and the number of pods come in one write, and go in one.
#[tokio::test]
async fn a_release_changes_images_secrets_label_and_number_and_without_one_nothing_runs() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = uid(&world, SET);
    edit(&world, SERVER, |server| {
        server["spec"]["release"] =
            json!({"id": "v8", "image": "registry/audit:8", "secret": "pull", "nodeImage": "registry/node:8"});
        server["spec"]["k8s"]["replicas"] = json!(2);
    });
    run_until_silent(&process, &world).await;
    let set = get(&world, SET).unwrap();
    let (template, pod) = (&set["spec"]["template"], &set["spec"]["template"]["spec"]);
    assert_eq!((&set["spec"]["replicas"], &set["metadata"]["uid"]), (&json!(2), &before));
    assert_eq!(template["metadata"]["labels"]["tars.io/ServerID"], "v8");
    assert_eq!(pod["containers"][0]["image"], "registry/audit:8");
    assert_eq!(pod["initContainers"][0]["image"], "registry/node:8");
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "pull"}]));

    edit(&world, SERVER, |server| drop(server["spec"].as_object_mut().unwrap().remove("release")));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["spec"]["replicas"], 0);
    assert_eq!(main_container(&world)["image"], " ");
    assert!(get(&world, SERVICE).is_some() && get(&world, ENDPOINT).is_some() && get(&world, RECORD).is_some());
}

#[tokio::test]
async fn another_kind_of_workload_takes_the_place_of_the_first_and_the_records_stay() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let records = [ENDPOINT, RECORD].map(|path| uid(&world, path));
    let service = uid(&world, SERVICE);
    edit(&world, SERVER, |server| server["spec"]["k8s"]["daemonSet"] = json!(true));
    run_until_silent(&process, &world).await;
    assert!(get(&world, DAEMONS).is_some());
    assert_eq!([SET, SERVICE, BUDGET].map(|path| get(&world, path)), [None, None, None]);
    assert_eq!([ENDPOINT, RECORD].map(|path| uid(&world, path)), records);
    edit(&world, SERVER, |server| server["spec"]["k8s"]["daemonSet"] = json!(false));
    run_until_silent(&process, &world).await;
    assert!(get(&world, DAEMONS).is_none() && get(&world, SET).is_some() && get(&world, BUDGET).is_some());
    assert_ne!(uid(&world, SERVICE), service);
    assert_eq!([ENDPOINT, RECORD].map(|path| uid(&world, path)), records);
}

#[tokio::test]
async fn another_pod_management_policy_does_not_reach_a_statefulset_that_exists() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = get(&world, SET);
    let policy = |policy: &str| edit(&world, SERVER, |server| server["spec"]["k8s"]["podManagementPolicy"] = json!(policy));
    policy("OrderedReady");
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET), before);
    edit(&world, SERVER, |server| server["spec"]["k8s"]["replicas"] = json!(2));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["spec"]["podManagementPolicy"], "Parallel");
    assert_eq!(get(&world, SET).unwrap()["spec"]["replicas"], 2, "the others are written all the same");
    world.lock().unwrap().remove(SET);
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["spec"]["podManagementPolicy"], "OrderedReady", "a new one has it");
}

/// A claim carries the owner of its directory, and the StatefulSet does not.
#[tokio::test]
async fn another_owner_of_a_local_volume_reaches_its_claims_alone() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = get(&world, SET);
    edit(&world, SERVER, |server| {
        server["spec"]["k8s"]["mounts"][0]["source"]["tLocalVolume"] = json!({"uid": "8", "gid": "9", "mode": "750"});
    });
    run_until_silent(&process, &world).await;
    let annotations = get(&world, CLAIM).unwrap()["metadata"]["annotations"].clone();
    let expected = json!({"tars.io/LocalVolumeUID": "8", "tars.io/LocalVolumeGID": "9", "tars.io/LocalVolumeMode": "750"});
    assert_eq!((annotations, get(&world, SET)), (expected, before));
}

#[tokio::test]
async fn claims_that_are_being_deleted_or_of_a_daemon_set_are_left_alone() {
    let world = world();
    let process = Process::start(&world);
    edit(&world, CLAIM, |claim| {
        claim["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
        claim["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:01:00Z");
    });
    let before = get(&world, CLAIM);
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, CLAIM), before);

    edit(&world, CLAIM, |claim| claim["metadata"]["deletionTimestamp"] = Value::Null);
    edit(&world, SERVER, |server| server["spec"]["k8s"]["daemonSet"] = json!(true));
    edit(&world, POD, |pod| pod["spec"]["volumes"] = json!([]));
    let before = get(&world, CLAIM);
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, CLAIM), before);
}

#[tokio::test]
async fn what_people_made_stays_when_a_server_goes() {
    let world = world();
    let theirs = [
        "/apis/k8s.tars.io/v1beta3/namespaces/bank/tconfigs/one",
        "/apis/k8s.tars.io/v1beta3/namespaces/bank/timages/audit",
        "/api/v1/namespaces/bank/persistentvolumeclaims/index-ledger-audit-0",
    ];
    for path in theirs {
        let name = path.rsplit('/').next();
        world.lock().unwrap().put(path, json!({"metadata": {"name": name, "namespace": "bank", "labels": labels()}}));
    }
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    world.lock().unwrap().remove(SERVER);
    process.context.departed.note(Key::new("bank", "ledger-audit"), "uid-of-server".to_owned());
    run_until_silent(&process, &world).await;
    assert!(get(&world, SET).is_none() && theirs.iter().all(|path| get(&world, path).is_some()));
}

/// A pod that lacks a volume waits until all pods before it are Ready. Here the first one is missing.
#[tokio::test]
async fn pods_that_lack_a_volume_are_counted_in_the_condition() {
    let world = world();
    world.lock().unwrap().remove(POD);
    for name in ["ledger-audit-1", "ledger-audit-2"] {
        let mut old = pod();
        old["metadata"]["name"] = json!(name);
        old["spec"]["volumes"] = json!([]);
        world.lock().unwrap().put(&POD.replace("ledger-audit-0", name), old);
    }
    run_until_silent(&Process::start(&world), &world).await;
    let message = condition(&world, "Applied")["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("2 of its pods lack a volume that was added") && message.contains("(ledger-audit-1 is next)"),
        "{message}"
    );
}

#[tokio::test]
async fn the_statefulset_with_a_template_too_many_goes_without_its_pods() {
    let world = world();
    let (recording, log) = record(client(&world));
    let process = Process::start_with(recording);
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = json!([]));
    run_until_silent(&process, &world).await;
    let log = log.lock().unwrap();
    let deletions = log.iter().filter(|sent| sent.method == Method::DELETE);
    let told: Vec<_> = deletions.map(|sent| (sent.path.as_str(), &sent.body["propagationPolicy"])).collect();
    assert_eq!(told, [(SET, &json!("Orphan"))]);
}

/// With `OnDelete` nobody but the author of the server replaces a pod (docs/reference/controller.md#7.3.8).
#[tokio::test]
async fn a_pod_of_a_failed_release_is_replaced_unless_the_server_says_on_delete() {
    for (strategy, deleted) in [("RollingUpdate", true), ("OnDelete", false)] {
        let world = world();
        edit(&world, SERVER, |server| {
            server["spec"]["k8s"]["podManagementPolicy"] = json!("OrderedReady");
            server["spec"]["k8s"]["updateStrategy"] = json!({"type": strategy});
        });
        let process = Process::start(&world);
        run_until_silent(&process, &world).await;
        edit(&world, SET, |set| set["status"] = json!({"updateRevision": "good"}));
        edit(&world, POD, |pod| {
            pod["metadata"]["labels"]["controller-revision-hash"] = json!("bad");
            pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        });
        run_until_silent(&process, &world).await;
        assert_eq!(get(&world, POD).is_none(), deleted, "{strategy}");
    }
}

/// The method and the resource of a request.
fn describe(sent: &Sent) -> String {
    let resources = ["services", "statefulsets", "tendpoints", "texitedrecords", "tservers"];
    let parts: Vec<_> = sent.path.split('/').filter(|part| resources.contains(part) || *part == "status").collect();
    format!("{} {}", sent.method, parts.join(" "))
}

/// What a server costs the API server, besides what its pods ask for (docs/reference/controller.md#7.0.11).
#[tokio::test]
async fn a_server_costs_one_creation_of_each_object_and_a_status_and_a_new_image_three_writes() {
    let world = world();
    edit(&world, SERVER, |server| {
        server["spec"]["k8s"] = json!({"replicas": 1});
        server["spec"]["release"] = json!({"id": "v7", "image": "registry/audit:7"});
    });
    for path in [POD, CLAIM] {
        world.lock().unwrap().remove(path);
    }
    let (recording, log) = record(client(&world));
    let process = Process::start_with(recording);
    let take = || {
        // Requests of one run go out together, in any order.
        let mut all: Vec<_> =
            log.lock().unwrap().drain(..).filter(|sent| !sent.path.contains("/events")).map(|sent| describe(&sent)).collect();
        all.sort();
        all
    };
    run_until_silent(&process, &world).await;
    assert_eq!(
        take(),
        ["PATCH services", "PATCH statefulsets", "PATCH tendpoints", "PATCH tservers status", "POST texitedrecords"]
    );
    edit(&world, SERVER, |server| server["spec"]["release"] = json!({"id": "v8", "image": "registry/audit:8"}));
    run_until_silent(&process, &world).await;
    assert_eq!(take(), ["PATCH statefulsets", "PATCH tendpoints", "PATCH tservers status"]);
}
