//! The controller on a real cluster: it makes the objects of a TServer, repairs and removes them, and explains in the status why a
//! server is not ready.
//!
//! Every test works in a namespace of its own and lets every node run the servers of that namespace. The servers that run have the
//! subtype `normal`, so they need neither a registry nor a template.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, StatefulSet},
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service},
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{fmt::Debug, process::Command};
use tars_common::v1beta3::{TEndpoint, TExitedRecord, TServer, TTemplate};

const NAME: &str = "ledger-audit";

/// A server that runs and answers. The cluster has its image.
const HEALTHY: &str = "
apiVersion: k8s.tars.io/v1beta3
kind: TServer
metadata: { name: ledger-audit }
spec:
  app: Ledger
  server: Audit
  subType: normal
  normal: { ports: [ { name: http, port: 8080 } ] }
  release: { id: v1, image: docker.io/tarsrs/probe:v0.1.0 }
  k8s: { replicas: 1, imagePullPolicy: IfNotPresent, args: [ serve, ':8080' ] }
";

/// A server with a template. It was never released, so only the template can be wrong.
const TARS: &str = "
apiVersion: k8s.tars.io/v1beta3
kind: TServer
metadata: { name: ledger-audit }
spec:
  app: Ledger
  server: Audit
  subType: tars
  tars: { template: ledger.cpp, servants: [ { name: AuditObj, port: 10001 } ] }
  k8s: { replicas: 1 }
";

async fn find_ready_condition(space: &Space) -> Option<Condition> {
    space.find_condition(NAME, "Ready").await
}

async fn wait_until_ready(space: &Space) {
    space.wait_for_condition(NAME, "Ready", "True").await;
}

/// Runs `kubectl describe tserver`. Returns the text above the Events, and the Events.
fn describe_server(space: &Space) -> (String, String) {
    let arguments = ["describe", "tserver", NAME, "--namespace", &space.name];
    let output = Command::new("kubectl").args(arguments).output().expect("kubectl, see integration/cluster/env.sh");
    let text = String::from_utf8(output.stdout).expect("text");
    let (object, events) = text.split_once("\nEvents:").unwrap_or_else(|| panic!("the output of kubectl has no Events: {text}"));
    (object.to_owned(), events.to_owned())
}

/// Waits until the condition Ready has this reason, and returns the condition.
async fn wait_for_reason(space: &Space, reason: &str) -> Condition {
    wait_for(&format!("the reason {reason}"), || async {
        find_ready_condition(space).await.filter(|ready| ready.reason == reason)
    })
    .await
}

/// Waits until the condition Ready and an Event have this reason, and checks that `kubectl describe` shows both. Returns the message.
async fn wait_for_warning(space: &Space, reason: &str) -> String {
    let found = wait_for_reason(space, reason).await;
    let events: Api<Event> = space.api();
    wait_for(&format!("an Event {reason}"), || async {
        let all = events.list(&ListParams::default()).await.expect("events").items;
        all.into_iter().find(|event| {
            let regards = event.regarding.as_ref().is_some_and(|object| object.kind.as_deref() == Some("TServer"));
            regards && event.reason.as_deref() == Some(reason) && event.type_.as_deref() == Some("Warning")
        })
    })
    .await;
    assert_eq!(found.status, "False");
    let (object, events) = describe_server(space);
    // The message may have changed meanwhile, for it contains numbers such as that of restarts. The reason has not.
    let said = object.lines().any(|line| line.split_whitespace().eq(["Reason:", reason]));
    assert!(said, "not among the conditions: {object}");
    assert!(events.contains(reason) && events.contains("Warning"), "not among the Events: {events}");
    found.message
}

async fn find<K>(space: &Space) -> Option<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    K::DynamicType: Default,
{
    space.api::<K>().get_opt(NAME).await.expect("an answer")
}

