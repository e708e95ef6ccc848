//! What the controller keeps of each object that it watches; one chapter per kind of thing.

mod server;
mod small;

pub use server::ServerView;
pub use small::{FrameworkView, NodeView, TemplateView, TreeView};

use crate::cache::Key;
use std::collections::BTreeMap;
use tars_common::names::label;

/// The key of the TServer that an object belongs to by its two labels, `None` without them.
pub fn server_key(namespace: &str, labels: &BTreeMap<String, String>) -> Option<Key> {
    let (app, server) = (labels.get(label::SERVER_APP)?, labels.get(label::SERVER_NAME)?);
    Some(Key::new(namespace, tars_common::names::server_object_name(app, server)))
}
