//! Unmodified clients of other languages find and call the example servers, also while a pod ends. They know only the locator. Malformed
//! packets disturb nobody but their sender.
//!
//! The clients are the programs of `integration/clients`. They run on this machine and use the DNS of the cluster as a pod in the
//! namespace of the framework does (`run-with-cluster-dns.sh`).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{FRAMEWORK, apply, connect, wait_for};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tars_common::v1beta3::TServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    sync::{OnceCell, RwLock},
};

const EXAMPLES: [(&str, &str); 2] = [("demo-echorust", "Demo.EchoRust.EchoObj"), ("demo-echogo", "Demo.EchoGo.EchoObj")];

/// All tests use the same servers. A test that expects every call to succeed reads this lock; the test that kills a pod writes it.
static DISRUPTION: RwLock<()> = RwLock::const_new(());

fn find_repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Applies both examples once and waits until they are Ready with all their replicas.
async fn apply_examples() -> Client {
    static READY: OnceCell<()> = OnceCell::const_new();
    let client = connect().await;
    READY
        .get_or_init(|| async {
            for example in ["echo-rust", "echo-go"] {
                let text = std::fs::read_to_string(find_repository().join("examples").join(example).join("manifests.yaml"))
                    .expect("manifests");
                for document in text.split("\n---\n") {
                    if document.contains("kind: TServer") {
                        apply::<TServer>(&Api::namespaced(client.clone(), FRAMEWORK), document).await.expect("a TServer");
                    } else {
                        let images: Api<tars_common::v1beta3::TImage> = Api::namespaced(client.clone(), FRAMEWORK);
                        apply(&images, document).await.expect("a TImage");
                    }
                }
            }
        })
        .await;
    for (name, _) in EXAMPLES {
        wait_until_ready(&client, name).await;
    }
    client
}

async fn wait_until_ready(client: &Client, name: &str) {
    let servers: Api<TServer> = Api::namespaced(client.clone(), FRAMEWORK);
    wait_for(&format!("{name} to have all its pods ready"), || async {
        let server = servers.get(name).await.expect("the TServer");
        let status = server.status?;
        (status.ready_replicas == status.replicas && status.current_replicas == status.replicas && status.replicas > 0)
            .then_some(())
    })
    .await;
}

/// Runs a client with the DNS of the cluster. Returns the last JSON that it prints.
async fn run_client(program: &str, arguments: &[&str]) -> Value {
    let output = Command::new(find_repository().join("integration/clients/run-with-cluster-dns.sh"))
        .arg(FRAMEWORK)
        .arg(find_repository().join(program))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the client starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {text}{complaint}");
    let line = text.lines().rev().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no JSON in {text}{complaint}"));
    serde_json::from_str(line).expect("JSON")
}

#[tokio::test]
async fn a_tarsgo_client_with_only_the_locator_resolves_and_calls_both_examples() {
    let _undisturbed = DISRUPTION.read().await;
    apply_examples().await;
    for (name, object) in EXAMPLES {
        let report =
            run_client("integration/clients/run-go.sh", &["--object", object, "--calls", "1000", "--wait", "20s", "--json"])
                .await;
        assert_eq!((report["ok"].as_u64(), report["failed"].as_u64()), (Some(1000), Some(0)), "{report}");
        let endpoints = report["active_endpoints"].as_array().expect("endpoints");
        assert_eq!(endpoints.len(), 2, "{report}");
        assert!(endpoints[0].as_str().expect("text").starts_with(&format!("{name}-0.{name}:")), "{report}");
        let answered_by = report["answered_by"].as_object().expect("who answered");
        assert_eq!(answered_by.len(), 2, "both instances should have answered: {report}");
    }
}

#[tokio::test]
async fn a_node_client_with_only_the_locator_resolves_and_calls_both_examples() {
    let _undisturbed = DISRUPTION.read().await;
    apply_examples().await;
    for (_, object) in EXAMPLES {
        let report = run_client("integration/clients/run-node.sh", &["--object", object, "--calls", "200", "--json"]).await;
        assert_eq!((report["ok"].as_u64(), report["failed"].as_u64()), (Some(200), Some(0)), "{report}");
    }
}

#[tokio::test]
async fn a_client_carries_on_while_a_pod_is_killed() {
    let _alone = DISRUPTION.write().await;
    let client = apply_examples().await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), FRAMEWORK);
    let before = pods.get("demo-echorust-1").await.expect("the pod").uid();
    let arguments =
        ["--object", EXAMPLES[0].1, "--duration", "10s", "--rate", "100", "--refresh", "2s", "--allow-failed", "1000", "--json"];
    let (report, ()) = tokio::join!(run_client("integration/clients/run-go.sh", &arguments), async {
        pods.delete("demo-echorust-1", &DeleteParams::default()).await.expect("deleted");
    });
    // Some calls may fail today. The client must go on.
    let (ok, failed) = (report["ok"].as_u64().expect("a number"), report["failed"].as_u64().expect("a number"));
    assert!(ok >= 900, "{ok} calls succeeded and {failed} failed: {report}");
    wait_until_ready(&client, EXAMPLES[0].0).await;
    assert_ne!(pods.get("demo-echorust-1").await.expect("the pod").uid(), before, "the pod should be a new one");
}

/// Lists the addresses of the registry's pods.
async fn list_registry_addresses(client: &Client) -> Vec<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), FRAMEWORK);
    let list = pods.list(&ListParams::default().labels("tars.io/ServerName=tarsregistry")).await.expect("pods");
    list.items.into_iter().filter_map(|pod| pod.status?.pod_ip).collect()
}

/// Sends `bytes` to the registry. Returns its answer, which ends when the registry closes the connection.
async fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect((address, 17890)).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // The registry may also reset the connection.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn malformed_packets_close_their_connection_and_harm_nobody_else() {
    let _undisturbed = DISRUPTION.read().await;
    let client = apply_examples().await;
    let addresses = list_registry_addresses(&client).await;
    assert!(!addresses.is_empty(), "the registry has pods");
    let steady = run_client(
        "integration/clients/run-go.sh",
        &["--object", EXAMPLES[1].1, "--duration", "3s", "--rate", "200", "--refresh", "1s", "--json"],
    );
    let attack = async {
        for address in &addresses {
            for (what, bytes) in [
                ("a packet that claims 4 GiB", &b"\xff\xff\xff\xff\x10\x01"[..]),
                ("a length below the minimum", b"\x00\x00\x00\x03"),
                ("a length above 10 MiB", b"\x00\xa0\x00\x01"),
                ("fields that are no RequestPacket", b"\x00\x00\x00\x0c\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"),
                ("HTTP", b"GET / HTTP/1.1\r\nhost: registry\r\n\r\n"),
            ] {
                assert_eq!(send(address, bytes).await, b"", "{what} must be answered by closing the connection");
            }
        }
    };
    let (report, ()) = tokio::join!(steady, attack);
    assert_eq!(report["failed"].as_u64(), Some(0), "{report}");
    let pods: Api<Pod> = Api::namespaced(client, FRAMEWORK);
    for pod in pods.list(&ListParams::default().labels("tars.io/ServerName=tarsregistry")).await.expect("pods") {
        let restarts: i32 =
            pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()).map(|c| c.restart_count).sum();
        assert_eq!(restarts, 0, "{} restarted", pod.name_any());
    }
}
