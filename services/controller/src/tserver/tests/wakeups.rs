//! Which changes lead to a run, and how soon (docs/reference/controller.md#1.8).

use super::*;
use crate::engine::fake::World;
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

const TARS: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank";

/// A process with the watches of a server that is as it should be, and of two others: one of its namespace, and one of another.
async fn watch(world: &Shared) -> (Process, JoinSet<()>) {
    run_until_silent(&Process::start(world), world).await;
    for (namespace, name) in [("bank", "desk-clerk"), ("shop", "desk-clerk")] {
        let mut other = serde_json::to_value(server("{ app: Desk, server: Clerk, subType: normal, normal: {} }")).unwrap();
        other["metadata"]["name"] = json!(name);
        other["metadata"]["namespace"] = json!(namespace);
        other["metadata"]["uid"] = json!(format!("uid-of-{namespace}"));
        world.lock().unwrap().put(&format!("/apis/k8s.tars.io/v1beta3/namespaces/{namespace}/tservers/{name}"), other);
    }
    let process = Process::start(world);
    let watches = process.engine.start_watches();
    process.engine.synced().await;
    (process, watches)
}

/// The servers that are to run because of `change`, each with the milliseconds until then.
async fn awaken(process: &Process, world: &Shared, change: impl FnOnce(&mut World)) -> BTreeMap<String, u128> {
    let queue = &process.context.queue;
    let mut found = BTreeMap::new();
    let next = async || timeout(Duration::from_secs(1), queue.next()).await.ok();
    while let Some(key) = next().await {
        queue.done(&key);
    }
    let began = Instant::now();
    change(&mut world.lock().unwrap());
    while let Some(key) = next().await {
        queue.done(&key);
        found.insert(key.to_string(), began.elapsed().as_millis());
    }
    found
}

