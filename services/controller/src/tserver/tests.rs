//! Whole runs against an API server in memory. The tests look at the writes, at the silence after them, and at writes that fail.

mod changes;
mod departures;
mod ownership;
mod pods;
mod rollouts;
mod upgrades;
mod wakeups;

use super::{context::Context, fixtures::server, reconcile, routes};
use crate::{
    engine::{
        Engine,
        cache::Key,
        fake::{
            Shared, World, client,
            faults::{Fault, Trouble},
        },
        metrics::Metrics,
    },
    views::Views,
};
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tars_kit::lease::Fence;

const SERVER: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers/ledger-audit";
const SET: &str = "/apis/apps/v1/namespaces/bank/statefulsets/ledger-audit";
const DAEMONS: &str = "/apis/apps/v1/namespaces/bank/daemonsets/ledger-audit";
const SERVICE: &str = "/api/v1/namespaces/bank/services/ledger-audit";
const BUDGET: &str = "/apis/policy/v1/namespaces/bank/poddisruptionbudgets/ledger-audit";
const ENDPOINT: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tendpoints/ledger-audit";
const RECORD: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/texitedrecords/ledger-audit";
const POD: &str = "/api/v1/namespaces/bank/pods/ledger-audit-0";
const CLAIM: &str = "/api/v1/namespaces/bank/persistentvolumeclaims/data-ledger-audit-0";

const SPEC: &str = r#"
tars: { template: demo.cpp, servants: [ { name: AuditObj, port: 10001 } ] }
release: { id: v7, image: "registry/audit:7" }
k8s: { replicas: 1, disruption: { maxUnavailable: 1 }, mounts: [ { name: data, mountPath: /data, source: { tLocalVolume: { uid: "7" } } } ] }
"#;

fn world() -> Shared {
    let mut world = World::default();
    world.put(SERVER, serde_json::to_value(server(SPEC)).unwrap());
    world.put(
        "/apis/k8s.tars.io/v1beta3/namespaces/bank/ttemplates/demo.cpp",
        json!({"metadata": {"name": "demo.cpp", "namespace": "bank"}, "spec": {"parent": "demo.cpp", "content": ""}}),
    );
    world.put(POD, pod());
    world.put(CLAIM, claim());
    Arc::new(Mutex::new(world))
}

fn labels() -> Value {
    json!({"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit", "tars.io/ServerID": "v7", "tars.io/LocalVolume": "data"})
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "ledger-audit-0", "namespace": "bank", "labels": labels(), "creationTimestamp": "2030-01-01T00:00:00Z"},
        "spec": {"containers": [], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-ledger-audit-0"}}]},
        "status": {"podIP": "10.0.0.9", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn claim() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-ledger-audit-0", "namespace": "bank", "labels": labels(), "ownerReferences": [
            {"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "name": "ledger-audit", "uid": "uid-of-server"}]},
        "spec": {"storageClassName": "tars-storage-class"}, "status": {"phase": "Bound"},
    })
}

/// A process that talks to the API server in memory.
struct Process {
    engine: Engine,
    context: Arc<Context>,
}

impl Process {
    fn start(world: &Shared) -> Self {
        Self::start_with(client(world))
    }

