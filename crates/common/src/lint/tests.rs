use super::*;
use crate::admission::{Facts, Query};
use serde_json::{Value, json};

fn server(name: &str, spec: &Value) -> Value {
    let mut whole = json!({
        "app": "Trade", "server": "Audit", "subType": "tars", "important": 3,
        "tars": {"template": "tars.default", "servants": [{"name": "AuditObj", "port": 8000}]},
        "k8s": {"replicas": 0},
    });
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": name}, "spec": whole})
}

fn template(name: &str, parent: &str) -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": name},
        "spec": {"content": "<tars>\n</tars>\n", "parent": parent},
    })
}

fn batch(objects: &[Value]) -> Batch {
    let manifests = objects.iter().map(|object| Manifest { object: object.clone(), live: Value::Null }).collect();
    Batch::new(manifests, "ledger", "2026-03-04T15:06:07Z".parse().unwrap())
}

/// Judges manifests without a cluster. Returns `INDEX SEVERITY FIELD RULE` of each finding, and what was assumed.
fn judge(objects: &[Value]) -> (Vec<String>, Vec<String>) {
    let batch = batch(objects);
    let mut assumed = Vec::new();
    let mut findings = Vec::new();
    for index in 0..batch.len() {
        let facts = batch.assume(index, &mut assumed);
        for one in batch.judge(index, facts) {
            assert!(!one.problem.is_empty(), "{one:?}");
            findings.push(format!("{index} {} {} {}", one.severity.as_str(), one.field, one.rule));
        }
    }
    (findings, assumed.into_iter().map(|assumption| assumption.0).collect())
}

#[test]
fn a_good_manifest_has_no_findings() {
    let (findings, assumed) = judge(&[server("trade-audit", &json!({}))]);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(assumed, ["namespace ledger has the ttemplate tars.default"]);
}

#[test]
fn rules_and_schema_report_the_member() {
    let mounts = json!([{"name": "a", "mountPath": "/a", "source": {"emptyDir": {}}}, {"name": "a", "mountPath": "/b", "source": {"emptyDir": {}}}]);
    for (name, spec, expected) in [
        ("trade-web", json!({}), vec!["0 error metadata.name 6.1.3"]),
        ("trade-audit", json!({"k8s": {"replicas": "3"}}), vec!["0 error spec.k8s.replicas "]),
        ("trade-audit", json!({"k8s": {"mounts": mounts}}), vec!["0 error spec.k8s.mounts[1].name 6.1.8"]),
        ("trade-audit", json!({"k8s": {"replicas": 2}}), vec!["0 warning spec.k8s.replicas 5.1.15"]),
        (
            "trade-audit",
            json!({"k8s": {"hostPorts": [{"nameRef": "x", "port": 1}]}}),
            vec!["0 error spec.k8s.hostPorts[0].nameRef 6.1.7"],
        ),
        ("trade-audit", json!({"normal": {"ports": []}}), vec!["0 error spec "]),
    ] {
        assert_eq!(judge(&[server(name, &spec)]).0, expected, "{spec}");
    }
}

#[test]
fn objects_of_a_batch_know_each_other_in_any_order() {
    let (findings, assumed) = judge(&[
        server("trade-audit", &json!({"tars": {"template": "own", "servants": []}, "release": {"id": "1", "image": "i"}})),
        template("own", "base"),
        template("base", "base"),
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TFrameworkConfig", "metadata": {"name": "tars-framework"}, "nodeImage": {"image": "n", "secret": ""}, "imageBuild": {"maxBuildTime": 480, "executor": {"image": "e"}}, "imageUpload": {"registry": "r"}}),
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": "c"}, "app": "Trade", "server": "Audit", "podSeq": "1", "configName": "a.conf", "configContent": "", "activated": true}),
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": "m"}, "app": "Trade", "server": "Audit", "podSeq": "m", "configName": "a.conf", "configContent": "", "activated": true}),
    ]);
    assert!(findings.is_empty(), "{findings:?}");
    assert!(assumed.is_empty(), "{assumed:?}");
    let (findings, _) = judge(&[template("a", "b"), template("b", "a")]);
    assert_eq!(findings, ["0 error spec.parent 6.4.3", "1 error spec.parent 6.4.3"]);
}

#[test]
fn what_a_manifest_refers_to_is_assumed_once() {
    let config = |seq: &str| json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": seq}, "app": "A", "server": "B", "podSeq": seq, "configName": "a.conf", "configContent": "", "activated": true});
    let (findings, assumed) = judge(&[config("1"), config("2")]);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(
        assumed,
        ["namespace ledger has an active tconfig a.conf with podSeq m for A.B", "namespace ledger has the tserver a-b"]
    );
}

#[test]
fn an_object_that_stands_there_twice_draws_a_warning() {
    let (findings, _) = judge(&[template("a", "b"), template("b", "b"), template("a", "a")]);
    assert_eq!(findings, ["2 warning metadata.name "]);
}

#[test]
fn what_does_not_fit_the_schema_is_not_judged_by_rules_about_its_meaning() {
    let empty = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "demo"}, "spec": {}});
    let (findings, _) = judge(&[empty]);
    assert!(!findings.is_empty() && findings.iter().all(|one| one.ends_with(' ')), "{findings:?}");
    let (findings, _) = judge(&[server("trade-audit", &json!({"tars": {"templat": "t", "servants": []}}))]);
    assert_eq!(findings, ["0 error spec.tars.templat ", "0 error spec.tars.template "]);
}

#[test]
fn a_version_that_clusters_do_not_serve_by_default_draws_a_warning_that_says_so() {
    let mut old = template("a", "a");
    old["apiVersion"] = json!("k8s.tars.io/v1beta1");
    let batch = batch(&[old]);
    let found = batch.judge(0, Facts::default());
    assert!(found[0].field == "apiVersion" && found[0].problem.contains("crds.servers"), "{found:?}");
}

#[test]
fn a_cluster_is_asked_about_what_the_batch_does_not_have() {
    let objects = [template("leaf", "own"), template("own", "base")];
    let batch = batch(&objects);
    let (namespace, name, queries) = batch.list_queries(0).unwrap();
    assert_eq!((namespace, name), ("ledger", "leaf"));
    assert_eq!(queries, [Query::Lineage("own".to_owned()), Query::Lineage("base".to_owned())]);
    let missing = batch.judge(1, Facts::default());
    assert_eq!((missing[0].rule, missing[0].field.as_str()), ("6.4.2", "spec.parent"));
    assert_eq!(missing[0].problem, "ttemplate ledger/base not exists");
}

#[test]
fn a_live_object_makes_it_an_update() {
    let old = server("trade-audit", &json!({}));
    let new = server("trade-audit", &json!({"app": "Other"}));
    let batch = Batch::new(vec![Manifest { object: new, live: old }], "ledger", "2026-03-04T15:06:07Z".parse().unwrap());
    let found = batch.judge(0, batch.assume(0, &mut Vec::new()));
    assert!(found.iter().any(|one| one.rule == "6.1.1" && one.field == "spec.app"), "{found:?}");
}

#[test]
fn kinds_and_versions_that_do_not_exist_are_errors_and_other_groups_are_none_of_ours() {
    let of = |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
    let objects =
        [of("apps/v1", "Deployment"), of("k8s.tars.io/v1", "TServer"), of("k8s.tars.io/v1beta3", "TGateway"), Value::Null];
    assert_eq!(judge(&objects).0, ["1 error apiVersion ", "2 error kind "]);
    let batch = batch(&objects);
    assert_eq!((0..4).map(|index| batch.is_ours(index)).collect::<Vec<_>>(), [false, true, true, false]);
}
