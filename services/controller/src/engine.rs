//! The engine knows no kind of object. It watches, keeps, queues and writes for the reconcilers that are added to it.
//!
//! ```text
//! feed ──► cache ──► listeners of the reconcilers ──► queue        on every instance, from the start
//!                                                       │
//! Lease held ───────────────────────────────────────► workers ──► reconcile ──► writer       on the leader only
//! ```
//!
//! A cache comes only from [`Engine::watch`]. So every cache has a feed, and the leader waits for the first list of each.

pub mod cache;
#[cfg(test)]
pub mod fake;
pub mod feed;
pub mod fields;
pub mod metrics;
pub mod packed;
mod quantity;
pub mod queue;
pub mod readings;
pub mod reconciler;
pub mod writer;

use cache::{Cache, View};
use feed::{Feed, Selection, Watch};
use kube::{Client, api::DynamicObject};
use metrics::Metrics;
use reconciler::AnyReconciler;
use std::sync::Arc;
use tars_kit::{contact::Contact, lease::Fence};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use writer::Writer;

/// The watches and the reconcilers of the process.
pub struct Engine {
    client: Client,
    metrics: Arc<Metrics>,
    fence: Fence,
    watches: Vec<Box<dyn Watch>>,
    reconcilers: Vec<Arc<dyn AnyReconciler>>,
}

impl Engine {
    /// An engine without watches and reconcilers. It writes only while `fence` is open.
    pub fn new(client: Client, metrics: Arc<Metrics>, fence: Fence) -> Self {
        Self { client, metrics, fence, watches: Vec::new(), reconcilers: Vec::new() }
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    pub fn writer(&self) -> Writer {
        Writer::new(self.client.clone(), self.metrics.clone(), self.fence.clone())
    }

    /// Declares a watch. Returns the cache that it fills; `decode` takes from an object the fields that the cache keeps.
    pub fn watch<V: View>(
        &mut self,
        selection: Selection,
        decode: impl Fn(DynamicObject) -> Result<V, serde_json::Error> + Send + Sync + 'static,
    ) -> Cache<V> {
        let (cache, contact) = (Cache::new(decode), Contact::default());
        self.metrics.readings.add_watch(selection.kind(), contact.clone());
        self.watches.push(Box::new(Feed { selection, cache: cache.clone(), contact }));
        cache
    }

    pub fn add(&mut self, reconciler: Arc<dyn AnyReconciler>) {
        let (name, queue) = reconciler.named_queue();
        self.metrics.readings.add_queue(name, queue.clone());
        self.reconcilers.push(reconciler);
    }

    /// Starts every watch. A task ends only if its watch can never deliver again.
    pub fn start_watches(&self) -> JoinSet<()> {
        self.watches.iter().map(|watch| watch.run(self.client.clone(), self.metrics.clone())).collect()
    }

    /// Waits until every cache has had its first list.
    pub async fn synced(&self) {
        for watch in &self.watches {
            watch.synced().await;
        }
        self.metrics.set_full();
    }

    /// How many objects are cached.
    pub fn count_objects(&self) -> usize {
        self.watches.iter().map(|watch| watch.count()).sum()
    }

    /// Tells every reconciler that this instance holds the Lease now.
    pub fn start_leading(&self) {
        self.reconcilers.iter().for_each(|reconciler| reconciler.note_leading());
    }

    /// Starts the workers of every reconciler. They end when `halt` is cancelled.
    pub fn start_workers(&self, halt: &CancellationToken) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        for reconciler in &self.reconcilers {
            reconciler.clone().start_workers(&mut workers, &self.metrics, halt);
        }
        workers
    }

    /// Reports in the metrics whether this instance leads.
    pub fn report_leading(&self, leads: bool) {
        self.metrics.set_leading(leads);
    }

    /// The queue of the reconciler with this name.
    #[cfg(test)]
    pub fn queue_of(&self, name: &str) -> &queue::Queue<cache::Key> {
        self.reconcilers.iter().map(|reconciler| reconciler.named_queue()).find(|(found, _)| *found == name).unwrap().1
    }

    /// Replaces the content of every cache, as new lists do. `list` returns the objects of a resource by its plural name.
    #[cfg(test)]
    pub fn replace(&self, list: impl Fn(&str) -> Vec<DynamicObject>) {
        for watch in &self.watches {
            watch.replace(list(watch.plural()));
        }
    }
}
