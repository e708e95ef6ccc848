//! The readiness gate of the registry's own pod.

use super::{
    pods::{Condition, Pods, Written},
    report::retry_pauses,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the condition is checked after it was right.
const RECHECK: Duration = Duration::from_mins(1);
/// How long closing the gate may take when the process stops.
const WITHDRAW_WITHIN: Duration = Duration::from_secs(3);

/// Keeps the condition `tars.io/active` of the own pod.
#[derive(Debug, Clone)]
pub struct OwnGate {
    pods: Pods,
    pod: String,
}

impl OwnGate {
    pub fn new(pods: Pods, pod: String) -> Self {
        Self { pods, pod }
    }

    /// Closes the gate at the start: this process does not serve yet, but after a crash the gate may still be open.
    pub async fn announce_start(&self) {
        let starting = Condition { active: false, reason: "Active/Activating".to_owned(), message: String::new() };
        if let Err(error) = self.pods.set_condition(&self.pod, &starting).await {
            tracing::warn!(pod = self.pod, %error, "could not close the own readiness gate, going on");
        }
    }

    /// Opens the gate, trying until it succeeds, and opens it again whenever somebody else has changed it. Returns when `stop` is
    /// cancelled.
    pub async fn keep_open(&self, stop: CancellationToken) {
        let serving = Condition { active: true, reason: "Active/Active".to_owned(), message: String::new() };
        let mut pauses = retry_pauses();
        loop {
            let pause = match self.pods.set_condition(&self.pod, &serving).await {
                Ok(written) => {
                    if written == Written::Patched {
                        tracing::info!(pod = self.pod, "opened the own readiness gate");
                    }
                    RECHECK
                }
                Err(error) => {
                    tracing::warn!(pod = self.pod, %error, "could not open the own readiness gate, trying again");
                    pauses.next().unwrap_or(RECHECK)
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Closes the gate at the stop, so that clients are led elsewhere before this process stops answering.
    pub async fn close(&self) {
        let stopping = Condition { active: false, reason: "Active/Deactivating".to_owned(), message: String::new() };
        match tokio::time::timeout(WITHDRAW_WITHIN, self.pods.set_condition(&self.pod, &stopping)).await {
            Ok(Ok(_)) => tracing::info!(pod = self.pod, "closed the own readiness gate"),
            Ok(Err(error)) => tracing::warn!(pod = self.pod, %error, "could not close the own readiness gate"),
            Err(_elapsed) => tracing::warn!(pod = self.pod, "could not close the own readiness gate in time"),
        }
    }
}
