//! Finds the cluster as `kubectl` does.

use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{path::PathBuf, time::Duration};
use tars_common::{kube_syntax::is_dns_label, names::SYSTEM_NAMESPACE};

/// The longest limit for one request to the API server.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(1);

/// The options of `kubectl` that choose the cluster and the user.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of the cluster")]
pub struct ClusterArgs {
    /// Namespace of the objects [default: that of the context; without a cluster: default]
    #[arg(short, long, global = true, value_parser = parse_namespace)]
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
    /// How long to wait for the answer to one request: seconds, or a time such as 90s or 2m, at most 1h
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time, global = true)]
    request_timeout: Duration,
    /// Namespace of webhook and controller, which the chart tarscontroller installs there wherever its release is
    #[arg(long, value_name = "NAMESPACE", default_value = SYSTEM_NAMESPACE, global = true)]
    pub system_namespace: String,
}

fn parse_namespace(text: &str) -> Result<String, &'static str> {
    let problem = "a namespace has 1 to 63 lower-case letters, digits, and inner '-'";
    if is_dns_label(text) { Ok(text.to_owned()) } else { Err(problem) }
}

/// Reads a time as `kubectl` takes it. A number alone stands for seconds.
fn parse_time(text: &str) -> Result<Duration, &'static str> {
    let problem = "write seconds, or a time such as 90s, 2m or 1h, between 1s and 1h";
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let number: u64 = digits.parse().map_err(|_| problem)?;
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(problem),
    };
    let time = Duration::from_secs(number.checked_mul(unit).ok_or(problem)?);
    if (Duration::from_secs(1)..=LONGEST_TIMEOUT).contains(&time) { Ok(time) } else { Err(problem) }
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
        config.read_timeout = Some(self.request_timeout);
        config.connect_timeout = Some(self.request_timeout);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_kubectl() {
        for (text, seconds) in [("30", 30), ("90s", 90), ("2m", 120), ("1h", 3600)] {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "0", "-1", "2h", "1ms", "5x", "99999999999999999999h", "18446744073709551615h"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn namespaces_are_labels_of_dns() {
        assert!(parse_namespace("tars-1").is_ok());
        for text in ["", "BAD", "a.b", "-a", &"a".repeat(64)] {
            assert!(parse_namespace(text).is_err(), "{text}");
        }
    }
}
