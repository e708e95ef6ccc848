//! What the webhook completes, changes of stored objects, and warnings, on the real API server (docs/reference/admission.md#5 and
//! docs/reference/admission.md#6). `admission_rules` has the refusals of new objects.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{DryRun, Space, dry_run, expect_refusal};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

const VERSIONS: [&str; 2] = ["v1beta2", "v1beta3"];
const DENIED: &str = "denied the request: ";

fn connect_to(space: &Space, version: &str, kind: &str) -> Api<DynamicObject> {
    let plural = format!("{}s", kind.to_lowercase());
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", version, kind), &plural);
    Api::namespaced_with(space.client.clone(), &space.name, &resource)
}

/// Acts as another user.
async fn act_as(space: &Space, user: &str) -> Space {
    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    Space { client: Client::try_from(config).expect("a client"), name: space.name.clone() }
}

fn build_server(version: &str) -> Value {
    json!({
        "apiVersion": format!("k8s.tars.io/{version}"), "kind": "TServer", "metadata": {"name": "trade-audit"},
        "spec": {
            "app": "Trade", "server": "Audit", "subType": "tars", "k8s": {"replicas": 0},
            "tars": {"template": "root", "servants": [{"name": "AuditObj", "port": 9999}]},
        },
    })
}

fn build_config(version: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("k8s.tars.io/{version}"), "kind": "TConfig", "metadata": {"name": name},
        "app": "Trade", "server": "", "configName": "audit.conf", "configContent": "x",
    })
}

async fn complete(space: &Space, object: &Value) -> Value {
    let answer = dry_run(&space.client, &space.name, object).await;
    assert!(answer.is_accepted(), "{}", answer.body);
    answer.body
}

#[tokio::test]
async fn servers_are_completed() {
    let space = Space::create("completed").await;
    space.apply_template("root", "root").await.expect("a template");
    let framework = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TFrameworkConfig", "metadata": {"name": "tars-framework"},
        "nodeImage": {"image": "repo/node:1", "secret": "pull"}, "imageUpload": {"registry": "repo", "secret": ""},
        "imageBuild": {"maxBuildTime": 600, "executor": {"image": "repo/build:1", "secret": ""}},
    });
    let apply = PatchParams::apply("e2e").force();
    let frameworks = connect_to(&space, "v1beta3", "TFrameworkConfig");
    frameworks.patch("tars-framework", &apply, &Patch::Apply(&framework)).await.expect("settings");
    for version in VERSIONS {
        let mut server = build_server(version);
        server["spec"]["release"] = json!({"id": "v1", "image": "repo/a:1", "nodeSecret": "lost"});
        let stored = complete(&space, &server).await;
        let release = &stored["spec"]["release"];
        assert_eq!((&release["nodeImage"], &release["nodeSecret"]), (&json!("repo/node:1"), &json!("pull")), "5.1.11");
        assert!(release["time"].as_str().is_some_and(|time| time.ends_with('Z')), "5.1.9");
        server["spec"]["release"] =
            json!({"id": "v1", "image": "repo/a:1", "nodeImage": "repo/own:1", "time": "2026-01-01T00:00:00Z"});
        let stored = complete(&space, &server).await;
        let release = &stored["spec"]["release"];
        assert_eq!(release["nodeImage"], "repo/own:1", "5.1.11, just inside");
        assert_eq!(release["time"], "2026-01-01T00:00:00Z", "5.1.9, just inside");
        assert_eq!(stored["metadata"]["labels"]["tars.io/ServerID"], "v1", "5.1.10");
        let spec = server["spec"].as_object_mut().expect("a spec");
        spec.remove("tars");
        spec["subType"] = json!("normal");
        spec.insert("normal".to_owned(), json!({}));
        server["metadata"]["labels"] = json!({"tars.io/Template": "root", "mine": "x"});
        let stored = complete(&space, &server).await;
        assert_eq!(stored["spec"]["normal"]["ports"], json!([]), "5.1.3");
        assert_eq!(stored["metadata"]["labels"].get("tars.io/Template"), None, "5.1.3");
        assert!(stored["spec"]["release"].get("nodeImage").is_none_or(|image| image == ""), "5.1.13");
        let mut long = build_server(version);
        long["spec"]["tars"]["template"] = json!("t".repeat(64));
        let refused = dry_run(&space.client, &space.name, &long).await.body.to_string();
        assert!(refused.contains(".spec.tars.template has 64 characters"), "5.1.14: {refused}");
    }
    space.delete().await;
}

