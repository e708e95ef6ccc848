//! The plugin `kubectl tars` (docs/reference/kubectl-tars.md).
//!
//! ```text
//! cli ─► lint ──────────► manifest (files, with lines) ─► tars_common::lint          without a cluster
//!    │     └───────────────────────────────┐
//!    ├─► certificates ─────────────────────┴─► service ─► gRPC of a pod              through the API server, with a token for us
//!    ├─► explain, resync ──► control ──────────┘
//!    ├─► refresh ─────────────────────────────► the API server                       with the rights of the user
//!    ├─► migrate ─────────────────────────────► the API server                       with the rights of the user
//!    └─► completion
//! cluster: kubeconfig and its flags ─► kube::Client        output: tables, JSON, YAML, colours
//! ```

mod certificates;
mod cli;
mod cluster;
mod completion;
mod control;
mod explain;
mod lint;
mod manifest;
mod migrate;
mod output;
mod refresh;
mod resync;
pub mod service;

pub use cli::{Cli, run};
