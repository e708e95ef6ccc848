//! The bytes of all bodies: who holds how many, and who loses them when others need them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

struct Entry {
    bytes: usize,
    complete: bool,
    /// Ends the reading of the body.
    lost: CancellationToken,
}

#[derive(Default)]
struct Table {
    used: usize,
    next: u64,
    /// By age, the oldest first.
    entries: BTreeMap<u64, Entry>,
}

impl Table {
    /// Takes the bytes of the oldest incomplete body, except for those of `keep`. Returns false when there is none.
    fn evict(&mut self, keep: u64) -> bool {
        let victim = self.entries.iter().find(|(id, entry)| **id != keep && !entry.complete && entry.bytes > 0);
        let Some(entry) = victim.map(|(id, _)| *id).and_then(|id| self.entries.remove(&id)) else { return false };
        self.used -= entry.bytes;
        entry.lost.cancel();
        true
    }
}

/// The budget. Clones share it.
#[derive(Clone)]
pub(super) struct Budget {
    limit: usize,
    table: Arc<Mutex<Table>>,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, table: Arc::default() }
    }

    /// Begins the share of one body, with no bytes.
    pub(super) fn open(&self) -> Share {
        let mut table = self.lock();
        let (id, lost) = (table.next, CancellationToken::new());
        table.next += 1;
        table.entries.insert(id, Entry { bytes: 0, complete: false, lost: lost.clone() });
        Share { id, lost, budget: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one body holds of the budget. Dropping it gives the bytes back.
pub(super) struct Share {
    id: u64,
    lost: CancellationToken,
    budget: Budget,
}

impl Share {
    /// Adds bytes. Returns false when there is no room for them, or when the share is lost.
    pub(super) fn grow(&self, bytes: usize) -> bool {
        let mut table = self.budget.lock();
        while table.used + bytes > self.budget.limit {
            if !table.evict(self.id) {
                return false;
            }
        }
        let Some(entry) = table.entries.get_mut(&self.id) else { return false };
        entry.bytes += bytes;
        table.used += bytes;
        true
    }

    /// The body is complete, so its bytes can no longer be lost.
    pub(super) fn complete(&self) {
        if let Some(entry) = self.budget.lock().entries.get_mut(&self.id) {
            entry.complete = true;
        }
    }

    /// Waits until other bodies have taken the bytes of this one.
    pub(super) async fn wait_for_loss(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut table = self.budget.lock();
        if let Some(entry) = table.entries.remove(&self.id) {
            table.used -= entry.bytes;
        }
    }
}
