//! Finds the cluster as `kubectl` does.

use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{path::PathBuf, time::Duration};
use tars_common::names::SYSTEM_NAMESPACE;

/// The limit for one request to the API server, unless the user sets another.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The options of `kubectl` that choose the cluster and the user.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of the cluster")]
pub struct ClusterArgs {
    /// Namespace of the objects [default: that of the context]
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, global = true)]
    context: Option<String>,
    /// Cluster of the kubeconfig [default: that of the context]
    #[arg(long, global = true)]
    cluster: Option<String>,
    /// User of the kubeconfig [default: that of the context]
    #[arg(long, global = true)]
    user: Option<String>,
    /// File with clusters, users and contexts [default: the files that KUBECONFIG names, or ~/.kube/config]
    #[arg(long, global = true)]
    kubeconfig: Option<PathBuf>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER", global = true)]
    impersonate: Option<String>,
    /// Group to impersonate; may occur several times
    #[arg(long = "as-group", value_name = "GROUP", global = true)]
    groups: Vec<String>,
    /// Seconds to wait for the answer to one request
    #[arg(long, value_name = "SECONDS", default_value_t = REQUEST_TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    request_timeout: u64,
    /// Namespace of the chart tarscontroller
    #[arg(long, value_name = "NAMESPACE", default_value = SYSTEM_NAMESPACE, global = true)]
    pub system_namespace: String,
}

/// Why there is no cluster to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used; check --kubeconfig, --context and KUBECONFIG")]
    Kubeconfig(#[source] KubeconfigError),
    /// The client cannot be made from the kubeconfig.
    #[error("no client can be made from the kubeconfig")]
    Client(#[source] Box<kube::Error>),
}

/// A cluster, and the namespace that the user means.
pub struct Cluster {
    /// A client with the rights of the user.
    pub client: Client,
    /// The namespace of the option, or else of the context.
    pub namespace: String,
}

impl ClusterArgs {
    /// The namespace for work without a cluster: that of the option, or else `default`.
    pub fn local_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// Reads the kubeconfig and makes a client. Does not call the cluster yet.
    pub async fn connect(&self) -> Result<Cluster, ClusterError> {
        let options = KubeConfigOptions { context: self.context.clone(), cluster: self.cluster.clone(), user: self.user.clone() };
        let config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(ClusterError::Kubeconfig)?;
                Config::from_custom_kubeconfig(file, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        };
        let mut config = config.map_err(ClusterError::Kubeconfig)?;
        config.read_timeout = Some(Duration::from_secs(self.request_timeout));
        config.connect_timeout = Some(Duration::from_secs(self.request_timeout));
        if let Some(user) = &self.impersonate {
            config.auth_info.impersonate = Some(user.clone());
        }
        if !self.groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.groups.clone());
        }
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| ClusterError::Client(Box::new(error)))?;
        Ok(Cluster { client, namespace })
    }
}
