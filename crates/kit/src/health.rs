//! The health of a process: named checks that must all hold, published through `grpc.health.v1`.
//!
//! | service name in the request | answer |
//! | --- | --- |
//! | `""` or `readiness` | SERVING while every check holds |
//! | `liveness` | SERVING as long as the process answers |
//!
//! A check that fails makes a process unready, but never dead, because a restart would not bring back what the process depends on.

use crate::connections::{self, Http, Limits};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// The service name for readiness probes.
pub const READINESS: &str = "readiness";
/// The service name for liveness probes.
pub const LIVENESS: &str = "liveness";

/// Serves `health`, and nothing else, in plain text on `listener` until `stop` is cancelled. The kubelet speaks no TLS in a `grpc:` probe,
/// so probes have this port of their own (docs/reference/trust.md#1.1).
pub async fn serve(listener: TcpListener, health: Health, stop: CancellationToken) -> Result<(), Infallible> {
    let router = Routes::new(health.service()).prepare().into_axum_router();
    let plain = |stream| future::ready(Ok(stream));
    let limits = Limits { linger: Duration::ZERO, ..Limits::default() };
    connections::serve(limits, Http::Two, listener, router, plain, stop).await;
    Ok(())
}

/// The health of one process. Clones share their state.
#[derive(Clone)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    reporter: HealthReporter,
}

impl Health {
    /// Publishes that the process is alive but not ready. It becomes ready once each of `checks` was set to true, or at once if there are
    /// no checks.
    pub async fn new(checks: &[&'static str]) -> Self {
        let health = Self {
            checks: Arc::new(Mutex::new(checks.iter().map(|check| (*check, false)).collect())),
            reporter: HealthReporter::new(),
        };
        health.reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
        health.publish().await;
        health
    }

    /// Sets whether `check` holds now. Each change is logged, so that the log of an unready pod explains the pod.
    pub async fn set(&self, check: &'static str, holds: bool) {
        let before = self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(check, holds);
        if before != Some(holds) {
            tracing::info!(check, holds, "health check changed");
            self.publish().await;
        }
    }

    /// Sets `check` to true when `ready` ends, then waits for the stop: a task of a process must not end before.
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

    /// The gRPC service that answers the probes.
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
    async fn an_announced_check_holds_until_the_stop() {
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
