//! The fault sweep on a real API server: the real program runs behind a proxy that does harm to one write. Whatever happens, the objects of each
//! step become the same as without harm, and a process that starts afterwards writes nothing.
//!
//! `src/sweep.rs` has the whole sweep, against an API server in memory; this is a sample. It needs a cluster without another controller, so it
//! runs only by `integration/sweep-cluster.sh`. Environment: `SWEEP_PLANS`, `SWEEP_SEED`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

mod process;
mod proxy;

use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
};
use process::Controller;
use proxy::{Fault, Plan, Proxy};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a step may take. A leader that was killed holds its Lease for 4 s.
const LIMIT: Duration = Duration::from_mins(1);

/// How long nothing must be written until a step without harm is over.
const QUIET: Duration = Duration::from_secs(2);

/// Steps of a prime number that is larger than any length visit each plan once.
const STRIDE: usize = 7919;

const POLL: Duration = Duration::from_millis(100);

const NAME: &str = "ledger-audit";

/// The kinds that are compared.
const KINDS: [(&str, &str, &str); 7] = [
    ("k8s.tars.io", "v1beta3", "TServer"),
    ("", "v1", "Service"),
    ("apps", "v1", "StatefulSet"),
    ("apps", "v1", "DaemonSet"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("k8s.tars.io", "v1beta3", "TEndpoint"),
    ("k8s.tars.io", "v1beta3", "TExitedRecord"),
];

/// What the TServer is in each step. In the last step it is deleted.
fn list_steps() -> Vec<Value> {
    let server = |image: &str, port: u16, k8s: Value| {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
            "spec": {
                "app": "Ledger", "server": "Audit", "subType": "normal", "important": 3,
                "normal": {"ports": [{"name": "http", "port": port, "isTcp": true}]},
                "release": {"id": image, "image": format!("registry.invalid/audit:{image}")}, "k8s": k8s,
            },
        })
    };
    vec![
        server("v1", 80, json!({"replicas": 1, "disruption": {"maxUnavailable": 1}})),
        server("v2", 81, json!({"replicas": 2})),
        server("v2", 81, json!({"daemonSet": true})),
    ]
}

fn api(client: &Client, namespace: &str, (group, version, kind): (&str, &str, &str)) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)))
}

type End = BTreeMap<String, Value>;

/// The objects as far as they do not depend on time and chance.
async fn look(client: &Client, namespace: &str) -> End {
    let mut end = End::new();
    for kind in KINDS {
        for object in api(client, namespace, kind).list(&ListParams::default()).await.unwrap().items {
            let name = object.metadata.name.clone().unwrap();
            // The key of a node label has the name of the namespace.
            let text = serde_json::to_string(&object).unwrap().replace(namespace, "NAMESPACE");
            end.insert(format!("{} {name}", kind.2), mask(kind.2, &serde_json::from_str(&text).unwrap()));
        }
    }
    end
}

fn mask(kind: &str, object: &Value) -> Value {
    let owners: Vec<Value> =
        object["metadata"]["ownerReferences"].as_array().into_iter().flatten().map(|owner| owner["name"].clone()).collect();
    let mut masked =
        json!({"labels": object["metadata"]["labels"], "annotations": object["metadata"]["annotations"], "owners": owners});
    // The digest of a template depends on the name of the namespace.
    masked["annotations"].as_object_mut().map(|annotations| annotations.remove("tars.io/PodTemplate"));
    if kind == "TServer" {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        masked["conditions"] = conditions.map(|one| json!([one["type"], one["status"], one["reason"]])).collect();
        masked["told"] = (object["status"]["observedGeneration"] == object["metadata"]["generation"]).into();
    } else {
        masked["spec"] = object["spec"].clone();
        for (holder, name) in [("/spec", "clusterIP"), ("/spec", "clusterIPs"), ("/spec/release", "time")] {
            masked.pointer_mut(holder).and_then(Value::as_object_mut).map(|fields| fields.remove(name));
        }
    }
    masked
}

/// What must change in `found` so that it is as `wanted`.
fn describe(wanted: Option<&Value>, found: Option<&Value>) -> String {
    let null = Value::Null;
    json_patch::diff(found.unwrap_or(&null), wanted.unwrap_or(&null)).to_string()
}

/// A namespace in which one plan is played.
struct Stage {
    client: Client,
    namespace: String,
    proxy: Arc<Proxy>,
    folder: tempfile::TempDir,
    controller: Controller,
}

impl Stage {
    async fn begin(client: &Client, proxy: &Arc<Proxy>, number: usize, plan: Option<Plan>) -> Self {
        let namespace = format!("sweep-{}-{number}", std::process::id());
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
        let object = DynamicObject::new(&namespace, &resource);
        Api::<DynamicObject>::all_with(client.clone(), &resource).create(&PostParams::default(), &object).await.unwrap();
        proxy.begin(&namespace, plan);
        let folder = tempfile::tempdir().unwrap();
        let controller = Controller::start(proxy, folder.path()).unwrap();
        Self { client: client.clone(), namespace, proxy: proxy.clone(), folder, controller }
    }

    fn servers(&self) -> Api<DynamicObject> {
        api(&self.client, &self.namespace, KINDS[0])
    }

    async fn take_step(&self, server: Option<&Value>) {
        match server {
            Some(server) => {
                let params = PatchParams::apply("sweep").force();
                self.servers().patch(NAME, &params, &Patch::Apply(server)).await.unwrap();
            }
            None => drop(self.servers().delete(NAME, &DeleteParams::default()).await.unwrap()),
        }
    }