    fn start_with(client: Client) -> Self {
        let mut engine = Engine::new(client, Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let context = Context::open(&mut engine, &views);
        routes::listen(&context);
        Self { engine, context }
    }
}

/// Fills the caches, then runs once. Returns whether the run succeeded.
async fn step(process: &Process, world: &Shared) -> bool {
    step_at(process, world, Timestamp::now()).await
}

/// The same, at the time `now`.
async fn step_at(process: &Process, world: &Shared, now: Timestamp) -> bool {
    world.lock().unwrap().tell(&process.engine);
    reconcile(&process.context, &Key::new("bank", "ledger-audit"), now).await.is_ok()
}

/// Runs until a run succeeds and writes nothing. Returns the number of runs.
async fn run_until_silent(process: &Process, world: &Shared) -> usize {
    for round in 1..20 {
        let before = count(world);
        if step(process, world).await && count(world) == before {
            return round;
        }
    }
    panic!("no rest after 20 runs: {:#?}", world.lock().unwrap().writes);
}

/// Returns a copy, so that the lock is free again.
fn get(world: &Shared, path: &str) -> Option<Value> {
    world.lock().unwrap().get(path).cloned()
}

fn edit(world: &Shared, path: &str, change: impl FnOnce(&mut Value)) {
    world.lock().unwrap().edit(path, change);
}

/// The condition of this type in the status of the TServer.
fn condition(world: &Shared, kind: &str) -> Value {
    let conditions = get(world, SERVER).unwrap()["status"]["conditions"].clone();
    conditions.as_array().into_iter().flatten().find(|condition| condition["type"] == kind).cloned().unwrap_or_default()
}

fn count(world: &Shared) -> usize {
    world.lock().unwrap().writes.len()
}

#[tokio::test]
async fn a_new_server_gets_everything_in_one_run_and_then_there_is_silence() {
    let world = world();
    let process = Process::start(&world);
    assert!(step(&process, &world).await);
    for path in [SERVICE, SET, BUDGET, ENDPOINT, RECORD] {
        assert!(get(&world, path).is_some(), "{path}");
    }
    let (claim, endpoint) = (get(&world, CLAIM).unwrap(), get(&world, ENDPOINT).unwrap());
    assert_eq!(claim["metadata"]["annotations"]["tars.io/LocalVolumeMode"], "755");
    assert_eq!(endpoint["status"]["pods"][0]["podIP"], "10.0.0.9");
    assert!(get(&world, DAEMONS).is_none());

    let before = count(&world);
    assert!(step(&process, &world).await);
    assert_eq!(count(&world), before, "the same process says nothing twice");
    let fresh = Process::start(&world);
    assert!(step(&fresh, &world).await);
    assert_eq!(count(&world), before, "and neither does the next one: {:?}", world.lock().unwrap().writes);
}

#[tokio::test]
async fn drift_is_repaired_and_what_others_added_stays() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    edit(&world, SET, |set| {
        set["spec"]["replicas"] = json!(9);
        set["spec"]["template"]["metadata"]["annotations"] = json!({"theirs": "yes"});
    });
    edit(&world, SERVICE, |service| service["spec"]["ports"] = json!([]));
    run_until_silent(&process, &world).await;
    let set = get(&world, SET).unwrap();
    assert_eq!(set["spec"]["replicas"], 1);
    assert_eq!(set["spec"]["template"]["metadata"]["annotations"]["theirs"], "yes");
    assert_eq!(get(&world, SERVICE).unwrap()["spec"]["ports"][0]["name"], "auditobj");
}

const PROBED: &str = r#"
subType: normal
normal: { ports: [ { name: http, port: 80 } ] }
release: { id: v7, image: "registry/audit:7" }
k8s:
  replicas: 1
  livenessProbe: { grpc: { port: 17892 }, initialDelaySeconds: 0 }
  readinessProbe: { httpGet: { port: HTTP }, periodSeconds: 2 }
  startupProbe: { exec: { command: [ /check ] } }
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: false, capabilities: { drop: [ ALL ] } }
  podSecurityContext: { runAsUser: 7 }
"#;

