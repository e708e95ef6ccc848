//! The objects that several reconcilers read. Objects that only one reconciler reads are watched by its own module.

mod framework;
mod node;
mod server;

pub use framework::FrameworkView;
pub use node::{NodeView, resource as node_resource};
pub use server::{Broken, ServerView, resource as server_resource, server_key};

use crate::engine::{
    Engine,
    cache::{Cache, Key},
    feed::Selection,
};
use std::sync::Arc;
use tars_common::names::FRAMEWORK_CONFIG;

#[derive(Clone)]
pub struct Views {
    pub servers: Cache<ServerView>,
    pub nodes: Cache<NodeView>,
    pub frameworks: Cache<FrameworkView>,
}

impl Views {
    pub fn watch(engine: &mut Engine) -> Self {
        Self {
            servers: engine.watch(Selection::every(server_resource()), ServerView::of),
            // The status of a node is large, changes often, and is of no use here.
            nodes: engine.watch(Selection::every(node_resource()).metadata_only(), NodeView::of),
            frameworks: engine.watch(Selection::every(framework::resource()), FrameworkView::of),
        }
    }

    /// The settings of the framework of a namespace, if it has one.
    pub fn framework(&self, namespace: &str) -> Option<Arc<FrameworkView>> {
        self.frameworks.get(&Key::new(namespace, FRAMEWORK_CONFIG))
    }
}