    fn start_again(&mut self) {
        self.controller = Controller::start(&self.proxy, self.folder.path()).unwrap();
    }

    /// Waits until the controller has written nothing for a while, and returns the objects.
    async fn wait_for_quiet(&self) -> End {
        let (mut seen, mut since) = (self.proxy.writes().len(), Instant::now());
        let began = Instant::now();
        while began.elapsed() < LIMIT && (seen == 0 || since.elapsed() < QUIET) {
            tokio::time::sleep(POLL).await;
            let now = self.proxy.writes().len();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        look(&self.client, &self.namespace).await
    }

    /// Waits until the objects are as `wanted`, and starts the process again when it is killed. Returns what differs at the end.
    async fn wait_for(&mut self, wanted: &End) -> Option<String> {
        let began = Instant::now();
        loop {
            let proxy = self.proxy.clone();
            tokio::select! {
                () = proxy.crashed.notified() => self.start_again(),
                () = tokio::time::sleep(POLL) => {}
            }
            let found = look(&self.client, &self.namespace).await;
            if found == *wanted {
                return None;
            }
            if began.elapsed() > LIMIT {
                let differs = wanted.keys().chain(found.keys()).find(|key| wanted.get(*key) != found.get(*key)).unwrap();
                return Some(format!("{differs}: {}", describe(wanted.get(differs), found.get(differs))));
            }
        }
    }

    /// Starts a new process, waits until it has looked at the TServer, and returns what it has written.
    async fn look_again(&mut self) -> Vec<(String, usize)> {
        self.controller.stop().unwrap();
        let before = self.proxy.writes().len();
        self.start_again();
        let began = Instant::now();
        let looked = r#"tars_controller_reconciles_total{reconciler="tserver",outcome="ok"}"#;
        while self.controller.read_metric(looked).await.unwrap_or(0.0) < 1.0 {
            assert!(began.elapsed() < LIMIT, "the new process looks at no TServer");
            tokio::time::sleep(POLL).await;
        }
        self.proxy.writes().split_off(before)
    }

    async fn end(self) {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
        let namespaces = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.unwrap();
    }
}

/// Plays the steps without harm. Returns the objects after each of them, and the writes.
async fn learn(client: &Client, proxy: &Arc<Proxy>) -> (Vec<End>, Vec<(String, usize)>) {
    let stage = Stage::begin(client, proxy, 0, None).await;
    let mut ends = Vec::new();
    for server in list_steps().iter().map(Some).chain([None]) {
        stage.take_step(server).await;
        ends.push(stage.wait_for_quiet().await);
    }
    let writes = proxy.writes();
    stage.end().await;
    (ends, writes)
}

/// Plays the steps while one write meets harm. Returns what is wrong.
async fn play(client: &Client, proxy: &Arc<Proxy>, number: usize, plan: &Plan, ends: &[End]) -> Option<String> {
    let mut stage = Stage::begin(client, proxy, number, Some(plan.clone())).await;
    let steps = list_steps();
    for (index, end) in ends.iter().enumerate() {
        let server = steps.get(index);
        if server.is_none() {
            let written = stage.look_again().await;
            if !written.is_empty() {
                return Some(format!("writes at rest: {written:?}"));
            }
        }
        stage.take_step(server).await;
        if let Some(differs) = stage.wait_for(end).await {
            return Some(format!("step {index}: {differs}"));
        }
    }
    stage.end().await;
    None
}

/// A client that has the rights of the controller and no others.
async fn act_as_controller() -> Client {
    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some("system:serviceaccount:tars-system:tars-controller".to_owned());
    config.auth_info.impersonate_groups = Some(vec!["system:serviceaccounts".to_owned(), "system:authenticated".to_owned()]);
    Client::try_from(config).unwrap()
}

fn read_number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Chooses `count` plans among all writes and faults.
fn choose_plans(writes: &[(String, usize)], count: usize, seed: usize) -> Vec<Plan> {
    let plan = |(write, number): &(String, usize), fault| Plan { write: write.clone(), number: *number, fault };
    let all: Vec<Plan> = writes.iter().flat_map(|write| Fault::ALL.map(|fault| plan(write, fault))).collect();
    (0..count.min(all.len())).map(|index| all[(seed + index * STRIDE) % all.len()].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster without another controller: integration/sweep-cluster.sh"]
async fn whatever_happens_to_a_write_the_objects_become_the_same() {
    let client = Client::try_default().await.unwrap();
    let proxy = Proxy::start(act_as_controller().await).await.unwrap();
    let (ends, writes) = learn(&client, &proxy).await;
    let names: Vec<Vec<&String>> = ends.iter().map(|end| end.keys().collect()).collect();
    assert!(ends[0].len() > 4 && ends[3].is_empty(), "the story without harm makes {names:#?}");
    let plans = choose_plans(&writes, read_number("SWEEP_PLANS", 40), read_number("SWEEP_SEED", 1));
    let (began, mut wrong, mut done) = (Instant::now(), Vec::new(), 0);
    for (number, plan) in plans.iter().enumerate() {
        let result = play(&client, &proxy, number + 1, plan, &ends).await;
        done += usize::from(proxy.is_done());
        println!("{plan}: {}", result.as_deref().unwrap_or("as it should be"));
        wrong.extend(result.map(|what| format!("{plan}: {what}")));
    }
    println!(
        "{} plans of {} writes in {:.0} s; the fault happened in {done}; {} diverged",
        plans.len(),
        writes.len(),
        began.elapsed().as_secs_f64(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(done * 10 >= plans.len() * 8, "the fault of only {done} of {} plans happened", plans.len());
}
