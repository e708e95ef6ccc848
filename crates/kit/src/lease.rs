//! Elects one writer among several replicas by a Lease of `coordination.k8s.io`.
//!
//! ```text
//! Elector::acquire ──(free, or expired by our own clock)───► Leadership ──renewed every `retry`──┐
//!        ▲                                                        │                             │
//!        └── another instance renews: wait                        ├── renewal failed for `deadline`: lost is cancelled
//!                                                                 └── release(): holder emptied, the next one takes it at once
//! Fence::holds ── asked before each write: false from the moment at which `deadline` has passed, even if no task has run since
//! ```
//!
//! The rules are those of client-go, so that a replica of the existing controller can share the Lease during an upgrade:
//! - Expiry is measured by the monotonic clock of *this* process, from the moment when this process saw the record change. Clocks of
//!   other nodes are never trusted.
//! - A write carries the resourceVersion that was read, so two instances cannot both take the Lease.
//! - A leader that could not renew for `deadline` (shorter than `duration`) cancels [`Leadership::lost`] before another instance may
//!   take over. Its holder must stop writing then. A process that was suspended goes on before any task of it can cancel the token, so
//!   its writers also ask the [`Fence`].
//! - A leader renews by one write. It reads the Lease only after a conflict.
//!
//! Existing crates trust the wall clock of the holder, or still report leadership while the API server is away. Therefore this module
//! exists.

mod decide;
mod fence;
mod holder;
mod versions;

pub use fence::Fence;
pub use holder::Holder;
pub use versions::Restores;

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
use versions::Versions;

/// The periods of an election (docs/reference/controller.md#1.2). By default another instance leads at most 5 s after the leader died: 0.5 s
/// until the standby looks, 4 s of validity, and the time of one write.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a record counts after its last change was seen. Whole seconds, at least 1, because the value is written into the Lease.
    pub duration: Duration,
    /// After so long without a renewal a leader gives up. Shorter than `duration`.
    pub deadline: Duration,
    /// Time between two renewals. Three of them fit into `deadline`.
    pub retry: Duration,
    /// Time between two looks of a standby.
    pub look: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(4),
            deadline: Duration::from_secs(3),
            retry: Duration::from_secs(1),
            look: Duration::from_millis(500),
        }
    }
}

/// The result of one attempt to take or renew the Lease.
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
    fence: Fence,
    versions: Versions,
}

/// What an instance knows about the Lease.
#[derive(Default)]
struct Knowledge {
    last_change: Option<LastChange>,
    /// The Lease as this instance wrote it last.
    ours: Option<Lease>,
}

/// The proof that this process leads, until [`Leadership::lost`] is cancelled.
#[must_use = "a Lease whose leadership is dropped is released only by expiry"]
pub struct Leadership {
    /// Cancelled when leadership has ended for any reason. Stop writing then.
    pub lost: CancellationToken,
    released: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Leadership {
    /// Gives the Lease back, so that the next instance need not wait until it expires. Stop writing before you call this.
    pub async fn release(self) {
        self.released.cancel();
        // The task ends by itself and cannot panic. A JoinError would only say that the runtime is shutting down.
        let _ = self.task.await;
    }
}

impl Elector {
    /// Prepares the election for the Lease `namespace/name`. `identity` must differ between replicas, and between two runs of one
    /// replica: join [`crate::instance_name`] and a random text.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, timing: Timing) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), identity, timing, fence: Fence::closed(), versions: Versions::default() }
    }

    /// The fence that is open while this instance leads.
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Tells when the cluster was restored from a backup.
    pub fn restores(&self) -> Restores {
        self.versions.subscribe()
    }

    /// Waits until this process leads. Returns `None` if `stop` was cancelled first.
    ///
    /// After an error of the API server it logs the error and tries again.
    pub async fn acquire(self, stop: &CancellationToken) -> Option<Leadership> {
        let mut known = Knowledge::default();
        loop {
            let led = tokio::select! {
                () = stop.cancelled() => return None,
                led = self.attempt(&mut known) => led,
            };
            match led {
                Ok(Attempt::Held) => break,
                Ok(Attempt::HeldByOther | Attempt::Conflict) => {}
                Err(error) => tracing::warn!(lease = self.name, %error, "cannot acquire the lease, trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(self.timing.look) => {}
            }
        }
        tracing::info!(lease = self.name, identity = self.identity, "leading");
        let (lost, released) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(self.renew_until_lost(known, lost.clone(), released.clone()));
        Some(Leadership { lost, released, task })
    }

    /// Renews the Lease until it is released, or until renewals have failed for too long.
    async fn renew_until_lost(self, mut known: Knowledge, lost: CancellationToken, released: CancellationToken) {
        let _cancel_on_exit = lost.clone().drop_guard();
        let _close_on_exit = self.fence.close_on_drop();
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = released.cancelled() => return self.give_back().await,
                () = tokio::time::sleep(self.timing.retry) => {}
            }
            // An answer that comes after the deadline proves nothing, because another instance may have taken over meanwhile.
            let left = self.timing.deadline.saturating_sub(renewed.elapsed());
            let sent = Instant::now();
            match tokio::time::timeout(left, self.attempt(&mut known)).await {
                Ok(Ok(Attempt::Held)) => renewed = sent,
                Ok(Ok(Attempt::HeldByOther)) => return tracing::error!(lease = self.name, "another instance took the lease"),
                Ok(Err(error)) => tracing::warn!(lease = self.name, %error, "cannot renew the lease, trying again"),
                // After a conflict somebody has written between our read and our write, perhaps only a label. The next read tells.
                Ok(Ok(Attempt::Conflict)) | Err(_) => {}
            }
            if renewed.elapsed() >= self.timing.deadline {
                return tracing::error!(lease = self.name, deadline = ?self.timing.deadline, "the lease was not renewed in time");
            }
        }
    }

    /// Writes the Lease once, if the rules allow it. It is read first, unless the last write of this instance is known.
    async fn attempt(&self, known: &mut Knowledge) -> Result<Attempt, kube::Error> {
        // The Lease counts from the moment before the write is sent.
        let sent = fence::now();
        let written = if let Some(ours) = known.ours.take() {
            self.replace(Some(&ours)).await
        } else {
            let live = self.api.get_opt(&self.name).await?;
            if let Some(lease) = &live {
                self.versions.note(lease);
            }
            match decide(live.as_ref(), &mut known.last_change, &self.identity, self.timing.duration, Instant::now()) {
                Step::Wait => return Ok(Attempt::HeldByOther),
                Step::Create => self.api.create(&PostParams::default(), &self.build_record(None)).await,
                Step::Write => self.replace(live.as_ref()).await,
            }
        };
        match written {
            Ok(lease) => {
                self.versions.note(&lease);
                self.fence.open_until(sent + self.timing.deadline);
                known.ours = Some(lease);
                Ok(Attempt::Held)
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Attempt::Conflict),
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, live: Option<&Lease>) -> Result<Lease, kube::Error> {
        self.api.replace(&self.name, &PostParams::default(), &self.build_record(live)).await
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
