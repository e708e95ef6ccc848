//! Workloads exactly as K8SFramework leaves them are taken over in place: `status.updateRevision` of a StatefulSet and the revision of a
//! DaemonSet do not move, so no pod restarts (docs/reference/controller.md#5.21, docs/reference/controller.md#6.8).
//!
//! A test must make the workload before our controller does, but with the uid of the TServer in it. So a workload of somebody else has the
//! name at first, which our controller leaves alone; then the one of K8SFramework takes its place. No pod needs to run: the revisions say
//! whether it would be replaced.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, WAIT_LIMIT, plugin::Plugin, wait_for};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::fmt::Debug;
use tars_common::v1beta3::TServer;
use tokio::time::timeout;

const NAME: &str = "forge-anvil";
/// The manager of fields that K8SFramework writes.
const FRAMEWORK_MANAGER: &str = "tarscontroller";
const NODE_IMAGE: &str = "example.org/node:1";

/// One way to use the fields of a TServer, and what K8SFramework makes of it.
struct Case {
    tars: bool,
    /// `spec.k8s` without the number of replicas.
    k8s: Value,
    /// The pod as K8SFramework describes it, as far as it depends on `k8s`.
    pod: Value,
    /// The main container, likewise.
    container: Value,
    mounts: Vec<Value>,
    volumes: Vec<Value>,
    /// The requirements on nodes that come after the one for the namespace.
    required: Vec<Value>,
    preferred: Vec<(i32, String)>,
    claims: Vec<Value>,
    launcher: Option<&'static str>,
}

impl Case {
    fn plain(tars: bool) -> Self {
        Self {
            tars,
            k8s: json!({}),
            pod: json!({}),
            container: json!({}),
            mounts: vec![],
            volumes: vec![],
            required: vec![],
            preferred: vec![],
            claims: vec![],
            launcher: None,
        }
    }
}

fn labels() -> Value {
    json!({"tars.io/ServerApp": "Forge", "tars.io/ServerName": "Anvil"})
}

fn merge(mut into: Value, more: &Value) -> Value {
    json_patch::merge(&mut into, more);
    into
}

/// The pod template of K8SFramework.
fn template(space: &Space, case: &Case) -> Value {
    let mut mounts = case.mounts.clone();
    mounts.push(json!({"name": "host-timezone", "mountPath": "/etc/localtime"}));
    let mut volumes = case.volumes.clone();
    volumes.push(json!({"name": "host-timezone", "hostPath": {"path": "/etc/localtime"}}));
    let work = json!({"name": "tarsnode-work-dir", "mountPath": "/usr/local/app/tars/tarsnode"});
    let (mut init, mut gates) = (json!(null), json!(null));
    if case.tars {
        gates = json!([{"conditionType": "tars.io/active"}]);
        mounts.push(work.clone());
        volumes.push(json!({"name": "tarsnode-work-dir", "emptyDir": {}}));
        let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let mut env = vec![
            field("Namespace", "metadata.namespace"),
            field("PodName", "metadata.name"),
            field("PodIP", "status.podIP"),
            json!({"name": "ServerApp", "value": "Forge"}),
            json!({"name": "ServerName", "value": "Anvil"}),
        ];
        env.extend(case.launcher.map(|launcher| json!({"name": "LauncherType", "value": launcher})));
        init =
            json!([{"name": "tarsnode", "image": NODE_IMAGE, "imagePullPolicy": "Always", "env": env, "volumeMounts": [work]}]);
    }
    let mut required = vec![json!({"key": format!("tars.io/node.{}", space.name), "operator": "Exists"})];
    required.extend(case.required.clone());
    let preferred = case
        .preferred
        .iter()
        .map(|(weight, key)| json!({"weight": weight, "preference": {"matchExpressions": [{"key": key, "operator": "Exists"}]}}));
    let preferred: Vec<Value> = preferred.collect();
    let container = json!({
        "name": NAME, "image": "example.org/anvil:1", "imagePullPolicy": "Always", "volumeMounts": mounts, "resources": {},
    });
    let pod = json!({
        "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "enableServiceLinks": false, "initContainers": init, "volumes": volumes, "readinessGates": gates,
        "containers": [merge(container, &case.container)],
        "affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": required}]},
            "preferredDuringSchedulingIgnoredDuringExecution": (!preferred.is_empty()).then_some(preferred),
        }},
    });
    let labels = merge(labels(), &json!({"tars.io/ServerID": "v1"}));
    json!({"metadata": {"name": NAME, "labels": labels}, "spec": merge(pod, &case.pod)})
}

