//! What every reconciler has in common: caches, queues, the API, metrics.

use crate::{
    api::Writer,
    cache::{Cache, Key},
    metrics::Metrics,
    queue::Queue,
    taccount::AccountView,
    tconfig::ConfigView,
    texitedrecord::Exits,
    timage::ImageView,
    tserver::{apply::Settled, events::Patience},
    view::{ClaimView, FrameworkView, Kind, Live, NodeView, PodView, ServerView, TemplateView, TreeView},
};
use kube::runtime::events::Recorder;
use std::sync::Arc;

/// Everything that the watches keep.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the fields are named after the kinds")]
pub struct Caches {
    pub servers: Cache<ServerView>,
    pub pods: Cache<PodView>,
    pub claims: Cache<ClaimView>,
    pub nodes: Cache<NodeView>,
    pub templates: Cache<TemplateView>,
    pub frameworks: Cache<FrameworkView>,
    pub trees: Cache<TreeView>,
    pub configs: Cache<ConfigView>,
    pub accounts: Cache<AccountView>,
    pub images: Cache<ImageView>,
    services: Cache<Live>,
    stateful_sets: Cache<Live>,
    daemon_sets: Cache<Live>,
    endpoints: Cache<Live>,
    records: Cache<Live>,
}

impl Caches {
    /// The cache of a derived kind.
    pub const fn live(&self, kind: Kind) -> &Cache<Live> {
        match kind {
            Kind::Service => &self.services,
            Kind::StatefulSet => &self.stateful_sets,
            Kind::DaemonSet => &self.daemon_sets,
            Kind::TEndpoint => &self.endpoints,
            Kind::TExitedRecord => &self.records,
        }
    }

    /// Waits until every cache has had its first list.
    pub async fn synced(&self) {
        let Self { servers, pods, claims, nodes, templates, frameworks, trees, configs, accounts, images, .. } = self;
        for kind in Kind::ALL {
            self.live(kind).synced().await;
        }
        futures::join!(
            servers.synced(),
            pods.synced(),
            claims.synced(),
            nodes.synced(),
            templates.synced(),
            frameworks.synced(),
            trees.synced(),
            configs.synced(),
            accounts.synced(),
            images.synced()
        );
    }
}

/// The queues of the reconcilers.
#[derive(Debug, Default)]
pub struct Queues {
    /// TServers, by key.
    pub servers: Queue<Key>,
    /// Nodes, by name.
    pub nodes: Queue<Key>,
    /// Namespaces whose TTree may lack an application.
    pub trees: Queue<Key>,
    /// Identities of configurations.
    pub configs: Queue<Key>,
    /// Accounts, by key.
    pub accounts: Queue<Key>,
    /// Images, by key.
    pub images: Queue<Key>,
}

/// Shared by all workers.
#[allow(missing_debug_implementations, reason = "the recorder has none")]
pub struct Context {
    /// What is known.
    pub caches: Caches,
    /// What is to do.
    pub queues: Queues,
    /// The only way to write.
    pub writer: Writer,
    /// Sends Events.
    pub recorder: Recorder,
    /// Pods that ended and are not on record yet.
    pub exits: Exits,
    /// Writes that the API server answered with something else than we sent.
    pub settled: Settled,
    /// Servers whose state may pass without a warning.
    pub patience: Patience,
    /// Counters.
    pub metrics: Arc<Metrics>,
}
