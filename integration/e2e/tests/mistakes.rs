//! What `kubectl describe tserver` says after common mistakes. The page docs/mistakes.md lists them; each row is tried here, and its words
//! are looked for in the output of `kubectl`.
//!
//! All servers start at the same time, so the test takes as long as the slowest mistake.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use futures::future::join_all;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, Service};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Mutex, time::Duration};
use tars_common::v1beta3::TServer;
use tokio::process::Command;

/// The page, whose rows are `| mistake | condition | reason | message |`. In a message, `…` stands for anything.
const PAGE: &str = include_str!("../../../docs/mistakes.md");

/// The time after which a mistake should be explained. Most are after a second, those that Events explain after eleven.
const LIMIT: Duration = Duration::from_secs(90);

/// A mistake: the words of the page for it, and the server that makes it.
struct Mistake {
    title: &'static str,
    server: Value,
}

/// A server that would run without the mistake. `change` is merged into its spec.
fn mistake(title: &'static str, change: &Value) -> Mistake {
    let mut spec = json!({
        "app": "Slip", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
        "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
        "k8s": {"replicas": 1, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"], "notStacked": false},
    });
    json_patch::merge(&mut spec, change);
    Mistake { title, server: spec }
}

fn k8s(title: &'static str, change: &Value) -> Mistake {
    mistake(title, &json!({"k8s": change}))
}

fn mount(title: &'static str, source: &Value) -> Mistake {
    k8s(title, &json!({"mounts": [{"name": "data", "mountPath": "/data", "source": source}]}))
}

fn probe(title: &'static str, kind: &str, probe: &Value) -> Mistake {
    k8s(title, &json!({kind: probe}))
}

/// The mistakes that need nothing but a namespace whose nodes are admitted.
fn list_mistakes() -> Vec<Mistake> {
    let image = |title, image: &str, policy: &str| {
        mistake(title, &json!({"release": {"image": image}, "k8s": {"imagePullPolicy": policy}}))
    };
    let selector = json!([{"key": "disk", "operator": "In", "values": ["gold"]}]);
    vec![
        mistake("no release", &json!({"release": null})),
        k8s("0 replicas", &json!({"replicas": 0})),
        image("an image that does not exist", "registry.invalid/slip:1", "IfNotPresent"),
        image("an image that is not on the node and may not be pulled", "registry.invalid/slip:2", "Never"),
        mistake(
            "a pull secret that does not exist",
            &json!({"release": {"image": "registry.invalid/slip:3", "secret": "nosuch"}}),
        ),
        k8s("a command that the image does not have", &json!({"command": ["/no-such-program"]})),
        k8s("a command that fails", &json!({"args": ["fail", "now"]})),
        k8s("a command that ends", &json!({"args": ["resolve", "localhost"]})),
        probe(
            "a liveness probe that fails",
            "livenessProbe",
            &json!({"tcpSocket": {"port": 4444}, "periodSeconds": 1, "failureThreshold": 1}),
        ),
        probe(
            "a startup probe that fails",
            "startupProbe",
            &json!({"tcpSocket": {"port": 4444}, "periodSeconds": 1, "failureThreshold": 500}),
        ),
        probe(
            "a readiness probe that fails",
            "readinessProbe",
            &json!({"httpGet": {"port": 4444, "path": "/ready"}, "periodSeconds": 1}),
        ),
        k8s("a readiness gate that nobody sets", &json!({"readinessGates": ["example.com/warm"]})),
        k8s("a ServiceAccount that does not exist", &json!({"serviceAccount": "nosuch"})),
        k8s(
            "a required ConfigMap of a variable that does not exist",
            &json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "nosuch", "key": "a", "optional": false}}}]}),
        ),
        k8s(
            "a required Secret of envFrom that does not exist",
            &json!({"envFrom": [{"secretRef": {"name": "nosuch", "optional": false}}]}),
        ),
        mount(
            "a required ConfigMap of a mount that does not exist",
            &json!({"configMap": {"name": "nosuch", "optional": false}}),
        ),
        mount(
            "a required Secret of a mount that does not exist",
            &json!({"secret": {"secretName": "nosuch", "optional": false}}),
        ),
        mount("a folder of the node that does not exist", &json!({"hostPath": {"path": "/no/such/folder", "type": "Directory"}})),
        mount("a claim that does not exist", &json!({"persistentVolumeClaim": {"claimName": "nosuch"}})),
        mount(
            "a storage class that does not exist",
            &json!({"persistentVolumeClaimTemplate": {"metadata": {}, "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "nosuch", "resources": {"requests": {"storage": "1Mi"}}}}}),
        ),
        k8s("more CPU than a node has", &json!({"resources": {"requests": {"cpu": "900"}}})),
        k8s("a node selector that no node satisfies", &json!({"nodeSelector": selector})),
        k8s("a required ability that no node has", &json!({"abilityAffinity": "ServerRequired"})),
        k8s("more pods than nodes, one on each", &json!({"replicas": 9, "notStacked": true, "podManagementPolicy": "Parallel"})),
        k8s("a name that is too long for a StatefulSet", &json!({"daemonSet": false})),
        mistake("a Service of somebody else under the name", &json!({})),
        k8s("a host port that another server has", &json!({"hostPorts": [{"nameRef": "http", "port": 31733}]})),
        mistake(
            "a release that does not reach the pods in time",
            &json!({"release": {"image": "registry.invalid/slip:4"}, "k8s": {"progressDeadlineSeconds": 5}}),
        ),
    ]
}

/// The rows of the page by mistake.
fn read_rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| mistake"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        (cells.next().expect("a mistake"), cells.map(|cell| cell.trim_matches('`')).collect())
    })
    .collect()
}

