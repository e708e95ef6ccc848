//! The controller's command line.

use clap::{Parser, Subcommand};
use controller::run;
use std::process::ExitCode;
use tars_common::crd::{self, Conversion, CrdOptions};

/// Reconciles the k8s.tars.io resources.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    // Without a subcommand it runs: that is what the image's entry point does.
    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reconcile until SIGTERM.
    Run(run::Args),
    /// Print the `CustomResourceDefinition`s as YAML.
    Crd {
        /// With the expressions of the chart, which choose versions.
        #[arg(long)]
        chart: bool,
        /// Without the webhook that converts between versions, for a cluster that does not have one.
        #[arg(long, conflicts_with = "chart")]
        without_conversion: bool,
    },
}

/// A bad configuration, as sysexits.h has it.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    tars_kit::crypto::install();
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Crd { chart, without_conversion }) => print_crds(chart, without_conversion),
        Some(Command::Run(args)) => reconcile(args).await,
        None => reconcile(cli.run).await,
    }
}

async fn reconcile(args: run::Args) -> ExitCode {
    let _telemetry = match tars_kit::telemetry::init("tarscontroller") {
        Ok(guard) => guard,
        Err(error) => return fail(USAGE, &error),
    };
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ run::Error::Configuration(_)) => fail(USAGE, &error),
        Err(error) => fail(1, &error),
    }
}

fn print_crds(chart: bool, without_conversion: bool) -> ExitCode {
    let conversion = if without_conversion { Conversion::None } else { Conversion::default() };
    let text =
        if chart { crd::render_chart() } else { crd::render(&crd::all(&CrdOptions { conversion, ..CrdOptions::default() })) };
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &error),
    }
}

fn fail(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("tarscontroller: {error}");
    ExitCode::from(code)
}