fn server(case: &Case, daemons: bool) -> Value {
    let block = json!({
        "servants": [{"name": "HammerObj", "port": 10001}, {"name": "TongsObj", "port": 10002, "isTcp": false}],
        "ports": [{"name": "metrics", "port": 9100}, {"name": "admin", "port": 9101}],
    });
    // The defaults of these fields would add to the pod.
    let plain = json!({"replicas": 2, "daemonSet": daemons, "abilityAffinity": "None", "notStacked": false});
    let mut spec = json!({
        "app": "Forge", "server": "Anvil", "subType": "tars", "k8s": merge(plain, &case.k8s),
        "release": {"id": "v1", "image": "example.org/anvil:1", "secret": "pull", "nodeImage": NODE_IMAGE},
    });
    if case.tars {
        spec["tars"] = merge(block, &json!({"template": "base"}));
    } else {
        spec["subType"] = json!("normal");
        spec["normal"] = json!({"ports": block["ports"]});
    }
    json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME}, "spec": spec})
}

/// The claim template of a local volume, without the owner: the TServer does not exist yet.
fn local_claim(name: &str) -> Value {
    let labels = merge(labels(), &json!({"tars.io/LocalVolume": name}));
    json!({"metadata": {"name": name, "labels": labels}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "tars-storage-class", "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": "1G"}}, "selector": {"matchLabels": labels},
    }})
}

fn mount(name: &str, source: &Value, more: &Value) -> Value {
    merge(json!({"name": name, "mountPath": format!("/mnt/{name}"), "source": source}), more)
}

