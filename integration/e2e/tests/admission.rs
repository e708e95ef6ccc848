//! The webhook on a real cluster: each refusal reaches the user as one clear sentence, stored objects have their defaults, and objects
//! can be read and written in the older version without loss.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, apply, expect_refusal, wait_for};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::Service,
    rbac::v1::{RoleBinding, RoleRef, Subject},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use tars_common::v1beta3::{TConfig, TServer, TTemplate};

/// Makes a namespace with the template `root`.
async fn create_space(purpose: &str) -> Space {
    let space = Space::create(purpose).await;
    space.apply_template("root", "root").await.expect("a template without parent");
    space
}

/// Builds a Tars server that was never released, so nothing runs.
fn build_server() -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
        "spec": {
            "app": "Trade", "server": "Audit", "subType": "tars", "k8s": {"replicas": 3},
            "tars": {"template": "root", "servants": [{"name": "AuditObj", "port": 9999}]},
        },
    })
}

async fn expect_server_refusal(space: &Space, change: impl FnOnce(&mut Value)) -> String {
    let mut object = build_server();
    change(&mut object);
    expect_refusal(space.apply::<TServer>(&object.to_string()).await)
}

#[tokio::test]
async fn each_refusal_is_a_sentence_that_names_object_field_and_remedy() {
    let space = create_space("refusals").await;
    let denied = "admission webhook \"validating.crd.tars.io-0\" denied the request: ";
    let text = expect_server_refusal(&space, |object| object["spec"]["tars"]["template"] = json!("gone")).await;
    let expected = format!(
        "{denied}ttemplate {name}/gone not exists; .spec.tars.template names it, create it first or name an existing template (tserver {name}/trade-audit)",
        name = space.name,
    );
    assert_eq!(text, expected);
    let second = json!([{"name": "AuditObj", "port": 9999}, {"name": "OtherObj", "port": 9999}]);
    let text = expect_server_refusal(&space, |object| object["spec"]["tars"]["servants"] = second).await;
    assert!(
        text.contains(
            "tserver resource is invalid : duplicate port value 9999; \"AuditObj\" and \"OtherObj\" have the same number"
        ),
        "{text}"
    );
    let text = expect_server_refusal(&space, |object| object["metadata"]["name"] = json!("audit")).await;
    assert!(
        text.contains("denied the request: tserver resource is invalid : unexpected resource name; metadata.name is \"audit\""),
        "{text}"
    );
    assert!(text.contains("it must be \"trade-audit\""), "{text}");
    let long = "a".repeat(50);
    let text = expect_server_refusal(&space, |object| {
        object["spec"]["app"] = json!(long);
        object["metadata"]["name"] = json!(format!("{long}-audit"));
    });
    assert!(text.await.contains("cannot create pods"));
    let release = json!({"id": "v1", "image": "repo/audit:1", "nodeImage": "repo/node:1"});
    let text = expect_server_refusal(&space, |object| {
        object["spec"]["release"] = release;
        object["spec"]["k8s"]["replicas"] = json!(-1);
    });
    assert!(text.await.contains("spec.k8s.replicas in body should be greater than or equal to 0"));
    let release = json!({"id": "v1", "image": "repo/audit:1"});
    let text = expect_server_refusal(&space, |object| object["spec"]["release"] = release).await;
    assert!(
        text.contains("denied the request: tserver resource is invalid : no default node image has been set; set .spec"),
        "{text}"
    );
    space.delete().await;
}

#[tokio::test]
async fn a_template_cycle_is_refused_and_templates_in_use_stay() {
    let space = create_space("templates").await;
    space.apply_template("middle", "root").await.expect("a child");
    // The next template follows at once. It must not be refused because a cache does not know its parent yet.
    space.apply_template("leaf", "middle").await.expect("a grandchild");
    let text = expect_refusal(space.apply_template("root", "leaf").await);
    assert!(text.contains("parents form a cycle: root -> leaf -> middle -> root; set .spec.parent"), "6.4.3: {text}");
    let text = expect_refusal(space.api::<TTemplate>().delete("middle", &DeleteParams::default()).await);
    assert!(
        text.contains(&format!("cannot delete ttemplate {}/middle because it is reference by some ttemplate", space.name)),
        "6.4.4: {text}"
    );
    space.apply::<TServer>(&build_server().to_string()).await.expect("a server");
    space.api::<TTemplate>().delete("leaf", &DeleteParams::default()).await.expect("nobody needs the leaf");
    let text = expect_refusal(space.api::<TTemplate>().delete("root", &DeleteParams::default()).await);
    assert!(text.contains("because it is reference by some t"), "{text}");
    space.delete().await;
}

