//! Rollouts from write to write: what is stored, when the next run comes, which Events are sent (docs/reference/controller.md#7.5.11).
//! The clock is paused, and goes on while nobody works.

use super::*;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A server with one pod, which is not ready. The deadline is shorter than the pauses of everything else that asks for a run.
fn world_with_deadline() -> Shared {
    let world = world();
    edit(&world, SERVER, |server| server["spec"]["k8s"]["progressDeadlineSeconds"] = json!(5));
    set_pod(&world, "first", false);
    world
}

fn set_pod(world: &Shared, revision: &str, ready: bool) {
    edit(world, POD, |pod| {
        pod["metadata"]["labels"]["controller-revision-hash"] = json!(revision);
        let condition = |kind: &str, status: bool| json!({"type": kind, "status": if status { "True" } else { "False" }});
        pod["status"]["conditions"] = json!([condition("PodScheduled", true), condition("Ready", ready)]);
    });
}

/// Kubernetes has looked at the StatefulSet, which makes pods of this revision.
fn observe(world: &Shared, revision: &str) {
    edit(world, SET, |set| {
        let generation = set["metadata"]["generation"].as_u64().unwrap_or(0);
        set["status"] = json!({"observedGeneration": generation, "updateRevision": revision});
    });
}

/// Status, reason and message of the stored condition.
fn progressing(world: &Shared) -> [String; 3] {
    let conditions = get(world, SERVER).unwrap()["status"]["conditions"].clone();
    let found = conditions.as_array().unwrap().iter().find(|condition| condition["type"] == "Progressing").unwrap().clone();
    ["status", "reason", "message"].map(|field| found[field].as_str().unwrap().to_owned())
}

fn reason(world: &Shared) -> String {
    progressing(world)[1].clone()
}

fn rollout(world: &Shared) -> Value {
    get(world, SERVER).unwrap()["status"]["rollout"].clone()
}

/// The Events about rollouts, as type and reason.
fn warnings(world: &Shared) -> Vec<String> {
    let events = world.lock().unwrap().events.clone();
    let about_rollouts = events.iter().filter(|event| event["reason"] == "ProgressDeadlineExceeded");
    about_rollouts.map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["note"].as_str().unwrap())).collect()
}

/// A clock that starts at a whole second and goes on with the paused one.
struct Clock {
    begin: Timestamp,
    origin: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { begin: Timestamp::from_second(2_000_000_000).unwrap(), origin: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        self.begin + self.origin.elapsed()
    }

