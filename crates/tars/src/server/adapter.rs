//! One listener: its endpoint, its servants, its limits and its counters.

use super::{dispatch::Dispatch, quiet_log::QuietLog};
use crate::{endpoint::Endpoint, packet::DEFAULT_MAX_FRAME};
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// A request may always wait this long in the queue, even if [`AdapterLimits::queue_timeout`] is shorter.
const LEAST_QUEUE_TIMEOUT: Duration = Duration::from_secs(3);

/// How much an adapter accepts at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdapterLimits {
    /// How many connections may be open. A further one is closed at once. 10,000 by default.
    pub connections: usize,
    /// How many requests may run at a time, each in a task of its own. 1,024 by default.
    pub concurrency: usize,
    /// How many requests may wait in the queue while others run. If more than four fifths of the queue are taken, a further
    /// request is answered with -9; if the whole queue is taken, it is dropped. 10,000 by default.
    pub queue_capacity: usize,
    /// How long a request may wait in the queue before it is answered with -6. At least 3 s, 10 s by default.
    pub queue_timeout: Duration,
    /// The largest frame, in bytes, that the adapter accepts or sends. 10 MiB by default.
    pub max_frame: usize,
    /// A connection that brought no request for this long is closed. 10 min by default.
    pub idle_timeout: Duration,
    /// A connection whose client reads no byte of its answers for this long is closed. 60 s by default.
    pub write_timeout: Duration,
}

impl Default for AdapterLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            concurrency: 1_024,
            queue_capacity: 10_000,
            queue_timeout: Duration::from_secs(10),
            max_frame: DEFAULT_MAX_FRAME,
            idle_timeout: Duration::from_mins(10),
            write_timeout: Duration::from_mins(1),
        }
    }
}

/// Describes a listener: its endpoint, its servants and its limits.
pub struct Adapter {
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
    pub(super) servants: Vec<(String, Arc<dyn Dispatch>)>,
    pub(super) limits: AdapterLimits,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servants: Vec<_> = self.servants.iter().map(|(name, _)| name).collect();
        f.debug_struct("Adapter")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint.to_string())
            .field("servants", &servants)
            .field("limits", &self.limits)
            .finish()
    }
}

impl Adapter {
    /// A listener without servants. It listens on the endpoint's `-b` address if there is one, else on its host.
    pub fn new(name: impl Into<String>, endpoint: Endpoint) -> Self {
        Self { name: name.into(), endpoint, servants: Vec::new(), limits: AdapterLimits::default() }
    }

    /// Adds a servant, which clients call as `object`.
    #[must_use]
    pub fn servant(mut self, object: impl Into<String>, dispatch: Arc<dyn Dispatch>) -> Self {
        self.servants.push((object.into(), dispatch));
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: AdapterLimits) -> Self {
        self.limits = limits;
        self
    }
}

/// The counts of one adapter. `connections`, `running` and `queued` say how it is now; all other numbers only grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterStats {
    /// Name of the adapter.
    pub adapter: String,
    /// Connections that are open now.
    pub connections: usize,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were closed at once because there were too many.
    pub refused: u64,
    /// Requests that were decoded.
    pub requests: u64,
    /// Requests that run now, each in a task of its own.
    pub running: usize,
    /// Requests that wait in the queue now.
    pub queued: usize,
    /// Requests that were answered with -9 or dropped because the queue was too long.
    pub overloaded: u64,
    /// Requests that were answered with -6, because they waited too long.
    pub timed_out: u64,
    /// Packets that could not be decoded.
    pub malformed: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// A running adapter. All its connections share it.
pub(super) struct AdapterState {
    pub(super) name: String,
    pub(super) limits: AdapterLimits,
    servants: Vec<(String, Arc<dyn Dispatch>)>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) queued: AtomicUsize,
    pub(super) connections: AtomicUsize,
    pub(super) counters: Counters,
    warnings: QuietLog,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) overloaded: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
}

/// Adds `amount` to a counter.
pub(super) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(u64::try_from(amount).unwrap_or(u64::MAX), Relaxed);
}

impl AdapterState {
    pub(super) fn new(adapter: Adapter) -> Self {
        let Adapter { name, servants, mut limits, endpoint: _ } = adapter;
        limits.queue_timeout = limits.queue_timeout.max(LEAST_QUEUE_TIMEOUT);
        limits.concurrency = limits.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            name,
            servants,
            slots: Arc::new(Semaphore::new(limits.concurrency)),
            limits,
            queued: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            counters: Counters::default(),
            warnings: QuietLog::new(Duration::from_secs(1)),
        }
    }

    pub(super) fn servant(&self, object: &str) -> Option<&Arc<dyn Dispatch>> {
        self.servants.iter().find(|(name, _)| name == object).map(|(_, dispatch)| dispatch)
    }

    /// Logs that a client sent something bad or was refused, at most once a second.
    pub(super) fn warn(&self, peer: SocketAddr, what: &str, reason: &dyn fmt::Display) {
        if let Some(suppressed) = self.warnings.permit(Instant::now()) {
            tracing::warn!(adapter = %self.name, %peer, %reason, suppressed, "{what}");
        }
    }

    pub(super) fn stats(&self) -> AdapterStats {
        let Counters { accepted, refused, requests, overloaded, timed_out, malformed, bytes_in, bytes_out } = &self.counters;
        AdapterStats {
            adapter: self.name.clone(),
            connections: self.connections.load(Relaxed),
            accepted: accepted.load(Relaxed),
            refused: refused.load(Relaxed),
            requests: requests.load(Relaxed),
            running: self.limits.concurrency - self.slots.available_permits().min(self.limits.concurrency),
            queued: self.queued.load(Relaxed),
            overloaded: overloaded.load(Relaxed),
            timed_out: timed_out.load(Relaxed),
            malformed: malformed.load(Relaxed),
            bytes_in: bytes_in.load(Relaxed),
            bytes_out: bytes_out.load(Relaxed),
        }
    }
}