#[tokio::test]
async fn images_templates_trees_and_accounts_are_completed() {
    let space = Space::create("completed-kinds").await;
    space.apply_template("root", "root").await.expect("a template");
    for version in VERSIONS {
        let api_version = format!("k8s.tars.io/{version}");
        let image = json!({
            "apiVersion": api_version, "kind": "TImage", "imageType": "base", "supportedType": ["cpp", "go"],
            "metadata": {"name": "base", "labels": {"tars.io/Supported.go": "kept", "tars.io/Supported.php": "x", "tars.io/ImageType": "forged"}},
            "releases": [{"id": "a", "image": "i1", "createTime": "2026-01-01T00:00:00Z"}, {"id": "b", "image": "i2"}, {"id": "a", "image": "i3"}],
        });
        let DryRun { body: stored, warnings } = dry_run(&space.client, &space.name, &image).await;
        let labels = &stored["metadata"]["labels"];
        assert_eq!(labels["tars.io/ImageType"], "base", "5.5.1");
        assert_eq!((&labels["tars.io/Supported.go"], labels.get("tars.io/Supported.php")), (&json!("kept"), None), "5.5.2");
        assert!(labels.get("tars.io/Supported.cpp").is_some(), "5.5.2");
        let releases = stored["releases"].as_array().expect("releases");
        assert_eq!(releases.iter().map(|release| &release["image"]).collect::<Vec<_>>(), ["i1", "i2"], "5.5.3");
        assert_eq!(releases[0]["createTime"], "2026-01-01T00:00:00Z", "5.5.4, just inside");
        assert!(releases[1]["createTime"].as_str().is_some_and(|time| !time.is_empty()), "5.5.4");
        assert!(warnings.iter().any(|text| text.starts_with("releases[2] with image \"i3\" is dropped")), "5.5.5: {warnings:?}");

        let mut template = json!({
            "apiVersion": api_version, "kind": "TTemplate", "metadata": {"name": "leaf"}, "spec": {"content": "", "parent": "root"},
        });
        assert_eq!(complete(&space, &template).await["metadata"]["labels"]["tars.io/Parent"], "root", "5.6.1");
        template["spec"]["parent"] = json!("leaf");
        template["metadata"]["labels"] = json!({"tars.io/Parent": "x", "mine": "y"});
        assert_eq!(complete(&space, &template).await["metadata"]["labels"], json!({"mine": "y"}), "5.6.1, just inside");
        template["spec"]["parent"] = json!("p".repeat(64));
        let refused = dry_run(&space.client, &space.name, &template).await.body.to_string();
        assert!(refused.contains(".spec.parent has 64 characters"), "5.6.2: {refused}");

        let tree = json!({
            "apiVersion": api_version, "kind": "TTree", "metadata": {"name": "tars-tree"},
            "businesses": [{"name": "money", "show": "money", "weight": 1}],
            "apps": [{"name": "A", "businessRef": "money"}, {"name": "B", "businessRef": "gone"}],
        });
        let stored = complete(&space, &tree).await;
        assert_eq!(
            (&stored["apps"][0]["businessRef"], &stored["apps"][1]["businessRef"]),
            (&json!("money"), &json!("")),
            "5.3.1"
        );

        let account = json!({
            "apiVersion": api_version, "kind": "TAccount",
            "metadata": {"name": "5d41402abc4b2a76b9719d911017c592", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "clear", "mine": "x"}},
            "spec": {
                "username": "hello", "authorization": [],
                "authentication": {"password": "Correct-Horse", "tokens": [{
                    "name": "login", "content": "abc", "updateTime": "2026-01-01T00:00:00Z", "expirationTime": "2026-01-02T00:00:00Z", "valid": true,
                }]},
            },
        });
        let answer = dry_run(&space.client, &space.name, &account).await;
        let authentication = &answer.body["spec"]["authentication"];
        assert!(
            authentication["bcryptPassword"].as_str().is_some_and(|hash| hash.starts_with("$2a$06$")),
            "5.4.1: {}",
            answer.body
        );
        assert_eq!((authentication.get("password"), &authentication["tokens"]), (None, &json!([])), "5.4.1, 5.4.3");
        assert_eq!(answer.body["metadata"]["annotations"], json!({"mine": "x"}), "5.4.4");
    }
    // 6.6.1: an image of no known type is accepted by our rules.
    let odd = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TImage", "imageType": "node", "metadata": {"name": "odd"}, "releases": []});
    complete(&space, &odd).await;
    space.delete().await;
}

