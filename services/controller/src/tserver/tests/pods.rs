//! What the statuses and the record tell of pods.

use super::*;

/// A pod of which everything is known.
fn full_pod() -> Value {
    let mut pod = pod();
    let running = json!({"running": {"startedAt": "2030-01-01T00:00:05Z"}});
    let status =
        |name: &str| json!({"name": name, "image": "i", "imageID": "", "ready": true, "restartCount": 3, "state": running});
    pod["metadata"]["uid"] = json!("uid-of-pod");
    pod["status"] = json!({
        "podIP": "10.0.0.9", "hostIP": "192.168.0.1",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "tars.io/active", "status": "True", "reason": "Active/Active/42"}],
        "initContainerStatuses": [status("tarsnode")], "containerStatuses": [status("ledger-audit")],
    });
    pod
}

#[tokio::test]
async fn the_element_of_a_pod_has_what_the_registry_tells_of_it() {
    let world = world();
    world.lock().unwrap().remove(POD);
    world.lock().unwrap().put(POD, full_pod());
    run_until_silent(&Process::start(&world), &world).await;
    let mut pods = get(&world, ENDPOINT).unwrap()["status"]["pods"].clone();
    let containers = pods[0].as_object_mut().unwrap().remove("containerStatuses").unwrap();
    assert_eq!(containers.as_array().unwrap().len(), 1, "without init containers");
    assert_eq!((&containers[0]["name"], &containers[0]["restartCount"]), (&json!("ledger-audit"), &json!(3)));
    pods[0].as_object_mut().unwrap().retain(|_, value| value != "");
    let expected = json!([{
        "uid": "uid-of-pod", "name": "ledger-audit-0", "podIP": "10.0.0.9", "hostIP": "192.168.0.1", "startTime": "2030-01-01T00:00:00Z",
        "id": "v7", "pid": "42", "settingState": "Active", "presentState": "Active",
    }]);
    assert_eq!(pods, expected);
}

#[tokio::test]
async fn a_record_has_everything_about_a_pod_that_ends() {
    let world = world();
    world.lock().unwrap().remove(POD);
    world.lock().unwrap().put(POD, full_pod());
    let process = Process::start(&world);
    process.context.exits.start();
    run_until_silent(&process, &world).await;
    edit(&world, POD, |pod| pod["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:01:00Z"));
    run_until_silent(&process, &world).await;
    let expected = json!([{
        "uid": "uid-of-pod", "name": "ledger-audit-0", "id": "v7", "podIP": "10.0.0.9", "nodeIP": "192.168.0.1",
        "createTime": "2030-01-01T00:00:00Z", "deleteTime": "2030-01-01T00:01:00Z",
    }]);
    assert_eq!(get(&world, RECORD).unwrap()["pods"], expected);
}

/// Runs once with the watches.
async fn run(process: &Process) -> bool {
    // The watches deliver first.
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    reconcile(&process.context, &Key::new("bank", "ledger-audit"), Timestamp::now()).await.is_ok()
}

/// The leader collects pods that end; an instance that does not lead hears of them, too, and forgets them.
#[tokio::test(start_paused = true)]
async fn a_pod_that_is_gone_before_it_was_recorded_is_kept_in_mind_by_the_leader_alone() {
    for (leads, recorded) in [(true, 1), (false, 0)] {
        let world = world();
        run_until_silent(&Process::start(&world), &world).await;
        let process = Process::start(&world);
        if leads {
            process.context.exits.start();
        }
        let _watches = process.engine.start_watches();
        process.engine.synced().await;
        let what = format!("PATCH {RECORD}");
        world.lock().unwrap().script.troubles.push(Trouble::Write { what, nth: 0, fault: Fault::ServerError });
        edit(&world, POD, |pod| pod["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:01:00Z"));
        assert_eq!(run(&process).await, !leads, "the record cannot be written");
        world.lock().unwrap().forget(POD);
        assert!(run(&process).await);
        process.context.exits.start();
        assert!(run(&process).await);
        assert_eq!(get(&world, RECORD).unwrap()["pods"].as_array().unwrap().len(), recorded, "leads: {leads}");
    }
}

#[tokio::test]
async fn the_status_counts_the_pods_with_both_labels_and_those_that_are_ready() {
    let world = world();
    for (name, change) in [
        ("ledger-audit-1", json!({"metadata": {"deletionTimestamp": "2030-01-01T00:01:00Z"}})),
        ("ledger-audit-2", json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})),
        ("ledger-audit-3", json!({"metadata": {"labels": {"tars.io/ServerName": "audit"}}})),
    ] {
        let mut other = pod();
        json_patch::merge(&mut other, &change);
        other["metadata"]["name"] = json!(name);
        world.lock().unwrap().put(&POD.replace("ledger-audit-0", name), other);
    }
    edit(&world, SERVER, |server| {
        server["spec"]["k8s"]["replicas"] = json!(9);
        server["metadata"]["annotations"] = json!({"tars.io/MaxReplicas": "4"});
    });
    run_until_silent(&Process::start(&world), &world).await;
    let status = get(&world, SERVER).unwrap()["status"].clone();
    let numbers = ["replicas", "currentReplicas", "readyReplicas"].map(|name| status[name].clone());
    assert_eq!(
        numbers,
        [4, 3, 2],
        "the number within its bounds; the one that ends counts, and the one of another server does not"
    );
    assert_eq!(status["selector"], "tars.io/ServerApp=Ledger,tars.io/ServerName=Audit");
}

/// Scripts wait for the time and for the generation of a condition.
#[tokio::test]
async fn a_condition_keeps_its_time_until_its_status_changes_and_names_the_generation_that_was_judged() {
    const EARLIER: &str = "2020-01-01T00:00:00Z";
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| {
        for condition in server["status"]["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = json!(EARLIER);
        }
    });
    edit(&world, SERVER, |server| server["spec"]["tars"]["template"] = json!("gone"));
    run_until_silent(&process, &world).await;
    let found = |kind: &str| {
        let condition = condition(&world, kind);
        (condition["status"].clone(), condition["lastTransitionTime"] == EARLIER, condition["observedGeneration"].clone())
    };
    assert_eq!(found("Applied"), (json!("True"), true, json!(5)));
    assert_eq!(found("TemplateResolved"), (json!("False"), false, json!(5)));
    assert_eq!(get(&world, SERVER).unwrap()["status"]["observedGeneration"], 5);
    edit(&world, SERVER, |server| server["spec"]["tars"]["template"] = json!("missing"));
    let before = condition(&world, "TemplateResolved");
    run_until_silent(&process, &world).await;
    let after = condition(&world, "TemplateResolved");
    assert_ne!(after["message"], before["message"]);
    assert_eq!(after["lastTransitionTime"], before["lastTransitionTime"], "another message is no other status");
}
