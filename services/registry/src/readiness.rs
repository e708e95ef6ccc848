//! The readiness gate `tars.io/active` of pods: the state that a server reports becomes a condition of its pod
//! (docs/reference/name-service.md#A10).
//!
//! ```text
//! tarsnode ─► StateReport ─► Reporter: one report of a pod at a time, the latest wins ─► Pods: get, compare, patch ─► API server
//! own state ─► OwnGate ───────────────────────────────────────────────────────────────┘
//! ```
//!
//! A condition that is right already is not written, and the other conditions of the pod are never touched.

mod own;
mod pods;
mod report;

pub use own::OwnGate;
pub use pods::{Condition, PodError, Pods, Written};
pub use report::{InvalidReport, ReportError, Reporter, StateReport};
