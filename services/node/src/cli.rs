//! The command line.

use crate::objects::{LOCATOR, REGISTRY};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The process beside each Tars server in its pod.
///
/// The subcommand install runs in the init container, start in the business container. Without either, tarsnode expects the
/// environment that start makes and a configuration file, as start scripts of older images call it.
#[derive(Debug, Parser)]
#[command(name = "tarsnode", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The run without a subcommand.
    #[command(flatten)]
    pub run: Run,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lay out tarsnode's files in the volume tarsnode-work-dir.
    Install(Install),
    /// Prepare the container and run its server.
    Start(Start),
}

/// Options of `install`.
#[derive(Debug, Args)]
pub struct Install {
    /// Directory that all paths are below, for tests.
    #[arg(long, env = "TARSNODE_ROOT", default_value = "/", hide = true)]
    pub root: PathBuf,
    /// Proxy string of the name service that servers are told.
    #[arg(long, env = "TARSNODE_LOCATOR", default_value = LOCATOR)]
    pub locator: String,
    /// Proxy string of the registry's private object.
    #[arg(long, env = "TARSNODE_REGISTRY", default_value = REGISTRY)]
    pub registry: String,
}

/// Options of `start`.
#[derive(Debug, Args)]
pub struct Start {
    /// Directory that all paths are below, for tests.
    #[arg(long, env = "TARSNODE_ROOT", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// Options of the run without a subcommand.
#[derive(Debug, Args)]
pub struct Run {
    /// Configuration file of tarsnode.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// In foreground mode: write the server's configuration and end, or watch its heartbeats.
    #[arg(long)]
    pub target: Option<Target>,
    /// Where --target=config writes the arguments of the server.
    #[arg(long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,
}

/// Half of foreground mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Write the server's configuration and its arguments.
    Config,
    /// Watch its heartbeats.
    Daemon,
}