fn all<const N: usize>(names: [&str; N], delay: u128) -> BTreeMap<String, u128> {
    names.map(|name| (name.to_owned(), delay)).into()
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_server_leads_to_a_run_at_once_and_one_of_its_objects_after_a_moment() {
    let world = world();
    let (process, _watches) = watch(&world).await;
    let own = |delay: u128| all(["bank/ledger-audit"], delay);
    let found = awaken(&process, &world, |world| world.edit(SERVER, |server| server["spec"]["important"] = json!(4))).await;
    assert_eq!(found, own(0));
    for (path, field, value) in [
        (SERVICE, "/spec/ports", json!([])),
        (SET, "/spec/replicas", json!(9)),
        (BUDGET, "/spec/maxUnavailable", json!(9)),
        (ENDPOINT, "/spec/important", json!(9)),
        (RECORD, "/app", json!("Other")),
        (POD, "/status/podIP", json!("10.0.0.10")),
        (CLAIM, "/status/phase", json!("Lost")),
    ] {
        let change = |world: &mut World| world.edit(path, |object| *object.pointer_mut(field).unwrap() = value);
        assert_eq!(awaken(&process, &world, change).await, own(20), "{path}");
    }
    let set_status = |path: &'static str, field: &'static str, value: Value| {
        move |world: &mut World| world.edit(path, |object| object["status"][field] = value)
    };
    awaken(&process, &world, set_status(POD, "conditions", json!([]))).await;
    for (path, field) in [(SET, "updateRevision"), (POD, "phase")] {
        let found = awaken(&process, &world, set_status(path, field, json!("another"))).await;
        assert_eq!(found, own(250), "{path} makes progress, and no client waits for it");
    }
    let ready = set_status(POD, "conditions", json!([{"type": "Ready", "status": "True"}]));
    assert_eq!(awaken(&process, &world, ready).await, own(20), "clients wait for a pod that is ready");
    let burst = |world: &mut World| {
        for ip in ["10.0.0.11", "10.0.0.12", "10.0.0.13"] {
            world.edit(POD, |pod| pod["status"]["podIP"] = json!(ip));
        }
    };
    assert_eq!(awaken(&process, &world, burst).await, own(20), "one run serves them all");
    let bare = |world: &mut World| {
        let mut claim = claim();
        claim["metadata"]["name"] = json!("data-ledger-audit-1");
        claim["metadata"]["annotations"] = Value::Null;
        world.put(&CLAIM.replace("audit-0", "audit-1"), claim);
    };
    assert_eq!(awaken(&process, &world, bare).await, own(20), "a claim that is new has no annotations");
    for path in [SERVICE, SET, BUDGET, ENDPOINT, RECORD] {
        assert_eq!(awaken(&process, &world, |world| world.remove(path)).await, own(0), "{path}");
    }
    assert_eq!(awaken(&process, &world, |world| world.remove(SERVER)).await, own(0));
    let departed = process.context.departed.find(&Key::new("bank", "ledger-audit"));
    assert_eq!(departed.as_deref(), Some("uid-of-server"), "its objects are to go");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_framework_or_of_a_parent_of_templates_leads_to_a_run_of_every_server_of_the_namespace() {
    let world = world();
    let (process, _watches) = watch(&world).await;
    let both = all(["bank/desk-clerk", "bank/ledger-audit"], 20);
    let framework = format!("{TARS}/tframeworkconfigs/tars-framework");
    let image = |image: &str| json!({"metadata": {"name": "tars-framework", "namespace": "bank"}, "nodeImage": {"image": image}});
    assert_eq!(awaken(&process, &world, |world| world.put(&framework, image("node:1"))).await, both);
    assert_eq!(awaken(&process, &world, |world| world.put(&framework, image("node:2"))).await, both);
    assert_eq!(awaken(&process, &world, |world| world.remove(&framework)).await, both, "its deletion, too");
    let other = |world: &mut World| {
        let object = json!({"metadata": {"name": "other", "namespace": "bank"}, "nodeImage": {"image": "node:3"}});
        world.put(&format!("{TARS}/tframeworkconfigs/other"), object);
    };
    assert_eq!(awaken(&process, &world, other).await, all([], 0), "nobody reads one of another name");

    let base = format!("{TARS}/ttemplates/base");
    let template = |parent: &str, content: &str| json!({"metadata": {"name": "base", "namespace": "bank"}, "spec": {"parent": parent, "content": content}});
    assert_eq!(awaken(&process, &world, |world| world.put(&base, template("base", ""))).await, both);
    assert_eq!(awaken(&process, &world, |world| world.put(&base, template("demo.cpp", ""))).await, both);
    assert_eq!(awaken(&process, &world, |world| world.put(&base, template("demo.cpp", "new"))).await, all([], 0));
    assert_eq!(awaken(&process, &world, |world| world.remove(&base)).await, both);
}

#[tokio::test(start_paused = true)]
async fn labels_of_nodes_lead_to_a_run_of_the_servers_that_wait_for_a_node_or_a_volume() {
    let world = world();
    let (process, _watches) = watch(&world).await;
    let node = |number: usize, ready: bool| json!({"metadata": {"name": "one", "labels": {"number": number.to_string()}}, "status": {"ready": ready}});
    let put = |world: &mut World, node: Value| world.put("/api/v1/nodes/one", node);
    for (number, (reason, waits)) in
        [("NoNodeMatches", true), ("ClaimUnbound", true), ("Unschedulable", true), ("PodsScheduled", false)].iter().enumerate()
    {
        edit(&world, SERVER, |server| {
            server["status"]["conditions"] = json!([{"type": "Scheduled", "status": "False", "reason": reason, "message": "",
                "lastTransitionTime": "2030-01-01T00:00:00Z"}]);
        });
        let expected = if *waits { all(["bank/ledger-audit"], 20) } else { all([], 0) };
        assert_eq!(awaken(&process, &world, |world| put(world, node(number, true))).await, expected, "{reason}");
        assert_eq!(awaken(&process, &world, |world| put(world, node(number, false))).await, all([], 0), "the same labels");
    }
}
