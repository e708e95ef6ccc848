//! The command line.

use clap::Parser;
use std::net::SocketAddr;

/// The name service of a Tars framework: answers from the endpoints of one namespace.
#[derive(Debug, Clone, Parser)]
#[command(name = "tarsregistry", version, about, long_about = None)]
pub struct Args {
    /// Namespace of the framework [default: that of the service account]
    #[arg(long, env = "Namespace")]
    pub namespace: Option<String>,
    /// Name of the pod that this process runs in; it keeps that pod's readiness gate
    #[arg(long, env = "PodName")]
    pub pod_name: String,
    /// Where `QueryObj` is served (Tars)
    #[arg(long, env = "QUERY_LISTEN", default_value = "0.0.0.0:17890", help = "Where QueryObj is served (Tars)")]
    pub query_listen: SocketAddr,
    /// Where `RegistryObj` is served (Tars)
    #[arg(long, env = "REGISTRY_LISTEN", default_value = "0.0.0.0:17891", help = "Where RegistryObj is served (Tars)")]
    pub registry_listen: SocketAddr,
    /// Where the name service, health and reflection are served (gRPC)
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:17892")]
    pub grpc_listen: SocketAddr,
    /// Where metrics are served (HTTP, /metrics)
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    pub metrics_listen: SocketAddr,
}

/// What is wrong with the command line, beyond its syntax.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// No namespace is given and there is no service account to take it from.
    #[error("the namespace is unknown; set --namespace or run with a service account")]
    NoNamespace,
    /// The pod's name is empty.
    #[error("--pod-name (PodName) is empty; set it to the name of the pod, by the downward API metadata.name")]
    NoPodName,
}

/// What a process runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Namespace of the framework.
    pub namespace: String,
    /// Name of the own pod.
    pub pod_name: String,
    /// Where `QueryObj` is served.
    pub query_listen: SocketAddr,
    /// Where `RegistryObj` is served.
    pub registry_listen: SocketAddr,
    /// Where gRPC is served.
    pub grpc_listen: SocketAddr,
    /// Where metrics are served.
    pub metrics_listen: SocketAddr,
}

impl Args {
    /// Checks what clap can't; `own_namespace` is that of the service account.
    pub fn validate(self, own_namespace: Option<String>) -> Result<Config, ArgsError> {
        let Self { namespace, pod_name, query_listen, registry_listen, grpc_listen, metrics_listen } = self;
        let namespace = namespace.filter(|name| !name.is_empty()).or(own_namespace).ok_or(ArgsError::NoNamespace)?;
        if pod_name.is_empty() {
            return Err(ArgsError::NoPodName);
        }
        Ok(Config { namespace, pod_name, query_listen, registry_listen, grpc_listen, metrics_listen })
    }
}
