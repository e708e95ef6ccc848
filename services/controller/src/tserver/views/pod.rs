//! The pods of servers, reduced to the facts that the status of a server needs.

use crate::{engine::cache::Key, views::server_key};
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use kube::api::{ApiResource, DynamicObject};
use serde::{Deserialize, Serialize};
use tars_common::{lenient::format_time, names::label, v1beta3::PodContainerStatus};

/// The label that names the revision of the workload from which a pod was made.
const REVISION: &str = "controller-revision-hash";

/// How many characters of a container's last line a message quotes.
const LAST_WORDS_LIMIT: usize = 200;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PodView {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Label `tars.io/ServerApp`, in its original case.
    pub app: String,
    /// Label `tars.io/ServerName`, in its original case.
    pub server: String,
    /// Label `tars.io/ServerID`, the release that the pod runs; empty without one.
    pub release: String,
    /// Label `controller-revision-hash`: the settings of its workload from which the pod was made; empty without one.
    pub revision: String,
    /// `spec.nodeName`; empty while the pod has no node.
    pub node: String,
    /// `status.phase`, such as `Pending`; empty if absent.
    pub phase: String,
    /// `status.podIP`; empty while the pod has no address.
    pub ip: String,
    /// `status.hostIP`; empty while the pod has no node.
    pub host_ip: String,
    /// When it was created, as RFC 3339 with seconds.
    pub created: String,
    /// When it ends after its grace period, as RFC 3339; `None` if it is not being deleted.
    pub deleted: Option<String>,
    /// The conditions in the order of the pod's status.
    pub conditions: Vec<PodCondition>,
    /// `status.containerStatuses`, with the fields that a TEndpoint has.
    pub statuses: Vec<PodContainerStatus>,
    /// The containers and init containers that wait or failed.
    pub stuck: Vec<ContainerState>,
    /// The claims that the pod's volumes refer to.
    pub claims: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodCondition {
    /// For example `PodScheduled`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Empty if absent.
    pub reason: String,
    /// Empty if absent.
    pub message: String,
}

/// A container that does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    pub container: String,
    pub image: String,
    /// When the kubelet asks a registry for the image: `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
    /// For example `ImagePullBackOff`, `CrashLoopBackOff`, `Error`.
    pub reason: String,
    /// The explanation of the kubelet; may be empty.
    pub message: String,
    /// The exit code of the last run that ended, if any.
    pub exit_code: Option<i32>,
    /// The last line of the termination message of that run, shortened; may be empty.
    pub last_words: String,
    /// How often it was restarted.
    pub restarts: i32,
}

impl PodView {
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let pod: Pod = serde_json::from_value(serde_json::to_value(object)?)?;
        let labels = pod.metadata.labels.unwrap_or_default();
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        let status = pod.status.unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let spec = pod.spec.unwrap_or_default();
        let described: Vec<_> = spec.init_containers.into_iter().flatten().chain(spec.containers).collect();
        let init = status.init_container_statuses.iter().flatten().map(|status| (status, true));
        let all = init.chain(containers.iter().map(|status| (status, false)));
        let stuck = all.filter_map(|(status, is_init)| find_trouble(status, is_init, &described)).collect();
        let volumes = spec.volumes.unwrap_or_default();
        Ok(Self {
            namespace: pod.metadata.namespace.unwrap_or_default(),
            name: pod.metadata.name.unwrap_or_default(),
            uid: pod.metadata.uid.unwrap_or_default(),
            app: label(label::SERVER_APP),
            server: label(label::SERVER_NAME),
            release: label(label::SERVER_ID),
            revision: label(REVISION),
            node: spec.node_name.unwrap_or_default(),
            phase: status.phase.unwrap_or_default(),
            ip: status.pod_ip.unwrap_or_default(),
            host_ip: status.host_ip.unwrap_or_default(),
            created: pod.metadata.creation_timestamp.as_ref().map(format_time).unwrap_or_default(),
            deleted: pod.metadata.deletion_timestamp.as_ref().map(format_time),
            conditions: status
                .conditions
                .into_iter()
                .flatten()
                .map(|condition| PodCondition {
                    kind: condition.type_,
                    status: condition.status,
                    reason: condition.reason.unwrap_or_default(),
                    message: condition.message.unwrap_or_default(),
                })
                .collect(),
            statuses: containers.iter().map(Into::into).collect(),
            stuck,
            claims: volumes.into_iter().filter_map(|volume| Some(volume.persistent_volume_claim?.claim_name)).collect(),
        })
    }

    /// The key of the TServer that it belongs to by its labels.
    pub fn server_key(&self) -> Option<Key> {
        let labels = [(label::SERVER_APP, &self.app), (label::SERVER_NAME, &self.server)];
        server_key(&self.namespace, &labels.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect())
    }

    /// The condition called `kind`.
    pub fn condition(&self, kind: &str) -> Option<&PodCondition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The number at the end of the name of a StatefulSet's pod.
    pub fn ordinal(&self) -> Option<u64> {
        self.name.rsplit('-').next()?.parse().ok()
    }

    /// Whether its condition Ready is True.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }
}

