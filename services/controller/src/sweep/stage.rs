//! Runs one story with the controller as a whole: watches, caches, queues and workers of every reconciler. The clock is paused, so that a
//! pause costs nothing.

use super::{kubernetes, stories::Story};
use crate::{
    engine::{
        Engine,
        fake::{Shared, World, client, faults::Trouble, owners},
        metrics::Metrics,
    },
    run::assemble,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tars_common::names::label;
use tars_kit::lease::Fence;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long nothing must change until the story goes on.
const QUIET: Duration = Duration::from_secs(15);

/// The same at the end. The longest delay of an event is shorter.
const LONG_QUIET: Duration = Duration::from_mins(1);

/// More changes than this in one step never end.
const ENDLESS: u32 = 40;

/// How long people need to repeat their wishes after a restore.
const AFTER_RESTORE: Duration = Duration::from_secs(2);

/// What a run of a story led to.
pub struct Outcome {
    pub end: BTreeMap<String, Value>,
    pub world: World,
    /// How many of the troubles of the plan happened.
    pub met: usize,
    /// The writes of a process that starts after the end, and of the last process while nothing changed.
    pub writes_at_rest: Vec<String>,
    /// Whether the changes came to an end after each step.
    pub rested: bool,
}

/// The controller as a process.
struct Process {
    // The tasks end with the sets.
    _watches: JoinSet<()>,
    _workers: JoinSet<()>,
    _engine: Arc<Engine>,
}

impl Process {
    async fn start(world: &Shared) -> Self {
        world.lock().unwrap().script.revive();
        let (engine, _) = assemble(client(world), Arc::new(Metrics::default()), 2, Fence::open());
        let engine = Arc::new(engine);
        let watches = engine.start_watches();
        engine.start_leading();
        engine.synced().await;
        let workers = engine.start_workers(&CancellationToken::new());
        Self { _watches: watches, _workers: workers, _engine: engine }
    }
}

/// Plays `story` while `troubles` happen.
pub async fn play(story: &Story, troubles: &[Trouble]) -> Outcome {
    let mut world = World::default();
    world.graceful = true;
    (story.begin)(&mut world);
    world.script.steps = story.steps.iter().cloned().collect();
    world.script.troubles = troubles.to_vec();
    let world: Shared = Arc::new(Mutex::new(world));
    let mut kubernetes = JoinSet::new();
    kubernetes.spawn(kubernetes::run(world.clone()));
    let mut stage = Stage { process: Process::start(&world).await, world, rested: true };
    stage.settle(QUIET).await;
    while stage.world.lock().unwrap().take_step() {
        stage.settle(QUIET).await;
    }
    stage.settle(LONG_QUIET).await;
    stage.finish().await
}

struct Stage {
    world: Shared,
    process: Process,
    rested: bool,
}

impl Stage {
    /// Waits until nothing has changed for the time `quiet`. Starts the process anew when it ends.
    async fn settle(&mut self, quiet: Duration) {
        let (crashed, restored) = {
            let script = &self.world.lock().unwrap().script;
            (script.crashed.clone(), script.restored.clone())
        };
        for _ in 0..ENDLESS {
            let before = self.count();
            tokio::select! {
                biased;
                () = crashed.notified() => {
                    self.process = Process::start(&self.world).await;
                    continue;
                }
                () = restored.notified() => {
                    // The process sees that the version of its Lease went back, and ends.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.process = Process::start(&self.world).await;
                    tokio::time::sleep(AFTER_RESTORE).await;
                    self.world.lock().unwrap().repeat_wishes();
                    continue;
                }
                () = tokio::time::sleep(quiet) => {}
            }
            if self.count() == before {
                return;
            }
        }
        self.rested = false;
    }

    /// Writes and changes so far.
    fn count(&self) -> (usize, u64) {
        let world = self.world.lock().unwrap();
        (world.writes.len(), world.version())
    }

    async fn finish(mut self) -> Outcome {
        let end = mask(self.world.lock().unwrap().all());
        let before = self.count().0;
        self.process = Process::start(&self.world).await;
        self.settle(LONG_QUIET).await;
        drop(self.process);
        let world = std::mem::take(&mut *self.world.lock().unwrap());
        Outcome { end, met: world.script.met, writes_at_rest: world.writes[before..].to_vec(), rested: self.rested, world }
    }
}

/// All objects without what differs between two histories that lead to the same end.
fn mask(objects: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    objects.iter().map(|(path, object)| (path.clone(), mask_value(path, object))).collect()
}

fn mask_value(path: &str, object: &Value) -> Value {
    match object {
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| !is_incidental(path, name));
            let mut masked: Value = members.map(|(name, value)| (name.clone(), mask_value(path, value))).collect();
            masked.sort_all_objects();
            masked
        }
        Value::Array(items) => items.iter().map(|item| mask_value(path, item)).collect(),
        other => other.clone(),
    }
}

/// Whether a field depends on the history: identities, versions, times. The digest of claim templates holds the uid of their server. A record of
/// pods that ended depends on which of them the process has seen.
fn is_incidental(path: &str, name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "uid",
        "podID",
        "resourceVersion",
        "managedFields",
        "generation",
        "observedGeneration",
        "tars.io/ClaimTemplates",
        "tars.io/ActivatedAt",
        "tars.io/LiveVersionSince",
    ];
    NAMES.contains(&name)
        || name.ends_with("Time")
        || name.ends_with("Timestamp")
        || (name == "pods" && path.contains("/texitedrecords/"))
}

impl Outcome {
    /// How often pods were asked to be made anew: changes of pod templates.
    pub fn rollouts(&self) -> usize {
        let changes = self.world.history.iter().filter_map(|entry| entry.before.as_ref().zip(entry.after.as_ref()));
        changes.filter(|(before, after)| before["spec"]["template"] != after["spec"]["template"]).count()
    }

    /// How many pods ended.
    pub fn pods_ended(&self) -> usize {
        self.world.history.iter().filter(|entry| entry.path.contains("/pods/") && entry.after.is_none()).count()
    }

    /// How many objects were deleted, by whomever.
    pub fn objects_gone(&self) -> usize {
        self.world.history.iter().filter(|entry| entry.after.is_none()).count()
    }

    /// The objects of somebody else that a TServer has come to control. An orphan has the labels of its TServer already.
    pub fn seized(&self) -> Vec<&str> {
        let is_controlled =
            |object: &Value| owners(object).iter().any(|owner| owner["kind"] == "TServer" && owner["controller"] == true);
        let names =
            |object: &Value| [label::SERVER_APP, label::SERVER_NAME].map(|name| object["metadata"]["labels"][name].clone());
        let changes = self.world.history.iter().filter_map(|entry| Some((entry, entry.before.as_ref()?, entry.after.as_ref()?)));
        changes
            .filter(|(_, before, after)| !is_controlled(before) && is_controlled(after) && names(before) != names(after))
            .map(|(entry, ..)| &*entry.path)
            .collect()
    }

    /// The records that name a pod twice.
    pub fn repeated_exits(&self) -> Vec<&str> {
        let repeats = |record: &Value| {
            let mut seen = BTreeSet::new();
            record["pods"].as_array().into_iter().flatten().any(|pod| !seen.insert(pod["uid"].as_str()))
        };
        let records = self.world.all().iter().filter(|(path, _)| path.contains("/texitedrecords/"));
        records.filter(|(_, record)| repeats(record)).map(|(path, _)| path.as_str()).collect()
    }
}