#[tokio::test]
async fn configurations_are_completed_and_keep_their_content() {
    let space = Space::create("completed-configs").await;
    for version in VERSIONS {
        let mut config = build_config(version, "a");
        (config["version"], config["updateTime"]) = (json!("forged"), json!("2001-01-01T00:00:00Z"));
        config["metadata"]["annotations"] = json!({"tars.io/LiveVersionSince": "2001-01-01T00:00:00Z"});
        let stored = complete(&space, &config).await;
        let labels = &stored["metadata"]["labels"];
        for (label, expected) in
            [("ServerApp", "Trade"), ("ServerName", ""), ("ConfigName", "audit.conf"), ("PodSeq", "m"), ("Activated", "true")]
        {
            assert_eq!(labels[format!("tars.io/{label}")], expected, "5.2.1 {label}");
        }
        assert_eq!(labels["tars.io/Version"], stored["version"], "5.2.1");
        let (time, crc) = stored["version"].as_str().and_then(|text| text.split_once('-')).expect("5.2.2");
        assert!(time.len() == 14 && time.starts_with("20") && crc == "e8b7be43", "5.2.2, 5.2.3: {time}-{crc}");
        assert_ne!(stored["updateTime"], "2001-01-01T00:00:00Z", "5.2.2");
        let annotations = &stored["metadata"]["annotations"];
        assert!(
            annotations["tars.io/ActivatedAt"].is_string() && annotations.get("tars.io/LiveVersionSince").is_none(),
            "5.2.4, 5.2.6"
        );
        assert_eq!(stored["metadata"]["finalizers"], json!(["tars.io/activation"]), "5.2.4");
        config["activated"] = json!(false);
        let stored = complete(&space, &config).await;
        assert_eq!(stored["metadata"].get("finalizers"), None, "5.2.4, just inside");
        assert_eq!(stored["metadata"]["labels"]["tars.io/Activated"], "false", "5.2.1");
    }
    let apply = PatchParams::apply("e2e").force();
    let configs = connect_to(&space, "v1beta3", "TConfig");
    configs.patch("live", &apply, &Patch::Apply(&build_config("v1beta3", "live"))).await.expect("a configuration");
    let mut draft = build_config("v1beta3", "draft");
    draft["activated"] = json!(false);
    let since = complete(&space, &draft).await["metadata"]["annotations"]["tars.io/LiveVersionSince"].clone();
    let live = configs.get("live").await.expect("the live version");
    assert_eq!(since, json!(live.annotations()["tars.io/ActivatedAt"]), "5.2.5");

    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    for version in VERSIONS {
        let api = connect_to(&space, version, "TConfig");
        for (change, text) in [
            (json!({"app": "Other"}), "tconfig resource filed \"/app\" is immutable;"),
            (json!({"configContent": "y"}), "tconfig resource filed \"/configContent\" is immutable;"),
            (json!({"updateReason": "y"}), "TConfig resource filed \"/updateReason\" is immutable;"),
            (json!({"activated": false}), "only use authorized account can update /activated from true to false;"),
        ] {
            let found = expect_refusal(api.patch("live", &dry, &Patch::Merge(&change)).await);
            assert!(found.contains(&format!("{DENIED}{text}")), "6.2.4, 6.2.7 ({version}): {found}");
        }
        let note = json!({"metadata": {"annotations": {"mine": "x", "tars.io/ActivatedAt": "2001-01-01T00:00:00Z"}}});
        let stored = api.patch("live", &dry, &Patch::Merge(note)).await.expect("6.2.4, just inside");
        assert_eq!(stored.annotations()["tars.io/ActivatedAt"], live.annotations()["tars.io/ActivatedAt"], "5.2.6");
        assert_eq!(stored.annotations()["mine"], "x");
    }
    check_deletions(&space).await;
    space.delete().await;
}

