//! Reads and writes the condition `tars.io/active` of one pod.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use std::time::Duration;
use tars_common::names::{READINESS_GATE, label, server_object_name};

/// How long one request to the API server may take.
const ATTEMPT: Duration = Duration::from_millis(1_500);

/// The condition `tars.io/active` as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether the server considers itself ready.
    pub active: bool,
    /// `SETTING/PRESENT/PID` for a server; the own pod has no process id here.
    pub reason: String,
    /// How the process of a server ended by itself, or empty.
    pub message: String,
}

impl Condition {
    /// The `status` of the condition.
    pub const fn status(&self) -> &'static str {
        if self.active { "True" } else { "False" }
    }

    /// The strategic merge patch that sets this condition and nothing else. `None` if the pod has the condition already.
    fn to_patch(&self, pod: &Pod) -> Option<Value> {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let present = conditions.iter().find(|condition| condition.type_ == READINESS_GATE);
        let told = present.and_then(|present| present.message.as_deref()).unwrap_or_default();
        let is_right = present.is_some_and(|present| {
            present.status == self.status()
                && present.reason.as_deref().unwrap_or_default() == self.reason
                && told == self.message
        });
        let mut wanted = json!({"type": READINESS_GATE, "status": self.status(), "reason": self.reason});
        if told != self.message {
            wanted["message"] = json!(self.message);
        }
        (!is_right).then(|| json!({"status": {"conditions": [wanted]}}))
    }
}

/// The result of setting a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The condition was patched.
    Patched,
    /// The condition was right already, so nothing was written.
    Unchanged,
}

/// Why the condition of a pod could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// The pod does not exist.
    #[error("pod {pod} does not exist in this namespace")]
    Missing { pod: String },
    /// The pod does not belong to a Tars server, or its labels name another server than its own name does.
    #[error(
        "pod {pod} does not belong to a Tars server: its name and its labels tars.io/ServerApp and tars.io/ServerName do not match"
    )]
    Foreign { pod: String },
    /// The API server refused the request. `verb` is `get` or `patch`, here and below.
    #[error("the API server refused to {verb} pod {pod}: {source}")]
    Refused { verb: &'static str, pod: String, source: Box<kube::Error> },
    /// The API server cannot be reached or is overloaded. Another attempt may succeed.
    #[error("could not {verb} pod {pod}: {source}")]
    Unreachable { verb: &'static str, pod: String, source: Box<kube::Error> },
    /// The API server did not answer in time. Another attempt may succeed.
    #[error("the API server did not answer within {}ms to {verb} pod {pod}", ATTEMPT.as_millis())]
    Slow { verb: &'static str, pod: String },
}

impl PodError {
    /// Whether another attempt may succeed.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Slow { .. })
    }
}

/// The pods of the namespace.
#[derive(Debug, Clone)]
pub struct Pods(Api<Pod>);

impl Pods {
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// Sets the condition of a pod, which must belong to a Tars server.
    pub async fn set_server_condition(&self, name: &str, condition: &Condition) -> Result<Written, PodError> {
        let pod = self.get(name).await?;
        if !is_of_its_server(name, &pod) {
            return Err(PodError::Foreign { pod: name.to_owned() });
        }
        self.write(name, &pod, condition).await
    }

    /// Sets the condition of a pod, whatever it belongs to.
    pub async fn set_condition(&self, name: &str, condition: &Condition) -> Result<Written, PodError> {
        let pod = self.get(name).await?;
        self.write(name, &pod, condition).await
    }

    async fn get(&self, name: &str) -> Result<Pod, PodError> {
        attempt("get", name, self.0.get(name)).await
    }

    async fn write(&self, name: &str, pod: &Pod, condition: &Condition) -> Result<Written, PodError> {
        let Some(patch) = condition.to_patch(pod) else { return Ok(Written::Unchanged) };
        attempt("patch", name, self.0.patch_status(name, &PatchParams::default(), &Patch::Strategic(patch))).await?;
        Ok(Written::Patched)
    }
}

/// Whether the labels of a pod name a server whose pods have such a name.
fn is_of_its_server(name: &str, pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let label = |key| labels.and_then(|labels| labels.get(key));
    let (Some(app), Some(server)) = (label(label::SERVER_APP), label(label::SERVER_NAME)) else { return false };
    name.strip_prefix(&server_object_name(app, server)).is_some_and(|ordinal| ordinal.starts_with('-'))
}

async fn attempt<T>(verb: &'static str, name: &str, request: impl Future<Output = kube::Result<T>>) -> Result<T, PodError> {
    let pod = || name.to_owned();
    match tokio::time::timeout(ATTEMPT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(PodError::Missing { pod: pod() }),
        Ok(Err(error)) => {
            let final_answer = matches!(&error, kube::Error::Api(status)
                if (400..500).contains(&status.code) && !matches!(status.code, 408 | 409 | 429));
            let source = Box::new(error);
            Err(if final_answer {
                PodError::Refused { verb, pod: pod(), source }
            } else {
                PodError::Unreachable { verb, pod: pod(), source }
            })
        }
        Err(_elapsed) => Err(PodError::Slow { verb, pod: pod() }),
    }
}
