//! `kubectl tars` on a real cluster (docs/reference/kubectl-tars.md).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, plugin::Plugin};
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use kube::{
    Api,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use serde_json::{Value, json};
use tars_common::v1beta3::TServer;

const SYSTEM: &str = "tars-system";

fn build_server(app: &str, template: &str) -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3",
        "kind": "TServer",
        "metadata": {"name": "trade-audit"},
        "spec": {
            "app": app, "server": "Audit", "subType": "tars", "k8s": {"replicas": 0},
            "tars": {"template": template, "servants": [{"name": "AuditObj", "port": 9999}]},
        },
    })
}

/// Lints an object against the cluster. Returns the exit code and `LINE RULE FIELD` of each finding.
async fn lint(plugin: &Plugin, space: &Space, object: &Value) -> (i32, Vec<String>) {
    let file = plugin.write("server.json", &serde_json::to_string_pretty(object).expect("JSON"));
    let (code, output, errors) = plugin.run(&["lint", "--live", "-n", &space.name, "-f", &file, "-o", "json"]).await;
    let report: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}{errors}"));
    let text = |finding: &Value, key: &str| finding[key].as_str().expect(key).to_owned();
    let findings = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| format!("{} {} {}", finding["line"], text(finding, "rule"), text(finding, "field")));
    (code, findings.collect())
}

#[tokio::test]
async fn lint_asks_the_cluster_about_the_objects_that_a_manifest_refers_to() {
    let (plugin, space) = (Plugin::install().await, Space::create("lint").await);
    space.apply_template("root", "root").await.expect("a template");
    assert_eq!(lint(&plugin, &space, &build_server("Trade", "root")).await, (0, vec![]));
    assert_eq!(lint(&plugin, &space, &build_server("Trade", "gone")).await, (1, vec!["15 6.1.9 spec.tars.template".to_owned()]));
    // The object exists, so it is an update: the application cannot change.
    space.apply::<TServer>(&build_server("Trade", "root").to_string()).await.expect("a server");
    let (code, findings) = lint(&plugin, &space, &build_server("Other", "root")).await;
    assert!(code == 1 && findings.iter().any(|one| one.ends_with("6.1.1 spec.app")), "{findings:?}");
    space.delete().await;
}

#[tokio::test]
async fn lint_says_the_same_without_a_cluster_but_for_what_it_takes_for_granted() {
    let plugin = Plugin::install().await;
    let file = plugin.write("server.json", &build_server("Trade", "gone").to_string());
    let (code, output, said) = plugin.run(&["lint", "-f", &file]).await;
    assert_eq!((code, output.as_str()), (0, ""));
    assert!(said.contains("1 object judged: 0 errors, 0 warnings"), "{said}");
    assert!(said.contains("namespace default has the ttemplate gone"), "{said}");
    let file = plugin.write("server.json", &build_server("Other", "gone").to_string());
    let (code, output, _) = plugin.run(&["lint", "-f", &file]).await;
    assert_eq!(code, 1);
    assert!(output.starts_with(&format!("{file}:1: error: metadata.name: ")) && output.ends_with(" [6.1.3]\n"), "{output}");
    assert!(!output.contains('\u{1b}'), "no colours in a pipe: {output}");
}

#[tokio::test]
async fn certificates_shows_each_replica_and_who_trusts_it() {
    let plugin = Plugin::install().await;
    let (code, output, said) = plugin.run(&["certificates", "-o", "json"]).await;
    assert_eq!(code, 0, "{output}{said}");
    let replicas: Value = serde_json::from_str(&output).expect("JSON");
    let replicas = replicas.as_array().expect("a list");
    assert!(!replicas.is_empty());
    for replica in replicas {
        assert_eq!(replica["served"]["valid"], true, "{replica}");
        let carriers = replica["carriers"].as_array().expect("carriers");
        assert!(carriers.len() == 4 && carriers.iter().all(|carrier| carrier["state"] == "trusting"), "{replica}");
    }
    let (_, table, _) = plugin.run(&["certificates"]).await;
    assert!(table.starts_with("CERTIFICATE") && table.contains("customresourcedefinition tservers.k8s.tars.io"), "{table}");
}

#[tokio::test]
async fn a_user_needs_the_role_of_the_chart_and_no_more() {
    let (plugin, space) = (Plugin::install().await, Space::create("caller").await);
    let user = format!("{}@example.com", space.name);
    let (code, _, said) = plugin.run(&["certificates", "--as", &user]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.starts_with("error: cannot read configmap tars-system/tars-ca: ") && said.contains("forbidden"), "{said}");
    let api_group = "rbac.authorization.k8s.io".to_owned();
    let binding = RoleBinding {
        metadata: ObjectMeta { name: Some(space.name.clone()), ..ObjectMeta::default() },
        role_ref: RoleRef { api_group: api_group.clone(), kind: "Role".to_owned(), name: "tars-call-view".to_owned() },
        subjects: Some(vec![Subject {
            kind: "User".to_owned(),
            name: user.clone(),
            api_group: Some(api_group),
            namespace: None,
        }]),
    };
    let bindings: Api<RoleBinding> = Api::namespaced(space.client.clone(), SYSTEM);
    bindings.create(&PostParams::default(), &binding).await.expect("a binding");
    let (code, _, said) = plugin.run(&["certificates", "--as", &user]).await;
    bindings.delete(&space.name, &DeleteParams::default()).await.expect("a deletion").map_left(drop);
    assert_eq!(code, 0, "{said}");
    space.delete().await;
}

#[tokio::test]
async fn kubectl_completes_the_plugin() {
    let plugin = Plugin::install().await;
    let output = plugin.kubectl(&["__complete", "tars", "li"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("lint\t") && said.contains(":4"), "{said}");
}