/// The live version is younger than 48 s, and nobody waits that long here: Kubernetes may delete it at once.
async fn check_deletions(space: &Space) {
    let mut slave = build_config("v1beta3", "slave");
    (slave["server"], slave["podSeq"]) = (json!("Audit"), json!("1"));
    let mut master = build_config("v1beta3", "master");
    master["server"] = json!("Audit");
    let apply = PatchParams::apply("e2e").force();
    let configs = connect_to(space, "v1beta3", "TConfig");
    for object in [&master, &slave] {
        let name = object["metadata"]["name"].as_str().expect("a name");
        configs.patch(name, &apply, &Patch::Apply(object)).await.expect("6.2.3, just inside: the master is live");
    }
    let dry = DeleteParams::default().dry_run();
    for version in VERSIONS {
        let api = connect_to(space, version, "TConfig");
        let found = expect_refusal(api.delete("master", &dry).await.map(|_| ()));
        assert!(found.contains(&format!("{DENIED}tconfig during deletion guard time(48s); try again in")), "6.2.9: {found}");
        let kubernetes = act_as(space, "system:serviceaccount:kube-system:namespace-controller").await;
        connect_to(&kubernetes, version, "TConfig")
            .delete("master", &dry)
            .await
            .expect("6.2.9, 6.2.10, just inside")
            .map_left(drop);
        let controller = act_as(space, "system:serviceaccount:tars-system:tars-controller").await;
        let inactive = Patch::Merge(json!({"activated": false}));
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        connect_to(&controller, version, "TConfig").patch("master", &dry, &inactive).await.expect("6.2.7, just inside");
    }
    // A version on its way out changes in metadata only.
    // The finalizer keeps it while we look, because the controller deletes it at once.
    let mark = json!({"metadata": {"labels": {"tars.io/Deleting": "2026-01-01"}, "finalizers": ["example.com/e2e"]}});
    let mark = Patch::Merge(mark);
    configs.patch("slave", &PatchParams::default(), &mark).await.expect("the label announces the deletion");
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let found = expect_refusal(configs.patch("slave", &dry, &Patch::Merge(json!({"activated": false}))).await);
    assert!(found.contains("can not update deleting tconfig;"), "6.2.8: {found}");
    let note = Patch::Merge(json!({"metadata": {"annotations": {"mine": "x"}}}));
    configs.patch("slave", &dry, &note).await.expect("6.2.8, just inside");
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    configs.patch("slave", &PatchParams::default(), &release).await.expect("a finalizer can always go");
}

#[tokio::test]
async fn applications_with_servers_and_the_tree_stay() {
    let space = Space::create("completed-tree").await;
    space.apply_template("root", "root").await.expect("a template");
    let tree = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TTree", "metadata": {"name": "tars-tree"}, "businesses": [],
        "apps": [{"name": "Trade", "businessRef": ""}, {"name": "Empty", "businessRef": ""}],
    });
    let apply = PatchParams::apply("e2e").force();
    connect_to(&space, "v1beta3", "TTree").patch("tars-tree", &apply, &Patch::Apply(&tree)).await.expect("a tree");
    let servers = connect_to(&space, "v1beta3", "TServer");
    servers.patch("trade-audit", &apply, &Patch::Apply(&build_server("v1beta3"))).await.expect("a server");
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    for version in VERSIONS {
        let trees = connect_to(&space, version, "TTree");
        let remove = |kept: &str| Patch::Merge(json!({"apps": [{"name": kept, "businessRef": ""}]}));
        let found = expect_refusal(trees.patch("tars-tree", &dry, &remove("Empty")).await);
        assert!(found.contains("cannot delete ttree/apps[Trade] because it is reference by some tserver;"), "6.3.3: {found}");
        trees.patch("tars-tree", &dry, &remove("Trade")).await.expect("6.3.3, just inside");
        let found = expect_refusal(trees.delete("tars-tree", &DeleteParams::default().dry_run()).await.map(|_| ()));
        assert!(found.contains("delete ttree operation is defined;"), "6.3.4: {found}");
        let mut second = tree.clone();
        second["apiVersion"] = json!(format!("k8s.tars.io/{version}"));
        let found = dry_run(&space.client, &space.name, &second).await.body.to_string();
        assert!(found.contains("already exists") || found.contains("create ttree operation is defined"), "6.3.1: {found}");
    }
    space.delete().await;
}

