//! Two replicas of the webhook end one after the other while people write and read Tars objects: no request fails
//! (docs/reference/admission.md#8.5.3).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use futures::future::{join, join_all};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};
use tars_common::{v1beta2, v1beta3};

const SYSTEM: &str = "tars-system";
const WEBHOOK: &str = "tars-webhook-manger";
const WRITERS: usize = 4;

/// What the writers did, and what went wrong.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    rounds: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load {
    fn note<T>(&self, what: &str, result: kube::Result<T>) {
        if let Err(error) = result {
            self.failures.lock().expect("no writer panics").push(format!("{what}: {error}"));
        }
    }

    /// Creates, changes, reads in the other version, and deletes a server, again and again: reviews of both phases, and conversions.
    async fn write(&self, client: Client, namespace: &str, writer: usize) {
        let servers: Api<v1beta3::TServer> = Api::namespaced(client.clone(), namespace);
        let old_servers: Api<v1beta2::TServer> = Api::namespaced(client, namespace);
        let name = format!("quarry-drill{writer}");
        let apply = PatchParams::apply("e2e");
        while !self.stop.load(Relaxed) {
            for port in [10001, 10002] {
                self.note("a write", servers.patch(&name, &apply, &Patch::Apply(build_server(&name, port))).await);
                self.note("a read in v1beta2", old_servers.get(&name).await);
            }
            self.note("a list in v1beta2", old_servers.list(&ListParams::default()).await);
            self.note("a deletion", servers.delete(&name, &DeleteParams::default()).await);
            self.rounds.fetch_add(1, Relaxed);
        }
    }

    async fn wait_for_progress(&self) {
        let goal = self.rounds.load(Relaxed) + 5 * WRITERS;
        wait_for("more rounds of the writers", || async { (self.rounds.load(Relaxed) >= goal).then_some(()) }).await;
    }
}

fn build_server(name: &str, port: u16) -> Value {
    let server = name.split_once('-').expect("a name of two parts").1.replacen('d', "D", 1);
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": name},
        "spec": {
            "app": "Quarry", "server": server, "subType": "tars", "k8s": {},
            "tars": {"template": "root", "servants": [{"name": "DrillObj", "port": port}]},
        },
    })
}

/// Connects without the retries of the usual client, which would hide a failure.
async fn connect_impatiently() -> Client {
    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.default_retry = false;
    Client::try_from(config).expect("a client")
}

async fn wait_until_ready(client: &Client, replicas: i32, without: Option<&str>) {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM);
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
    wait_for("ready replicas of the webhook", || async {
        let gone = match without {
            Some(name) => pods.get_opt(name).await.expect("an answer").is_none(),
            None => true,
        };
        let status = deployments.get(WEBHOOK).await.expect("the Deployment").status?;
        (gone && status.ready_replicas == Some(replicas) && status.replicas == Some(replicas)).then_some(())
    })
    .await;
}

/// Deletes each webhook pod in turn, and waits for its successor.
async fn replace_pods(client: &Client, load: &Load) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
    load.wait_for_progress().await;
    let webhooks = pods.list(&ListParams::default().labels("tars.io/Webhook=true")).await.expect("the pods");
    assert_eq!(webhooks.items.len(), 2, "the test is about two replicas");
    let gentle = DeleteParams::default();
    for (pod, deletion) in webhooks.items.iter().zip([gentle.clone(), gentle.grace_period(1)]) {
        pods.delete(&pod.name_any(), &deletion).await.expect("a deletion");
        wait_until_ready(client, 2, Some(&pod.name_any())).await;
        load.wait_for_progress().await;
    }
}

#[tokio::test]
async fn no_request_fails_when_a_replica_of_the_webhook_ends() {
    let space = Space::create("replicas").await;
    space.apply_template("root", "root").await.expect("a template");
    let client = connect_impatiently().await;
    wait_until_ready(&client, 2, None).await;
    let load = Load::default();
    let writers = join_all((0..WRITERS).map(|writer| load.write(client.clone(), &space.name, writer)));
    let replacement = async {
        replace_pods(&space.client, &load).await;
        load.stop.store(true, Relaxed);
    };
    join(writers, replacement).await;
    let failures = load.failures.into_inner().expect("no writer panics");
    assert!(failures.is_empty(), "{} of {} rounds had failures: {failures:#?}", failures.len(), load.rounds.into_inner());
    space.delete().await;
}