/// The output of `kubectl describe`, each line without its indentation.
async fn describe(space: &Space, name: &str) -> String {
    let arguments = ["describe", "tserver", name, "--namespace", &space.name];
    let output = Command::new("kubectl").args(arguments).output().await.expect("kubectl, see integration/cluster/env.sh");
    String::from_utf8_lossy(&output.stdout).lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Whether `text` has the parts of `pattern` between its `…`, in their order.
fn matches(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|part| match rest.split_once(part.trim()) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// Makes the mistake, and waits until `kubectl describe` has the words of its row. Returns what it says instead.
async fn check(space: &Space, number: usize, mistake: &Mistake, row: &[&str]) -> Option<String> {
    let long = mistake.title.contains("too long");
    let server = if long { format!("S{}", "x".repeat(50)) } else { format!("S{number}") };
    let name = format!("slip-{}", server.to_lowercase());
    let mut object = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": name}, "spec": mistake.server,
    });
    object["spec"]["server"] = json!(server);
    if mistake.title.contains("somebody else") {
        let service = json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
        let service = serde_json::from_value(service).expect("a Service");
        space.api::<Service>().create(&PostParams::default(), &service).await.expect("a Service of somebody else");
    }
    let servers = space.api::<TServer>();
    if mistake.title.contains("another server") {
        let mut first = object.clone();
        first["metadata"]["name"] = json!("slip-first");
        first["spec"]["server"] = json!("First");
        space.apply::<TServer>(&first.to_string()).await.expect("a server");
        space.wait_for_condition("slip-first", "Ready", "True").await;
    }
    if long {
        object["spec"]["k8s"]["daemonSet"] = json!(true);
    }
    let make = Patch::Apply(&object);
    if let Err(error) = servers.patch(&name, &PatchParams::apply("e2e").force(), &make).await {
        return Some(format!("{}: {error}", mistake.title));
    }
    if long {
        let change = Patch::Merge(json!({"spec": {"k8s": {"daemonSet": false, "replicas": 1}}}));
        servers.patch(&name, &PatchParams::default(), &change).await.expect("an update");
    }
    find_other_words(space, &name, mistake.title, row).await
}

