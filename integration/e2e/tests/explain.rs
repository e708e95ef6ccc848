//! `kubectl tars explain` and `kubectl tars resync`: the real plugin against the controller of the cluster.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{FRAMEWORK, Space, plugin::Plugin, wait_for};
use k8s_openapi::api::{
    core::v1::{Service, ServiceAccount},
    rbac::v1::{RoleBinding, RoleRef, Subject},
};
use kube::{
    Api,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};
use tars_common::v1beta3::TServer;
use tokio::process::Command;

const SYSTEM: &str = "tars-system";

/// The time after which the plugin should say the words. It is shorter than that of [`wait_for`], so that a failure shows what it says.
const LIMIT: Duration = Duration::from_secs(100);

/// Gives the subject a role in the namespace of `bindings`, under the name of the role.
async fn bind(bindings: &Api<RoleBinding>, kind: &str, role: &str, name: &str, subject: Subject) {
    let binding = RoleBinding {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        role_ref: RoleRef { api_group: "rbac.authorization.k8s.io".to_owned(), kind: kind.to_owned(), name: role.to_owned() },
        subjects: Some(vec![subject]),
    };
    bindings.create(&PostParams::default(), &binding).await.expect("a binding");
}

fn user(name: &str) -> Subject {
    let api_group = Some("rbac.authorization.k8s.io".to_owned());
    Subject { kind: "User".to_owned(), name: name.to_owned(), api_group, namespace: None }
}

/// Makes the account in the namespace. With `role`, that role of Kubernetes says what it may do there.
async fn make_account(space: &Space, name: &str, role: Option<&str>) {
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..ServiceAccount::default()
    };
    space.api::<ServiceAccount>().create(&PostParams::default(), &account).await.expect("an account");
    if let Some(role) = role {
        let (kind, namespace) = ("ServiceAccount".to_owned(), Some(space.name.clone()));
        let subject = Subject { kind, name: name.to_owned(), api_group: None, namespace };
        bind(&space.api(), "ClusterRole", role, name, subject).await;
    }
}

/// Makes a server whose container runs the probe with these arguments.
async fn make_server(space: &Space, server: &str, arguments: &[&str]) {
    let object = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer",
        "metadata": {"name": format!("slip-{}", server.to_lowercase())},
        "spec": {
            "app": "Slip", "server": server, "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
            "k8s": {"replicas": 1, "imagePullPolicy": "IfNotPresent", "args": arguments, "notStacked": false},
        },
    });
    space.apply::<TServer>(&object.to_string()).await.expect("a server");
}

/// Runs the plugin until it ends with `code` and its output has all of `words`. Returns the output.
async fn run_until(plugin: &Plugin, words: &[&str], code: i32, expected: &[&str]) -> String {
    let last = Mutex::new(String::new());
    let found = tokio::time::timeout(
        LIMIT,
        wait_for("the words", || async {
            let (ended, output, said) = plugin.run(words).await;
            let told = format!("{output}{said}");
            let found = ended == code && expected.iter().all(|word| told.contains(word));
            *last.lock().expect("no panic") = format!("{ended}: {told}");
            found.then_some(told)
        }),
    );
    let found = found.await;
    let last = last.into_inner().expect("no panic");
    found.unwrap_or_else(|elapsed| panic!("{elapsed}: {words:?} does not end with {code} and say {expected:?}, but {last}"))
}