/// The workload at `path` as a real API server stores it: containers are owned by their names and field by field, and absent
/// fields have their defaults.
fn as_stored(world: &Shared, path: &str) {
    fn fields(value: &Value) -> Value {
        let members = value.as_object().into_iter().flatten();
        Value::Object(members.map(|(name, below)| (format!("f:{name}"), fields(below))).collect())
    }
    edit(world, path, |set| {
        let container = &mut set["spec"]["template"]["spec"]["containers"][0];
        let mut owned = fields(container);
        owned["."] = json!({});
        for (probe, members) in [
            ("livenessProbe", json!({"grpc": {"port": 17892, "service": ""}, "periodSeconds": 10})),
            ("readinessProbe", json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}})),
            ("startupProbe", json!({"periodSeconds": 10})),
        ] {
            let probe = container[probe].as_object_mut().unwrap();
            probe.extend(json!({"timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}).as_object().unwrap().clone());
            probe.extend(members.as_object().unwrap().clone());
        }
        container["terminationMessagePath"] = json!("/dev/termination-log");
        let managed = &mut set["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"];
        managed["f:containers"] = json!({"k:{\"name\":\"ledger-audit\"}": owned});
    });
}

#[tokio::test]
async fn a_probe_at_rest_is_not_written_again_and_its_drift_is_repaired() {
    for (kind, path) in [("replicas: 1", SET), ("daemonSet: true", DAEMONS)] {
        let world = world();
        edit(&world, SERVER, |stored| *stored = serde_json::to_value(server(&PROBED.replace("replicas: 1", kind))).unwrap());
        run_until_silent(&Process::start(&world), &world).await;
        as_stored(&world, path);
        let container =
            |member: &str| get(&world, path).unwrap().pointer(&format!("/spec/template/spec/containers/0/{member}")).cloned();

        let before = count(&world);
        assert!(step(&Process::start(&world), &world).await);
        assert_eq!(count(&world), before, "{kind}: the defaults of the API server are not ours");

        for (member, value) in [
            ("readinessProbe/periodSeconds", json!(30)),
            ("startupProbe/exec/command", json!(["/other"])),
            ("securityContext/allowPrivilegeEscalation", json!(true)),
        ] {
            edit(&world, path, |set| {
                *set.pointer_mut(&format!("/spec/template/spec/containers/0/{member}")).unwrap() = value.clone();
            });
            run_until_silent(&Process::start(&world), &world).await;
            assert_ne!(container(member), Some(value), "{kind}: {member} is not repaired");
        }

        edit(&world, SERVER, |stored| drop(stored["spec"]["k8s"].as_object_mut().unwrap().remove("livenessProbe")));
        run_until_silent(&Process::start(&world), &world).await;
        assert_eq!(container("livenessProbe"), None, "{kind}");
    }
}

#[tokio::test]
async fn a_field_that_is_no_longer_wanted_goes() {
    for (field, value, place) in [
        ("serviceAccount", json!("auditor"), "/spec/serviceAccountName"),
        ("podLabels", json!({"team": "blue"}), "/metadata/labels/team"),
        ("podAnnotations", json!({"note": "kept"}), "/metadata/annotations/note"),
        ("tolerations", json!([{"operator": "Exists"}]), "/spec/tolerations"),
        ("terminationGracePeriodSeconds", json!(90), "/spec/terminationGracePeriodSeconds"),
    ] {
        let world = world();
        let process = Process::start(&world);
        let found = || get(&world, SET).unwrap()["spec"]["template"].pointer(place).cloned();
        edit(&world, SERVER, |server| server["spec"]["k8s"][field] = value.clone());
        run_until_silent(&process, &world).await;
        assert!(found().is_some(), "{field}");
        edit(&world, SERVER, |server| drop(server["spec"]["k8s"].as_object_mut().unwrap().remove(field)));
        run_until_silent(&process, &world).await;
        assert_eq!(found(), None, "{field}");
    }
}

#[tokio::test]
async fn a_disruption_budget_that_is_no_longer_wanted_goes() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| server["spec"]["k8s"]["disruption"]["maxUnavailable"] = json!("25%"));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, BUDGET).unwrap()["spec"]["maxUnavailable"], "25%");
    edit(&world, SERVER, |server| drop(server["spec"]["k8s"].as_object_mut().unwrap().remove("disruption")));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, BUDGET), None);
}

