//! Notices that the cluster was restored from a backup, by versions that go back.
//!
//! The API server takes resource versions from one counter of its store. Answers about the Lease are read one after the other, and each is
//! up to date, so a lower version than an earlier one means that the counter itself went back. A watch does not notice this: it waits in
//! silence until the counter has reached the version again with which the watch began.

use k8s_openapi::api::coordination::v1::Lease;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Tells when the cluster was restored from a backup.
#[derive(Clone, Debug)]
pub struct Restores(watch::Receiver<u64>);

impl From<watch::Receiver<u64>> for Restores {
    /// Each new number in the channel tells of a restore.
    fn from(numbers: watch::Receiver<u64>) -> Self {
        Self(numbers)
    }
}

impl Restores {
    /// Waits for the next restore. What the process knows of the cluster is then worthless. It waits for ever after the election has ended.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The highest version that the Lease has had.
#[derive(Debug)]
pub(super) struct Versions {
    highest: AtomicU64,
    restores: watch::Sender<u64>,
}

impl Default for Versions {
    fn default() -> Self {
        Self { highest: AtomicU64::new(0), restores: watch::Sender::new(0) }
    }
}

impl Versions {
    pub(super) fn subscribe(&self) -> Restores {
        Restores(self.restores.subscribe())
    }

    /// Notes the version of an answer.
    pub(super) fn note(&self, lease: &Lease) {
        let Some(version) = lease.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()) else { return };
        let before = self.highest.swap(version, Ordering::Relaxed);
        if version < before {
            tracing::warn!(version, before, "the versions of the cluster went back, as after a restore");
            self.restores.send_modify(|restores| *restores += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use kube::api::ObjectMeta;

    #[test]
    fn a_version_that_goes_back_is_told_once() {
        let versions = Versions::default();
        let mut restores = versions.subscribe();
        let note = |version: &str| {
            let metadata = ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() };
            versions.note(&Lease { metadata, spec: None });
        };
        for version in ["700", "700", "701", "none"] {
            note(version);
        }
        assert!(restores.next().now_or_never().is_none());
        note("350");
        assert!(restores.next().now_or_never().is_some());
        note("351");
        assert!(restores.next().now_or_never().is_none());
    }
}
