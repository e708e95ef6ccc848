//! Each rule of docs/reference/admission.md#5 and docs/reference/admission.md#6 on the real API server: a request that it refuses or
//! completes, and one just inside of it. Creations are dry runs, which the webhook judges like any other request.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, expect_refusal};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use tars_common::v1beta3::TServer;

const DENIED: &str = "denied the request: ";

/// A change of a valid object, and what comes of it.
struct Case {
    rule: &'static str,
    change: Box<dyn Fn(&mut Value)>,
    /// The beginning of the message, up to the semicolon where the existing webhook has a message; empty if the object is accepted.
    refused: String,
}

fn refuse(rule: &'static str, text: &str, change: impl Fn(&mut Value) + 'static) -> Case {
    Case { rule, change: Box::new(change), refused: text.to_owned() }
}

fn accept(rule: &'static str, change: impl Fn(&mut Value) + 'static) -> Case {
    Case { rule, change: Box::new(change), refused: String::new() }
}

fn connect_to(space: &Space, version: &str, kind: &str) -> Api<DynamicObject> {
    let plural = format!("{}s", kind.to_lowercase());
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", version, kind), &plural);
    Api::namespaced_with(space.client.clone(), &space.name, &resource)
}

async fn create(api: &Api<DynamicObject>, object: &Value) -> kube::Result<DynamicObject> {
    let object = serde_json::from_value(object.clone()).expect("an object");
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await
}

