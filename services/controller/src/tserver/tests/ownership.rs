//! Whose objects are changed, and how a write names the object that it means (docs/reference/controller.md#6.5,
//! docs/reference/controller.md#7.0).

use super::*;
use crate::engine::fake::wire::{Sent, intercept, record};
use http::Method;
use std::collections::BTreeSet;

const DERIVED: [&str; 5] = [SERVICE, SET, BUDGET, ENDPOINT, RECORD];

#[tokio::test]
async fn whatever_kind_of_object_has_a_name_of_ours_it_stays_with_its_owner() {
    let owner = |kind: &str, uid: &str, controller: bool| json!([{"apiVersion": "v1", "kind": kind, "name": "ledger-audit", "uid": uid, "controller": controller}]);
    let owners = [json!([]), owner("Bookkeeper", "uid-of-other", true), owner("TServer", "uid-of-server", false)];
    for (path, owners) in DERIVED.iter().flat_map(|path| owners.iter().map(move |owners| (*path, owners))) {
        let world = world();
        let foreign = json!({
            "app": "Other", "server": "Other", "pods": [], "spec": {},
            "metadata": {"name": "ledger-audit", "namespace": "bank", "ownerReferences": owners},
        });
        world.lock().unwrap().put(path, foreign);
        let (before, process) = (get(&world, path), Process::start(&world));
        assert!(!step(&process, &world).await, "the key is to be tried again");
        assert_eq!(get(&world, path), before, "{owners}");
        assert!(DERIVED.iter().all(|other| get(&world, other).is_some()), "the others are made: {path} {owners}");
        let applied = condition(&world, "Applied");
        assert_eq!((&applied["status"], &applied["reason"]), (&json!("False"), &json!("OutControl")), "{path} {owners}");
        let event = world.lock().unwrap().events.last().unwrap().clone();
        assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("OutControl")));
        world.lock().unwrap().remove(path);
        run_until_silent(&process, &world).await;
        assert_eq!(condition(&world, "Applied")["status"], "True", "{path} {owners}");
    }
}

/// The watches select by labels, so the cache does not have it.
#[tokio::test]
async fn an_object_that_no_watch_shows_is_found_when_its_name_is_taken() {
    let world = world();
    let foreign = json!({"metadata": {"name": "ledger-audit", "namespace": "bank"}, "spec": {}});
    world.lock().unwrap().put(SERVICE, foreign);
    let (before, process) = (get(&world, SERVICE), Process::start(&world));
    let _watches = process.engine.start_watches();
    process.engine.synced().await;
    assert!(reconcile(&process.context, &Key::new("bank", "ledger-audit"), Timestamp::now()).await.is_err());
    assert_eq!(get(&world, SERVICE), before);
    assert!(world.lock().unwrap().writes.contains(&format!("PATCH {SERVICE}")), "nothing was asked before");
    assert_eq!(condition(&world, "Applied")["reason"], "OutControl");
}

#[tokio::test]
async fn an_object_that_is_being_deleted_is_waited_for_and_then_made_anew() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    edit(&world, SET, |set| {
        set["metadata"]["finalizers"] = json!(["example.com/hold"]);
        set["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:02:00Z");
    });
    let before = get(&world, SET).unwrap();
    assert!(!step(&process, &world).await);
    assert_eq!(get(&world, SET).unwrap(), before);
    assert_eq!(condition(&world, "Applied")["reason"], "Replacing");
    edit(&world, SET, |set| set["metadata"]["finalizers"] = json!([]));
    run_until_silent(&process, &world).await;
    assert_ne!(get(&world, SET).unwrap()["metadata"]["uid"], before["metadata"]["uid"]);

    edit(&world, SERVER, |server| server["metadata"]["uid"] = json!("uid-of-successor"));
    assert!(!step(&process, &world).await);
    assert_eq!(condition(&world, "Applied")["reason"], "Replacing", "they belong to an earlier TServer of this name");
}

