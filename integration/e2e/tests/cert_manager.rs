//! cert-manager takes over the certificates of a cluster, replaces its authority twice, and hands them back, while reviews go on
//! (docs/reference/trust.md#2.8).
//!
//! `make test-cert-manager` builds the real cert-manager and runs this. The build takes minutes, so `make test` does not.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{
    FRAMEWORK, Space, dry_run,
    grpc::{Trust, connect_to_pod, find_pod},
    wait_for,
};
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject},
    core::GroupVersionKind,
};
use serde_json::json;
use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};
use tars_common::v1beta3::TServer;

const SYSTEM: &str = "tars-system";
const AUTHORITY: &str = "tars-cert-manager-ca";
/// The Secrets that cert-manager writes in the namespace of the webhook.
const LEAVES: [&str; 3] = ["tars-webhook-cert-manager-tls", "tars-controller-cert-manager-tls", "tars-agent-cert-manager-tls"];

/// The name in the certificate of a gRPC port, the labels of its pods, and the port.
const PORTS: [(&str, &str, &str, u16); 3] = [
    (SYSTEM, "tars-webhook-service", "tars.io/Webhook=true", 9444),
    (SYSTEM, "tars-controller", "tars.io/Controller=true", 9444),
    (FRAMEWORK, "tars-tarsregistry", "tars.io/ServerApp=tars,tars.io/ServerName=tarsregistry", 17892),
];

/// Reviews that go on without a pause.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    done: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load {
    fn note(&self, failure: String) {
        self.failures.lock().expect("no panic").push(failure);
    }
}

/// Writes a server by dry runs, which mutates and validates it, and reads another one in the older version, which converts it.
async fn review(load: Arc<Load>, client: Client, namespace: String, stored: String) {
    let older = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", "v1beta2", "TServer"), "tservers");
    let older: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &older);
    while !load.stop.load(SeqCst) {
        let answer = dry_run(&client, &namespace, &build_server("Next")).await;
        if !answer.is_accepted() || answer.body.pointer("/metadata/labels/tars.io~1ServerName") != Some(&json!("Next")) {
            load.note(answer.body.to_string());
        }
        if let Err(error) = older.get(&stored).await {
            load.note(error.to_string());
        }
        load.done.fetch_add(1, SeqCst);
    }
}

fn build_server(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": format!("trade-{}", name.to_lowercase())},
        "spec": {
            "app": "Trade", "server": name, "subType": "tars", "k8s": {},
            "tars": {"template": "root", "servants": [{"name": "FirstObj", "port": 9999}]},
        },
    })
}

/// Says to both charts who makes the certificates.
fn choose_issuer(cert_manager: bool) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../helm");
    for (chart, namespace, value) in
        [("tarscontroller", SYSTEM, "certManager.enabled"), ("tarsframework", FRAMEWORK, "registry.certManager.enabled")]
    {
        let (path, value) = (format!("{root}/{chart}"), format!("{value}={cert_manager}"));
        let arguments =
            ["upgrade", chart, &path, "--namespace", namespace, "--reuse-values", "--set", &value, "--wait", "--timeout", "300s"];
        let output = Command::new("helm").args(arguments).output().expect("helm, see integration/cluster/env.sh");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

async fn read_secret(client: &Client, namespace: &str, name: &str, key: &str) -> Option<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let ByteString(bytes) = secrets.get_opt(name).await.expect("an answer")?.data?.remove(key)?;
    String::from_utf8(bytes).ok()
}

/// Waits until each component serves a leaf of the authority in a Secret of its namespace. `secret` chooses the Secret by the namespace.
async fn wait_for_leaves_of(client: &Client, secret: fn(&str) -> &'static str, key: &str, what: &str) {
    for (namespace, host, labels, port) in PORTS {
        let pods = Api::namespaced(client.clone(), namespace);
        let name = format!("{host}.{namespace}.svc");
        wait_for(&format!("{name} to serve a leaf of {what}"), || async {
            let authority = read_secret(client, namespace, secret(namespace), key).await?;
            let pod = find_pod(&pods, labels).await;
            connect_to_pod(pods.clone(), pod, port, Some(Trust { authorities: &authority, name: &name })).await.ok()
        })
        .await;
    }
}

/// Replaces the authority of cert-manager, and all leaves.
async fn replace_authority(client: &Client) {
    for (namespace, leaves) in [(SYSTEM, LEAVES.as_slice()), (FRAMEWORK, &["tars-registry-cert-manager-tls"])] {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let before = read_secret(client, namespace, AUTHORITY, "tls.crt").await.expect("an authority");
        secrets.delete(AUTHORITY, &DeleteParams::default()).await.expect("a deleted authority");
        let after = wait_for("another authority", || async {
            read_secret(client, namespace, AUTHORITY, "tls.crt").await.filter(|after| *after != before)
        })
        .await;
        for leaf in leaves {
            // cert-manager signs with the authority that it has seen, which may be the one before for a moment.
            wait_for(&format!("a leaf {leaf} of the new authority"), || async {
                if read_secret(client, namespace, leaf, "ca.crt").await.is_some_and(|authority| authority == after) {
                    return Some(());
                }
                let _ = secrets.delete(leaf, &DeleteParams::default()).await;
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                None
            })
            .await;
        }
        wait_for("both authorities to be trusted", || async {
            let bundle = maps.get_opt("tars-ca").await.expect("an answer")?.data?.remove("ca.crt")?;
            (bundle.contains(after.trim()) && bundle.contains(before.trim())).then_some(())
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs cert-manager: make test-cert-manager"]
async fn cert_manager_takes_over_rotates_and_hands_back_without_a_failed_review() {
    let space = Space::create("cert-manager").await;
    let client = space.client.clone();
    space.apply_template("root", "root").await.expect("a template");
    let stored: TServer = space.apply(&build_server("Stored").to_string()).await.expect("a server");
    let load = Arc::new(Load::default());
    let reviews = tokio::spawn(review(load.clone(), client.clone(), space.name.clone(), stored.name_any()));

    choose_issuer(true);
    wait_for_leaves_of(&client, |_| AUTHORITY, "tls.crt", "cert-manager").await;
    for _ in 0..2 {
        replace_authority(&client).await;
        wait_for_leaves_of(&client, |_| AUTHORITY, "tls.crt", "the new authority").await;
    }
    choose_issuer(false);
    let own = |namespace: &str| if namespace == SYSTEM { "tars-webhook-tls" } else { "tars-registry-ca" };
    wait_for_leaves_of(&client, own, "ca.crt", "our own authority").await;

    load.stop.store(true, SeqCst);
    reviews.await.expect("the load ends");
    let failures = std::mem::take(&mut *load.failures.lock().expect("no panic"));
    let done = load.done.load(SeqCst);
    println!("{done} rounds of reviews");
    assert!(failures.is_empty() && done > 100, "{} of {done} rounds failed: {:?}", failures.len(), failures.first());
    space.delete().await;
}
