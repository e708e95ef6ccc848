//! `kubectl tars explain` (docs/reference/kubectl-tars.md#6).
//!
//! ```text
//! controller ─► tree of causes ─► last lines of logs, with the rights of the user ─► drawn as text, or JSON
//! ```

mod draw;
mod log;
mod shown;

use crate::{
    cluster::ClusterArgs,
    control::{ControlError, Controllers},
    output::{Format, OutputError, Verdict, write_structured},
};
use clap::Args;
use draw::{draw, list};
use jiff::Timestamp;
use log::read_logs;
use shown::{Answer, Shown};
use tars_proto::controller::v1::ExplainRequest;
use tonic::Code;

/// What a replica answers that is busy, or that cannot say anything yet.
const ELSEWHERE: &[Code] = &[Code::ResourceExhausted, Code::Unavailable];

/// The command line.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of a TServer. Without it every TServer of the namespace has a line
    name: Option<String>,
    /// Do not read the last lines of logs
    #[arg(long)]
    no_logs: bool,
    /// Account of the namespace with whose rights the controller is asked
    #[arg(long, value_name = "NAME", default_value = "tars-view")]
    account: String,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Why servers were not explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The controller did not answer.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Shows why servers are not ready.
pub async fn run(args: &ExplainArgs, cluster: &ClusterArgs) -> Result<Verdict, ExplainError> {
    let controllers = Controllers::find(cluster, &args.account).await?;
    let namespace = controllers.namespace.clone();
    let message = ExplainRequest { namespace: namespace.clone(), name: args.name.clone().unwrap_or_default() };
    let answer = controllers.call(message, ELSEWHERE, async |mut client, request| client.explain(request).await).await?;
    let mut servers: Vec<Shown> = answer.servers.into_iter().map(Shown::of).collect();
    if !args.no_logs {
        read_logs(&controllers.client, &namespace, &mut servers).await;
    }
    let answer = Answer { instance: answer.instance, leads: answer.leads, left_out: answer.left_out, servers };
    if !write_structured(args.output, &answer)? {
        print(args, &namespace, &answer);
    }
    Ok(if answer.servers.iter().all(Shown::is_well) { Verdict::Fine } else { Verdict::Wrong })
}

fn print(args: &ExplainArgs, namespace: &str, answer: &Answer) {
    let (now, wide) = (Timestamp::now(), args.output == Format::Wide);
    if args.name.is_some() {
        answer.servers.iter().for_each(|server| anstream::print!("{}", draw(server, now, wide)));
    } else if answer.servers.is_empty() {
        anstream::eprintln!("namespace {namespace} has no TServers");
    } else {
        anstream::print!("{}", list(&answer.servers, now));
    }
    if answer.left_out > 0 {
        anstream::eprintln!("{} more TServers of namespace {namespace} left out", answer.left_out);
    }
    if wide {
        let role = if answer.leads { "which leads" } else { "which does not lead" };
        anstream::eprintln!("told by {}, {role}", answer.instance);
    }
}
