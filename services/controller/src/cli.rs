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
        /// Print the template of the chart, whose expressions choose the served versions.
        #[arg(long)]
        chart: bool,
        /// Leave out the conversion webhook, for a cluster without it.
        #[arg(long, conflicts_with = "chart")]
        without_conversion: bool,
    },
}
