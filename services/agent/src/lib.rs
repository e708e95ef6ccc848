//! Makes local volumes on its node and offers them to pods as PersistentVolumes.
//!
//! ```text
//! claims, volumes, waiting pods, nodes ──► plan ──► steps ──► act ─┬─► disk: directories beneath the root, never removed
//!          (watch)                        (pure)                   └─► PersistentVolumes of this node
//! ```
//!
//! The rules are in docs/reference/local-volumes.md. Three of them shape the code:
//! - Each agent acts for its own node only. All agents choose the same nodes for a volume, without talking to each other
//!   (`placement`).
//! - A plan follows from the present state of the cluster and not from earlier steps. An agent may die at any point, and the next plan
//!   finds what is missing.
//! - The agent never removes data of a server. When a claim goes, its volume goes and its directory stays. The server finds it when it
//!   returns.

mod act;
mod disk;
mod events;
mod holds;
mod identity;
mod metrics;
mod owner;
mod placement;
mod plan;
mod run;
mod watch;

pub use events::declare_events;
pub use metrics::declare_metrics;
pub use run::{Args, run};