#[tokio::test]
async fn a_server_gets_its_objects_becomes_ready_and_leaves_nothing_behind() {
    let space = Space::create("life").await;
    space.admit_nodes().await;
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    wait_until_ready(&space).await;
    let (object, events) = describe_server(&space);
    for condition in ["Applied", "TemplateResolved", "Released", "Scheduled", "Running", "Active", "Ready"] {
        assert!(object.contains(condition), "{condition} is missing: {object}");
    }
    assert!(events.contains("Ready") && !events.contains("Warning"), "{events}");

    let service = find::<Service>(&space).await.expect("a Service").spec.expect("its spec");
    assert_eq!(service.cluster_ip.as_deref(), Some("None"));
    assert_eq!(service.ports.expect("its ports")[0].name.as_deref(), Some("http"));
    assert_eq!(find::<StatefulSet>(&space).await.expect("a StatefulSet").spec.expect("its spec").replicas, Some(1));
    let server = find::<TServer>(&space).await.expect("the TServer").status.expect("its status");
    assert_eq!((server.replicas, server.ready_replicas, server.current_replicas), (1, 1, 1));
    assert_eq!(server.selector, "tars.io/ServerApp=Ledger,tars.io/ServerName=Audit");
    let pod = wait_for("the pod in the TEndpoint", || async {
        let endpoint = find::<TEndpoint>(&space).await?;
        endpoint.status?.pods.into_iter().find(|pod| pod.present_state == "Active")
    })
    .await;
    assert!(!pod.pod_ip.is_empty() && pod.id == "v1" && pod.container_statuses[0].ready, "{pod:?}");

    space.api::<Pod>().delete("ledger-audit-0", &DeleteParams::default()).await.expect("the pod goes");
    wait_for("the end of the pod to be on record", || async {
        let record = find::<TExitedRecord>(&space).await?;
        record.pods.into_iter().find(|ended| ended.uid.as_deref() == Some(&pod.uid))
    })
    .await;
    wait_until_ready(&space).await;

    space.api::<TServer>().delete(NAME, &DeleteParams::default()).await.expect("the TServer goes");
    wait_for("nothing to be left", || async {
        let gone = find::<Service>(&space).await.is_none()
            && find::<StatefulSet>(&space).await.is_none()
            && find::<TEndpoint>(&space).await.is_none()
            && find::<TExitedRecord>(&space).await.is_none()
            && space.api::<Pod>().list(&ListParams::default()).await.expect("pods").items.is_empty();
        gone.then_some(())
    })
    .await;
    space.delete().await;
}

#[tokio::test]
async fn what_others_change_or_delete_is_repaired_and_nothing_else_is_written() {
    let space = Space::create("drift").await;
    space.admit_nodes().await;
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    wait_until_ready(&space).await;
    let set = find::<StatefulSet>(&space).await.expect("a StatefulSet");
    let service = find::<Service>(&space).await.expect("a Service");

    let change = Patch::Merge(json!({"spec": {"important": 17}}));
    space.api::<TEndpoint>().patch(NAME, &PatchParams::default(), &change).await.expect("a changed TEndpoint");
    wait_for("the TEndpoint to be repaired", || async {
        find::<TEndpoint>(&space).await.filter(|endpoint| endpoint.spec.important == 3)
    })
    .await;
    space.api::<Service>().delete(NAME, &DeleteParams::default()).await.expect("the Service goes");
    wait_for("another Service", || async { find::<Service>(&space).await.filter(|other| other.uid() != service.uid()) }).await;

    let after = find::<StatefulSet>(&space).await.expect("the StatefulSet");
    assert_eq!((after.uid(), after.resource_version()), (set.uid(), set.resource_version()), "it was as it should be");
    space.delete().await;
}

#[tokio::test]
async fn a_server_moves_between_stateful_set_and_daemon_set() {
    let space = Space::create("switch").await;
    space.admit_nodes().await;
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    wait_until_ready(&space).await;
    space.apply::<TServer>(&HEALTHY.replace("replicas: 1", "daemonSet: true")).await.expect("the TServer");
    wait_for("the DaemonSet alone", || async {
        let switched = find::<DaemonSet>(&space).await.is_some()
            && find::<StatefulSet>(&space).await.is_none()
            && find::<Service>(&space).await.is_none();
        switched.then_some(())
    })
    .await;
    wait_until_ready(&space).await;
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    wait_for("the StatefulSet alone", || async {
        let switched = find::<DaemonSet>(&space).await.is_none() && find::<Service>(&space).await.is_some();
        find::<StatefulSet>(&space).await.filter(|_| switched)
    })
    .await;
    wait_until_ready(&space).await;
    space.delete().await;
}

#[tokio::test]
async fn a_server_without_a_node_names_the_label_and_runs_once_a_node_has_it() {
    let space = Space::create("node").await;
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    let message = wait_for_warning(&space, "NoNodeMatches").await;
    assert!(message.contains(&format!("kubectl label node NODE tars.io/node.{}=", space.name)), "{message}");
    space.admit_nodes().await;
    wait_until_ready(&space).await;
    space.delete().await;
}