/// A main container must not end at all, an init container must not fail.
fn find_trouble(status: &ContainerStatus, is_init: bool, described: &[Container]) -> Option<ContainerState> {
    let state = status.state.as_ref()?;
    let last_exit = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let (reason, message, end) = if let Some(waiting) = &state.waiting {
        (waiting.reason.clone(), waiting.message.clone(), last_exit)
    } else {
        let end = state.terminated.as_ref().filter(|end| !is_init || end.exit_code != 0)?;
        (end.reason.clone(), end.message.clone(), Some(end))
    };
    // The image comes from the spec of the pod: the status spells the image of a running container in another way, and has no image
    // for an invalid name.
    let described = described.iter().find(|container| container.name == status.name);
    let image = described.and_then(|container| container.image.as_ref()).unwrap_or(&status.image);
    let pull_policy = described.and_then(|container| container.image_pull_policy.clone());
    Some(ContainerState {
        container: status.name.clone(),
        image: image.clone(),
        pull_policy: pull_policy.unwrap_or_default(),
        reason: reason.unwrap_or_default(),
        message: message.unwrap_or_default(),
        exit_code: end.map(|end| end.exit_code),
        last_words: end.and_then(|end| end.message.as_deref()).map(find_last_words).unwrap_or_default(),
        restarts: status.restart_count,
    })
}

/// Returns the last line of `text` that is not blank, shortened.
fn find_last_words(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(LAST_WORDS_LIMIT).collect()
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<Pod>(&())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A pod as the API server sends it, whose containers have these statuses.
    fn view(init: &serde_json::Value, main: &serde_json::Value) -> PodView {
        let status = |name: &str, state: &serde_json::Value| {
            let mut status = json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 2});
            status.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
            json!([status])
        };
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "ledger-audit-0", "namespace": "bank", "labels": {"controller-revision-hash": "ledger-audit-1"}},
            "spec": {
                "initContainers": [{"name": "tarsnode", "image": "registry/node", "imagePullPolicy": "Always"}],
                "containers": [{"name": "ledger-audit", "image": "registry/audit", "imagePullPolicy": "Never"}],
            },
            "status": {
                "initContainerStatuses": status("tarsnode", init), "containerStatuses": status("ledger-audit", main),
            },
        });
        PodView::of(serde_json::from_value(pod).unwrap()).unwrap()
    }

    #[test]
    fn a_container_that_waits_is_shown_with_image_and_pull_policy_from_the_spec_of_the_pod() {
        let waiting = |reason: &str| json!({"state": {"waiting": {"reason": reason, "message": "why"}}});
        let pod = view(&waiting("InvalidImageName"), &waiting("PodInitializing"));
        assert_eq!(pod.revision, "ledger-audit-1");
        let shown: Vec<_> = pod.stuck.iter().map(|one| [&*one.container, &one.image, &one.pull_policy, &one.reason]).collect();
        assert_eq!(
            shown,
            [
                ["tarsnode", "registry/node", "Always", "InvalidImageName"],
                ["ledger-audit", "registry/audit", "Never", "PodInitializing"]
            ]
        );
    }

    #[test]
    fn a_container_that_ended_is_shown_with_its_last_words() {
        let end = |message: &str| json!({"terminated": {"exitCode": 3, "reason": "Error", "message": message}});
        let again = json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": end("began\n no port left \n\n")});
        let pod = view(&again, &json!({"state": end(&"长".repeat(300))}));
        let shown: Vec<_> = pod.stuck.iter().map(|one| (one.exit_code, &*one.last_words)).collect();
        assert_eq!(shown, [(Some(3), "no port left"), (Some(3), &*"长".repeat(200))]);
        let never = view(&json!({"state": {"waiting": {"reason": "PodInitializing"}}}), &json!({"state": {}}));
        assert_eq!((never.stuck.len(), never.stuck[0].exit_code, &*never.stuck[0].last_words), (1, None, ""));
    }
}