#[tokio::test]
async fn defaults_are_stored_and_identity_never_changes() {
    let space = create_space("defaults").await;
    let stored = space.apply::<TServer>(&build_server().to_string()).await.expect("a server");
    let label = |key: &str| stored.labels().get(key).map(String::as_str);
    assert_eq!(label("tars.io/ServerApp"), Some("Trade"));
    assert_eq!(label("tars.io/ServerName"), Some("Audit"));
    assert_eq!(label("tars.io/SubType"), Some("tars"));
    assert_eq!(label("tars.io/Template"), Some("root"));
    let spec = serde_json::to_value(&stored).expect("JSON");
    assert_eq!(spec["spec"]["k8s"]["replicas"], 0, "nothing runs without a release");
    assert_eq!(spec["spec"]["k8s"]["readinessGates"], json!(["tars.io/active"]));
    let text = expect_server_refusal(&space, |object| object["spec"]["subType"] = json!("normal")).await;
    assert!(
        text.contains("denied the request: tserver resource filed \".spec.subType\" is immutable; delete the tserver"),
        "{text}"
    );
    space.delete().await;
}

/// TServers in v1beta2. They are untyped, because a type would hide the fields that it does not have.
fn older_api(space: &Space) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", "v1beta2", "TServer"), "tservers");
    Api::namespaced_with(space.client.clone(), &space.name, &resource)
}

#[tokio::test]
async fn the_older_version_reads_and_writes_without_loss() {
    let space = create_space("versions").await;
    let mut object = build_server();
    object["spec"]["k8s"]["command"] = json!(["run", "fast"]);
    object["spec"]["k8s"]["readinessGates"] = json!(["example.org/second"]);
    let stored = space.apply::<TServer>(&object.to_string()).await.expect("a server");
    let before = serde_json::to_value(&stored).expect("JSON")["spec"].clone();

    let older = older_api(&space);
    let written = wait_for("a write as v1beta2", || async {
        let mut read = older.get("trade-audit").await.expect("the server as v1beta2");
        let seen = read.clone();
        read.data["spec"]["important"] = json!(7);
        read.metadata.managed_fields = None;
        match older.replace("trade-audit", &PostParams::default(), &read).await {
            Ok(_) => Some(seen),
            // The controller has written the status meanwhile.
            Err(kube::Error::Api(status)) if status.is_conflict() => None,
            Err(error) => panic!("the write was refused: {error}"),
        }
    });
    let seen = written.await;
    assert_eq!(seen.data["spec"]["k8s"]["readinessGate"], "tars.io/active");
    assert_eq!(seen.data["spec"]["k8s"].get("command"), None);

    let after = space.api::<TServer>().get("trade-audit").await.expect("the server as v1beta3");
    assert!(!after.annotations().keys().any(|key| key.contains("Conversion")), "{:?}", after.annotations());
    let mut expected = before;
    expected["important"] = json!(7);
    assert_eq!(serde_json::to_value(&after).expect("JSON")["spec"], expected);

    let mut made = build_server();
    made["apiVersion"] = json!("k8s.tars.io/v1beta2");
    made["metadata"]["name"] = json!("trade-other");
    made["spec"]["server"] = json!("Other");
    let made: DynamicObject = serde_json::from_value(made).expect("an object");
    let made = older.create(&PostParams::default(), &made).await.expect("a server made as v1beta2");
    assert_eq!(made.data["spec"]["k8s"]["readinessGate"], "tars.io/active");
    let read = space.api::<TServer>().get("trade-other").await.expect("the same server as v1beta3");
    assert_eq!(serde_json::to_value(&read).expect("JSON")["spec"]["k8s"]["readinessGates"], json!(["tars.io/active"]));
    space.delete().await;
}

/// Acts as a user that may edit the namespace and has the verb `repair`.
async fn permit_repair(space: &Space) -> Api<StatefulSet> {
    let user = format!("{}@example.com", space.name);
    let api_group = "rbac.authorization.k8s.io".to_owned();
    for role in ["edit", "tars-system:repair"] {
        let binding = RoleBinding {
            metadata: ObjectMeta { name: Some(role.replace(':', "-")), ..ObjectMeta::default() },
            role_ref: RoleRef { api_group: api_group.clone(), kind: "ClusterRole".to_owned(), name: role.to_owned() },
            subjects: Some(vec![Subject {
                kind: "User".to_owned(),
                name: user.clone(),
                api_group: Some(api_group.clone()),
                namespace: None,
            }]),
        };
        space.api::<RoleBinding>().create(&PostParams::default(), &binding).await.expect("a binding");
    }
    let mut config = Config::infer().await.expect("the kubeconfig of the cluster");
    config.auth_info.impersonate = Some(user);
    Api::namespaced(Client::try_from(config).expect("a client"), &space.name)
}

