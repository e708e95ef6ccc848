//! The readiness gate `tars.io/active` of pods: what servers report becomes a condition of their pod.
//!
//! ```text
//! tarsnode ─► StateReport ─► Reporter: one at a time per pod, the latest wins ─► Pods: get, compare, patch ─► API server
//! own state ─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Nothing is written when the condition already says what it should, and the pod's other conditions are never touched.

mod own;
mod pods;
mod report;

pub use own::OwnGate;
pub use pods::{Condition, PodError, Pods, Written};
pub use report::{InvalidReport, ReportError, Reporter, StateReport};