#[tokio::test]
async fn probable_mistakes_draw_warnings() {
    let space = Space::create("warnings").await;
    space.apply_template("root", "root").await.expect("a template");
    space.apply_template("orphan", "root").await.expect("a template");
    let mut user = build_server("v1beta3");
    (user["metadata"]["name"], user["spec"]["server"]) = (json!("trade-door"), json!("Door"));
    // The rule looks at the whole cluster, so each run takes a port of its own. The name of the space ends by chance.
    let taken = space.name.bytes().fold(0, |sum: u32, byte| (sum * 31 + u32::from(byte)) % 10_000) + 20_000;
    user["spec"]["k8s"]["hostPorts"] = json!([{"nameRef": "AuditObj", "port": taken}]);
    let servers = connect_to(&space, "v1beta3", "TServer");
    let object = serde_json::from_value(user).expect("an object");
    servers.create(&PostParams::default(), &object).await.expect("a server");
    for version in VERSIONS {
        let warned = async |rule: &str, change: &dyn Fn(&mut Value), expected: &str| {
            let mut server = build_server(version);
            change(&mut server);
            let answer = dry_run(&space.client, &space.name, &server).await;
            assert!(answer.is_accepted(), "{rule}: {}", answer.body);
            let found = answer.warnings.iter().any(|text| text.starts_with(expected));
            assert!(found != expected.is_empty(), "{rule} ({version}): {:?}", answer.warnings);
        };
        let k8s = |key: &'static str, value: Value| move |server: &mut Value| server["spec"]["k8s"][key] = value.clone();
        warned(
            "5.1.15",
            &k8s("replicas", json!(2)),
            "nothing runs until spec.release is set; spec.k8s.replicas 2 is stored as 0",
        )
        .await;
        let selector = json!([{"key": "disk", "operator": "Gt", "values": ["big"]}]);
        warned("6.1.14", &k8s("nodeSelector", selector), "spec.k8s.nodeSelector: no node matches disk Gt big").await;
        warned("6.1.17", &|server| server["spec"]["subType"] = json!("normal"), "spec.subType: a server of subType normal").await;
        let misfit = json!({"tars.io/Conversion.1b21b3": "{\"append\":{\"command\":7}}"});
        if version == "v1beta2" {
            let change = move |server: &mut Value| server["metadata"]["annotations"] = misfit.clone();
            warned("6.1.20", &change, "metadata.annotations: the member command of tars.io/Conversion.").await;
        } else {
            let probe = json!({"tcpSocket": {"port": 9999}});
            warned("6.1.18", &k8s("livenessProbe", probe), "spec.k8s.livenessProbe: with launcherType background").await;
        }
        // The index of ports follows the servers by a watch.
        let ports = k8s("hostPorts", json!([{"nameRef": "AuditObj", "port": taken}]));
        let expected =
            format!("spec.k8s.hostPorts: port {taken}/TCP of the node is also used by tserver {}/trade-door", space.name);
        e2e::wait_for("the warning about the port (6.1.27)", async || {
            let mut server = build_server(version);
            ports(&mut server);
            let answer = dry_run(&space.client, &space.name, &server).await;
            assert!(answer.is_accepted(), "{}", answer.body);
            answer.warnings.iter().any(|text| text.starts_with(&expected)).then_some(())
        })
        .await;
        let other = k8s("hostPorts", json!([{"nameRef": "AuditObj", "port": taken + 10_000}]));
        let mut server = build_server(version);
        other(&mut server);
        let answer = dry_run(&space.client, &space.name, &server).await;
        assert!(
            !answer.warnings.iter().any(|text| text.starts_with("spec.k8s.hostPorts")),
            "6.1.27, just inside: {:?}",
            answer.warnings
        );

        let mut config = build_config(version, "unread");
        config["server"] = json!("Nobody");
        let answer = dry_run(&space.client, &space.name, &config).await;
        assert!(
            answer.warnings.iter().any(|text| text.starts_with("server: this namespace has no tserver")),
            "6.2.13: {:?}",
            answer.warnings
        );
        config["server"] = json!("Door");
        let answer = dry_run(&space.client, &space.name, &config).await;
        assert!(answer.warnings.iter().all(|text| !text.starts_with("server:")), "6.2.13, just inside: {:?}", answer.warnings);
        config["configContent"] = json!("€".repeat(510_000));
        let answer = dry_run(&space.client, &space.name, &config).await;
        assert!(
            answer.warnings.iter().any(|text| text.starts_with("configContent takes 1530002 bytes as JSON")),
            "6.2.14: {:?}",
            answer.warnings
        );
        let template = json!({
            "apiVersion": format!("k8s.tars.io/{version}"), "kind": "TTemplate", "metadata": {"name": "long"},
            "spec": {"content": "\n".repeat(800_000), "parent": "root"},
        });
        let answer = dry_run(&space.client, &space.name, &template).await;
        let warned = answer.warnings.iter().any(|text| text.starts_with("spec.content takes"));
        assert!(warned, "6.4.7: {:?} {}", answer.warnings, answer.body["message"]);
    }
    space.delete().await;
}
