//! Health as a conjunction of named checks, told by `grpc.health.v1`.
//!
//! | service name asked for | answer |
//! | --- | --- |
//! | `""` or `readiness` | SERVING while every check holds |
//! | `liveness` | SERVING as long as the process answers |
//!
//! A lost dependency makes a process unready, never dead: restarting it would not bring the dependency back.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// The service name for readiness probes.
pub const READINESS: &str = "readiness";
/// The service name for liveness probes.
pub const LIVENESS: &str = "liveness";

/// The health of one process. Clones share their state.
#[derive(Clone)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    reporter: HealthReporter,
}

impl Health {
    /// A process that is alive, and ready once each of `checks` was set to true. Without checks it is ready at once.
    pub async fn new(checks: &[&'static str]) -> Self {
        let health = Self {
            checks: Arc::new(Mutex::new(checks.iter().map(|check| (*check, false)).collect())),
            reporter: HealthReporter::new(),
        };
        health.reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
        health.publish().await;
        health
    }

    /// Says whether `check` holds now. Logs each change, so that an unready pod explains itself in its log.
    pub async fn set(&self, check: &'static str, holds: bool) {
        let before = self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(check, holds);
        if before != Some(holds) {
            tracing::info!(check, holds, "health check changed");
            self.publish().await;
        }
    }

    /// Says that `check` holds once `ready` comes, then waits for the stop, as a part of a process has to.
    pub async fn announce(
        self,
        check: &'static str,
        ready: impl Future<Output = ()>,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        tokio::select! {
            () = ready => self.set(check, true).await,
            () = stop.cancelled() => {}
        }
        stop.cancelled().await;
        Ok(())
    }

    /// Whether every check holds.
    pub fn is_ready(&self) -> bool {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).values().all(|holds| *holds)
    }

    /// The checks that do not hold, in alphabetical order.
    pub fn failing(&self) -> Vec<&'static str> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.iter().filter(|(_, holds)| !**holds).map(|(check, _)| *check).collect()
    }

    /// The gRPC service that answers probes.
    pub fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn publish(&self) {
        let status = if self.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status("", status).await;
        self.reporter.set_service_status(READINESS, status).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_ready_only_while_every_check_holds() {
        let health = Health::new(&["caches", "lease"]).await;
        assert_eq!(health.failing(), ["caches", "lease"]);
        health.set("caches", true).await;
        assert!(!health.is_ready());
        health.set("lease", true).await;
        assert!(health.is_ready());
        health.set("caches", false).await;
        assert_eq!(health.failing(), ["caches"]);
    }

    #[tokio::test]
    async fn what_was_announced_holds_until_the_stop() {
        let (health, stop) = (Health::new(&["caches"]).await, CancellationToken::new());
        let announcement = tokio::spawn(health.clone().announce("caches", std::future::ready(()), stop.clone()));
        while !health.is_ready() {
            tokio::task::yield_now().await;
        }
        assert!(!announcement.is_finished());
        stop.cancel();
        assert!(announcement.await.is_ok());
    }
}