/// Admission does not allow people to delete a template in use. Kubernetes itself may, here because the owner of the template is deleted.
#[tokio::test]
async fn a_server_whose_template_is_gone_names_the_template_and_recovers_with_it() {
    let space = Space::create("template").await;
    let owner: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "owner"}})).expect("a ConfigMap");
    let owner = space.api::<ConfigMap>().create(&PostParams::default(), &owner).await.expect("an owner");
    let template = |owners: Value| {
        let metadata = json!({"name": "ledger.cpp", "ownerReferences": owners});
        let spec = json!({"content": "", "parent": "ledger.cpp"});
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": metadata, "spec": spec}).to_string()
    };
    let references = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.uid()}]);
    space.apply::<TTemplate>(&template(references)).await.expect("a template that goes with its owner");
    space.apply::<TServer>(TARS).await.expect("the TServer");
    space.wait_for_condition(NAME, "TemplateResolved", "True").await;
    wait_for_reason(&space, "NotReleased").await;

    space.api::<ConfigMap>().delete("owner", &DeleteParams::background()).await.expect("the owner goes");
    let message = wait_for_warning(&space, "TemplateMissing").await;
    let expected = format!("template \"ledger.cpp\" not found among the TTemplates of namespace {}; create it", space.name);
    assert!(message.starts_with(&expected), "{message}");
    space.apply::<TTemplate>(&template(json!([]))).await.expect("the template once more");
    space.wait_for_condition(NAME, "TemplateResolved", "True").await;
    wait_for_reason(&space, "NotReleased").await;
    space.delete().await;
}

#[tokio::test]
async fn a_server_whose_image_cannot_be_pulled_names_the_image() {
    let space = Space::create("image").await;
    space.admit_nodes().await;
    let broken = HEALTHY.replace("tarsrs/probe:v0.1.0", "tarsrs/no-such-image:v0.1.0");
    space.apply::<TServer>(&broken).await.expect("the TServer");
    let message = wait_for_warning(&space, "ImageNotPulled").await;
    assert!(message.contains("docker.io/tarsrs/no-such-image:v0.1.0"), "{message}");
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    // Kubernetes does not replace a pod that was never ready. A person has to delete it.
    let _ = space.api::<Pod>().delete("ledger-audit-0", &DeleteParams::default()).await;
    wait_until_ready(&space).await;
    space.delete().await;
}

#[tokio::test]
async fn a_server_that_ends_at_once_says_with_which_code_and_where_to_look() {
    let space = Space::create("crash").await;
    space.admit_nodes().await;
    space.apply::<TServer>(&HEALTHY.replace("[ serve, ':8080' ]", "[ nonsense ]")).await.expect("the TServer");
    let message = wait_for_warning(&space, "Crashing").await;
    assert!(message.contains("exit code 1") && message.contains("kubectl logs"), "{message}");
    space.delete().await;
}

#[tokio::test]
async fn a_server_whose_claim_stays_unbound_names_the_claim() {
    let space = Space::create("claim").await;
    space.admit_nodes().await;
    let mount = "{ name: data, mountPath: /data, source: { persistentVolumeClaimTemplate: { spec: { accessModes: [ ReadWriteOnce ], \
                 storageClassName: no-such-class, resources: { requests: { storage: 1Gi } } } } } }";
    let server = HEALTHY.replace("replicas: 1", &format!("replicas: 1, mounts: [ {mount} ]"));
    space.apply::<TServer>(&server).await.expect("the TServer");
    let message = wait_for_warning(&space, "ClaimUnbound").await;
    assert!(message.contains("data-ledger-audit-0") && message.contains("no-such-class"), "{message}");

    // A claim of a plain claim template belongs to the data and stays when the server goes.
    space.api::<TServer>().delete(NAME, &DeleteParams::default()).await.expect("the TServer goes");
    wait_for("the StatefulSet to go", || async { find::<StatefulSet>(&space).await.is_none().then_some(()) }).await;
    let claims = space.api::<PersistentVolumeClaim>().list(&ListParams::default()).await.expect("claims").items;
    assert_eq!(claims.len(), 1);
    assert!(claims[0].metadata.deletion_timestamp.is_none());
    space.delete().await;
}

#[tokio::test]
async fn a_name_that_is_taken_stays_with_its_owner_and_the_server_says_so() {
    let space = Space::create("foreign").await;
    space.admit_nodes().await;
    let service: Service = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": {"ports": [{"port": 80}]},
    }))
    .expect("a Service");
    let before = space.api::<Service>().create(&PostParams::default(), &service).await.expect("somebody's Service");
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    let message = wait_for_warning(&space, "OutControl").await;
    let name = format!("{}/{NAME}", space.name);
    assert!(message.starts_with(&format!("service {name} already exists but not managed by {name};")), "{message}");
    let after = find::<Service>(&space).await.expect("somebody's Service");
    assert_eq!(after.resource_version(), before.resource_version());
    space.api::<Service>().delete(NAME, &DeleteParams::default()).await.expect("their Service goes");
    wait_until_ready(&space).await;
    space.delete().await;
}

