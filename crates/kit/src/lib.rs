//! What every service needs besides its own work: logs and traces, metrics, health, shutdown, leases, gRPC and TLS.
//!
//! ```text
//! main ─► crypto::install ─► telemetry::init ─► shutdown::stop_on_signal ─┐ one CancellationToken stops everything below
//!                                                                 ▼
//!          health::Health ──► grpc::serve   (kubelet's `grpc:` probes, reflection, the service's own contracts)
//!          prometheus Registry ─► metrics::serve                   (GET /metrics)
//!          tls::ServingCertificate ─► tls::serve                   (HTTPS whose certificate is swapped while it runs)
//!          lease::Elector ──► lease::Leadership                    (one writer; its loss is a token, too)
//!          tasks::Tasks: all of these run, or none ──► process::end        (the exit code, and the sentence that explains it)
//! ```
//!
//! Rules: nothing here decides anything about Tars. Every background task ends when its token is cancelled, and every function
//! that runs a task returns its failure instead of logging and limping on.

#![deny(missing_docs)]

pub mod causes;
pub mod crypto;
pub mod grpc;
pub mod health;
pub mod lease;
pub mod metrics;
pub mod process;
pub mod shutdown;
pub mod tasks;
pub mod telemetry;
pub mod tls;

/// The name of the pod that this process runs in, for leases and logs: `HOSTNAME`, which the kubelet sets to the pod's name.
///
/// Outside a pod the shell usually does not export it; then the process id keeps two local instances apart.
#[must_use]
pub fn instance_name() -> String {
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| format!("local-{}", std::process::id()))
}

/// Where the kubelet mounts the namespace of the pod's service account.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The namespace that this process runs in according to its service account; `None` outside a cluster.
#[must_use]
pub fn own_namespace() -> Option<String> {
    std::fs::read_to_string(NAMESPACE_FILE).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
