//! The objects that a run for a server reads, looked up in the caches.

use super::{
    context::Context,
    live_objects::LiveObjects,
    template::find_chain_error,
    views::{ClaimView, PodView},
};
use crate::{
    engine::cache::Key,
    views::{FrameworkView, NodeView},
};
use std::sync::Arc;
use tars_common::{templates::ChainError, v1beta3::TServer};

#[derive(Debug, Default)]
pub struct Surroundings {
    /// `tars-framework` of the namespace.
    pub framework: Option<Arc<FrameworkView>>,
    /// The fault in the chain of the server's templates; `None` if the chain is complete, or if the server needs no template.
    pub template_error: Option<ChainError>,
    /// The derived objects as they are.
    pub live: LiveObjects,
    /// The pods of the server, sorted by name.
    pub pods: Vec<PodView>,
    /// The claims with the labels of the server, sorted by name.
    pub claims: Vec<Arc<ClaimView>>,
    /// All nodes if a pod has no node, or if a released server has no pod; otherwise empty.
    pub nodes: Vec<Arc<NodeView>>,
}

/// Looks up everything that a run for `server` reads.
pub fn look_around(context: &Context, key: &Key, server: &TServer) -> Surroundings {
    let pods: Vec<_> = context.pods.group(key).iter().map(|pod| pod.read()).collect();
    let unplaced = pods.iter().any(|pod| pod.condition("PodScheduled").is_some_and(|condition| condition.status != "True"));
    let no_pods = pods.is_empty() && server.spec.release.is_some();
    let tars = server.spec.tars.as_ref();
    Surroundings {
        framework: context.views.framework(&key.namespace),
        template_error: tars.and_then(|tars| find_chain_error(&context.templates, &key.namespace, &tars.template)),
        live: context.derived.find(key),
        claims: context.claims.group(key),
        nodes: if unplaced || no_pods { context.views.nodes.all() } else { Vec::new() },
        pods,
    }
}