#[tokio::test]
async fn an_object_of_somebody_else_is_neither_changed_nor_deleted() {
    let world = world();
    let process = Process::start(&world);
    let foreign =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ledger-audit", "namespace": "bank"}, "spec": {}});
    world.lock().unwrap().put(SERVICE, foreign);
    let before = get(&world, SERVICE);
    assert!(!step(&process, &world).await);
    assert!(!step(&process, &world).await);
    assert_eq!(get(&world, SERVICE), before);
    let status = get(&world, SERVER).unwrap()["status"].clone();
    let ready = status["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == "Ready").unwrap().clone();
    assert_eq!(ready["reason"], "OutControl");
    assert!(get(&world, SET).is_some(), "the others exist nevertheless");

    edit(&world, SERVER, |server| server["spec"]["k8s"]["daemonSet"] = json!(true));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SERVICE), before, "a Service that is not wanted is not in the way");
    assert!(get(&world, SET).is_none() && get(&world, DAEMONS).is_some());
}

/// `kubectl delete tserver --cascade=orphan` leaves the objects without an owner. A TServer that is made again goes on with them.
#[tokio::test]
async fn orphans_of_an_earlier_tserver_are_adopted_and_no_pod_is_replaced() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let paths = [SERVICE, SET, BUDGET, ENDPOINT, RECORD];
    let uids = paths.map(|path| get(&world, path).unwrap()["metadata"]["uid"].clone());
    for path in paths {
        edit(&world, path, |object| drop(object["metadata"].as_object_mut().unwrap().remove("ownerReferences")));
    }
    let mut again = get(&world, SERVER).unwrap();
    again["metadata"]["uid"] = json!("uid-of-successor");
    world.lock().unwrap().remove(SERVER);
    world.lock().unwrap().put(SERVER, again);
    let before = count(&world);
    run_until_silent(&process, &world).await;
    for (path, uid) in paths.iter().zip(&uids) {
        let object = get(&world, path).unwrap();
        // The claim templates name their owner and never change, so another StatefulSet adopts the pods.
        assert!(object["metadata"]["uid"] == *uid || *path == SET, "{path} is the same object");
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "uid-of-successor", "{path}");
    }
    let writes = world.lock().unwrap().writes[before..].to_vec();
    let deletions: Vec<&String> = writes.iter().filter(|write| write.starts_with("DELETE")).collect();
    assert_eq!(deletions, [&format!("DELETE {SET}")]);
    assert!(get(&world, POD).is_some() && get(&world, CLAIM).is_some());
}

#[tokio::test]
async fn a_record_of_somebody_else_is_neither_changed_nor_waited_for() {
    let owner = json!([{"apiVersion": "v1", "kind": "Bookkeeper", "name": "other", "uid": "uid-of-other", "controller": true}]);
    for owners in [json!([]), owner] {
        let world = world();
        let process = Process::start(&world);
        let foreign = json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TExitedRecord", "app": "Other", "server": "Other", "pods": [],
            "metadata": {"name": "ledger-audit", "namespace": "bank", "ownerReferences": owners},
        });
        world.lock().unwrap().put(RECORD, foreign);
        let before = get(&world, RECORD);
        assert!(!step(&process, &world).await);
        assert_eq!(get(&world, RECORD), before);
        let conditions = get(&world, SERVER).unwrap()["status"]["conditions"].clone();
        assert_eq!(conditions.as_array().unwrap().last().unwrap()["reason"], "OutControl", "{owners}");
    }
}

#[tokio::test]
async fn the_error_of_a_failed_deletion_of_a_claim_names_the_verb_delete() {
    let unwanted = || {
        let world = world();
        edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = json!([]));
        edit(&world, POD, |pod| pod["spec"]["volumes"] = json!([]));
        world
    };
    let world = unwanted();
    let what = format!("DELETE {CLAIM}");
    world.lock().unwrap().script.troubles.push(Trouble::Write { what, nth: 0, fault: Fault::ServerError });
    let process = Process::start(&world);
    world.lock().unwrap().tell(&process.engine);
    let error = reconcile(&process.context, &Key::new("bank", "ledger-audit"), Timestamp::now()).await.unwrap_err();
    assert_eq!(error.to_string(), "delete PersistentVolumeClaim bank/data-ledger-audit-0 error: InternalError");
}

