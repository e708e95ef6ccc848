//! The places for connections: who has one, and who loses it when a newcomer needs it.

use super::Limits;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// What a connection has done so far. The order is that in which connections lose their places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// No request has been answered. Connections of this standing cost a hostile client nothing.
    Unproven,
    /// Requests have been answered, and there is none at present.
    Idle,
    /// Requests have been answered, and there is one at present.
    Busy,
}

struct Entry {
    /// Ends the connection.
    evicted: CancellationToken,
    requests: usize,
    answered: bool,
    /// When the connection came, or when its last request ended.
    since: Instant,
    /// When the first byte of the first request came.
    begun: Option<Instant>,
}

impl Entry {
    const fn standing(&self) -> Standing {
        match (self.answered, self.requests) {
            (false, _) => Standing::Unproven,
            (true, 0) => Standing::Idle,
            (true, _) => Standing::Busy,
        }
    }
}

#[derive(Default)]
struct Table {
    last: u64,
    entries: HashMap<u64, Entry>,
}

impl Table {
    /// Ends the connection of the lowest standing that has waited for longest.
    fn evict(&mut self) {
        let victim = self.entries.iter().min_by_key(|(id, entry)| (entry.standing(), entry.since, **id)).map(|(id, _)| *id);
        if let Some(entry) = victim.and_then(|id| self.entries.remove(&id)) {
            entry.evicted.cancel();
        }
    }
}

/// All places. Clones share them.
#[derive(Clone)]
pub(super) struct Places {
    limits: Limits,
    table: Arc<Mutex<Table>>,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, table: Arc::default() }
    }

    /// Gives a place to a new connection. When all are taken, the connection of the lowest standing that has waited for longest loses
    /// its own, and the second value is true.
    pub(super) fn take(&self) -> (Arc<Place>, bool) {
        let mut table = self.lock();
        let full = table.entries.len() >= self.limits.connections;
        if full {
            table.evict();
        }
        table.last += 1;
        let (id, evicted) = (table.last, CancellationToken::new());
        let entry = Entry { evicted: evicted.clone(), requests: 0, answered: false, since: Instant::now(), begun: None };
        table.entries.insert(id, entry);
        (Arc::new(Place { places: self.clone(), id, evicted, changed: Notify::new() }), full)
    }

    // No code panics while it holds the lock, and each change of the table is complete by itself.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection. It is free again when this is dropped.
pub(super) struct Place {
    places: Places,
    id: u64,
    evicted: CancellationToken,
    /// The deadline has come nearer.
    changed: Notify,
}

impl Place {
    /// Waits until this connection has to end: it lost its place, or it was without a request for too long.
    pub(super) async fn wait_for_loss(&self) {
        while let Some(deadline) = self.deadline() {
            tokio::select! {
                () = self.evicted.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// When the connection must be looked at again. None: it has to end.
    fn deadline(&self) -> Option<Instant> {
        let limits = self.places.limits;
        let table = self.places.lock();
        let entry = table.entries.get(&self.id)?;
        let (since, limit) = match entry.begun {
            Some(begun) if !entry.answered => (begun, limits.first_request),
            _ => (entry.since, limits.idle),
        };
        let now = Instant::now();
        if entry.requests > 0 {
            return Some(now + limit);
        }
        Some(since + limit).filter(|deadline| *deadline > now)
    }

    /// Notes that the first byte of the first request has come.
    pub(super) fn note_first_byte(&self) {
        if let Some(entry) = self.places.lock().entries.get_mut(&self.id) {
            entry.begun = Some(Instant::now());
        }
        self.changed.notify_one();
    }

    /// Notes that a request has begun.
    pub(super) fn begin(self: &Arc<Self>) -> Request {
        if let Some(entry) = self.places.lock().entries.get_mut(&self.id) {
            entry.requests += 1;
        }
        Request(self.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().entries.remove(&self.id);
    }
}

/// A request that is under way. It ends when this is dropped.
pub(super) struct Request(Arc<Place>);

impl Request {
    /// Notes that the request has got the headers of its answer.
    pub(super) fn note_answer(&self) {
        if let Some(entry) = self.0.places.lock().entries.get_mut(&self.0.id) {
            entry.answered = true;
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(entry) = self.0.places.lock().entries.get_mut(&self.0.id) {
            entry.requests -= 1;
            entry.since = Instant::now();
        }
    }
}
