//! Defaults, refuses and converts the k8s.tars.io resources.
//!
//! ```text
//! API server ──TLS──► router ─► review ─► tars_common::{admission, convert}      (pure: decides)
//!                        │          ▲
//!                        └► lookup ─┘  facts about other objects                  (watches, then the API server)
//! grpc ─► tars_common::lint ◄─ lookup                                             AdmissionService, for people and tools
//! keeper: Secret ─► serving certificate, caBundles ─► readiness                   (one writer, by a Lease)
//! ```
//!
//! Rules:
//! - A request that breaks a rule gets an ordinary answer of one sentence. HTTP errors are for a body that is not a review (400), too late
//!   (408) or too large (413), and for too many reviews at the same time (429).
//! - A replica is ready when it serves a certificate, when every registration trusts that certificate, and when it knows the templates.
//!   The API server does not call a replica that is not ready. So no request is refused because a replica has just started.
//! - The first leader makes the certificate authority. The key of the authority is stored in the Secret only.

mod answer;
mod body;
mod grpc;
mod keeper;
mod lookup;
mod metrics;
mod random;
mod review;
mod router;
mod run;

pub use metrics::declare_metrics;
pub use run::{Args, run};
