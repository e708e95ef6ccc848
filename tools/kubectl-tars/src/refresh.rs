//! `kubectl tars refresh` (docs/reference/kubectl-tars.md#5).

use crate::{
    cluster::{ClusterArgs, ClusterError},
    output::Verdict,
};
use clap::Args;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tars_common::{
    names::{
        annotation::DEFAULTS,
        workload::{LATEST_DEFAULTS, NEWEST_DEFAULTS},
    },
    v1beta3::TServer,
};

/// The name under which the API server notes the change.
const FIELD_MANAGER: &str = "kubectl-tars";

/// The command line.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// Names of TServers
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// Refresh every TServer of the namespace
    #[arg(long)]
    all: bool,
    /// Also follow the defaults of later versions, which then replace the pods with an upgrade
    #[arg(long)]
    follow: bool,
    /// Ask the API server whether it would accept the change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Why a TServer was not refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The TServers cannot be listed.
    #[error("cannot list the TServers of namespace {namespace}")]
    List {
        /// The namespace.
        namespace: String,
        /// The answer of the API server.
        source: Box<kube::Error>,
    },
}

/// Asks the controller to build the pods of TServers with the newest defaults. A TServer that cannot be changed does not stop the others.
pub async fn run(args: &RefreshArgs, cluster: &ClusterArgs) -> Result<Verdict, RefreshError> {
    let cluster = cluster.connect().await?;
    let servers: Api<TServer> = Api::namespaced(cluster.client, &cluster.namespace);
    let names = if args.all {
        let listed = servers.list_metadata(&ListParams::default()).await;
        let failed = |source| RefreshError::List { namespace: cluster.namespace.clone(), source: Box::new(source) };
        listed.map_err(failed)?.items.iter().map(ResourceExt::name_any).collect()
    } else {
        args.names.clone()
    };
    let number = if args.follow { LATEST_DEFAULTS.to_owned() } else { NEWEST_DEFAULTS.to_string() };
    let patch = Patch::Merge(json!({"metadata": {"annotations": {DEFAULTS: number}}}));
    let params = PatchParams { dry_run: args.dry_run, field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let mut verdict = Verdict::Fine;
    for name in names {
        match servers.patch_metadata(&name, &params, &patch).await {
            Ok(_) => println!("tserver/{name} asks for the defaults {number}{}", if args.dry_run { " (dry run)" } else { "" }),
            Err(error) => {
                verdict = Verdict::Wrong;
                anstream::eprintln!("error: TServer {}/{name} cannot be changed: {}", cluster.namespace, explain(&error));
            }
        }
    }
    Ok(verdict)
}

/// The message of the API server, without the text that the client library puts around it.
fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => tars_kit::causes::with_sources(other),
    }
}