#[tokio::test]
async fn objects_of_an_earlier_server_of_this_name_are_waited_for() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| server["metadata"]["uid"] = json!("uid-of-successor"));
    let before = get(&world, SET);
    assert!(!step(&process, &world).await);
    assert_eq!(get(&world, SET), before);
    world.lock().unwrap().collect("uid-of-server");
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["metadata"]["ownerReferences"][0]["uid"], "uid-of-successor");
}

#[tokio::test]
async fn objects_of_the_previous_controller_are_taken_over_in_place() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = get(&world, SET).unwrap();
    edit(&world, SET, |set| {
        set["spec"]["template"]["spec"]["leftOver"] = json!(true);
        let entry = &mut set["metadata"]["managedFields"][0];
        entry["manager"] = json!("tarscontroller");
        entry["operation"] = json!("Update");
        entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:leftOver"] = json!({});
    });
    run_until_silent(&process, &world).await;
    let after = get(&world, SET).unwrap();
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["spec"], before["spec"], "fields that only the previous controller wanted are gone");
    assert_eq!(after["metadata"]["managedFields"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_set_of_claim_templates_means_another_stateful_set() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = get(&world, SET).unwrap()["metadata"]["uid"].clone();
    edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = json!([]));
    run_until_silent(&process, &world).await;
    let after = get(&world, SET).unwrap();
    assert_ne!(after["metadata"]["uid"], before);
    assert!(after["spec"].get("volumeClaimTemplates").is_none());
    assert!(get(&world, CLAIM).is_some(), "a pod uses it");
    edit(&world, POD, |pod| pod["spec"]["volumes"] = json!([]));
    run_until_silent(&process, &world).await;
    assert!(get(&world, CLAIM).is_none(), "no pod uses it, and no mount wants it");
}

#[tokio::test]
async fn a_pod_that_lacks_an_added_volume_is_deleted_and_the_statefulset_replaced_without_its_pods() {
    let world = world();
    let process = Process::start(&world);
    edit(&world, POD, |pod| pod["spec"]["volumes"] = json!([]));
    edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = json!([]));
    run_until_silent(&process, &world).await;
    assert!(get(&world, POD).is_some());
    let before = get(&world, SET).unwrap()["metadata"]["uid"].clone();
    let with_mount = serde_json::to_value(server(SPEC)).unwrap()["spec"]["k8s"]["mounts"].clone();
    edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = with_mount);
    assert!(!step(&process, &world).await, "the old StatefulSet goes first");
    assert!(get(&world, SET).is_none() && get(&world, POD).is_some());
    run_until_silent(&process, &world).await;
    assert_ne!(get(&world, SET).unwrap()["metadata"]["uid"], before);
    assert!(get(&world, POD).is_none(), "the StatefulSet makes it anew");
}

#[tokio::test]
async fn a_pod_that_ends_is_recorded_once() {
    let world = world();
    let process = Process::start(&world);
    process.context.exits.start();
    run_until_silent(&process, &world).await;
    edit(&world, POD, |pod| pod["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:01:00Z"));
    run_until_silent(&process, &world).await;
    let pods = get(&world, RECORD).unwrap()["pods"].clone();
    assert_eq!(pods.as_array().unwrap().len(), 1);
    assert_eq!((&pods[0]["name"], &pods[0]["deleteTime"]), (&json!("ledger-audit-0"), &json!("2030-01-01T00:01:00Z")));
    let fresh = Process::start(&world);
    fresh.context.exits.start();
    let before = count(&world);
    run_until_silent(&fresh, &world).await;
    assert_eq!(count(&world), before);
}