#[tokio::test]
async fn a_refusal_is_told_apart_from_a_failure_that_passes_and_stops_no_other_object() {
    let cases = [
        (400, "Refused"),
        (403, "Refused"),
        (422, "Refused"),
        (404, "ApplyFailed"),
        (409, "ApplyFailed"),
        (429, "ApplyFailed"),
        (500, "ApplyFailed"),
    ];
    for (code, reason) in cases {
        let world = world();
        let refuse = move |sent: &Sent| (sent.is_write() && sent.path == SERVICE).then_some(code);
        let process = Process::start_with(intercept(client(&world), refuse));
        assert!(!step(&process, &world).await, "the key is to be tried again");
        assert!(get(&world, SERVICE).is_none() && get(&world, SET).is_some(), "{code}");
        assert_eq!(condition(&world, "Applied")["reason"], reason, "{code}");
        assert!(condition(&world, "Applied")["message"].as_str().unwrap().contains("Service bank/ledger-audit"), "{code}");
    }
}

/// Says how `sent` names its object. A write that does without is told in full.
fn describe(sent: &Sent) -> Result<&'static str, String> {
    let metadata = &sent.body["metadata"];
    let first = &sent.body[0];
    match (sent.method.as_str(), &*sent.kind) {
        ("POST", _) => Ok("creation"),
        ("DELETE", _) if sent.body["preconditions"]["uid"].is_string() => Ok("deletion"),
        ("PATCH", "application/apply-patch+yaml") if metadata["uid"].is_string() => Ok("apply"),
        ("PATCH", "application/apply-patch+yaml") if metadata["resourceVersion"] == "1" => Ok("apply that creates"),
        ("PATCH", "application/merge-patch+json") if metadata["uid"].is_string() => Ok("merge"),
        ("PATCH", "application/json-patch+json")
            if first["op"] == "replace" && first["path"] == "/metadata/resourceVersion" && first["value"].is_string() =>
        {
            Ok("patch")
        }
        _ => Err(format!("{sent:?}")),
    }
}

#[tokio::test]
async fn every_write_names_the_object_that_it_means() {
    let world = world();
    let (recording, log) = record(client(&world));
    let process = Process::start_with(recording);
    process.context.exits.start();
    run_until_silent(&process, &world).await;
    edit(&world, SERVICE, |service| service["spec"]["ports"] = json!([]));
    edit(&world, CLAIM, |claim| claim["metadata"]["annotations"] = json!({}));
    edit(&world, POD, |pod| pod["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:01:00Z"));
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| server["spec"]["k8s"]["mounts"] = json!([]));
    run_until_silent(&process, &world).await;
    edit(&world, SERVER, |server| server["spec"]["k8s"]["daemonSet"] = json!(true));
    run_until_silent(&process, &world).await;
    world.lock().unwrap().remove(SERVER);
    process.context.departed.note(Key::new("bank", "ledger-audit"), "uid-of-server".to_owned());
    run_until_silent(&process, &world).await;

    let log = log.lock().unwrap();
    assert!(!log.iter().any(|sent| sent.method == Method::GET && sent.path == SERVICE), "no creation costs a question");
    let writes = || log.iter().filter(|sent| sent.is_write());
    let kinds: BTreeSet<_> = writes().map(|sent| describe(sent).unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["apply", "apply that creates", "creation", "deletion", "merge", "patch"]);
    let records = writes().filter(|sent| sent.path == RECORD && sent.method == Method::PATCH);
    let kinds: Vec<_> = records.map(|sent| describe(sent).unwrap()).collect();
    assert_eq!(kinds, ["patch"], "the list of pods is never written as a whole");
}

#[tokio::test(start_paused = true)]
async fn the_objects_are_written_at_the_same_time() {
    let world = world();
    for (verb, path) in [("PATCH", SERVICE), ("PATCH", SET), ("PATCH", BUDGET), ("PATCH", ENDPOINT), ("POST", RECORD)] {
        // A creation goes to the collection.
        let path = if verb == "POST" { path.rsplit_once('/').unwrap().0 } else { path };
        let trouble = Trouble::Write { what: format!("{verb} {path}"), nth: 0, fault: Fault::AnswerLate };
        world.lock().unwrap().script.troubles.push(trouble);
    }
    let (process, began) = (Process::start(&world), tokio::time::Instant::now());
    assert!(step(&process, &world).await);
    assert_eq!(world.lock().unwrap().script.met, 5);
    assert_eq!(began.elapsed().as_secs(), 2, "each answer takes two seconds");
}