#[tokio::test]
async fn a_crash_is_explained_down_to_the_last_words() {
    let (plugin, space) = (Plugin::install().await, Space::create("explain").await);
    space.admit_nodes().await;
    make_account(&space, "tars-view", Some("view")).await;
    make_server(&space, "Crash", &["fail", "now"]).await;
    make_server(&space, "Ends", &["resolve", "localhost"]).await;
    make_server(&space, "Calm", &["serve", ":8080"]).await;
    let namespace = space.name.as_str();

    let parts = [
        "Condition Running: Crashing",
        "StatefulSet slip-crash: 0 of 1 pod is ready",
        "Pod slip-crash-0",
        "its last words are \"error: unknown command \\\"fail\\\"\"",
    ];
    let told = run_until(&plugin, &["explain", "slip-crash", "-n", namespace], 1, &parts).await;
    assert!(told.starts_with("TServer slip-crash: Crashing: 0 of 1 pod is ready"), "{told}");

    // The kubelet keeps no last words of a container that ended well, so the plugin reads its log.
    let parts = ["it ended with exit code 0", "│ localhost "];
    run_until(&plugin, &["explain", "slip-ends", "-n", namespace], 1, &parts).await;
    let told = run_until(&plugin, &["explain", "slip-ends", "--no-logs", "-n", namespace], 1, &parts[..1]).await;
    assert!(!told.contains("│ localhost "), "{told}");

    let told = run_until(&plugin, &["explain", "slip-calm", "-n", namespace], 0, &["Ready: 1 of 1 pod is ready"]).await;
    assert_eq!(told.lines().count(), 1, "{told}");

    let parts = ["slip-calm    Ready", "slip-crash   Crashing", "slip-ends    Crashing"];
    let told = run_until(&plugin, &["explain", "-n", namespace], 1, &parts).await;
    assert!(told.starts_with("NAME") && told.lines().count() == 4, "{told}");

    let (code, output, said) = plugin.run(&["explain", "slip-crash", "-o", "json", "-n", namespace]).await;
    let answer: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}{said}"));
    assert_eq!(
        (code, &answer["servers"][0]["name"], &answer["servers"][0]["kind"]),
        (1, &json!("slip-crash"), &json!("TServer"))
    );
    assert!(answer["instance"].as_str().is_some_and(|name| name.starts_with("tars-controller-manger-")), "{answer}");

    let (code, _, said) = plugin.run(&["explain", "no-such", "-n", namespace]).await;
    assert!(code == 2 && said.contains("has no TServer \"no-such\""), "{said}");
    space.delete().await;
}

#[tokio::test]
async fn the_accounts_of_a_framework_need_nothing_more() {
    let plugin = Plugin::install().await;
    let registry = ["explain", "tars-tarsregistry", "-n", FRAMEWORK];
    run_until(&plugin, &registry, 0, &["TServer tars-tarsregistry: Ready"]).await;
    // Other tests have servers in this namespace, too, which need not be ready.
    let (_, list, said) = plugin.run(&["explain", "-n", FRAMEWORK, "-o", "wide"]).await;
    assert!(list.contains("tars-tarsregistry   ") && said.contains("told by tars-controller-manger-"), "{list}{said}");
    run_until(&plugin, &["resync", "tars-tarsregistry", "-n", FRAMEWORK], 0, &["1 TServer of namespace tars queued by"]).await;
    let (code, _, said) = plugin.run(&["resync", "tars-tarsregistry", "-n", FRAMEWORK, "--account", "tars-view"]).await;
    assert!(code == 2 && said.contains("PermissionDenied"), "{said}");
}