/// Every kind of mount that keeps its template without claims, every field of the container, and ports in another order than declared.
fn rich() -> Case {
    let sources = [
        ("conf", json!({"configMap": {"name": "anvil-conf", "defaultMode": 0o640, "optional": true}}), json!({"readOnly": true})),
        ("pass", json!({"secret": {"secretName": "anvil-pass", "optional": true}}), json!({"subPath": "word"})),
        ("scratch", json!({"emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}), json!({})),
        (
            "logs",
            json!({"hostPath": {"path": "/var/log/anvil", "type": "DirectoryOrCreate"}}),
            json!({"subPathExpr": "$(Namespace)/$(PodName)"}),
        ),
        (
            "shared",
            json!({"persistentVolumeClaim": {"claimName": "anvil-shared"}}),
            json!({"mountPropagation": "HostToContainer"}),
        ),
    ];
    let env = json!([
        {"name": "Namespace", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "PodName", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TEMPER", "value": "hot"},
    ]);
    // The schema lets ConfigMaps and Secrets be absent by default.
    let env_from = json!([
        {"configMapRef": {"name": "anvil-env", "optional": true}}, {"prefix": "P_", "secretRef": {"name": "anvil-secret", "optional": false}},
    ]);
    let resources = json!({"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "100m"}});
    let mounts: Vec<Value> = sources.iter().map(|(name, source, more)| mount(name, source, more)).collect();
    Case {
        k8s: json!({
            "serviceAccount": "smith", "command": ["/bin/anvil"], "args": ["--hot"], "env": env, "envFrom": env_from,
            "resources": resources, "mounts": mounts, "launcherType": "foreground",
            "nodeSelector": [{"key": "zone", "operator": "In", "values": ["a", "b"]}],
        }),
        pod: json!({
            "serviceAccountName": "smith", "imagePullSecrets": [{"name": "pull"}],
        }),
        container: json!({
            "command": ["/bin/anvil"], "args": ["--hot"], "env": env, "envFrom": env_from, "resources": resources,
            "ports": [
                {"name": "admin", "containerPort": 9101, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9100, "protocol": "TCP"},
            ],
        }),
        mounts: sources
            .iter()
            .map(|(name, _, more)| merge(json!({"name": name, "mountPath": format!("/mnt/{name}")}), more))
            .collect(),
        volumes: sources.iter().map(|(name, source, _)| merge(json!({"name": name}), source)).collect(),
        launcher: Some("foreground"),
        ..Case::plain(true)
    }
}

/// The requirement of the selector comes before that for the namespace.
fn with_selector_first(mut template: Value) -> Value {
    let pointer =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions";
    let requirements = template.pointer_mut(pointer).and_then(Value::as_array_mut).expect("requirements");
    requirements.insert(0, json!({"key": "zone", "operator": "In", "values": ["a", "b"]}));
    template
}

/// Makes the TServer while a workload of somebody else has its name. Returns the owner reference of the TServer.
async fn reserve<K: Workload>(space: &Space, case: &Case, daemons: bool) -> Value {
    let blocker = json!({"metadata": {"name": NAME}, "spec": {
        "replicas": 0, "serviceName": NAME, "selector": {"matchLabels": {"by": "others"}},
        "template": {"metadata": {"labels": {"by": "others"}}, "spec": {
            "containers": [{"name": "other", "image": "example.org/other:1"}], "nodeSelector": {"no-such": "node"}}},
    }});
    let workloads = space.api::<K>();
    let blocker = serde_json::from_value(blocker).expect("a workload");
    workloads.create(&PostParams::default(), &blocker).await.expect("a workload of somebody else");
    let made = space.apply::<TServer>(&server(case, daemons).to_string()).await.expect("a server");
    wait_for("the controller to leave the workload alone", || async {
        space.find_condition(NAME, "Applied").await.filter(|condition| condition.reason == "OutControl")
    })
    .await;
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "name": NAME, "uid": made.metadata.uid, "controller": true,
        "blockOwnerDeletion": true,
    })
}

trait Workload:
    kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl Workload for StatefulSet {}
impl Workload for DaemonSet {}

/// Puts the workload of K8SFramework in the place of the one of somebody else, and waits until our controller has taken it over. Returns
/// it before and after that, both when Kubernetes has told its revision.
async fn replace<K: Workload>(space: &Space, workload: &Value, settled: fn(&K) -> bool) -> (K, K) {
    let workloads = space.api::<K>();
    let workload: K = serde_json::from_value(workload.clone()).expect("a workload");
    workloads.delete(NAME, &DeleteParams::background()).await.expect("a deletion");
    let params = PostParams { field_manager: Some(FRAMEWORK_MANAGER.to_owned()), ..PostParams::default() };
    let theirs: Api<K> = Api::namespaced(act_as_controller().await, &space.name);
    // Our controller may be the first to find the name free. Then its workload must go, too, and nothing may come between that and the next
    // try, because the controller makes it anew within milliseconds.
    let before = timeout(WAIT_LIMIT, async {
        loop {
            match theirs.create(&params, &workload).await {
                Ok(made) => return made,
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                    workloads.delete(NAME, &DeleteParams::background()).await.ok();
                }
                Err(error) => panic!("the workload as K8SFramework makes it: {error}"),
            }
        }
    })
    .await
    .expect("the name is free for a moment");
    let taken = |workload: &K| workload.meta().annotations.as_ref().is_some_and(|all| all.contains_key("tars.io/defaults"));
    let after = wait_for("the take-over", || async {
        workloads.get(NAME).await.ok().filter(|workload| taken(workload) && settled(workload))
    })
    .await;
    (before, after)
}

/// Connects as the account of the controller, which is the same in both systems. Admission lets nobody else make such workloads.
async fn act_as_controller() -> Client {
    let mut config = Config::infer().await.expect("KUBECONFIG names a cluster");
    config.auth_info.impersonate = Some("system:serviceaccount:tars-system:tars-controller".to_owned());
    Client::try_from(config).expect("a client")
}

fn describe_metadata(owner: &Value) -> Value {
    json!({"name": NAME, "labels": labels(), "ownerReferences": [owner]})
}

/// The StatefulSet that K8SFramework makes.
fn describe_stateful_set(case: &Case, owner: &Value, template: &Value) -> Value {
    let mut claims = case.claims.clone();
    for claim in claims.iter_mut().filter(|claim| claim.pointer("/metadata/labels/tars.io~1LocalVolume").is_some()) {
        claim["metadata"]["ownerReferences"] = json!([owner]);
    }
    json!({"metadata": describe_metadata(owner), "spec": {
        "replicas": 2, "serviceName": NAME, "selector": {"matchLabels": labels()}, "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, "revisionHistoryLimit": 1,
        "volumeClaimTemplates": claims, "template": template,
    }})
}

/// Takes a StatefulSet over, and checks that neither its pods nor itself would be replaced.
async fn check(purpose: &str, make: impl FnOnce(&Space) -> Case, shape: fn(Value) -> Value) {
    let space = Space::create(purpose).await;
    space.apply_template("base", "base").await.expect("a template");
    let case = make(&space);
    let owner = reserve::<StatefulSet>(&space, &case, false).await;
    let workload = describe_stateful_set(&case, &owner, &shape(template(&space, &case)));
    let settled = |set: &StatefulSet| {
        let status = set.status.as_ref();
        status.is_some_and(|status| status.update_revision.is_some() && status.observed_generation == set.metadata.generation)
    };
    let (before, after) = replace::<StatefulSet>(&space, &workload, settled).await;
    assert_eq!(list_differences(&before.spec, &after.spec), [""; 0], "{purpose}");
    assert_eq!(before.metadata.uid, after.metadata.uid, "{purpose}");
    assert_eq!(after.annotations()["tars.io/defaults"], "0", "{purpose}");
    assert_eq!(count_revisions(&space, &after).await, 1, "{purpose}: a second revision would replace the pods");
    space.delete().await;
}

/// The changes between two specs, as operations of a JSON patch.
fn list_differences(before: &impl Serialize, after: &impl Serialize) -> Vec<String> {
    let [before, after] = [serde_json::to_value(before), serde_json::to_value(after)].map(|spec| spec.expect("JSON"));
    json_patch::diff(&before, &after).iter().map(ToString::to_string).collect()
}

/// Counts the revisions of a workload. Another one under its name may have left some, which Kubernetes collects.
async fn count_revisions<K: Workload>(space: &Space, workload: &K) -> usize {
    let revisions = space.api::<ControllerRevision>().list(&ListParams::default()).await.expect("the revisions");
    let owned = |revision: &&ControllerRevision| {
        revision.owner_references().iter().any(|owner| Some(&owner.uid) == workload.meta().uid.as_ref())
    };
    revisions.items.iter().filter(owned).count()
}

/// The ports of the container that have no host port, in the other order than declared.
fn other_order() -> Value {
    json!([
        {"name": "admin", "containerPort": 9101, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9100, "protocol": "TCP"},
    ])
}

/// A pod with the pull secret of the release.
fn with_secret(more: &Value) -> Value {
    merge(json!({"imagePullSecrets": [{"name": "pull"}]}), more)
}

/// Pods that use ports or the network of their nodes are always kept apart.
fn keep_apart(space: &Space) -> Value {
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": labels()}, "namespaces": [space.name], "topologyKey": "kubernetes.io/hostname"}]}}})
}

fn same(template: Value) -> Value {
    template
}

#[tokio::test]
async fn a_statefulset_with_every_kind_of_mount_keeps_its_pods() {
    check("rich", |_| rich(), with_selector_first).await;
}

#[tokio::test]
async fn statefulsets_with_every_affinity_keep_their_pods() {
    let of = |affinity: &str| Case {
        k8s: json!({"abilityAffinity": affinity}),
        pod: with_secret(&json!({})),
        container: json!({"ports": other_order()}),
        ..Case::plain(true)
    };
    let ability = |space: &Space, name: &str| format!("tars.io/ability.{}.{name}", space.name);
    let exists = |key: String| json!({"key": key, "operator": "Exists"});
    let required = |space: &Space, name: &str| vec![exists(ability(space, name))];
    check("app-required", |space| Case { required: required(space, "Forge"), ..of("AppRequired") }, same).await;
    check("server-required", |space| Case { required: required(space, "Forge-Anvil"), ..of("ServerRequired") }, same).await;
    let preferred = |space: &Space| vec![(60, ability(space, "Forge-Anvil")), (30, ability(space, "Forge"))];
    check("preferred", |space| Case { preferred: preferred(space), ..of("AppOrServerPreferred") }, same).await;
    let none = |space: &Space| Case {
        k8s: json!({"abilityAffinity": "None", "notStacked": true}),
        pod: with_secret(&keep_apart(space)),
        ..of("None")
    };
    check("apart", none, same).await;
}

#[tokio::test]
async fn a_statefulset_on_the_network_of_its_nodes_keeps_its_pods_and_claims() {
    let host = json!({"hostNetwork": true, "hostIPC": true});
    let case = |space: &Space| Case {
        k8s: host.clone(),
        pod: with_secret(&merge(merge(keep_apart(space), &host), &json!({"dnsPolicy": "ClusterFirstWithHostNet"}))),
        container: json!({"ports": other_order()}),
        claims: vec![local_claim("delay-bind")],
        ..Case::plain(true)
    };
    check("host-network", case, same).await;
}

#[tokio::test]
async fn a_statefulset_with_claim_templates_and_host_ports_keeps_its_pods_and_claims() {
    let stated = json!({"metadata": {"labels": {"shelf": "top"}}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "nowhere", "resources": {"requests": {"storage": "2Gi"}}}});
    let mounts = [("data", json!({"tLocalVolume": {"uid": "7"}})), ("index", json!({"persistentVolumeClaimTemplate": stated}))];
    let case = |space: &Space| Case {
        k8s: json!({
            "hostPorts": [{"nameRef": "HammerObj", "port": 8080}, {"nameRef": "metrics", "port": 8081}],
            "mounts": mounts.iter().map(|(name, source)| mount(name, source, &json!({}))).collect::<Vec<_>>(),
        }),
        pod: with_secret(&keep_apart(space)),
        container: json!({"ports": [
            {"name": "p8080-10001", "containerPort": 10001, "hostPort": 8080, "protocol": "TCP"},
            {"name": "admin", "containerPort": 9101, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9100, "hostPort": 8081, "protocol": "TCP"},
        ]}),
        mounts: mounts.iter().map(|(name, _)| json!({"name": name, "mountPath": format!("/mnt/{name}")})).collect(),
        claims: vec![
            local_claim("data"),
            merge(stated.clone(), &json!({"metadata": {"name": "index"}})),
            local_claim("delay-bind"),
        ],
        ..Case::plain(true)
    };
    check("claims", case, same).await;
}

#[tokio::test]
async fn a_daemonset_keeps_its_pods() {
    let space = Space::create("daemons").await;
    space.apply_template("base", "base").await.expect("a template");
    let case = rich();
    let owner = reserve::<DaemonSet>(&space, &case, true).await;
    let workload = json!({"metadata": describe_metadata(&owner), "spec": {
        "selector": {"matchLabels": labels()}, "minReadySeconds": 3, "revisionHistoryLimit": 1,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "template": with_selector_first(template(&space, &case)),
    }});
    let settled =
        |set: &DaemonSet| set.status.as_ref().is_some_and(|status| status.observed_generation == set.metadata.generation);
    let (before, after) = replace::<DaemonSet>(&space, &workload, settled).await;
    assert_eq!(list_differences(&before.spec, &after.spec), [""; 0]);
    assert_eq!(count_revisions(&space, &after).await, 1, "a second revision would replace the pods");
    space.delete().await;
}

#[tokio::test]
async fn a_normal_server_keeps_its_pods_and_a_refresh_replaces_them() {
    let plugin = Plugin::install().await;
    let space = Space::create("normal").await;
    let case = Case { pod: with_secret(&json!({})), container: json!({"ports": other_order()}), ..Case::plain(false) };
    let owner = reserve::<StatefulSet>(&space, &case, false).await;
    let workload = describe_stateful_set(&case, &owner, &template(&space, &case));
    let settled = |set: &StatefulSet| set.status.as_ref().is_some_and(|status| status.update_revision.is_some());
    let (_, after) = replace::<StatefulSet>(&space, &workload, settled).await;
    assert_eq!(count_revisions(&space, &after).await, 1);
    wait_for("the condition to tell it", || async {
        let applied = space.find_condition(NAME, "Applied").await?;
        applied.message.contains(&format!("kubectl tars refresh -n {} {NAME}", space.name)).then_some(())
    })
    .await;

    let (code, output, errors) = plugin.run(&["refresh", "-n", &space.name, NAME]).await;
    assert_eq!((code, output.as_str()), (0, "tserver/forge-anvil asks for the defaults 1\n"), "{errors}");
    let sets = space.api::<StatefulSet>();
    wait_for("other pods", || async {
        let set = sets.get(NAME).await.ok()?;
        (set.status.as_ref()?.update_revision != after.status.as_ref()?.update_revision).then_some(())
    })
    .await;
    let (code, _, errors) = plugin.run(&["refresh", "-n", &space.name, "no-such", NAME]).await;
    assert!(code == 1 && errors.contains("no-such"), "{errors}");
    space.delete().await;
}
