//! The command line.

use clap::{ArgAction, Parser};
use std::{net::SocketAddr, path::PathBuf};
use tars_kit::{keeper::Issuer, tls};

/// The name service of a Tars framework: answers from the endpoints of one namespace.
#[derive(Debug, Clone, Parser)]
#[command(name = "tarsregistry", version, about, long_about = None)]
pub struct Args {
    /// Namespace of the framework [default: that of the service account]
    #[arg(long, env = "Namespace")]
    pub namespace: Option<String>,
    /// Name of the pod that this process runs in, whose readiness gate it keeps
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
    /// Where probes are answered (gRPC health in plain text)
    #[arg(long, env = "HEALTH_LISTEN", default_value = "0.0.0.0:17893")]
    pub health_listen: SocketAddr,
    /// Folder with tls.crt and tls.key, the certificate of gRPC. Changed files are served without a restart
    #[arg(long, env = "TLS_FOLDER", default_value = tls::FOLDER)]
    pub tls_folder: PathBuf,
    /// Who writes the Secret with that certificate
    #[arg(long, env = "CERTIFICATE_ISSUER", value_enum, default_value_t)]
    pub certificate_issuer: Issuer,
    /// Whether everybody may look up servants over gRPC, also without a token
    #[arg(long, env = "GRPC_OPEN_READS", default_value_t = true, action = ArgAction::Set)]
    pub grpc_open_reads: bool,
    /// Where metrics are served (HTTP, /metrics)
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    pub metrics_listen: SocketAddr,
}

/// Why the command line cannot be used although its syntax is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// No namespace is given, and the process has no service account to take it from.
    #[error("the namespace is unknown; set --namespace or run with a service account")]
    NoNamespace,
    /// The name of the pod is empty.
    #[error("--pod-name (PodName) is empty; set it to the name of the pod, by the downward API metadata.name")]
    NoPodName,
}

/// The checked configuration of a process. The fields are those of [`Args`].
#[derive(Debug, Clone)]
pub struct Config {
    pub namespace: String,
    pub pod_name: String,
    pub query_listen: SocketAddr,
    pub registry_listen: SocketAddr,
    pub grpc_listen: SocketAddr,
    pub health_listen: SocketAddr,
    pub tls_folder: PathBuf,
    pub certificate_issuer: Issuer,
    pub grpc_open_reads: bool,
    pub metrics_listen: SocketAddr,
}

impl Args {
    /// Makes the checks that clap cannot make. `own_namespace` is the namespace of the service account, if the process has one.
    pub fn validate(self, own_namespace: Option<String>) -> Result<Config, ArgsError> {
        let namespace = self.namespace.filter(|name| !name.is_empty()).or(own_namespace).ok_or(ArgsError::NoNamespace)?;
        if self.pod_name.is_empty() {
            return Err(ArgsError::NoPodName);
        }
        Ok(Config {
            namespace,
            pod_name: self.pod_name,
            query_listen: self.query_listen,
            registry_listen: self.registry_listen,
            grpc_listen: self.grpc_listen,
            health_listen: self.health_listen,
            tls_folder: self.tls_folder,
            certificate_issuer: self.certificate_issuer,
            grpc_open_reads: self.grpc_open_reads,
            metrics_listen: self.metrics_listen,
        })
    }
}
