//! What `kubectl describe tserver` says after common mistakes. The page docs/mistakes.md lists them; each row is tried here, and its words
//! are looked for in the output of `kubectl`.
//!
//! All servers start at the same time, so the test takes as long as the slowest mistake.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{FRAMEWORK, Space, connect, dry_run, wait_for};
use futures::future::join_all;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, Pod, ResourceQuota, Service};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};
use tars_common::v1beta3::TServer;
use tokio::process::Command;

/// The page. Its rows are `| mistake | condition | reason | message |`, and `| mistake | answer | rule | message |` in the part about
/// admission. In a message, `…` stands for anything.
const PAGE: &str = include_str!("../../../docs/mistakes.md");

/// The line of the page at which the part about admission begins.
const ADMISSION: &str = "## Mistakes that admission tells";

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
        k8s("the gate of tarsnode on a server of type normal", &json!({"readinessGates": ["tars.io/active"]})),
        k8s("a readiness gate that nobody sets", &json!({"readinessGates": ["example.com/warm"]})),
        k8s("a ServiceAccount that does not exist", &json!({"serviceAccount": "nosuch"})),
        k8s(
            "a required ConfigMap of a variable that does not exist",
            &json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "nosuch", "key": "a", "optional": false}}}]}),
        ),
        k8s("an optional Secret that does not exist", &json!({"envFrom": [{"secretRef": {"name": "nosuch"}}]})),
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
        k8s("a running pod that loses its labels", &json!({})),
        k8s("a host port that another server has", &json!({"hostPorts": [{"nameRef": "http", "port": 31733}]})),
        mistake(
            "a release that does not reach the pods in time",
            &json!({"release": {"image": "registry.invalid/slip:4"}, "k8s": {"progressDeadlineSeconds": 5}}),
        ),
    ]
}

/// A Tars server whose program does not find its configuration, so it ends with code 1 as often as tarsnode starts it.
fn build_ending_server() -> Mistake {
    let env = json!([
        {"name": "ServerType", "value": "own"},
        {"name": "ServerLauncherFile", "value": "/usr/local/server/bin/EchoRust"},
        {"name": "ServerLauncherArgv", "value": "EchoRust --config=/no/such/file"},
    ]);
    let change = json!({
        "subType": "tars", "normal": null, "release": {"image": "docker.io/tarsrs/tars.echo-rust:v0.1.0"},
        "tars": {"template": "tars.cpp", "servants": [{"name": "EchoObj", "port": 10101}]}, "k8s": {"args": null, "env": env},
    });
    mistake("a Tars server that ends by itself", &change)
}

/// The rows of a part of the page by mistake.
fn read_rows(part: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = part.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| mistake"));
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
    if mistake.title.contains("loses its labels") {
        space.wait_for_condition(&name, "Ready", "True").await;
        let change = Patch::Merge(json!({"metadata": {"labels": {"tars.io/ServerName": null}}}));
        space.api::<Pod>().patch(&format!("{name}-0"), &PatchParams::default(), &change).await.expect("the pod");
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
    let rows = read_rows(PAGE.split(ADMISSION).next().expect("a page"));
    let mistakes = list_mistakes();
    let others = [
        mistake("a quota that is used up", &json!({})),
        mistake("a namespace that restricts pods", &json!({})),
        k8s("a limit of the namespace that the server exceeds", &json!({"resources": {"limits": {"cpu": "1"}}})),
        mistake("a namespace that no node runs", &json!({})),
        build_ending_server(),
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
    let ending = check_in_framework(&others[4], row(others[4].title));
    let (here, quota, restricted, limited, no_node, ending) =
        futures::join!(join_all(tried), quota, restricted, limited, no_node, ending);
    let unexplained: Vec<String> = here.into_iter().chain([quota, restricted, limited, no_node, ending]).flatten().collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n\n"));
    space.delete().await;
}

/// The mistakes that admission tells.
fn list_told_mistakes() -> Vec<Mistake> {
    let mode = |title, mode: &str| mount(title, &json!({"tLocalVolume": {"mode": mode}}));
    vec![
        mode("a mode of a local volume that is not octal", "999"),
        mode("a mode of a local volume above 777", "1777"),
        mistake(
            "a server of type normal with a tars block",
            &json!({
                "normal": null, "release": {"nodeImage": "docker.io/tarsrs/probe:v0.1.0"},
                "tars": {"template": "root", "servants": [{"name": "SlipObj", "port": 10101}]},
            }),
        ),
    ]
}

#[tokio::test]
async fn each_mistake_that_admission_tells_is_told_with_field_and_remedy() {
    let rows = read_rows(PAGE.split(ADMISSION).nth(1).expect("a part about admission"));
    let mistakes = list_told_mistakes();
    let titles: BTreeSet<_> = mistakes.iter().map(|one| one.title).collect();
    assert_eq!(titles, rows.keys().copied().collect(), "the mistakes and the rows of the page");
    let space = Space::create("mistakes").await;
    space.apply_template("root", "root").await.expect("a template");
    for one in mistakes {
        let [answer, _rule, message] = rows[one.title].as_slice() else { panic!("{}: other columns", one.title) };
        let mut object = json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "slip-told"}, "spec": one.server,
        });
        object["spec"]["server"] = json!("Told");
        let said = dry_run(&space.client, &space.name, &object).await;
        let text = if said.is_accepted() {
            said.warnings.join(" ")
        } else {
            said.body["message"].as_str().unwrap_or_default().to_owned()
        };
        let expected = if said.is_accepted() { "warned" } else { "refused" };
        assert!(expected == *answer && matches(&text, message), "{}: {expected}: {text}", one.title);
    }
    space.delete().await;
}

/// Tries a server that needs the registry.
async fn check_in_framework(mistake: &Mistake, row: &[&str]) -> Option<String> {
    let space = Space { client: connect().await, name: FRAMEWORK.to_owned() };
    let said = check(&space, 0, mistake, row).await;
    let gone = space.api::<TServer>().delete("slip-s0", &DeleteParams::default()).await;
    gone.expect("the server of the mistake");
    said
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
