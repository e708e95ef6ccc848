//! The command line.

use crate::run;
use clap::{Parser, Subcommand};

/// Reconciles the k8s.tars.io resources.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    // The entry point of the image has no subcommand; the controller then runs.
    #[command(flatten)]
    pub run: run::Args,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reconcile until SIGTERM.
    Run(run::Args),
    /// Print the custom resource definitions as YAML.
    Crd {
        /// With the expressions of the chart, which choose versions.
        #[arg(long)]
        chart: bool,
        /// Without the webhook that converts between versions, for a cluster that does not have one.
        #[arg(long, conflicts_with = "chart")]
        without_conversion: bool,
    },
}