#[tokio::test]
async fn nobody_is_told_about_servers_that_they_may_not_read() {
    let (plugin, space) = (Plugin::install().await, Space::create("untold").await);
    let namespace = space.name.as_str();
    let explain = ["explain", "slip-calm", "-n", namespace];
    let (code, output, said) = plugin.run(&explain).await;
    assert!(code == 2 && output.is_empty() && said.contains("has no serviceaccount tars-view"), "{said}");

    // An account without rights hears the same about a server that exists and about one that does not.
    make_account(&space, "tars-view", None).await;
    make_account(&space, "tars-edit", Some("view")).await;
    make_server(&space, "Calm", &["serve", ":8080"]).await;
    for name in ["slip-calm", "no-such"] {
        let (code, output, said) = plugin.run(&["explain", name, "-n", namespace]).await;
        let refusal = format!("may not get tservers.k8s.tars.io {name:?} in namespace {namespace}");
        assert!(code == 2 && output.is_empty() && said.contains(&refusal), "{said}");
    }
    let (code, _, said) = plugin.run(&["explain", "-n", namespace]).await;
    assert!(code == 2 && said.contains("may not list tservers.k8s.tars.io"), "{said}");
    let (code, _, said) = plugin.run(&["resync", "slip-calm", "-n", namespace]).await;
    assert!(code == 2 && said.contains("may not update tservers.k8s.tars.io"), "{said}");

    // The accounts of the namespace of the controller have no right to any server.
    let elsewhere = ["explain", "-n", SYSTEM];
    let (code, _, said) = plugin.run(&elsewhere).await;
    assert!(code == 2 && said.contains("may not list tservers.k8s.tars.io in namespace tars-system"), "{said}");

    // A user who reaches the controller still needs a token of the namespace.
    let somebody = format!("{namespace}@example.com");
    let bindings: Api<RoleBinding> = Api::namespaced(space.client.clone(), SYSTEM);
    bind(&bindings, "Role", "tars-call", namespace, user(&somebody)).await;
    let told = run_until(&plugin, &[&explain[..], &["--as", &somebody]].concat(), 2, &["serviceaccounts/token"]).await;
    bind(&space.api(), "ClusterRole", "edit", "somebody", user(&somebody)).await;
    let allowed = ["explain", "slip-calm", "-n", namespace, "--account", "tars-edit", "--as", &somebody];
    run_until(&plugin, &allowed, 1, &["TServer slip-calm: NoNodeMatches"]).await;
    bindings.delete(namespace, &DeleteParams::default()).await.expect("a deletion").map_left(drop);
    assert!(told.contains("forbidden"), "{told}");
    space.delete().await;
}

/// How many objects of servers the controller has applied since its start. At rest the number stays, whatever pods do.
async fn count_applies(controller: &str) -> u64 {
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{controller}:9445/proxy/metrics");
    let output = Command::new("kubectl").args(["get", "--raw", &path]).output().await.expect("kubectl");
    let text = String::from_utf8(output.stdout).expect("a text");
    assert!(text.contains("tars_controller_leading 1"), "{controller} leads: {text}");
    let ours = |line: &&str| {
        line.starts_with("tars_controller_api_writes_total{verb=\"apply\"")
            && ["Service", "StatefulSet", "TEndpoint"].iter().any(|kind| line.contains(&format!("kind=\"{kind}\"")))
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a whole number");
    text.lines().filter(ours).map(value).sum()
}

/// Asks for a comparison until the leader accepts it, which it does once the one before has begun. Returns the leader.
async fn resync(plugin: &Plugin, namespace: &str) -> String {
    let told = run_until(plugin, &["resync", "--all", "-n", namespace], 0, &["1 TServer of namespace", "queued by"]).await;
    told.trim().rsplit(' ').next().expect("the leader").to_owned()
}

#[tokio::test]
async fn a_comparison_finds_the_leader_and_writes_nothing_at_rest() {
    let (plugin, space) = (Plugin::install().await, Space::create("resync").await);
    space.admit_nodes().await;
    make_account(&space, "tars-edit", Some("edit")).await;
    make_server(&space, "Calm", &["serve", ":8080"]).await;
    space.wait_for_condition("slip-calm", "Ready", "True").await;
    let services = space.api::<Service>();
    let before = services.get("slip-calm").await.expect("a Service").metadata.resource_version;

    // Other tests make servers at the same time, so a moment is awaited in which they do not.
    wait_for("comparisons without a write", || async {
        let leader = resync(&plugin, &space.name).await;
        let applies = count_applies(&leader).await;
        // The third is accepted when the second has begun, which is after the end of the first.
        for _ in 0..3 {
            assert_eq!(resync(&plugin, &space.name).await, leader);
        }
        (count_applies(&leader).await == applies).then_some(())
    })
    .await;
    let one = ["resync", "slip-calm", "-n", &space.name];
    run_until(&plugin, &one, 0, &["1 TServer of namespace"]).await;
    assert_eq!(services.get("slip-calm").await.expect("a Service").metadata.resource_version, before);

    let (code, _, said) = plugin.run(&["resync", "no-such", "-n", &space.name]).await;
    assert!(code == 2 && said.contains("has no TServer \"no-such\""), "{said}");
    space.delete().await;
}