#[tokio::test]
async fn a_server_that_was_never_released_has_its_objects_and_no_pods() {
    let space = Space::create("fresh").await;
    let server = HEALTHY.replace("  release: { id: v1, image: docker.io/tarsrs/probe:v0.1.0 }\n", "");
    space.apply::<TServer>(&server).await.expect("the TServer");
    let ready = wait_for_reason(&space, "NotReleased").await;
    assert!(ready.message.contains("spec.release"), "{}", ready.message);
    let set = find::<StatefulSet>(&space).await.expect("a StatefulSet").spec.expect("its spec");
    assert_eq!(set.replicas, Some(0));
    assert_eq!(set.template.spec.expect("a pod").containers[0].image.as_deref(), Some(" "));
    space.delete().await;
}

async fn find_pod_uid(space: &Space) -> Option<String> {
    space.api::<Pod>().get_opt("ledger-audit-0").await.expect("an answer")?.uid()
}

/// `kubectl delete --cascade=orphan` leaves the objects, and the garbage collector takes their owner off.
#[tokio::test]
async fn a_server_that_is_made_again_goes_on_with_the_objects_that_its_deletion_left() {
    let space = Space::create("orphans").await;
    space.admit_nodes().await;
    let first = space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    wait_until_ready(&space).await;
    let set = find::<StatefulSet>(&space).await.expect("a StatefulSet");
    let pod = find_pod_uid(&space).await.expect("a pod");

    space.api::<TServer>().delete(NAME, &DeleteParams::orphan()).await.expect("the TServer goes");
    wait_for("the TServer to be gone", || async { find::<TServer>(&space).await.is_none().then_some(()) }).await;
    let orphan = find::<StatefulSet>(&space).await.expect("an orphan");
    assert!(orphan.uid() == set.uid() && orphan.owner_references().is_empty(), "{:?}", orphan.metadata);

    let second = space.apply::<TServer>(HEALTHY).await.expect("the TServer again");
    assert_ne!(second.uid(), first.uid());
    wait_for("the StatefulSet to be adopted", || async {
        let set = find::<StatefulSet>(&space).await?;
        let adopted = set.owner_references().iter().any(|owner| Some(&owner.uid) == second.metadata.uid.as_ref());
        adopted.then_some(())
    })
    .await;
    wait_until_ready(&space).await;
    let after = find::<StatefulSet>(&space).await.expect("the StatefulSet");
    assert_eq!((after.uid(), find_pod_uid(&space).await), (set.uid(), Some(pod)), "neither it nor its pod was replaced");
    space.delete().await;
}

/// What `kubectl rollout restart` does.
#[tokio::test]
async fn a_restart_by_kubectl_happens_once_and_outlives_later_changes_of_the_server() {
    const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
    let space = Space::create("restart").await;
    space.admit_nodes().await;
    space.apply::<TServer>(HEALTHY).await.expect("the TServer");
    wait_until_ready(&space).await;
    let before = find_pod_uid(&space).await.expect("a pod");
    let restart =
        Patch::Strategic(json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: "2030-01-01T00:00:00Z"}}}}}));
    let restarted = space.api::<StatefulSet>().patch(NAME, &PatchParams::default(), &restart).await.expect("a restart");
    let pod = wait_for("another pod", || async { find_pod_uid(&space).await.filter(|uid| *uid != before) }).await;

    let change = Patch::Merge(json!({"spec": {"important": 4}}));
    space.api::<TServer>().patch(NAME, &PatchParams::default(), &change).await.expect("a changed TServer");
    wait_for("the change to arrive", || async {
        find::<TEndpoint>(&space).await.filter(|endpoint| endpoint.spec.important == 4)
    })
    .await;
    wait_until_ready(&space).await;
    let set = find::<StatefulSet>(&space).await.expect("the StatefulSet");
    assert_eq!(set.metadata.generation, restarted.metadata.generation, "nothing has written its spec since");
    let annotations = set.spec.and_then(|spec| spec.template.metadata?.annotations).unwrap_or_default();
    assert_eq!(annotations.get(RESTARTED).map(String::as_str), Some("2030-01-01T00:00:00Z"));
    assert_eq!(find_pod_uid(&space).await, Some(pod), "one restart");
    space.delete().await;
}
