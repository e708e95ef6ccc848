//! What a server refers to and what exists around it, looked up in the caches.

use crate::{
    cache::Key,
    context::Caches,
    view::{ClaimView, FrameworkView, Kind, Live, NodeView, PodView},
};
use std::sync::Arc;
use tars_common::{names::FRAMEWORK_CONFIG, v1beta3::TServer};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// `tars-framework` of the namespace.
    pub framework: Option<Arc<FrameworkView>>,
    /// The template with its parents.
    pub template: Template,
    /// Derived objects as they are.
    pub live: LiveObjects,
    /// Pods of the server, by name.
    pub pods: Vec<Arc<PodView>>,
    /// Claims with the labels of the server, by name.
    pub claims: Vec<Arc<ClaimView>>,
    /// The nodes, if a pod is without one; else empty.
    pub nodes: Vec<Arc<NodeView>>,
}

/// Derived objects as they are.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the fields are named after the kinds")]
pub struct LiveObjects {
    pub service: Option<Arc<Live>>,
    pub stateful_set: Option<Arc<Live>>,
    pub daemon_set: Option<Arc<Live>>,
    pub endpoint: Option<Arc<Live>>,
    pub record: Option<Arc<Live>>,
}

/// What became of the search for a template and its parents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// The server has no `tars` block.
    #[default]
    NotNeeded,
    /// All exist.
    Complete,
    /// One does not.
    Missing {
        /// Its name.
        name: String,
        /// The template that names it as parent; `None` if the server itself does.
        child: Option<String>,
    },
    /// They name each other as parents, in this order; the first is also the last.
    Cycle(Vec<String>),
}

/// Looks around `server`.
pub fn dereference(caches: &Caches, key: &Key, server: &TServer) -> Found {
    let pods = caches.pods.group(key);
    let unplaced = pods.iter().any(|pod| pod.condition("PodScheduled").is_some_and(|condition| condition.status != "True"));
    let no_pods = pods.is_empty() && server.spec.release.is_some();
    Found {
        framework: caches.frameworks.get(&Key::new(&key.namespace, FRAMEWORK_CONFIG)),
        template: server.spec.tars.as_ref().map_or(Template::NotNeeded, |tars| template(caches, &key.namespace, &tars.template)),
        live: LiveObjects {
            service: caches.live(Kind::Service).get(key),
            stateful_set: caches.live(Kind::StatefulSet).get(key),
            daemon_set: caches.live(Kind::DaemonSet).get(key),
            endpoint: caches.live(Kind::TEndpoint).get(key),
            record: caches.live(Kind::TExitedRecord).get(key),
        },
        claims: caches.claims.group(key),
        nodes: if unplaced || no_pods { caches.nodes.all() } else { Vec::new() },
        pods,
    }
}

/// Walks from `name` to the template that is its own parent.
fn template(caches: &Caches, namespace: &str, name: &str) -> Template {
    let mut chain: Vec<String> = vec![name.to_owned()];
    loop {
        // The chain begins with `name` and only grows.
        let Some(current) = chain.last().cloned() else { return Template::Complete };
        let Some(found) = caches.templates.get(&Key::new(namespace, &current)) else {
            let child = chain.len().checked_sub(2).and_then(|index| chain.get(index)).cloned();
            return Template::Missing { name: current, child };
        };
        if found.parent == current || found.parent.is_empty() {
            return Template::Complete;
        }
        if let Some(start) = chain.iter().position(|earlier| *earlier == found.parent) {
            chain.push(found.parent.clone());
            return Template::Cycle(chain.split_off(start));
        }
        chain.push(found.parent.clone());
    }
}