#[tokio::test]
async fn only_the_controller_writes_what_belongs_to_a_server() {
    let space = create_space("workloads").await;
    space.apply::<TServer>(&build_server().to_string()).await.expect("a server");
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "mine", "labels": {"tars.io/ServerApp": "Trade", "tars.io/ServerName": "Audit"}},
        "spec": {"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 1}]},
    });
    let text = expect_refusal(apply::<Service>(&space.api(), &service.to_string()).await);
    assert!(text.contains("only use authorized account can create service; create a tserver"), "6.7.1: {text}");

    let sets: Api<StatefulSet> = space.api();
    wait_for("the StatefulSet", || async { sets.get_opt("trade-audit").await.expect("an answer") }).await;
    let patch = |patch: Value| {
        let sets = sets.clone();
        async move { sets.patch("trade-audit", &PatchParams::default(), &Patch::Strategic(patch)).await }
    };
    let text = expect_refusal(patch(json!({"spec": {"replicas": 2}})).await);
    assert!(text.contains("resource should be modified through tserver; edit tserver"), "6.7.2: {text}");
    patch(json!({"metadata": {"annotations": {"example.org/note": "x"}}})).await.expect("6.7.2: annotations are anybody's");
    let restart = json!({"kubectl.kubernetes.io/restartedAt": "2026-03-04T15:06:07Z"});
    patch(json!({"spec": {"template": {"metadata": {"annotations": restart}}}})).await.expect("kubectl rollout restart");
    let scale = Patch::Merge(json!({"spec": {"replicas": 2}}));
    let text = expect_refusal(sets.patch_scale("trade-audit", &PatchParams::default(), &scale).await);
    assert!(text.contains("resource should be modified through tserver;"), "6.7.5: {text}");
    let helper = permit_repair(&space).await;
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    helper.patch_scale("trade-audit", &dry, &scale).await.expect("6.7.4: somebody with the verb repair");
    helper.patch("trade-audit", &dry, &Patch::Strategic(json!({"spec": {"replicas": 2}}))).await.expect("6.7.4");
    sets.delete("trade-audit", &DeleteParams::default().dry_run()).await.expect("6.7.3: a deletion").map_left(drop);
    space.delete().await;
}

#[tokio::test]
async fn a_new_version_of_a_configuration_replaces_the_live_one() {
    let space = create_space("configs").await;
    let config = |name: &str| {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": name},
            "app": "Trade", "server": "Audit", "configName": "audit.conf", "configContent": name,
        })
    };
    let first = space.apply::<TConfig>(&config("first").to_string()).await.expect("a configuration");
    assert_eq!(first.labels().get("tars.io/Activated").map(String::as_str), Some("true"));
    let version = first.labels().get("tars.io/Version").expect("a version");
    assert_eq!(serde_json::to_value(&first).expect("JSON")["version"], json!(version));

    // Neither a dry run nor a creation that fails changes another version (6.2.5).
    let dry = PatchParams { dry_run: true, ..PatchParams::apply("e2e").force() };
    let configs = space.api::<TConfig>();
    configs.patch("second", &dry, &Patch::Apply(&config("second"))).await.expect("a dry run");
    let same_name: TConfig = serde_json::from_value(config("first")).expect("a configuration");
    let text = expect_refusal(configs.create(&PostParams::default(), &same_name).await);
    assert!(text.contains("already exists"), "{text}");
    let mut draft = config("draft");
    draft["activated"] = json!(false);
    space.apply::<TConfig>(&draft.to_string()).await.expect("an inactive version");
    let first = configs.get("first").await.expect("the first version");
    assert!(first.activated && !first.labels().contains_key("tars.io/Deactivate"));

    // Of two activations in quick succession the later one stays (6.2.6, 6.2.12).
    for name in ["third", "second"] {
        space.apply::<TConfig>(&config(name).to_string()).await.expect("another version");
    }
    wait_for("one live version that is not held", || async {
        let live: Vec<_> = configs.list(&ListParams::default()).await.expect("the versions").items;
        let live: Vec<_> = live.into_iter().filter(|version| version.activated).collect();
        (live.len() == 1 && live[0].finalizers().is_empty()).then(|| assert_eq!(live[0].name_any(), "second"))
    })
    .await;
    let text = expect_refusal(configs.delete("second", &DeleteParams::default()).await);
    assert!(text.contains("tconfig during deletion guard time(48s); try again in"), "{text}");
    space.delete().await;
}