/// Creates the object with each of the changes, in both versions.
async fn check_creations(space: &Space, kind: &str, valid: &Value, cases: &[Case]) {
    let mut problems = Vec::new();
    for version in ["v1beta2", "v1beta3"] {
        let api = connect_to(space, version, kind);
        for (number, case) in cases.iter().enumerate() {
            let mut object = valid.clone();
            object["apiVersion"] = json!(format!("k8s.tars.io/{version}"));
            (case.change)(&mut object);
            let found = match create(&api, &object).await {
                Ok(_) => String::new(),
                Err(kube::Error::Api(status)) => {
                    status.message.split_once(DENIED).map_or(status.message.clone(), |(_, text)| text.to_owned())
                }
                Err(error) => panic!("case {number} of {}: {error}", case.rule),
            };
            if !found.starts_with(&case.refused) || found.is_empty() != case.refused.is_empty() {
                problems.push(format!("{} ({version}): expected {:?}, found {found:?}", case.rule, case.refused));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn build_tars_server() -> Value {
    json!({
        "kind": "TServer", "metadata": {"name": "trade-audit"},
        "spec": {
            "app": "Trade", "server": "Audit", "subType": "tars", "k8s": {"replicas": 3},
            "tars": {"template": "root", "servants": [{"name": "AuditObj", "port": 9999}], "ports": [{"name": "extra", "port": 9000, "isTcp": true}]},
        },
    })
}

/// Names the server, in both places.
fn rename(app: usize, server: usize) -> impl Fn(&mut Value) {
    move |object| {
        let (app, server) = ("a".repeat(app), "b".repeat(server));
        object["metadata"]["name"] = json!(format!("{app}-{server}"));
        (object["spec"]["app"], object["spec"]["server"]) = (json!(app), json!(server));
    }
}

fn set(pointer: &'static str, value: Value) -> impl Fn(&mut Value) {
    move |object| {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        object.pointer_mut(parent).expect("the parent is there")[name] = value.clone();
    }
}

fn mount(source: &Value) -> Value {
    json!([{"name": "data", "mountPath": "/data", "source": source}])
}

fn invalid(text: &str) -> String {
    format!("tserver resource is invalid : {text}")
}

fn list_server_cases() -> Vec<Case> {
    let servants = |list: Value| set("/spec/tars/servants", list);
    let two = |first: &str, port: u16, second: &str, other: u16| json!([{"name": first, "port": port}, {"name": second, "port": other}]);
    let annotate = |min: &str, max: &str| {
        let annotations = json!({"tars.io/MinReplicas": min, "tars.io/MaxReplicas": max});
        move |object: &mut Value| object["metadata"]["annotations"] = annotations.clone()
    };
    vec![
        accept("6.1", |_| ()),
        refuse("5.1.5", &invalid("unexpected annotation format"), annotate("1", "100")),
        refuse("5.1.5", &invalid("unexpected annotation value"), annotate("3", "2")),
        accept("5.1.5", annotate("0", "99")),
        refuse(
            "5.1.12",
            &invalid("no default node image has been set"),
            set("/spec/release", json!({"id": "v1", "image": "repo/a:1"})),
        ),
        accept("5.1.8", set("/spec/release", json!({"id": "v1", "image": "repo/a:1", "nodeImage": "repo/n:1"}))),
        refuse("6.1.3", &invalid("unexpected resource name"), set("/metadata/name", json!("trade-other"))),
        refuse("6.1.4", &invalid("length of resource name should less then 59"), rename(30, 28)),
        refuse("6.1.10", &invalid("a StatefulSet with a name of more than 52"), rename(30, 22)),
        accept("6.1.10", rename(30, 21)),
        accept("6.1.4", |object| {
            rename(30, 27)(object);
            object["spec"]["k8s"]["daemonSet"] = json!(true);
        }),
        refuse(
            "6.1.5",
            &invalid("servants port value should not equal 19385"),
            servants(json!([{"name": "AObj", "port": 19385}])),
        ),
        refuse("6.1.5", &invalid("duplicate servant name value aOBJ"), servants(two("AObj", 1, "aOBJ", 2))),
        refuse("6.1.5", &invalid("duplicate port value 7"), servants(two("AObj", 7, "BObj", 7))),
        refuse("6.1.5", &invalid("duplicate port value 9000"), servants(two("AObj", 7, "BObj", 9000))),
        accept("6.1.5", servants(two("AObj", 19384, "BObj", 19386))),
        refuse("6.1.9", "ttemplate ", set("/spec/tars/template", json!("gone"))),
        refuse(
            "6.1.7",
            &invalid("port name gone not exist"),
            set("/spec/k8s/hostPorts", json!([{"nameRef": "gone", "port": 7}])),
        ),
        accept("6.1.7", set("/spec/k8s/hostPorts", json!([{"nameRef": "AUDITOBJ", "port": 7}, {"nameRef": "extra", "port": 8}]))),
        refuse(
            "6.1.7",
            &invalid("duplicate nameRef value AuditObj"),
            set("/spec/k8s/hostPorts", json!([{"nameRef": "auditobj", "port": 7}, {"nameRef": "AuditObj", "port": 8}])),
        ),
        refuse(
            "6.1.7",
            &invalid("duplicate port value 7"),
            set("/spec/k8s/hostPorts", json!([{"nameRef": "auditobj", "port": 7}, {"nameRef": "extra", "port": 7}])),
        ),
        refuse("6.1.8", &invalid("duplicate .mounts.name value data"), |object| {
            let mounts = [mount(&json!({"emptyDir": {}})), mount(&json!({"emptyDir": {}}))];
            object["spec"]["k8s"]["mounts"] = mounts.iter().map(|list| list[0].clone()).collect();
        }),
        refuse("6.1.8", &invalid("can not use TLocalVolume and PersistentVolumeClaimTemplate when"), |object| {
            object["spec"]["k8s"]["daemonSet"] = json!(true);
            object["spec"]["k8s"]["mounts"] = mount(&json!({"tLocalVolume": {}}));
        }),
        accept("6.1.8", set("/spec/k8s/mounts", mount(&json!({"tLocalVolume": {}})))),
        refuse(
            "6.1.14",
            &invalid("operator \"In\" of node selector \"disk\" needs at least one value"),
            set("/spec/k8s/nodeSelector", json!([{"key": "disk", "operator": "In", "values": []}])),
        ),
        accept("6.1.14", set("/spec/k8s/nodeSelector", json!([{"key": "disk", "operator": "Gt", "values": ["big"]}]))),
        refuse("6.1.15", &invalid(".mounts.name value delay-bind is reserved"), |object| {
            object["spec"]["k8s"]["mounts"] = mount(&json!({"emptyDir": {}}));
            object["spec"]["k8s"]["mounts"][0]["name"] = json!("delay-bind");
        }),
    ]
}

/// Rules that the existing webhook does not have.
fn list_own_server_cases() -> Vec<Case> {
    vec![
        refuse(
            "6.1.21",
            &invalid(".spec.k8s.mounts[0].source.tLocalVolume.mode value 1777 is no mode"),
            set("/spec/k8s/mounts", mount(&json!({"tLocalVolume": {"mode": "1777"}}))),
        ),
        accept("6.1.21", set("/spec/k8s/mounts", mount(&json!({"tLocalVolume": {"mode": "0777"}})))),
        refuse(
            "6.1.23",
            &invalid(".spec.k8s.serviceAccount value Web is no name"),
            set("/spec/k8s/serviceAccount", json!("Web")),
        ),
        accept("6.1.23", set("/spec/k8s/serviceAccount", json!("web"))),
        refuse(
            "6.1.24",
            &invalid(".spec.k8s.mounts[0].source is missing"),
            set("/spec/k8s/mounts", json!([{"name": "data", "mountPath": "/data"}])),
        ),
        accept("6.1.24", set("/spec/k8s/mounts", mount(&json!({"emptyDir": {}})))),
        refuse("6.1.26", &invalid(".spec.tars.profile does not parse, line 2"), set("/spec/tars/profile", json!("<a>\n</b>\n"))),
        accept("6.1.26", set("/spec/tars/profile", json!("<a>\n</a>\n"))),
        refuse("6.1.13", &invalid("the repository of image \"repo/A:1\" has upper-case"), |object| {
            object["spec"]["release"] = json!({"id": "v1", "image": "repo/A:1", "nodeImage": "repo/n:1"});
        }),
        accept("6.1.13", |object| {
            object["spec"]["release"] = json!({"id": "v1", "image": "repo/a:V1", "nodeImage": "repo/n:1"});
        }),
        refuse("6.1.25", &invalid(".spec.k8s.abilityAffinity"), |object| {
            rename(20, 30)(object);
            object["spec"]["k8s"]["abilityAffinity"] = json!("ServerRequired");
        }),
        accept("6.1.25", set("/spec/k8s/abilityAffinity", json!("ServerRequired"))),
        accept("6.1.17", set("/spec/subType", json!("normal"))),
    ]
}

#[tokio::test]
async fn servers_obey_each_rule() {
    let space = Space::create("rules-server").await;
    space.apply_template("root", "root").await.expect("a template");
    check_creations(&space, "TServer", &build_tars_server(), &list_server_cases()).await;
    check_creations(&space, "TServer", &build_tars_server(), &list_own_server_cases()).await;

    let normal = json!({
        "kind": "TServer", "metadata": {"name": "trade-web"},
        "spec": {"app": "Trade", "server": "Web", "subType": "normal", "normal": {"ports": []}, "k8s": {}},
    });
    let ports = |list: Value| set("/spec/normal/ports", list);
    let two = |first: &str, port: u16, second: &str, other: u16| json!([{"name": first, "port": port, "isTcp": true}, {"name": second, "port": other, "isTcp": false}]);
    let cases = [
        accept("6.1.6", ports(two("nodeobj", 19385, "dns", 53))),
        refuse("6.1.6", &invalid("duplicate port name value http"), ports(two("http", 80, "http", 81))),
        refuse("6.1.6", &invalid("duplicate port value 80"), ports(two("http", 80, "dns", 80))),
    ];
    check_creations(&space, "TServer", &normal, &cases).await;
    space.delete().await;
}

/// The members that v1beta2 does not have.
#[tokio::test]
async fn fields_of_pods_obey_each_rule() {
    let space = Space::create("rules-newer").await;
    space.apply_template("root", "root").await.expect("a template");
    let api = connect_to(&space, "v1beta3", "TServer");
    for (rule, k8s, expected) in [
        ("6.1.11", json!({"readinessProbe": {"tcpSocket": {"port": "gone"}}}), "port name gone not exist"),
        ("6.1.11", json!({"readinessProbe": {"tcpSocket": {"port": "extra"}}}), ""),
        ("6.1.12", json!({"securityContext": {"runAsUser": 0, "runAsNonRoot": true}}), "runAsUser is 0, which is root"),
        ("6.1.12", json!({"securityContext": {"runAsUser": 1, "runAsNonRoot": true}}), ""),
        (
            "6.1.22",
            json!({"readinessGates": ["Example.com/ready"]}),
            ".spec.k8s readiness gate Example.com/ready is no name of a condition",
        ),
        ("6.1.22", json!({"readinessGates": ["example.com/Ready"]}), ""),
        ("6.1.30", json!({"podLabels": {"tars.io/ServerID": "v2"}}), ".spec.k8s.podLabels key tars.io/ServerID is reserved;"),
        ("6.1.30", json!({"podLabels": {"team": "blue"}, "podAnnotations": {"example.com/note": "any text"}}), ""),
        ("6.1.31", json!({"podLabels": {"team": "blue-"}}), ".spec.k8s.podLabels value blue- of team is no value of a label;"),
        ("6.1.31", json!({"podAnnotations": {"a": "x".repeat(262_143)}}), ""),
        ("6.1.31", json!({"podAnnotations": {"a": "x".repeat(262_144)}}), ".spec.k8s.podAnnotations has 262145 bytes;"),
        ("6.1.32", json!({"tolerations": [{"effect": "NoSchedule"}]}), ".spec.k8s.tolerations[0] has no key;"),
        ("6.1.32", json!({"tolerations": [{"operator": "Exists", "effect": "NoSchedule"}]}), ""),
        // These draw a warning.
        ("6.1.33", json!({"workingDir": "data"}), ""),
        ("6.1.34", json!({"terminationGracePeriodSeconds": 0}), ""),
    ] {
        let mut object = build_tars_server();
        object["apiVersion"] = json!("k8s.tars.io/v1beta3");
        object["spec"]["k8s"] = k8s;
        match create(&api, &object).await {
            Ok(_) => assert!(expected.is_empty(), "{rule} is accepted"),
            Err(error) => assert!(!expected.is_empty() && error.to_string().contains(expected), "{rule}: {error}"),
        }
    }
    space.delete().await;
}

#[tokio::test]
async fn stored_servers_keep_their_identity_and_are_completed() {
    let space = Space::create("rules-stored").await;
    space.apply_template("root", "root").await.expect("a template");
    let mut server = build_tars_server();
    server["apiVersion"] = json!("k8s.tars.io/v1beta3");
    server["metadata"]["labels"] = json!({"tars.io/ServerApp": "Forged", "mine": "kept"});
    server["metadata"]["annotations"] = json!({"tars.io/MaxReplicas": "2"});
    server["spec"]["k8s"] = json!({"replicas": 9, "hostIPC": true, "readinessGates": ["a.b/c", "tars.io/active", "a.b/c"]});
    server["spec"]["release"] = json!({"id": "v1", "image": "repo/a:1", "nodeImage": "repo/n:1"});
    let stored = create(&connect_to(&space, "v1beta3", "TServer"), &server).await.expect("a server");
    let stored = serde_json::to_value(&stored).expect("JSON");
    let labels = json!({
        "tars.io/ServerApp": "Trade", "tars.io/ServerName": "Audit", "tars.io/SubType": "tars", "tars.io/Template": "root",
        "tars.io/ServerID": "v1", "mine": "kept",
    });
    assert_eq!(stored["metadata"]["labels"], labels, "5.1.1, 5.1.2, 5.1.8");
    assert_eq!(stored["spec"]["k8s"]["readinessGates"], json!(["tars.io/active", "a.b/c"]), "5.1.2");
    assert_eq!(stored["spec"]["k8s"]["notStacked"], true, "5.1.4");
    assert_eq!(stored["spec"]["k8s"]["replicas"], 2, "5.1.8");
    assert!(stored["spec"]["release"]["time"].as_str().is_some_and(|time| time.ends_with('Z')), "5.1.8");
    server["spec"].as_object_mut().expect("a spec").remove("release");
    let stored = create(&connect_to(&space, "v1beta3", "TServer"), &server).await.expect("a server");
    assert_eq!(stored.data["spec"]["k8s"]["replicas"], 0, "5.1.7");

    let image = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TImage", "imageType": "server", "default": "v7",
        "metadata": {"name": "trade-audit", "labels": {"tars.io/ServerApp": "Trade", "tars.io/ServerName": "Audit"}},
        "releases": [{"id": "v8", "image": "repo/a:8"}, {"id": "v7", "image": "repo/a:7", "secret": "pull"}],
    });
    let images = connect_to(&space, "v1beta3", "TImage");
    images.patch("trade-audit", &PatchParams::apply("e2e"), &Patch::Apply(&image)).await.expect("an image");
    for version in ["v1beta2", "v1beta3"] {
        let mut normal = json!({
            "apiVersion": format!("k8s.tars.io/{version}"), "kind": "TServer",
            "metadata": {"name": "trade-audit", "annotations": {"tars.io/AutoRelease": "true"}},
            "spec": {"app": "Trade", "server": "Audit", "subType": "normal", "normal": {"ports": []}, "k8s": {"replicas": 2}},
        });
        let servers = connect_to(&space, version, "TServer");
        let stored = create(&servers, &normal).await.expect("a server");
        let release = &stored.data["spec"]["release"];
        assert_eq!(
            (&release["id"], &release["image"], &release["secret"]),
            (&json!("v7"), &json!("repo/a:7"), &json!("pull")),
            "5.1.6"
        );
        assert_eq!(stored.data["spec"]["k8s"]["replicas"], 2, "5.1.6");
        normal["metadata"]["annotations"] = json!({"tars.io/AutoRelease": "false"});
        let stored = create(&servers, &normal).await.expect("a server");
        assert_eq!(stored.data["spec"].get("release"), None, "5.1.6, just inside");
    }

    let mut plain = build_tars_server();
    plain["apiVersion"] = json!("k8s.tars.io/v1beta3");
    space.apply::<TServer>(&plain.to_string()).await.expect("a server");
    for version in ["v1beta2", "v1beta3"] {
        let api = connect_to(&space, version, "TServer");
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        for (rule, change, text) in [
            ("6.1.1", json!({"app": "Other"}), "tserver resource filed \".spec.app\" is immutable;"),
            ("6.1.1", json!({"server": "Other"}), "tserver resource filed \".spec.server\" is immutable;"),
            ("6.1.1", json!({"subType": "normal"}), "tserver resource filed \".spec.subType\" is immutable;"),
            ("6.1.2", json!({"tars": null, "normal": {"ports": []}}), "tserver resource filed \".spec.normal\" is immutable;"),
        ] {
            let found = expect_refusal(api.patch("trade-audit", &dry, &Patch::Merge(json!({"spec": change}))).await);
            assert!(found.contains(&format!("{DENIED}{text}")), "{rule} ({version}): {found}");
        }
        api.patch("trade-audit", &dry, &Patch::Merge(json!({"spec": {"important": 3}}))).await.expect("6.1.1, just inside");
    }
    space.delete().await;
}

#[tokio::test]
async fn configurations_trees_templates_and_accounts_obey_each_rule() {
    let space = Space::create("rules-kinds").await;
    space.apply_template("root", "root").await.expect("a template");
    let config = json!({
        "kind": "TConfig", "metadata": {"name": "a"}, "app": "Trade", "server": "Audit", "configName": "audit.conf", "configContent": "x",
    });
    let label = |key: &'static str| move |object: &mut Value| object["metadata"]["labels"] = json!({key: "x"});
    let cases = [
        accept("6.2", |_| ()),
        refuse("6.2.1", "can not set label [tars.io/Deactivate] when create", label("tars.io/Deactivate")),
        refuse("6.2.1", "can not set label [tars.io/Deleting] when create", label("tars.io/Deleting")),
        refuse("6.2.2", "app level tconfig does not support master/slave", |object| {
            (object["server"], object["podSeq"]) = (json!(""), json!("1"));
        }),
        accept("6.2.2", set("/server", json!(""))),
        refuse("6.2.3", "no activated master tconfig found", set("/podSeq", json!("1"))),
    ];
    check_creations(&space, "TConfig", &config, &cases).await;

    let template = json!({"kind": "TTemplate", "metadata": {"name": "leaf"}, "spec": {"content": "", "parent": "root"}});
    let wrong = |text: &str| format!("ttemplate resource is invalid : {text}");
    let cases = [
        accept("6.4.2", |_| ()),
        // The schema refuses an empty parent before the webhook does.
        refuse("6.4.1", "TTemplate.k8s.tars.io \"leaf\" is invalid: spec.parent", set("/spec/parent", json!(""))),
        refuse("6.4.2", &format!("ttemplate {}/gone not exists", space.name), set("/spec/parent", json!("gone"))),
        accept("6.4.2", set("/spec/parent", json!("leaf"))),
        refuse("6.4.5", &wrong(".spec.content does not parse, line 2"), set("/spec/content", json!("<a>\n</b>\n"))),
        accept("6.4.5", set("/spec/content", json!("<a>\n</a>\n"))),
    ];
    check_creations(&space, "TTemplate", &template, &cases).await;

    let tree = json!({"kind": "TTree", "metadata": {"name": "tars-tree"}, "apps": [], "businesses": []});
    let wrong = |text: &str| format!("ttree resource is invalid : {text}");
    let business = |name: &str| json!({"name": name, "show": name, "weight": 1});
    let app = |name: &str| json!({"name": name, "businessRef": ""});
    let cases = [
        accept("6.3.1", |_| ()),
        refuse("6.3.1", "create ttree operation is defined", set("/metadata/name", json!("other"))),
        refuse("6.3.2", &wrong("duplicate business name : bb"), set("/businesses", json!([business("bb"), business("bb")]))),
        refuse("6.3.2", &wrong("duplicate app name : A"), set("/apps", json!([app("A"), app("A")]))),
        accept("6.3.2", set("/apps", json!([app("A"), app("a")]))),
        accept("5.3.1", set("/apps", json!([{"name": "A", "businessRef": "gone"}]))),
    ];
    check_creations(&space, "TTree", &tree, &cases).await;

    let account = json!({
        "kind": "TAccount", "metadata": {"name": "5d41402abc4b2a76b9719d911017c592"},
        "spec": {"username": "hello", "authentication": {"password": "secret", "tokens": []}, "authorization": []},
    });
    let cases = [
        accept("6.5.1", |_| ()),
        refuse("6.5.1", "taccount resource is invalid : unexpected resource name", set("/spec/username", json!("hallo"))),
        refuse(
            "5.4.2",
            "password should match pattern ^[\\x21-\\x7e]{6,32}$",
            set("/spec/authentication/password", json!("short")),
        ),
    ];
    check_creations(&space, "TAccount", &account, &cases).await;
    space.delete().await;
}

#[tokio::test]
async fn parts_of_a_framework_stay_while_servers_need_them() {
    let space = Space::create("rules-parts").await;
    space.apply_template("root", "root").await.expect("a template");
    let apply = PatchParams::apply("e2e").force();
    let framework = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TFrameworkConfig", "metadata": {"name": "tars-framework"},
        "nodeImage": {"image": "repo/node:1"}, "imageUpload": {"registry": "repo", "secret": ""},
        "imageBuild": {"maxBuildTime": 600, "executor": {"image": "repo/build:1", "secret": ""}},
    });
    let frameworks = connect_to(&space, "v1beta3", "TFrameworkConfig");
    frameworks.patch("tars-framework", &apply, &Patch::Apply(&framework)).await.expect("settings");
    let registry = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "tars-tarsregistry"},
        "spec": {"app": "tars", "server": "tarsregistry", "subType": "normal", "normal": {"ports": []}, "k8s": {}},
    });
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tars-tarsregistry"}});
    let accounts = space.api::<k8s_openapi::api::core::v1::ServiceAccount>();
    accounts.patch("tars-tarsregistry", &apply, &Patch::Apply(&account)).await.expect("an account");
    space.apply::<TServer>(&registry.to_string()).await.expect("a registry");
    let mut server = build_tars_server();
    server["apiVersion"] = json!("k8s.tars.io/v1beta3");
    space.apply::<TServer>(&server.to_string()).await.expect("a server");

    let servers = connect_to(&space, "v1beta2", "TServer");
    let (dry, gone) = (DeleteParams::default().dry_run(), DeleteParams::default());
    let found = expect_refusal(frameworks.delete("tars-framework", &dry).await.map(|_| ()));
    let name = &space.name;
    assert!(found.contains(&format!("cannot delete tframeworkconfig {name}/tars-framework because it is reference by some tserver; tserver trade-audit cannot")), "6.8.1: {found}");
    let found = expect_refusal(servers.delete("tars-tarsregistry", &dry).await.map(|_| ()));
    assert!(
        found.contains(&format!("cannot delete tserver {name}/tars-tarsregistry because it is reference by some tserver;")),
        "6.8.2: {found}"
    );

    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.auth_info.impersonate = Some("system:serviceaccount:kube-system:namespace-controller".to_owned());
    let kubernetes = Space { client: Client::try_from(config).expect("a client"), name: name.clone() };
    connect_to(&kubernetes, "v1beta3", "TServer")
        .delete("tars-tarsregistry", &dry)
        .await
        .expect("a namespace is deleted")
        .map_left(drop);
    accounts.delete("tars-tarsregistry", &gone).await.expect("helm deletes the account first").map_left(drop);
    servers.delete("tars-tarsregistry", &dry).await.expect("the chart is uninstalled").map_left(drop);
    servers.delete("trade-audit", &gone).await.expect("any other server").map_left(drop);
    frameworks.delete("tars-framework", &gone).await.expect("nobody needs the settings any more").map_left(drop);
    space.delete().await;
}
