//! Probes and security contexts of a TServer on a real cluster. They reach the pod and decide whether the server is ready. Once they are
//! there, the controller writes nothing more. With them, a pod complies with the Pod Security Standard `restricted`, except for the
//! volume with the time zone.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{FRAMEWORK, Space, connect, expect_refusal, wait_for};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Container, Namespace, Pod, ServiceAccount},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};
use tars_common::{
    names::CONTROLLER_USER,
    v1beta3::{TEndpoint, TServer},
};

const NAME: &str = "ledger-audit";
const POD: &str = "ledger-audit-0";
/// The name of the server that [`build_tars_server`] builds.
const TARS: &str = "ledger-vault";

/// Builds a server that runs and answers. It has every kind of probe that its program answers, and no more rights than it needs.
fn build_probed_server() -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": NAME},
        "spec": {
            "app": "Ledger", "server": "Audit", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": "v1", "image": "docker.io/tarsrs/probe:v0.1.0"},
            "k8s": {
                "replicas": 1, "imagePullPolicy": "IfNotPresent", "args": ["serve", ":8080"],
                "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 60},
                "readinessProbe": {"httpGet": {"port": "HTTP"}, "periodSeconds": 1, "initialDelaySeconds": 0},
                "livenessProbe": {"httpGet": {"port": "http", "path": "/alive"}, "timeoutSeconds": 3},
                "podSecurityContext": build_pod_context(), "securityContext": build_container_context(),
            },
        },
    })
}

fn build_pod_context() -> Value {
    json!({"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}})
}

fn build_container_context() -> Value {
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
}

/// Builds a Tars server that was released, has no pods, and has the same security contexts.
fn build_tars_server() -> Value {
    let mut server = build_probed_server();
    server["metadata"]["name"] = json!(TARS);
    let spec = server["spec"].as_object_mut().expect("a spec");
    spec.remove("normal");
    spec.insert("server".to_owned(), json!("Vault"));
    spec.insert("subType".to_owned(), json!("tars"));
    spec.insert("tars".to_owned(), json!({"template": "ledger.cpp", "servants": [{"name": "AuditObj", "port": 10001}]}));
    spec["release"]["nodeImage"] = json!("docker.io/tarsrs/tars.tarsnode:v0.1.0");
    let k8s = json!({"replicas": 0, "podSecurityContext": build_pod_context(), "securityContext": build_container_context()});
    spec.insert("k8s".to_owned(), k8s);
    server
}

/// Whether `whole` has all members of `part`, with the same values.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (whole, part) => whole == part,
    }
}

fn assert_contains(what: &impl serde::Serialize, part: &Value) {
    let whole = serde_json::to_value(what).expect("JSON");
    assert!(contains(&whole, part), "{part} is not in {whole}");
}

/// Changes a label of the server, which does not concern the pods, and waits until the controller has copied it to the TEndpoint.
async fn touch(space: &Space, value: &str) {
    let labels = json!({"metadata": {"labels": {"touched": value}, "annotations": {"touched": value}}});
    space.api::<TServer>().patch(NAME, &PatchParams::default(), &Patch::Merge(&labels)).await.expect("a touched server");
    wait_for("the label to reach the TEndpoint", || async {
        let endpoint = space.api::<TEndpoint>().get_opt(NAME).await.expect("an answer")?;
        (endpoint.labels().get("touched").map(String::as_str) == Some(value)).then_some(())
    })
    .await;
}

/// Waits until Kubernetes has no reason to change the status of the StatefulSet any more.
async fn wait_for_final_status(space: &Space) -> StatefulSet {
    wait_for("the final status of the StatefulSet", || async {
        let set = space.api::<StatefulSet>().get_opt(NAME).await.expect("an answer")?;
        let status = set.status.as_ref()?;
        let counted = [status.ready_replicas, status.available_replicas, status.updated_replicas, status.current_replicas];
        let done = counted == [Some(1); 4] && status.current_revision == status.update_revision;
        (done && status.observed_generation == set.metadata.generation).then_some(set)
    })
    .await
}

/// Reads the seconds between two attempts of the readiness probe.
fn read_period(set: &StatefulSet) -> Option<i32> {
    let pod = set.spec.as_ref()?.template.spec.as_ref()?;
    pod.containers[0].readiness_probe.as_ref()?.period_seconds
}

/// Connects with the account of the controller, whose writes admission accepts. The controller still sees these writes as foreign,
/// because they have another field manager.
async fn connect_as_controller() -> Client {
    let mut config = Config::infer().await.expect("the cluster of the other clients");
    config.auth_info.impersonate = Some(CONTROLLER_USER.to_owned());
    Client::try_from(config).expect("a client")
}

