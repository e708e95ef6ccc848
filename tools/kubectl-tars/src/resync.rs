//! `kubectl tars resync` (docs/reference/kubectl-tars.md#7).

use crate::{
    cluster::ClusterArgs,
    control::{ControlError, Controllers},
    output::Verdict,
};
use clap::Args;
use tars_proto::controller::v1::ResyncRequest;
use tonic::Code;

/// What a replica answers that does not lead, or that cannot say anything yet.
const ELSEWHERE: &[Code] = &[Code::FailedPrecondition, Code::Unavailable];

/// The command line.
#[derive(Debug, Args)]
pub struct ResyncArgs {
    /// Name of a TServer
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Compare every TServer of the namespace
    #[arg(long)]
    all: bool,
    /// Account of the namespace with whose rights the controller is asked
    #[arg(long, value_name = "NAME", default_value = "tars-edit")]
    account: String,
}

/// Asks the leader to compare TServers with the API server, and to repair what differs.
pub async fn run(args: &ResyncArgs, cluster: &ClusterArgs) -> Result<Verdict, ControlError> {
    let controllers = Controllers::find(cluster, &args.account).await?;
    let message = ResyncRequest { namespace: controllers.namespace.clone(), name: args.name.clone().unwrap_or_default() };
    let answer = controllers.call(message, ELSEWHERE, async |mut client, request| client.resync(request).await).await?;
    let servers = if answer.queued == 1 { "TServer" } else { "TServers" };
    println!("{} {servers} of namespace {} queued by {}", answer.queued, controllers.namespace, answer.instance);
    Ok(Verdict::Fine)
}
