//! One writer among several replicas, by a Lease of `coordination.k8s.io`.
//!
//! ```text
//! Elector::acquire ──(free, or expired as seen from here)──► Leadership ──renewed every `retry`──┐
//!        ▲                                                        │                             │
//!        └── another instance renews: wait                        ├── renewal failed for `deadline`: lost is cancelled
//!                                                                 └── release(): holder emptied, the next one takes it at once
//! ```
//!
//! Rules (those of client-go, with which a replica of the previous controller can share the Lease during an upgrade):
//! - Expiry is measured from the moment *this* process saw the record change, by its own monotonic clock; clocks of other nodes are
//!   never trusted.
//! - Writes carry the resourceVersion that was read, so two takers cannot both succeed.
//! - A leader that could not renew for `deadline` (shorter than `duration`) cancels [`Leadership::lost`] before anybody else may take
//!   over; its holder must stop writing then.
//!
//! Existing crates trust the wall clock of the holder, or keep saying "leader" while the API server is away; hence our own.

mod decide;

use decide::{LastChange, Step, decide};
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The periods of an election. The defaults are those of the existing controller (docs/reference/controller.md#1).
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a record counts after it was last seen to change. Whole seconds, at least 1: it is written into the Lease.
    pub duration: Duration,
    /// A leader that could not renew for this long gives up; below `duration`.
    pub deadline: Duration,
    /// Time between two attempts to renew or to acquire.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { duration: Duration::from_secs(15), deadline: Duration::from_secs(10), retry: Duration::from_secs(2) }
    }
}

/// What one attempt came to.
enum Attempt {
    Held,
    HeldByOther,
    Conflict,
}

/// Takes part in the election for one Lease.
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
}

/// Proof that this process leads, until [`Leadership::lost`] is cancelled.
#[must_use = "leadership that nobody holds is released only by expiry"]
pub struct Leadership {
    /// Cancelled when leadership ended, for whatever reason. Stop writing then.
    pub lost: CancellationToken,
    released: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Leadership {
    /// Gives the Lease back, so that the next instance need not wait for expiry. Stop writing before you call this.
    pub async fn release(self) {
        self.released.cancel();
        // The task ends by itself and cannot panic: a JoinError would only say that the runtime is going down.
        let _ = self.task.await;
    }
}

impl Elector {
    /// An elector for the Lease `namespace/name`. `identity` must be unique among the replicas, and among the lives of one:
    /// use [`crate::instance_name`] and something random.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, timing: Timing) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, timing }
    }

    /// Waits until this process leads; `None` when `stop` was cancelled first.
    ///
    /// Errors of the API server are logged and retried: a standby has nothing better to do.
    pub async fn acquire(self, stop: &CancellationToken) -> Option<Leadership> {
        let mut last_change = None;
        loop {
            let led = tokio::select! {
                () = stop.cancelled() => return None,
                led = self.attempt(&mut last_change) => led,
            };
            match led {
                Ok(Attempt::Held) => break,
                Ok(Attempt::HeldByOther | Attempt::Conflict) => {}
                Err(error) => tracing::warn!(lease = self.name, %error, "cannot acquire the lease, trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(self.timing.retry) => {}
            }
        }
        tracing::info!(lease = self.name, identity = self.identity, "leading");
        let (lost, released) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(self.renew_until_lost(last_change, lost.clone(), released.clone()));
        Some(Leadership { lost, released, task })
    }

    /// Renews until released or until renewal failed for too long.
    async fn renew_until_lost(self, mut last_change: Option<LastChange>, lost: CancellationToken, released: CancellationToken) {
        let _cancel_on_exit = lost.clone().drop_guard();
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = released.cancelled() => return self.give_back().await,
                () = tokio::time::sleep(self.timing.retry) => {}
            }
            // The answer of a renewal must come before the deadline, or it says nothing about now.
            let left = self.timing.deadline.saturating_sub(renewed.elapsed());
            let sent = Instant::now();
            match tokio::time::timeout(left, self.attempt(&mut last_change)).await {
                Ok(Ok(Attempt::Held)) => renewed = sent,
                Ok(Ok(Attempt::HeldByOther)) => return tracing::error!(lease = self.name, "another instance took the lease"),
                Ok(Err(error)) => tracing::warn!(lease = self.name, %error, "cannot renew the lease, trying again"),
                // A conflict: somebody wrote between our look and our write, perhaps only a label. The next look tells.
                Ok(Ok(Attempt::Conflict)) | Err(_) => {}
            }
            if renewed.elapsed() >= self.timing.deadline {
                return tracing::error!(lease = self.name, deadline = ?self.timing.deadline, "the lease was not renewed in time");
            }
        }
    }

    /// One look at the Lease and, where the rules allow, one write.
    async fn attempt(&self, last_change: &mut Option<LastChange>) -> Result<Attempt, kube::Error> {
        let live = self.api.get_opt(&self.name).await?;
        let step = decide(live.as_ref(), last_change, &self.identity, self.timing.duration, Instant::now());
        let result = match step {
            Step::Wait => return Ok(Attempt::HeldByOther),
            Step::Create => self.api.create(&PostParams::default(), &self.build_record(None)).await,
            Step::Write => self.api.replace(&self.name, &PostParams::default(), &self.build_record(live.as_ref())).await,
        };
        match result {
            Ok(_) => Ok(Attempt::Held),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Attempt::Conflict),
            Err(error) => Err(error),
        }
    }

    fn build_record(&self, live: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let spec = live.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let ours = spec.holder_identity.as_deref() == Some(&self.identity);
        let transitions = spec.lease_transitions.unwrap_or(0);
        Lease {
            metadata: live.map_or_else(
                || ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                |lease| lease.metadata.clone(),
            ),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(i32::try_from(self.timing.duration.as_secs()).unwrap_or(i32::MAX)),
                acquire_time: if ours { spec.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_transitions: Some(if ours || live.is_none() { transitions } else { transitions.saturating_add(1) }),
                ..LeaseSpec::default()
            }),
        }
    }

    async fn give_back(&self) {
        let result = async {
            let Some(mut live) = self.api.get_opt(&self.name).await? else { return Ok(()) };
            let Some(spec) = live.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity)) else {
                return Ok(());
            };
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            self.api.replace(&self.name, &PostParams::default(), &live).await.map(|_| ())
        };
        match tokio::time::timeout(self.timing.retry, result).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "lease released"),
            Ok(Err(error)) => tracing::warn!(lease = self.name, %error, "lease not released, it expires by itself"),
            Err(_) => tracing::warn!(lease = self.name, "lease not released in time, it expires by itself"),
        }
    }
}
