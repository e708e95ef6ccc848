//! The gate of the registry's own pod.

use super::{
    pods::{Condition, Pods, Written},
    report::retry_pauses,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the condition is looked at once it was right.
const RECHECK: Duration = Duration::from_mins(1);
/// How long the condition may take to be withdrawn when the process stops.
const WITHDRAW_WITHIN: Duration = Duration::from_secs(3);

/// Keeps `tars.io/active` of the own pod.
#[derive(Debug, Clone)]
pub struct OwnGate {
    pods: Pods,
    pod: String,
}

impl OwnGate {
    /// The gate of the pod of that name.
    pub fn new(pods: Pods, pod: String) -> Self {
        Self { pods, pod }
    }

    /// Says that this process is not serving yet. After a crash the condition may still be true from before.
    pub async fn announce_start(&self) {
        let starting = Condition { active: false, reason: "Active/Activating".to_owned() };
        if let Err(error) = self.pods.set_condition(&self.pod, &starting).await {
            tracing::warn!(pod = self.pod, %error, "own readiness gate could not be closed; going on");
        }
    }

    /// Says that this process serves, again and again until it is heard, and repairs the condition when somebody changes it.
    /// Returns when `stop` is cancelled.
    pub async fn keep_open(&self, stop: CancellationToken) {
        let serving = Condition { active: true, reason: "Active/Active".to_owned() };
        let mut pauses = retry_pauses();
        loop {
            let pause = match self.pods.set_condition(&self.pod, &serving).await {
                Ok(written) => {
                    if written == Written::Patched {
                        tracing::info!(pod = self.pod, "own readiness gate is open");
                    }
                    RECHECK
                }
                Err(error) => {
                    tracing::warn!(pod = self.pod, %error, "own readiness gate could not be opened; trying again");
                    pauses.next().unwrap_or(RECHECK)
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Says that this process is going away, so that clients are led elsewhere before it stops to answer.
    pub async fn close(&self) {
        let stopping = Condition { active: false, reason: "Active/Deactivating".to_owned() };
        match tokio::time::timeout(WITHDRAW_WITHIN, self.pods.set_condition(&self.pod, &stopping)).await {
            Ok(Ok(_)) => tracing::info!(pod = self.pod, "own readiness gate is closed"),
            Ok(Err(error)) => tracing::warn!(pod = self.pod, %error, "own readiness gate could not be closed"),
            Err(_elapsed) => tracing::warn!(pod = self.pod, "own readiness gate could not be closed in time"),
        }
    }
}
