//! Makes the objects that each TServer needs, and keeps them as the TServer describes them.
//!
//! ```text
//!  run ── assembles ──► engine: watches, caches, queues, workers, writer; it knows no kind of object
//!   │                     ▲
//!   │                   views: the objects that several reconcilers read
//!   │                     ▲
//!   └──► tserver  look around → validate → build → apply → status ──► Service, StatefulSet or DaemonSet, TEndpoint,
//!        │                                                           TExitedRecord, PodDisruptionBudget,
//!        │                                                           claims of local volumes
//!        tconfig, taccount, timage   versions of configurations, tokens, builds that take too long
//!        ttree                       the applications of a namespace
//!        node                        the label tars.io/node
//!  grpc ── ControlService: explains servers from the caches, and asks the reconciler of TServers for runs
//! ```
//!
//! Each reconciler is a module that has its caches, its routes (which change asks for a run of which key), its state and its
//! decisions. Reconcilers do not use each other.
//!
//! Rules:
//! 1. One writer. Only the holder of the Lease runs workers; a leader that loses the Lease ends.
//! 2. Level, not edge. A key only says that something may have changed. Any run may be the first.
//! 3. Silence at rest. After server-side apply, the fields of a live object that are ours equal what was sent. So one comparison of
//!    the wanted fields with ours finds drift, fields that others took over, and fields that are no longer wanted. If both are equal,
//!    nothing is written.
//! 4. A write to an existing object names it by uid or resourceVersion; only the label of a node is written by name. A derived object
//!    of another owner is never changed or deleted. The first owner of a name keeps it, and a condition of the TServer says so.
//! 5. Owner references do the deletion, so that it also happens while no controller runs. Claims of local volumes carry them. Plain
//!    claims do not, and survive.
//! 6. A condition names the fault and the remedy in one sentence. An Event reports only a change of the reason.
//! 7. The objects of the previous controller are taken over in place: its entry in the managed fields becomes ours, and no
//!    object is made anew.
//!
//! `kube::runtime::Controller` is not used, although its watcher is. Its queue starts together with its watches, but here the queue
//! must hold every key before the first run of a new leader. It keeps whole objects for each watch, but six reconcilers here share reduced ones. It finds
//! "the pods of this server" by a scan, but here that is a look-up.

pub mod cli;
mod engine;
mod grpc;
mod leader;
mod node;
pub mod run;
#[cfg(test)]
mod sweep;
mod taccount;
mod tconfig;
mod timage;
mod tserver;
mod ttree;
mod views;

pub use tserver::declare_events;