async fn find_other_words(space: &Space, name: &str, title: &str, row: &[&str]) -> Option<String> {
    let [condition, reason, message] = row else { panic!("{title}: the row of the page has other columns: {row:?}") };
    let last = Mutex::new(String::new());
    let found = tokio::time::timeout(
        LIMIT,
        wait_for(title, || async {
            let text = describe(space, name).await;
            let told = space.find_condition(name, condition).await.is_some_and(|one| one.reason == *reason);
            let found = told && matches(&text, message);
            *last.lock().expect("no panic") = text;
            found.then_some(())
        }),
    )
    .await;
    let text = last.into_inner().expect("no panic");
    let conditions = text.split("Conditions:").nth(1).unwrap_or(&text);
    found.is_err().then(|| format!("{title}: kubectl describe does not say {reason} {message:?}, but: {conditions}"))
}

#[tokio::test]
async fn each_mistake_of_the_page_is_explained() {
    let rows = read_rows();
    let mistakes = list_mistakes();
    let others = [
        mistake("a quota that is used up", &json!({})),
        mistake("a namespace that restricts pods", &json!({})),
        k8s("a limit of the namespace that the server exceeds", &json!({"resources": {"limits": {"cpu": "1"}}})),
        mistake("a namespace that no node runs", &json!({})),
    ];
    for title in rows.keys() {
        assert!(mistakes.iter().chain(&others).any(|one| one.title == *title), "{title:?} is not tried");
    }
    assert!(rows.len() >= 30, "{} mistakes", rows.len());
    let space = Space::create("mistakes").await;
    space.admit_nodes().await;
    space.apply_template("root", "root").await.expect("a template");
    let row = |title: &str| rows.get(title).unwrap_or_else(|| panic!("docs/mistakes.md has no row {title:?}")).as_slice();
    let tried = mistakes.iter().enumerate().map(|(number, one)| {
        let space = &space;
        let row = row(one.title);
        async move { check(space, number, one, row).await }
    });
    let quota = check_elsewhere(&others[0], row(others[0].title), |space| async move {
        let quota = json!({"metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}});
        let quotas = space.api::<ResourceQuota>();
        quotas.create(&PostParams::default(), &serde_json::from_value(quota).expect("a quota")).await.expect("a quota");
        wait_for("the quota to be counted", || async { quotas.get("small").await.ok()?.status?.used.map(drop) }).await;
        space
    });
    let restricted = check_elsewhere(&others[1], row(others[1].title), |space| async move {
        let level = Patch::Merge(json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}));
        let namespaces: Api<Namespace> = Api::all(space.client.clone());
        namespaces.patch(&space.name, &PatchParams::default(), &level).await.expect("a labelled namespace");
        space
    });
    let limited = check_elsewhere(&others[2], row(others[2].title), |space| async move {
        let limit = json!({"metadata": {"name": "small"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "100m"}}]}});
        let limit = serde_json::from_value(limit).expect("a limit");
        space.api::<LimitRange>().create(&PostParams::default(), &limit).await.expect("a limit");
        space
    });
    let no_node = check_elsewhere(&others[3], row(others[3].title), |space| async { space });
    let (here, quota, restricted, limited, no_node) = futures::join!(join_all(tried), quota, restricted, limited, no_node);
    let unexplained: Vec<String> = here.into_iter().chain([quota, restricted, limited, no_node]).flatten().collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n\n"));
    space.delete().await;
}

/// Tries a server in a namespace of its own, which is prepared first.
async fn check_elsewhere<F>(mistake: &Mistake, row: &[&str], prepare: impl FnOnce(Space) -> F) -> Option<String>
where
    F: Future<Output = Space>,
{
    let space = Space::create("mistake").await;
    if !mistake.title.contains("no node") {
        space.admit_nodes().await;
    }
    let space = prepare(space).await;
    let said = check(&space, 0, mistake, row).await;
    space.delete().await;
    said
}
