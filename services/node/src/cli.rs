//! The command line.

use crate::objects::{LOCATOR, REGISTRY};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Configures, starts and watches the Tars server of a pod.
///
/// The init container runs `install`, and the business container runs `start`. Start scripts of older images call tarsnode
/// without a subcommand: it then needs the environment variables that `start` sets, and a configuration file.
#[derive(Debug, Parser)]
#[command(name = "tarsnode", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: Run,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write tarsnode's files into the volume tarsnode-work-dir.
    Install(Install),
    /// Set up the container and run its server.
    Start(Start),
}

#[derive(Debug, Args)]
pub struct Install {
    /// Directory that stands for `/`, for tests.
    #[arg(long, env = "TARSNODE_ROOT", default_value = "/", hide = true)]
    pub root: PathBuf,
    /// Proxy string of the name service, for the configuration of the server.
    #[arg(long, env = "TARSNODE_LOCATOR", default_value = LOCATOR)]
    pub locator: String,
    /// Proxy string of the registry's object for tarsnode.
    #[arg(long, env = "TARSNODE_REGISTRY", default_value = REGISTRY)]
    pub registry: String,
}

#[derive(Debug, Args)]
pub struct Start {
    /// Directory that stands for `/`, for tests.
    #[arg(long, env = "TARSNODE_ROOT", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// The options without a subcommand.
#[derive(Debug, Args)]
pub struct Run {
    /// tarsnode's own configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which half of foreground mode to run.
    #[arg(long)]
    pub target: Option<ForegroundPart>,
    /// File into which --target=config writes the arguments of the server.
    #[arg(long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,
}

/// The parts of foreground mode that `--target` selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForegroundPart {
    /// Write the server's configuration and its arguments, then end.
    Config,
    /// Watch the heartbeats of the server.
    Daemon,
}
