//! Everything that all services need besides their own work: logs and traces, metrics, health, shutdown, leases, gRPC and TLS.
//!
//! ```text
//! main ─► crypto::install ─► telemetry::init ─► shutdown::stop_on_signal ─┐ one CancellationToken stops everything below
//!                                                                         ▼
//!          health::Health ──► health::serve                        (kubelet's `grpc:` probes, in plain text, on a port of their own)
//!                         └─► grpc::Offer ─► grpc::serve           (reflection, health, the service's own contracts, over TLS)
//!          auth::Guard ────────────────────────────┘               (who may call what)
//!          metrics::Registry ─► metrics::serve                     (GET /metrics)
//!          tls::ServingCertificate ─► tls::serve                   (HTTPS whose certificate is swapped while it runs)
//!          lease::Elector ──► lease::Leadership                    (one writer; a token tells that leadership is lost)
//!          cluster::connect                                        (the client of the API server, with a deadline for everything)
//!                         └─► contact::Contact ──► metrics         (how long the API server is silent)
//!          tasks::Tasks (all of these run, or all stop) ──► process::end   (the exit code, and the sentence that explains it)
//! ```
//!
//! Nothing in this crate decides anything about Tars. Every background task ends when its token is cancelled, and every function
//! that runs a task returns the failure of that task instead of only logging it.

#![deny(missing_docs)]

pub mod auth;
pub mod causes;
pub mod cluster;
pub mod connections;
pub mod contact;
pub mod crypto;
pub mod events;
pub mod grpc;
pub mod health;
pub mod keeper;
pub mod lease;
pub mod metrics;
pub mod process;
pub mod quiet_log;
pub mod shutdown;
pub mod tasks;
pub mod telemetry;
pub mod tls;

/// The name of the pod that this process runs in, for leases and logs. It comes from the variable `HOSTNAME`, which the kubelet sets.
///
/// Outside a pod the shell usually does not export that variable. Then the process id tells two local instances apart.
#[must_use]
pub fn instance_name() -> String {
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| format!("local-{}", std::process::id()))
}

/// The file in which the kubelet gives a pod the namespace of its service account.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The namespace of the service account that this process runs under, or `None` outside a pod.
#[must_use]
pub fn own_namespace() -> Option<String> {
    std::fs::read_to_string(NAMESPACE_FILE).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