#[tokio::test]
async fn probes_and_security_contexts_reach_the_pod_and_then_nothing_is_written() {
    let space = Space::create("probes").await;
    space.admit_nodes().await;
    space.apply::<TServer>(&build_probed_server().to_string()).await.expect("the TServer");
    space.wait_for_condition(NAME, "Ready", "True").await;

    let pod = space.api::<Pod>().get(POD).await.expect("the pod");
    let (spec, status) = (pod.spec.expect("its spec"), pod.status.expect("its status"));
    assert_contains(&spec.security_context, &build_pod_context());
    let main = &spec.containers[0];
    assert_contains(&main.security_context, &build_container_context());
    assert_contains(&main.startup_probe, &json!({"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 60}));
    assert_contains(&main.readiness_probe, &json!({"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}));
    assert_contains(&main.liveness_probe, &json!({"httpGet": {"port": 8080, "path": "/alive"}, "timeoutSeconds": 3}));
    let container = &status.container_statuses.expect("its containers")[0];
    assert_eq!((container.started, container.ready, container.restart_count), (Some(true), true, 0));

    let before = wait_for_final_status(&space).await;
    touch(&space, "once").await;
    // The controller never reconciles a server twice at the same time. When the second label has arrived, the first reconcile is over.
    touch(&space, "twice").await;
    let after = space.api::<StatefulSet>().get(NAME).await.expect("the StatefulSet");
    assert_eq!(after.resource_version(), before.resource_version(), "{:?}", after.metadata.managed_fields);

    let drift = Patch::Strategic(
        json!({"spec": {"template": {"spec": {"containers": [{"name": NAME, "readinessProbe": {"periodSeconds": 30}}]}}}}),
    );
    let refused = space.api::<StatefulSet>().patch(NAME, &PatchParams::default(), &drift).await;
    assert!(expect_refusal(refused).contains("resource should be modified through tserver"));
    // A change that admission accepts from this account is repaired.
    let drifted = Api::<StatefulSet>::namespaced(connect_as_controller().await, &space.name);
    let drifted = drifted.patch(NAME, &PatchParams::default(), &drift).await.expect("the controller's account may");
    assert_eq!(read_period(&drifted), Some(30));
    wait_for("the probe to be repaired", || async {
        (read_period(&space.api::<StatefulSet>().get(NAME).await.expect("the StatefulSet")) == Some(1)).then_some(())
    })
    .await;
    space.delete().await;
}

#[tokio::test]
async fn a_server_whose_readiness_probe_fails_is_not_ready_and_says_so() {
    let space = Space::create("unready").await;
    space.admit_nodes().await;
    let mut server = build_probed_server();
    // Nothing listens at this port.
    server["spec"]["k8s"]["readinessProbe"] = json!({"tcpSocket": {"port": 8081}, "periodSeconds": 1});
    space.apply::<TServer>(&server.to_string()).await.expect("the TServer");
    let ready = wait_for("the server to say that its probe fails", || async {
        space.find_condition(NAME, "Ready").await.filter(|ready| ready.reason == "ReadinessProbeFails")
    })
    .await;
    assert_eq!(ready.status, "False");
    let advice = format!("kubectl describe pod -n {} {POD}", space.name);
    assert!(ready.message.contains("container ledger-audit of pod ledger-audit-0 runs"), "{}", ready.message);
    assert!(ready.message.contains(&advice), "{}", ready.message);
    assert_eq!(space.find_condition(NAME, "Running").await.expect("the condition").status, "True");
    let status = space.api::<TServer>().get(NAME).await.expect("the TServer").status.expect("its status");
    assert_eq!((status.current_replicas, status.ready_replicas), (1, 0));

    space.apply::<TServer>(&build_probed_server().to_string()).await.expect("the TServer with another probe");
    // Kubernetes does not replace a pod that was never ready. A person has to delete it.
    let _ = space.api::<Pod>().delete(POD, &DeleteParams::default()).await;
    space.wait_for_condition(NAME, "Ready", "True").await;
    space.delete().await;
}

#[tokio::test]
async fn a_probe_of_a_port_that_the_server_does_not_have_is_refused() {
    let space = Space::create("port").await;
    let mut server = build_probed_server();
    server["spec"]["k8s"]["livenessProbe"] = json!({"tcpSocket": {"port": "https"}});
    let said = expect_refusal(space.apply::<TServer>(&server.to_string()).await);
    assert!(said.contains("port name https not exist; .spec.k8s.livenessProbe.tcpSocket.port names it"), "{said}");
    server["spec"]["k8s"]["livenessProbe"] = json!({"tcpSocket": {"port": "http"}, "httpGet": {"port": "http"}});
    let said = expect_refusal(space.apply::<TServer>(&server.to_string()).await);
    assert!(said.contains("spec.k8s.livenessProbe"), "{said}");
    space.delete().await;
}

#[tokio::test]
async fn a_liveness_probe_under_a_supervisor_draws_a_warning() {
    let space = Space::create("warned").await;
    space.apply_template("ledger.cpp", "ledger.cpp").await.expect("the template");
    let mut server = build_tars_server();
    server["spec"]["k8s"]["livenessProbe"] = json!({"tcpSocket": {"port": "AuditObj"}});
    let arguments = ["create", "--namespace", &space.name, "--dry-run=server", "--filename", "-"];
    let mut kubectl = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl, see integration/cluster/env.sh");
    kubectl.stdin.take().expect("its input").write_all(server.to_string().as_bytes()).expect("it reads");
    let output = kubectl.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success() && said.contains("Warning: spec.k8s.livenessProbe: with launcherType background"), "{said}");
    space.delete().await;
}

/// Builds a pod like those that the StatefulSet of the server makes.
async fn build_pod(space: &Space, server: &str) -> Value {
    let sets = space.api::<StatefulSet>();
    let set = wait_for("the StatefulSet", || async { sets.get_opt(server).await.expect("an answer") }).await;
    let template = set.spec.expect("its spec").template;
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": template.spec});
    // The template can have a placeholder as its image; a pod needs a real one.
    pod["spec"]["containers"][0]["image"] = json!("docker.io/tarsrs/probe:v0.1.0");
    pod
}

/// Asks admission about a pod, without storing it.
async fn try_pod(space: &Space, pod: &Value) -> kube::Result<Pod> {
    let pod = serde_json::from_value(pod.clone()).expect("a pod");
    space.api::<Pod>().create(&PostParams { dry_run: true, field_manager: None }, &pod).await
}

fn remove_time_zone(mut pod: Value) -> Value {
    let named = |item: &Value| item["name"] == "host-timezone";
    pod["spec"]["volumes"].as_array_mut().expect("volumes").retain(|volume| !named(volume));
    for container in pod["spec"]["containers"].as_array_mut().expect("containers") {
        container["volumeMounts"].as_array_mut().expect("mounts").retain(|mount| !named(mount));
    }
    pod
}

/// Every pod of a TServer mounts `/etc/localtime` of its node, which only the standard `privileged` allows. The test fails when anything
/// else does not comply, and also when the pod complies with that mount.
#[tokio::test]
async fn nothing_but_the_time_zone_keeps_a_pod_from_the_restricted_standard() {
    let space = Space::create("restricted").await;
    let enforce = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let namespaces: Api<Namespace> = Api::all(space.client.clone());
    namespaces.patch(&space.name, &PatchParams::default(), &Patch::Merge(&enforce)).await.expect("a restricted namespace");
    wait_for("the service account of pods", || async {
        space.api::<ServiceAccount>().get_opt("default").await.expect("an answer")
    })
    .await;
    space.apply_template("ledger.cpp", "ledger.cpp").await.expect("the template");

    let mut normal = build_probed_server();
    normal["spec"]["k8s"]["replicas"] = json!(0);
    for (name, server, init_containers) in [(NAME, normal, 0), (TARS, build_tars_server(), 1)] {
        space.apply::<TServer>(&server.to_string()).await.expect("the TServer");
        let pod = build_pod(&space, name).await;
        assert_eq!(pod["spec"]["initContainers"].as_array().map_or(0, Vec::len), init_containers);
        let said = expect_refusal(try_pod(&space, &pod).await);
        assert!(said.contains("violates PodSecurity") && said.contains("volume \"host-timezone\""), "{said}");
        for other in ["allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "seccompProfile"] {
            assert!(!said.contains(other), "{said}");
        }
        let complying = remove_time_zone(pod);
        try_pod(&space, &complying).await.expect("the pod complies");

        // This is why the init container has a security context, too.
        if init_containers == 1 {
            let mut bare = complying;
            bare["spec"]["initContainers"][0].as_object_mut().expect("the container").remove("securityContext");
            let said = expect_refusal(try_pod(&space, &bare).await);
            assert!(said.contains("container \"tarsnode\" must set securityContext.allowPrivilegeEscalation=false"), "{said}");
        }
    }
    space.delete().await;
}

#[tokio::test]
async fn the_registry_is_probed_over_grpc_and_is_not_root() {
    fn read_services(container: &Container) -> [Option<(i32, &str)>; 3] {
        [&container.startup_probe, &container.liveness_probe, &container.readiness_probe].map(|probe| {
            let grpc = probe.as_ref()?.grpc.as_ref()?;
            Some((grpc.port, grpc.service.as_deref()?))
        })
    }
    let pods: Api<Pod> = Api::namespaced(connect().await, FRAMEWORK);
    let registry = ListParams::default().labels("tars.io/ServerApp=tars,tars.io/ServerName=tarsregistry");
    wait_for("the registry's pods to be probed and ready", || async {
        let pods = pods.list(&registry).await.expect("the registry's pods").items;
        let good = |pod: &Pod| {
            let spec = pod.spec.as_ref().expect("a spec");
            let main = &spec.containers[0];
            let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
            let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
            let [startup, liveness, readiness] = read_services(main);
            let probed = (startup, liveness) == (Some((17893, "liveness")), Some((17893, "liveness")));
            let user = spec.security_context.as_ref().and_then(|context| context.run_as_user);
            let root = main.security_context.as_ref().and_then(|context| context.read_only_root_filesystem);
            ready && probed && readiness == Some((17893, "readiness")) && (user, root) == (Some(65532), Some(true))
        };
        (!pods.is_empty() && pods.iter().all(good)).then_some(())
    })
    .await;
}
