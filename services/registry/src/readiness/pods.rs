//! Reads and writes the condition of one pod.

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
    /// Whether the server is ready as far as it is concerned.
    pub active: bool,
    /// `setting/present/pid`, or less.
    pub reason: String,
}

impl Condition {
    /// `status` of the condition.
    pub const fn status(&self) -> &'static str {
        if self.active { "True" } else { "False" }
    }

    /// The strategic merge patch that sets this condition and nothing else.
    fn to_patch(&self) -> Value {
        json!({"status": {"conditions": [{"type": READINESS_GATE, "status": self.status(), "reason": self.reason}]}})
    }

    fn is_in(&self, pod: &Pod) -> bool {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        conditions.iter().any(|condition| {
            condition.type_ == READINESS_GATE
                && condition.status == self.status()
                && condition.reason.as_deref().unwrap_or_default() == self.reason
        })
    }
}

/// What was done about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was patched.
    Patched,
    /// It was right already.
    Unchanged,
}

/// Why the condition of a pod could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// There is no such pod.
    #[error("pod {pod} does not exist in this namespace")]
    Missing {
        /// Name of the pod.
        pod: String,
    },
    /// The pod is none of a Tars server, or carries the labels of another one than its name says.
    #[error(
        "pod {pod} is not one of a Tars server: its name and its labels tars.io/ServerApp and tars.io/ServerName do not match"
    )]
    Foreign {
        /// Name of the pod.
        pod: String,
    },
    /// The API server refused.
    #[error("the API server refused to {verb} pod {pod}: {source}")]
    Refused {
        /// `get` or `patch`.
        verb: &'static str,
        /// Name of the pod.
        pod: String,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// The API server can't be reached or is overloaded; worth another try.
    #[error("could not {verb} pod {pod}: {source}")]
    Unreachable {
        /// `get` or `patch`.
        verb: &'static str,
        /// Name of the pod.
        pod: String,
        /// What happened.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time; worth another try.
    #[error("the API server did not answer within {}ms to {verb} pod {pod}", ATTEMPT.as_millis())]
    Slow {
        /// `get` or `patch`.
        verb: &'static str,
        /// Name of the pod.
        pod: String,
    },
}

impl PodError {
    /// Whether the same request may succeed a little later.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Slow { .. })
    }
}

/// The pods of the namespace.
#[derive(Debug, Clone)]
pub struct Pods(Api<Pod>);

impl Pods {
    /// The pods of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// Sets the condition of a Tars server's pod.
    pub async fn set_server_condition(&self, name: &str, condition: &Condition) -> Result<Written, PodError> {
        let pod = self.get(name).await?;
        if !is_of_its_server(name, &pod) {
            return Err(PodError::Foreign { pod: name.to_owned() });
        }
        self.write(name, &pod, condition).await
    }

    /// Sets the condition of any pod.
    pub async fn set_condition(&self, name: &str, condition: &Condition) -> Result<Written, PodError> {
        let pod = self.get(name).await?;
        self.write(name, &pod, condition).await
    }

    async fn get(&self, name: &str) -> Result<Pod, PodError> {
        attempt("get", name, self.0.get(name)).await
    }

    async fn write(&self, name: &str, pod: &Pod, condition: &Condition) -> Result<Written, PodError> {
        if condition.is_in(pod) {
            return Ok(Written::Unchanged);
        }
        let patch = Patch::Strategic(condition.to_patch());
        attempt("patch", name, self.0.patch_status(name, &PatchParams::default(), &patch)).await?;
        Ok(Written::Patched)
    }
}

/// Whether the labels of a pod name a server whose workload makes pods of that name.
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
