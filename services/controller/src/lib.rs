//! Keeps track of what must exist for each TServer, and makes it so.
//!
//! ```text
//!                 ┌────────────────────────── watches (labelled objects, pruned) ◄───────────────────────────┐
//!                 ▼                                                                                          │
//!  cache ──► route ──► queue ──► tserver: dereference → validate → build → apply → status ──► API server ────┤
//!    │                   │                                                   └► Service, StatefulSet or      │
//!    │                   │                                                      DaemonSet, TEndpoint,        │
//!    │                   │                                                      TExitedRecord, claims        │
//!    │                   ├─────► tconfig, taccount, timage: versions, tokens, builds ────────────────────────┤
//!    │                   ├─────► ttree:  applications of a namespace ────────────────────────────────────────┤
//!    │                   └─────► node:   label tars.io/node ─────────────────────────────────────────────────┘
//!    └ metadata.managedFields → fields: what of an object is ours
//! ```
//!
//! Rules:
//! 1. One writer. Only the holder of the Lease runs workers; a leader that loses it ends.
//! 2. Level, not edge. A key says that something may have changed, never what. Any run may be the first.
//! 3. Silence at rest. After server-side apply, what we own of a live object *is* what we sent. So one comparison, of what we want
//!    with what we own, finds drift, fields taken over by others and fields that we no longer want; equality writes nothing.
//! 4. Every write names the object that it means, by uid or resourceVersion. Nothing that does not have this TServer's uid as
//!    its controller is changed or deleted; whoever has the name first keeps it, and the TServer says so.
//! 5. Owner references do the deletion, so that it also happens while no controller runs. Claims of local volumes carry them,
//!    plain claims do not, and survive.
//! 6. What is wrong is a condition, in a sentence that says what to do. Events repeat only the news.
//! 7. A predecessor's objects are taken over in place: its entry in the managed fields becomes ours, nothing is made anew.
//!
//! Why no `kube::runtime::Controller`: its queue starts with its watches, while ours must be full before the Lease is won; it keeps
//! whole objects per watch, while six reconcilers here share pruned ones; and it looks up "the pods of this server" by scanning. The
//! watcher underneath is kube's.

pub mod context;
pub mod engine;
pub mod node;
pub mod route;
pub mod run;
pub mod taccount;
pub mod tconfig;
pub mod timage;
pub mod tserver;
pub mod ttree;
pub mod views;

// The names by which the files still call each other.
pub use engine::{cache, fields, metrics, queue, writer as api};
pub use tserver::exits as texitedrecord;
pub mod view {
    //! The views of every room.
    pub use crate::{
        tserver::{
            derived::{Kind, Live},
            views::{ClaimView, ContainerState, PodCondition, PodView},
        },
        views::{FrameworkView, NodeView, ServerView, TemplateView, TreeView},
    };
}
#[cfg(test)]
use {engine::fake, tserver::fixtures};
