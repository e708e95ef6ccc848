//! Pods that ended, until they are on record.
//!
//! A pod that is on its way out is in the cache; one that is gone is not. So what the watch says last about a pod is kept here until
//! the TExitedRecord has it. Only the leader collects: it is the only one that writes records.

use crate::{cache::Key, tserver::apply::Entry, view::PodView};
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Kept per server at most: the schema holds no more, and older ones would be pushed out at once.
const MOST: usize = 150;

/// Ended pods by server.
#[derive(Debug, Default)]
pub struct Exits {
    leads: AtomicBool,
    pending: Mutex<HashMap<Key, Vec<Entry>>>,
}

impl Exits {
    /// Says that this instance leads.
    pub fn lead(&self) {
        self.leads.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<Entry>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a pod that is being deleted, or was.
    pub fn note(&self, server: Key, pod: &PodView) {
        if !self.leads.load(Ordering::Relaxed) || pod.deleted.is_none() {
            return;
        }
        let mut pending = self.lock();
        let entries = pending.entry(server).or_default();
        if entries.len() < MOST && !entries.iter().any(|entry| entry.uid.as_deref() == Some(&pod.uid)) {
            entries.push(entry(pod));
        }
    }

    /// What is to be recorded for `server`.
    pub fn of(&self, server: &Key) -> Vec<Entry> {
        self.lock().get(server).cloned().unwrap_or_default()
    }

    /// Forgets entries that are on record.
    pub fn recorded(&self, server: &Key, entries: &[Entry]) {
        let mut pending = self.lock();
        let Some(kept) = pending.get_mut(server) else { return };
        kept.retain(|entry| !entries.iter().any(|done| done.uid == entry.uid));
        if kept.is_empty() {
            pending.remove(server);
        }
    }

    /// Forgets everything about a server that is gone, its record with it.
    pub fn forget(&self, server: &Key) {
        self.lock().remove(server);
    }
}

/// The entry of a pod.
pub fn entry(pod: &PodView) -> Entry {
    Entry {
        uid: Some(pod.uid.clone()),
        name: Some(pod.name.clone()),
        id: Some(pod.release.clone()),
        node_ip: Some(pod.host_ip.clone()),
        pod_ip: Some(pod.ip.clone()),
        create_time: Some(pod.created.clone()),
        delete_time: pod.deleted.clone(),
    }
}
