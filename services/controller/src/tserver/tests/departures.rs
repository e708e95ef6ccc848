//! The objects of a TServer that is gone (docs/reference/controller.md#7.0.3).

use super::*;

fn depart(process: &Process, world: &Shared) {
    world.lock().unwrap().remove(SERVER);
    process.context.departed.note(Key::new("bank", "ledger-audit"), "uid-of-server".to_owned());
}

#[tokio::test]
async fn the_objects_of_a_server_that_is_gone_are_deleted() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    depart(&process, &world);
    run_until_silent(&process, &world).await;
    for path in [SERVICE, SET, BUDGET, ENDPOINT, RECORD] {
        assert!(get(&world, path).is_none(), "{path}");
    }
}

#[tokio::test]
async fn without_the_word_of_a_watch_nothing_is_deleted() {
    let world = world();
    run_until_silent(&Process::start(&world), &world).await;
    world.lock().unwrap().remove(SERVER);
    let before = count(&world);
    run_until_silent(&Process::start(&world), &world).await;
    assert_eq!(count(&world), before, "the watch of TServers may only be late");
}

#[tokio::test]
async fn for_a_server_that_is_only_being_deleted_nothing_is_done() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| {
        server["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
        server["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:02:00Z");
    });
    edit(&world, SERVICE, |service| service["spec"]["ports"] = json!([]));
    world.lock().unwrap().remove(BUDGET);
    let before = count(&world);
    run_until_silent(&process, &world).await;
    assert_eq!(count(&world), before);
}

#[tokio::test]
async fn an_object_that_has_become_an_orphan_stays() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    depart(&process, &world);
    world.lock().unwrap().tell(&process.engine);
    // The cache does not know yet that the owner was taken off.
    edit(&world, SET, |set| set["metadata"]["ownerReferences"] = json!([]));
    assert!(reconcile(&process.context, &Key::new("bank", "ledger-audit"), Timestamp::now()).await.is_err());
    assert!(get(&world, SET).is_some() && get(&world, SERVICE).is_none());
    run_until_silent(&process, &world).await;
    assert!(get(&world, SET).is_some());
}

#[tokio::test]
async fn a_server_that_is_made_again_does_not_wait_for_the_garbage_collector() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    depart(&process, &world);
    world.lock().unwrap().put(SERVER, serde_json::to_value(server(SPEC)).unwrap());
    edit(&world, SERVER, |server| server["metadata"]["uid"] = json!("uid-of-successor"));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["metadata"]["ownerReferences"][0]["uid"], "uid-of-successor");
}

/// Runs once although the watch of TServers has not told yet what happened to the TServer, and returns the writes.
async fn run_with_late_server(process: &Process, world: &Shared, late: Value) -> Vec<String> {
    let before = count(world);
    world.lock().unwrap().tell_with(&process.engine, &[(SERVER.to_owned(), late)].into());
    assert!(reconcile(&process.context, &Key::new("bank", "ledger-audit"), Timestamp::now()).await.is_err());
    world.lock().unwrap().writes[before..].to_vec()
}

#[tokio::test]
async fn collected_garbage_is_not_made_again_however_late_the_watch_of_tservers_is() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let late = get(&world, SERVER).unwrap();
    world.lock().unwrap().remove(SERVER);
    world.lock().unwrap().collect("uid-of-server");
    assert_eq!(run_with_late_server(&process, &world, late).await, [""; 0]);
}

/// `kubectl delete --cascade=orphan` takes the owner off each object while the TServer is being deleted. With an owner that is gone, the garbage
/// collector would delete them.
#[tokio::test]
async fn orphans_of_a_server_that_is_being_deleted_stay_orphans_however_late_its_watch_is() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let late = get(&world, SERVER).unwrap();
    edit(&world, SERVER, |server| {
        server["metadata"]["finalizers"] = json!(["orphan"]);
        server["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:02:00Z");
    });
    edit(&world, SET, |set| set["metadata"]["ownerReferences"] = json!([]));
    assert_eq!(run_with_late_server(&process, &world, late).await, [""; 0]);
    assert_eq!(get(&world, SET).unwrap()["metadata"]["ownerReferences"], json!([]));
}