#[tokio::test]
async fn a_value_that_the_api_server_stores_differently_is_not_sent_again() {
    let world = world();
    world.lock().unwrap().rewrite = Some(("/spec/serviceName", json!("rewritten")));
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["spec"]["serviceName"], "rewritten");
    let before = count(&world);
    let fresh = Process::start(&world);
    run_until_silent(&fresh, &world).await;
    assert_eq!(count(&world), before + 1, "a new process tries once, and then knows");
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_place_changes_the_condition_at_once_and_is_warned_of_later() {
    let world = world();
    let process = Process::start(&world);
    edit(&world, POD, |pod| {
        let why = "0/1 nodes are available.";
        pod["status"] =
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}]});
    });
    world.lock().unwrap().put("/api/v1/nodes/one", json!({"metadata": {"name": "one", "labels": {"tars.io/node.bank": ""}}}));
    world.lock().unwrap().put(
        "/apis/k8s.tars.io/v1beta3/namespaces/bank/tframeworkconfigs/tars-framework",
        json!({"metadata": {"name": "tars-framework", "namespace": "bank"}, "nodeImage": {"image": "registry/node"}}),
    );
    run_until_silent(&process, &world).await;
    let conditions = get(&world, SERVER).unwrap()["status"]["conditions"].clone();
    assert_eq!(conditions.as_array().unwrap().last().unwrap()["reason"], "Unschedulable");
    assert!(world.lock().unwrap().events.is_empty());

    let before = tokio::time::Instant::now();
    assert_eq!(process.context.queue.next().await, Key::new("bank", "ledger-audit"));
    assert_eq!(before.elapsed().as_secs(), 10, "nothing else brings the server back");
    step(&process, &world).await;
    let events = world.lock().unwrap().events.clone();
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["type"], &events[0]["reason"]), (&json!("Warning"), &json!("Unschedulable")));
    assert_eq!(events[0]["related"]["name"], "ledger-audit-0");
}

/// Somebody deletes `tars-framework`. What runs must not be replaced by pods with an image that does not exist.
#[tokio::test]
async fn a_server_keeps_its_node_image_when_nothing_names_one_any_more() {
    const FRAMEWORK: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tframeworkconfigs/tars-framework";
    let world = world();
    let image = || get(&world, SET).unwrap()["spec"]["template"]["spec"]["initContainers"][0]["image"].clone();
    let framework =
        |image: &str| json!({"metadata": {"name": "tars-framework", "namespace": "bank"}, "nodeImage": {"image": image}});
    world.lock().unwrap().put(FRAMEWORK, framework("registry/node:1"));
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    assert_eq!(image(), "registry/node:1");
    world.lock().unwrap().remove(FRAMEWORK);
    run_until_silent(&process, &world).await;
    assert_eq!(image(), "registry/node:1");
    world.lock().unwrap().put(FRAMEWORK, framework("registry/node:2"));
    run_until_silent(&process, &world).await;
    assert_eq!(image(), "registry/node:2");
}

/// A policy of the cluster labels every claim template, or the API server drops an empty field. Another StatefulSet would get the same.
#[tokio::test]
async fn claim_templates_that_the_cluster_stores_differently_do_not_replace_the_statefulset_for_ever() {
    let world = world();
    world.lock().unwrap().rewrite = Some(("/spec/volumeClaimTemplates/0/metadata/labels", json!({"policy": "was-here"})));
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    // Another process knows nothing but what is stored.
    run_until_silent(&Process::start(&world), &world).await;
    let deletions = world.lock().unwrap().writes.iter().filter(|write| write.starts_with("DELETE")).count();
    assert_eq!(deletions, 0);
    // A change that is meant still replaces it.
    edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = json!([]));
    run_until_silent(&process, &world).await;
    assert!(world.lock().unwrap().writes.contains(&format!("DELETE {SET}")));
}