    /// Lets the caches learn what has changed, and runs whenever the queue asks for it, for so long.
    async fn work(&self, process: &Process, world: &Shared, seconds: u64) {
        world.lock().unwrap().tell(&process.engine);
        let queue = &process.context.queue;
        queue.add(Key::new("bank", "ledger-audit"));
        let work = async {
            loop {
                let key = queue.take().await.key;
                reconcile(&process.context, &key, self.now()).await.unwrap();
                queue.done(&key);
            }
        };
        timeout(Duration::from_secs(seconds), work).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_stands_still_fails_at_its_deadline_with_one_write_and_one_event() {
    let (world, clock) = (world_with_deadline(), Clock::start());
    let process = Process::start(&world);
    clock.work(&process, &world, 1).await;
    assert_eq!(progressing(&world), ["True", "RollingOut", "Kubernetes has not looked at the wanted settings yet"]);
    observe(&world, "first");
    clock.work(&process, &world, 3).await;
    assert_eq!(progressing(&world)[2], "0 of 1 pod has the wanted settings and is ready");
    let begun = rollout(&world);
    assert_eq!(begun, json!({"stepsLeft": 1, "lastProgressTime": "2033-05-18T03:33:21Z"}));

    let before = count(&world);
    clock.work(&process, &world, 1).await;
    assert_eq!((count(&world), reason(&world)), (before, "RollingOut".to_owned()), "the last second is not over yet");
    clock.work(&process, &world, 2).await;
    assert_eq!(count(&world), before + 1, "{:?}", world.lock().unwrap().writes);
    let message = "no progress for 5 s (spec.k8s.progressDeadlineSeconds): 0 of 1 pod has the wanted settings and is ready; the other conditions say why";
    assert_eq!(progressing(&world), ["False", "ProgressDeadlineExceeded", message]);
    assert_eq!(rollout(&world), begun);
    assert_eq!(warnings(&world), [format!("Warning {message}")]);

    clock.work(&process, &world, 1000).await;
    clock.work(&Process::start(&world), &world, 1000).await;
    assert_eq!((count(&world), warnings(&world).len()), (before + 1, 1), "nothing is told twice, also by the next leader");
}

#[tokio::test(start_paused = true)]
async fn another_leader_ends_the_rollout_at_the_deadline_of_the_first() {
    let (world, clock) = (world_with_deadline(), Clock::start());
    let process = Process::start(&world);
    clock.work(&process, &world, 1).await;
    observe(&world, "first");
    clock.work(&process, &world, 3).await;
    drop(process);
    let before = count(&world);
    let next = Process::start(&world);
    clock.work(&next, &world, 1).await;
    assert_eq!((count(&world), reason(&world)), (before, "RollingOut".to_owned()), "a new leader writes nothing");
    clock.work(&next, &world, 2).await;
    assert_eq!(reason(&world), "ProgressDeadlineExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_failed_rollout_goes_on_with_a_correction_and_its_end_is_silent() {
    let (world, clock) = (world_with_deadline(), Clock::start());
    let process = Process::start(&world);
    clock.work(&process, &world, 1).await;
    observe(&world, "first");
    clock.work(&process, &world, 9).await;
    assert_eq!(reason(&world), "ProgressDeadlineExceeded");

    edit(&world, SERVER, |server| server["spec"]["release"]["image"] = json!("registry/audit:8"));
    clock.work(&process, &world, 1).await;
    assert_eq!(progressing(&world)[..2], ["True", "RollingOut"], "before Kubernetes has looked at it");
    observe(&world, "second");
    clock.work(&process, &world, 1).await;
    assert_eq!(progressing(&world)[2], "0 of 1 pod has the wanted settings and is ready; 1 has former settings");
    set_pod(&world, "second", true);
    clock.work(&process, &world, 1).await;
    assert_eq!(progressing(&world), ["True", "Complete", "1 of 1 pod got the wanted settings and became ready"]);
    assert_eq!(rollout(&world), Value::Null);

    set_pod(&world, "second", false);
    clock.work(&process, &world, 1000).await;
    assert_eq!(reason(&world), "Complete", "a pod that fails later is told by other conditions");
    assert_eq!(warnings(&world).len(), 1);
    let told: Vec<Value> = world.lock().unwrap().events.iter().map(|event| event["reason"].clone()).collect();
    assert!(!told.contains(&json!("Complete")) && !told.contains(&json!("RollingOut")), "{told:?}");
}

/// The run that writes a StatefulSet does not take the revision of the former one for that of the new one.
#[tokio::test]
async fn a_change_is_not_complete_in_the_run_that_writes_it() {
    let world = world();
    let process = Process::start(&world);
    set_pod(&world, "first", true);
    run_until_silent(&process, &world).await;
    observe(&world, "first");
    run_until_silent(&process, &world).await;
    assert_eq!(reason(&world), "Complete");
    for change in [("/spec/release/image", json!("registry/audit:8")), ("/spec/k8s/replicas", json!(2))] {
        let before = count(&world);
        edit(&world, SERVER, |server| *server.pointer_mut(change.0).unwrap() = change.1.clone());
        assert!(step(&process, &world).await);
        assert!(count(&world) > before);
        assert_eq!(progressing(&world)[1..], ["RollingOut", "Kubernetes has not looked at the wanted settings yet"]);
    }
}

#[tokio::test]
async fn ready_does_not_depend_on_the_rollout() {
    let world = world();
    let process = Process::start(&world);
    edit(&world, SERVER, |server| server["spec"]["k8s"]["progressDeadlineSeconds"] = json!(1));
    run_until_silent(&process, &world).await;
    let before = Timestamp::now() + Duration::from_mins(1);
    assert!(step_at(&process, &world, before).await);
    let conditions = get(&world, SERVER).unwrap()["status"]["conditions"].clone();
    let kinds: Vec<&str> = conditions.as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["Progressing", "Ready"]);
    assert_eq!(reason(&world), "ProgressDeadlineExceeded");
    assert_ne!(conditions.as_array().unwrap().last().unwrap()["reason"], "ProgressDeadlineExceeded");
}
